// Broken input on every door of the HTTP listener: the server lives, tells no bug, and answers the next client.
import {connect} from 'node:net';
import t from 'tap';
import {WebSocket} from 'ws';
import {basic, postSql, WsClient} from '../support/http-client.ts';
import {startWadi} from '../support/wadi-server.ts';

/** A generator of numbers below one (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);
const random = seeded(seed);
const below = (n: number): number => Math.floor(random() * n);
const bytes = (n: number): Buffer => Buffer.from(Array.from({length: n}, () => below(256)));

function mutated(source: Buffer): Buffer {
  const copy = Buffer.from(source);
  for (let i = 1 + below(6); i > 0; i--) copy[below(copy.length)] = below(256);
  return below(4) === 0 ? copy.subarray(0, below(copy.length)) : copy;
}

const authorization = basic('postgres', '');
const requests = [
  `POST /sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{"sql":"SELECT 1"}`,
  `GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wadi.v1\r\n\r\n`,
  `GET /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  `POST /auth HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n{"role":"a","password":""}\r\n0\r\n\r\n`,
].map(text => Buffer.from(text));

const messages: readonly object[] = [
  {type: 'sql', id: 1, sql: 'SELECT 1', params: [1, null, 'x', {}, []]},
  {type: 'sub', id: 2, sql: 'SELECT * FROM f', args: [], snapshot: true, last_rows: 3},
  {type: 'sub', id: 3, sql: 'SELECT * FROM f', resume: '1.abc-1.aaaaaaaaaaaaaaaaaaaaaaaaaaa'},
  {type: 'unsub', id: 2},
  {type: 'ack', bytes: 0},
  {type: 'auth', token: 'eyJh.eyJh.aaaa'},
  {type: 'cancel'},
  {type: 'ping'},
];

t.test(`fuzz, FUZZ_SEED=${seed}`, async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const {httpUrl} = server;
  const port = Number(new URL(httpUrl).port);
  await postSql(httpUrl, 'CREATE TABLE f (id int PRIMARY KEY)');

  await t.test('raw bytes', async t => {
    const one = (data: Buffer): Promise<void> =>
      new Promise(resolve => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.write(data);
          socket.end();
        });
        socket.on('error', () => resolve());
        socket.on('close', () => resolve());
        socket.resume();
      });
    for (let i = 0; i < 150; i++) {
      const upgrade = requests[1 + below(2)]!;
      const behind = Buffer.concat([upgrade, bytes(1 + below(200))]);
      const source = requests[below(requests.length)]!;
      await one(below(3) === 0 ? behind : below(10) === 0 ? bytes(300) : mutated(source));
    }
    t.equal((await postSql(httpUrl, 'SELECT 1')).status, 200);
  });

  await t.test('messages of /ws', async t => {
    const junk = (): unknown =>
      [null, -1, 1.5, 1e308, '', 'x\0', [], {}, true, 'x'.repeat(1000), [[[]]], 2 ** 60][below(12)];
    for (let round = 0; round < 60; round++) {
      const client = await WsClient.open(httpUrl);
      for (let i = 0; i < 5; i++) {
        const message = {...messages[below(messages.length)]} as Record<string, unknown>;
        const names = Object.keys(message);
        const name = names[below(names.length)]!;
        if (below(3) > 0) message[name] = junk();
        if (below(4) === 0) delete message[name];
        const text = JSON.stringify(message);
        client.socket.send(below(5) === 0 ? mutated(Buffer.from(text)).toString() : text);
      }
      const frames = client.messages;
      client.socket.close();
      await client.closed;
      t.notOk(frames.some(({error}) => (error as {code?: string} | undefined)?.code === 'XX000'));
    }
  });

  await t.test('frames of /v2', async () => {
    const startup = Buffer.concat([
      Buffer.from([0, 0, 0, 0, 0, 3, 0, 0]),
      Buffer.from('user\0postgres\0database\0postgres\0\0'),
    ]);
    startup.writeInt32BE(startup.length);
    const query = Buffer.concat([Buffer.from('Q\0\0\0\x0dSELECT 1\0')]);
    for (let round = 0; round < 60; round++) {
      const socket = new WebSocket(`${httpUrl.replace('http', 'ws')}/v2`);
      socket.on('error', () => undefined);
      await new Promise(resolve => socket.once('open', resolve));
      const whole = Buffer.concat([
        below(3) === 0 ? mutated(startup) : startup,
        mutated(query),
        query,
      ]);
      for (let at = 0; at < whole.length; ) {
        const size = 1 + below(whole.length);
        socket.send(whole.subarray(at, at + size), {binary: below(30) !== 0});
        at += size;
      }
      const closed = new Promise(resolve => socket.once('close', resolve));
      socket.close();
      await closed;
    }
  });

  t.equal((await postSql(httpUrl, 'SELECT 1')).status, 200);
  const sessions = `SELECT count(*)::int FROM pg_stat_activity WHERE pid <> pg_backend_pid()`;
  while ((await postSql(httpUrl, sessions)).results[0]!.rows[0]![0] !== 0);
  t.notMatch(server.errors(), /internal error|fatal error/);
});
