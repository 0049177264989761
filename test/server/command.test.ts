import {spawn, spawnSync} from 'node:child_process';
import {createServer, type AddressInfo} from 'node:net';
import {dirname, join} from 'node:path';
import {once} from 'node:events';
import pg from 'pg';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

const root = dirname(dirname(import.meta.dirname));
const main = join(root, process.env['WADI_MAIN'] ?? 'src/main.ts');

function run(...args: string[]): {status: number | null; stdout: string; stderr: string} {
  const {status, stdout, stderr} = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return {status, stdout, stderr};
}

t.test('without a server', async t => {
  t.match(run('--version'), {status: 0, stdout: /^wadi \d+\.\d+\.\d+( \(revision \w+\))?\n$/});
  t.match(run('--help'), {status: 0, stdout: /--data-dir/});
  for (const args of [['--bogus'], ['bogus'], ['--port', 'x'], ['--config', 'none.toml']]) {
    const {status, stdout, stderr} = run(...args);
    t.match({status, stdout}, {status: 1, stdout: ''}, args.join(' '));
    t.match(stderr, /^wadi: [^\n]+\n$/);
  }
});

t.test('ports and data directory that are taken', {timeout: 120_000}, async t => {
  const folder = temporaryFolder('command');
  t.teardown(() => folder.remove());
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const port = String((taken.address() as AddressInfo).port);
  const data = ['--data-dir', folder.path];
  const free = ['--port', '0', '--http-port', '0'];
  const [a, b] = [
    run(...data, ...free, '--port', port),
    run(...data, ...free, '--http-port', port),
  ];
  for (const result of [a, b]) {
    t.match(result, {status: 1, stdout: ''});
    t.match(result.stderr, new RegExp(`^wadi: port ${port} of 127.0.0.1 is in use`, 'm'));
  }
  const wadi = await startWadi({dataDir: folder.path});
  const second = run(...data, ...free);
  t.match(second, {status: 1, stdout: ''});
  t.match(second.stderr, /^wadi: [^\n]+\n$/, 'the data directory is in use');
  await wadi.stop();
});

t.test('starts, answers, stops', {timeout: 120_000}, async t => {
  const wadi = await startWadi();
  const client = new pg.Client({connectionString: wadi.postgresUrl});
  const errors: unknown[] = [];
  client.on('error', error => errors.push(error));
  await client.connect();
  t.same((await client.query('select 1 as one')).rows, [{one: 1}]);
  t.equal((await fetch(`${wadi.httpUrl}/ready`)).status, 200);
  const ended = new Promise<void>(resolve => client.once('end', () => resolve()));
  await wadi.kill('SIGTERM');
  await ended;
  t.match(errors[0], {code: '57P01'});
  t.equal(wadi.errors().includes('fatal error'), false);
  await wadi.stop();
});

t.test('SIGTERM ends with 0', {timeout: 120_000}, async t => {
  const folder = temporaryFolder('command');
  t.teardown(() => folder.remove());
  const args = [main, '--data-dir', folder.path, '--port', '0', '--http-port', '0'];
  const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'ignore']});
  let said = '';
  child.stdout.on('data', chunk => (said += String(chunk)));
  while (!said.includes('\n')) await once(child.stdout, 'data');
  child.kill('SIGTERM');
  t.same(await once(child, 'exit'), [0, null]);
  t.match(said, /^wadi ready postgres:\/\/\S+ http:\/\/\S+\n$/, 'one line on stdout');
});
