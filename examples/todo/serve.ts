import {createReadStream} from 'node:fs';
import {stat} from 'node:fs/promises';
import {createServer, type Server, type ServerResponse} from 'node:http';
import {dirname, extname, join, normalize} from 'node:path';
import {fileURLToPath} from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const folders: readonly (readonly [prefix: string, folder: string])[] = [
  ['/sdk/', join(here, '..', '..', 'sdk', 'dist')],
  ['/', join(here, 'page')],
];
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** Gives out the page and the built client library; `config.json` says where Wadi is. */
export function pageServer(wadiUrl: () => string): Server {
  return createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    if (path === '/config.json') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({url: wadiUrl()}));
    } else void sendFile(path === '/' ? '/index.html' : path, response);
  });
}

async function sendFile(path: string, response: ServerResponse): Promise<void> {
  const [prefix, folder] = folders.find(([each]) => path.startsWith(each))!;
  const file = join(folder, normalize(`/${path.slice(prefix.length)}`));
  const type = types[extname(file)];
  const isFile = type !== undefined && (await stat(file).catch(() => null))?.isFile() === true;
  response.writeHead(isFile ? 200 : 404, {
    'content-type': type ?? 'text/plain',
    'cache-control': 'no-cache',
  });
  if (isFile) createReadStream(file).pipe(response);
  else response.end('not found\n');
}

/** The statements that make the sample schema: each user has tasks of his own. */
const SCHEMA = `
  CREATE NAMESPACE IF NOT EXISTS todo;
  CREATE USER TABLE IF NOT EXISTS todo.tasks (
    id uuid PRIMARY KEY,
    title text NOT NULL,
    done boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  GRANT USAGE ON SCHEMA todo TO anna, bert;
  GRANT ALL ON todo.tasks TO anna, bert;`;

/** Makes schema and users in a server whose superuser is trusted from this machine. Does nothing to what is there. */
export async function setUp(wadiUrl: string): Promise<void> {
  for (const name of ['anna', 'bert']) {
    const error = await run(wadiUrl, `CREATE ROLE ${name} LOGIN`);
    if (error !== null && error.code !== '42710') throw new Error(error.message);
  }
  const error = await run(wadiUrl, SCHEMA);
  if (error !== null) throw new Error(error.message);
}

interface SqlError {
  readonly code: string;
  readonly message: string;
}

async function run(wadiUrl: string, sql: string): Promise<SqlError | null> {
  const response = await fetch(`${wadiUrl}/sql`, {
    method: 'POST',
    headers: {'content-type': 'application/json', authorization: `Basic ${btoa('postgres:')}`},
    body: JSON.stringify({sql}),
  });
  const {error} = (await response.json()) as {readonly error?: SqlError};
  return error ?? null;
}
