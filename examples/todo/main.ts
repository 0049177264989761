// npm run example:todo: Wadi with a sample schema, and the page. Ends with Ctrl+C.
import {spawn} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {parseArgs} from 'node:util';
import {ensureBuilt, ensureSdkBuilt, root} from '../../scripts/prepare.mjs';
import {pageServer, setUp} from './serve.ts';

const {values} = parseArgs({
  options: {
    port: {type: 'string', default: '5490'},
    'http-port': {type: 'string', default: '5491'},
    'data-dir': {type: 'string', default: join(root, 'wadi-data', 'todo')},
  },
});
const dataDir = values['data-dir'];
let wadiUrl = '';

if (!ensureBuilt() || !ensureSdkBuilt()) process.exit(1);
const page = pageServer(() => wadiUrl);
page.listen(Number(values.port), '127.0.0.1', () => void start());

async function start(): Promise<void> {
  const pageUrl = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
  wadiUrl = await startWadi(pageUrl);
  await setUp(wadiUrl);
  process.stdout.write(`todo ready ${pageUrl}\nOpen it in two windows. Ctrl+C ends it.\n`);
}

/** Starts the server; pages of the given origin may call it. Resolves with its HTTP address. */
function startWadi(origin: string): Promise<string> {
  mkdirSync(dataDir, {recursive: true});
  const config = join(dataDir, 'todo.toml');
  writeFileSync(config, `[http]\norigins = ["${origin}"]\n`);
  const ports = ['--port', '0', '--http-port', values['http-port']];
  const folder = ['--config', config, '--data-dir', join(dataDir, 'data')];
  const child = spawn(process.execPath, [join(root, 'dist', 'main.js'), ...ports, ...folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => child.kill('SIGTERM'));
  }
  child.on('exit', code => process.exit(code ?? 1));
  return new Promise(resolve => {
    createInterface({input: child.stdout}).on('line', line => {
      const match = /^wadi ready \S+ (http:\S+)/.exec(line);
      if (match !== null) resolve(match[1]!);
    });
  });
}
