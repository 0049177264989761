// Hostile inputs: paths that leave their place, links, secrets in logs, requests that are no requests.
import {existsSync, mkdirSync, readdirSync, symlinkSync} from 'node:fs';
import {connect as connectSocket} from 'node:net';
import {join} from 'node:path';
import pg from 'pg';
import t from 'tap';
import {WebSocket} from 'ws';
import {withoutSecrets} from '../../src/session/without-secrets.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

t.setTimeout(300_000);

async function connect({host, port}: WadiServer, user: string): Promise<pg.Client> {
  const client = new pg.Client({host, port, user, database: 'postgres'});
  await client.connect();
  return client;
}

async function code(client: pg.Client, sql: string): Promise<string> {
  return client.query(sql).then(
    () => 'ok',
    (error: unknown) => (error as {code: string}).code,
  );
}

t.test('what a member of wadi_dba can do to files', async t => {
  const folder = temporaryFolder('hostile');
  t.teardown(() => folder.remove());
  const dataDir = join(folder.path, 'data');
  const server = await startWadi({dataDir});
  t.teardown(() => server.stop());
  const root = await connect(server, 'postgres');
  await root.query('CREATE ROLE dba LOGIN; GRANT wadi_dba TO dba; CREATE USER TABLE own (id int)');
  await root.query('CREATE ROLE plain LOGIN');
  const dba = await connect(server, 'dba');
  const plain = await connect(server, 'plain');
  const before = readdirSync(dataDir, {recursive: true}).length;
  const link = join(folder.path, 'link');
  symlinkSync(dataDir, link);
  mkdirSync(join(folder.path, 'real'));
  const inside = [
    dataDir,
    `${dataDir}/segments`,
    `${dataDir}/../data/x`,
    `${folder.path}/real/../data/x`,
    `${link}/x`,
    `${link}/segments/deep/er`,
    folder.path,
    '/',
  ];
  for (const path of inside) {
    const sql = `CREATE STORAGE s TYPE 'filesystem' BASE_DIRECTORY '${path}'`;
    t.equal(await code(dba, sql), '42P17', `storage in ${path}`);
  }
  for (const path of ['', 'relative', '../x', `${folder.path}/a\\0b`.replace('\\0', '')])
    t.match(
      await code(dba, `CREATE STORAGE s TYPE 'filesystem' BASE_DIRECTORY '${path}'`),
      path.startsWith('/') ? /^ok$/ : /^42|^22/,
      `storage in "${path}"`,
    );
  await code(dba, 'DROP STORAGE s');
  for (const template of [
    '../x',
    '{namespace}/../../x',
    '/etc/{userId}',
    'a//b',
    '{secret}',
    '.',
    'a\\b',
    '%2e%2e/x',
  ])
    t.match(
      await code(
        dba,
        `CREATE STORAGE s TYPE 'filesystem' BASE_DIRECTORY '${folder.path}/real' SHARED_TABLES_TEMPLATE '${template}'`,
      ),
      /^22023$/,
      `template ${template}`,
    );
  for (const path of [
    `${dataDir}/copy`,
    `${link}/copy`,
    `${dataDir}/segments/x`,
    `${dataDir}/../data/y`,
  ]) {
    t.equal(await code(dba, `BACKUP DATABASE TO '${path}'`), '22023', `backup to ${path}`);
    t.equal(await code(dba, `EXPORT USER DATA TO '${path}.zip'`), '22023', `export to ${path}`);
  }
  t.equal(await code(dba, `BACKUP DATABASE TO '/etc'`), '55000', 'not empty');
  t.equal(await code(dba, `EXPORT USER DATA TO '/etc/passwd'`), '55000', 'nothing is overwritten');
  t.match(await code(dba, `IMPORT USER DATA FROM '/etc/passwd'`), /^XX001|^58/);
  t.match(await code(dba, `IMPORT USER DATA FROM '${dataDir}/secret'`), /^XX001|^58/);
  t.match(await code(dba, `COPY own FROM '/etc/passwd'`), /^42501|^0A000/);
  t.match(await code(dba, `COPY own TO '${folder.path}/x'`), /^42501|^0A000/);
  t.match(await code(dba, `SELECT pg_read_file('/etc/passwd')`), /^42501|^42883|^0A000/);
  for (const sql of [
    `BACKUP DATABASE TO '${folder.path}/b'`,
    `EXPORT USER DATA TO '${folder.path}/e.zip'`,
    `IMPORT USER DATA FROM '/etc/passwd'`,
    `CREATE STORAGE s TYPE 'filesystem' BASE_DIRECTORY '${folder.path}/real'`,
    'SELECT system.fsck()',
    `SELECT system.check_storage('x')`,
    `SELECT system.backup('${folder.path}/b')`,
    `EXPORT USER DATA FOR 'dba'`,
    `DROP USER DATA FOR 'dba'`,
    'SELECT system.archive()',
  ])
    t.equal(await code(plain, sql), '42501', sql);
  t.notOk(existsSync(join(folder.path, 'b')));
  t.equal(
    readdirSync(dataDir, {recursive: true}).length,
    before,
    'no file came into the directory',
  );
  await Promise.all([root.end(), dba.end(), plain.end()]);
});

t.test('passwords and keys stay out of the log', t => {
  for (const [text, expected] of [
    [`CREATE ROLE a PASSWORD 'x''y' LOGIN`, `CREATE ROLE a PASSWORD '***' LOGIN`],
    [`ALTER ROLE a PASSWORD E'x\\ny'`, `ALTER ROLE a PASSWORD '***'`],
    [`ALTER ROLE a PASSWORD $$x$$ LOGIN`, `ALTER ROLE a PASSWORD '***' LOGIN`],
    [`ALTER ROLE a PASSWORD 'not closed`, `ALTER ROLE a PASSWORD '***'`],
    [`CREATE STORAGE s CREDENTIALS '{"a": "b"}'`, `CREATE STORAGE s CREDENTIALS '***'`],
    [`SELECT password FROM t`, `SELECT password FROM t`],
  ] as const)
    t.equal(withoutSecrets(text), expected);
  t.end();
});

t.test('requests from elsewhere, and none at all', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const {host, port} = new URL(server.httpUrl);
  const raw = (text: string): Promise<string> =>
    new Promise(resolve => {
      const socket = connectSocket(Number(port), '127.0.0.1');
      let got = '';
      socket.on('data', data => (got += String(data)));
      socket.on('error', () => resolve(got));
      socket.on('close', () => resolve(got));
      socket.end(text);
    });
  const get = (path: string, headers: string): string =>
    `GET ${path} HTTP/1.1\r\n${headers}\r\n\r\n`;
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
  for (const headers of [
    `Host: evil.example:${port}\r\nOrigin: http://evil.example:${port}`,
    `Host: ${host}\r\nOrigin: http://evil.example`,
    `Host: ${host}\r\nOrigin: null`,
  ])
    for (const path of ['/ws', '/v2']) {
      const upgrade = `${headers}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}`;
      t.match(await raw(get(path, upgrade)), /^HTTP\/1\.1 403/, `${path} ${headers}`);
    }
  const body = '{"sql":"SELECT 1"}';
  const post = (headers: string): string =>
    `POST /sql HTTP/1.1\r\n${headers}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
  t.match(await raw(post(`Host: ${host}\r\nOrigin: http://evil.example`)), /^HTTP\/1\.1 403/);
  t.match(await raw(post(`Host: evil.example\r\nOrigin: http://evil.example`)), /^HTTP\/1\.1 403/);
  for (const text of [
    'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET //evil.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  ])
    t.match(await raw(text), /^HTTP\/1\.1 (404|403|400)/);
  t.match(await raw(`GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`), /^HTTP\/1\.1 431|^$/);
  t.match(await raw('\0\0\0\0garbage\r\n\r\n'), /^HTTP\/1\.1 400|^$/);
  t.match(
    await raw(
      `POST /sql HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`,
    ),
    /^HTTP\/1\.1 400/,
    'two lengths',
  );
  // The PostgreSQL protocol in frames: what is no startup packet is closed, and the server lives.
  for (const bytes of [
    [0xff, 0xff, 0xff, 0xff],
    [0, 0, 0, 3],
    [0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0],
    [0, 0, 0, 8, 4, 210, 22, 46],
  ])
    await new Promise<void>(resolve => {
      const socket = new WebSocket(`${server.httpUrl.replace('http', 'ws')}/v2`);
      socket.on('open', () => socket.send(Buffer.from(bytes)));
      socket.on('close', () => resolve());
      socket.on('error', () => resolve());
      // A packet that is not whole waits for more.
      socket.on('open', () => socket.ping());
      socket.on('pong', () => socket.terminate());
    });
  const client = await connect(server, 'postgres');
  t.same((await client.query('SELECT 1 AS one')).rows, [{one: 1}]);
  await client.end();
  t.notMatch(server.errors(), /fatal error|internal error/);
});
