import {execFile} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import pg from 'pg';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

const fixtures = join(import.meta.dirname, '..', 'server', 'fixtures');
const expectedFolder = join(import.meta.dirname, 'expected');
const password = 'client Secret 81';
const limitMs = 240_000;

/** A server that programs of other languages connect to: TLS, and SCRAM for the superuser `postgres`. */
export interface ClientServer {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** Variables of libpq's names for a program, with a new database of that name. */
  environment(database: string): Promise<Record<string, string>>;
  stop(): Promise<void>;
}

/** What a program ended with. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; it is killed when it takes minutes. */
export function runProgram(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProgramResult> {
  return new Promise(resolve => {
    const options = {
      env: {...process.env, ...env},
      timeout: limitMs,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 26,
    } as const;
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({code, stdout, stderr: error === null ? stderr : `${error.message}\n${stderr}`});
    });
    child.stdin?.end();
  });
}

/** Whether WADI_CLIENTS_TRUTH names a real PostgreSQL 15 (TLS, SCRAM) that is to write the expected files. */
export const isCompleting = process.env['WADI_CLIENTS_TRUTH'] !== undefined;

/** Starts Wadi for a test, or gives the PostgreSQL that WADI_CLIENTS_TRUTH names. */
export async function startClientServer(): Promise<ClientServer> {
  const truth = process.env['WADI_CLIENTS_TRUTH'];
  if (truth !== undefined) {
    const url = new URL(truth);
    return serverAt(
      {
        host: url.hostname,
        port: Number(url.port),
        password: decodeURIComponent(url.password),
      },
      async () => undefined,
    );
  }
  const folder = temporaryFolder('clients');
  const dataDir = join(folder.path, 'data');
  const first = await startWadi({dataDir, env: {TZ: 'UTC'}});
  const admin = new pg.Client(first.postgresUrl);
  await admin.connect();
  await admin.query(`ALTER ROLE postgres PASSWORD '${password}'`);
  await admin.end();
  await first.stop();
  const config = join(folder.path, 'wadi.toml');
  const file = (name: string): string => JSON.stringify(join(fixtures, name));
  writeFileSync(
    config,
    `[tls]\ncert_file = ${file('tls-cert.pem')}\nkey_file = ${file('tls-key.pem')}\n`,
  );
  const args = ['--auth', 'scram', '--config', config];
  const server = await startWadi({dataDir, args, env: {TZ: 'UTC'}});
  return serverAt({host: server.host, port: server.port, password}, async () => {
    await server.stop();
    folder.remove();
  });
}

function serverAt(
  at: {readonly host: string; readonly port: number; readonly password: string},
  stop: () => Promise<void>,
): ClientServer {
  return {
    ...at,
    stop,
    environment: async database => {
      const admin = new pg.Client({
        ...at,
        user: 'postgres',
        database: 'postgres',
        ssl: {rejectUnauthorized: false},
      });
      await admin.connect();
      await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await admin.query(`CREATE DATABASE ${database}`);
      await admin.end();
      return {
        PGHOST: at.host,
        PGPORT: String(at.port),
        PGUSER: 'postgres',
        PGPASSWORD: at.password,
        PGDATABASE: database,
      };
    },
  };
}

/**
 * The lines that a program must print: what it printed when it ran against PostgreSQL 15. While WADI_CLIENTS_TRUTH is
 * set, `actual` becomes that.
 */
export function expectedLines(name: string, actual: string): readonly string[] {
  const path = join(expectedFolder, `${name}.txt`);
  if (isCompleting) {
    mkdirSync(expectedFolder, {recursive: true});
    writeFileSync(path, actual);
  }
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
}

/** The lines of a transcript by the sections that its `# heading` lines begin. */
export function sectionsOf(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const sections = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of lines) {
    if (line.startsWith('# ')) {
      current = [];
      sections.set(line.slice(2), current);
    } else {
      if (sections.size === 0) sections.set('start', current);
      current.push(line);
    }
  }
  return sections;
}
