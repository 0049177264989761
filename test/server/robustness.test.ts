import {once} from 'node:events';
import {connect} from 'node:net';
import t from 'tap';
import {
  RawClient,
  bind,
  copyData,
  copyDone,
  describe,
  execute,
  parse,
  query,
  startup,
  sync,
  terminate,
} from './raw-client.ts';
import {startFake} from './start-fake.ts';

const session = Buffer.concat([
  ...[
    startup(),
    query('select 1'),
    parse('echo', 's'),
    bind(['abc'], 's', 'p'),
    describe('P', 'p'),
  ],
  ...[execute('p'), sync, query('copyin'), copyData('1\n2\n'), copyDone, parse('selec'), sync],
  ...[query('begin'), query('error'), query('commit'), terminate],
]);

t.test('any cut gives the same answer', async t => {
  const {server, port} = await startFake();
  t.teardown(() => server.close());
  const whole = await RawClient.open(port);
  whole.send(session);
  const expected = masked(await whole.rest());
  for (let cut = 1; cut < session.length; cut++) {
    const client = await RawClient.open(port);
    client.send(session.subarray(0, cut));
    await new Promise(resolve => setImmediate(resolve));
    client.send(session.subarray(cut));
    const answer = masked(await client.rest());
    if (!answer.equals(expected)) t.fail(`cut at ${cut}`);
  }
  const drip = await RawClient.open(port);
  for (const byte of session) {
    drip.send(Buffer.from([byte]));
    await new Promise(resolve => setImmediate(resolve));
  }
  t.same(masked(await drip.rest()), expected, 'byte by byte');
});

t.test('1,000 queries in one segment', async t => {
  const {server, port} = await startFake();
  t.teardown(() => server.close());
  const client = await RawClient.login(port);
  const block = Buffer.concat([parse('select 1'), bind(), execute()]);
  client.send(...Array.from({length: 1000}, () => block), sync);
  t.equal((await client.until('Z')).filter(line => line === 'C SELECT 1').length, 1000);
  client.send(...Array.from({length: 1000}, () => query('select 1')));
  t.equal((await client.until('Z', 1000)).filter(line => line === 'D 1').length, 1000);
  client.send(...Array.from({length: 1000}, () => query('later')));
  t.equal((await client.until('Z', 1000)).filter(line => line === 'C LATER').length, 1000);
  client.end();
});

t.test('a client that never reads costs little memory', async t => {
  const {server, database, port} = await startFake();
  t.teardown(() => server.close());
  const client = await RawClient.login(port);
  client.socket.pause();
  client.send(query('rows 100000000'));
  const other = await RawClient.login(port);
  let made = -1;
  const [busy] = database.sessions.values();
  // The kernel takes some megabytes; then the session must stand still.
  for (let still = 0; still < 20; ) {
    other.send(query('later'));
    await other.until('Z');
    still = busy!.rowsMade === made ? still + 1 : 0;
    made = busy!.rowsMade;
  }
  t.ok(made < 2_000_000, `${made} rows were made`);
  client.socket.resume();
  await client.until('D', 1);
  client.end();
  other.end();
});

t.test('read-ahead is bounded while a statement runs', async t => {
  const {server, port} = await startFake();
  t.teardown(() => server.close());
  const client = await RawClient.login(port);
  client.send(query('sleep'));
  await client.until('T');
  const chunk = Buffer.concat(Array.from({length: 4096}, () => query(' '.repeat(250))));
  for (let i = 0; i < 64; i++) client.send(chunk);
  const other = await RawClient.login(port);
  for (let i = 0; i < 200; i++) {
    other.send(query('later'));
    await other.until('Z');
  }
  t.ok(client.socket.writableLength > 8 * 1024 * 1024, `${client.socket.writableLength} wait here`);
  client.end();
  other.end();
});

t.test('a reset or a scan harms nobody', async t => {
  const {server, database, port, errors} = await startFake();
  t.teardown(() => server.close());
  const steady = await RawClient.login(port);
  for (let i = 0; i < 20; i++) {
    const client = await RawClient.login(port);
    client.send(query(i % 2 === 0 ? 'rows 1000000' : 'sleep'));
    await client.until('T');
    client.socket.resetAndDestroy();
    const scan = connect(port, '127.0.0.1');
    await once(scan, 'connect');
    scan.write('\x16\x03\x01');
    scan.resetAndDestroy();
  }
  steady.send(query('select 1'));
  t.same(await steady.until('Z'), ['T', 'D 1', 'C SELECT 1', 'Z I']);
  while (database.sessions.size > 1) await new Promise(resolve => setImmediate(resolve));
  t.equal(database.sessions.size, 1, 'only the steady session is left');
  t.same(errors, []);
  steady.end();
});

t.test('mutated sessions: the server lives, and tells no bug', async t => {
  const {server, port, errors} = await startFake({authenticationTimeoutMs: 60_000});
  t.teardown(() => server.close());
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  const random = generator(seed);
  for (let i = 0; i < 1500; i++) {
    const bytes = mutate(session, random);
    const client = await RawClient.open(port);
    client.send(bytes);
    client.socket.end();
    await client.rest();
  }
  t.same(errors, []);
  const after = await RawClient.login(port);
  after.send(query('select 1'));
  t.equal((await after.until('Z')).at(-1), 'Z I');
  after.end();
});

/** Hides the process id and cancel key. */
function masked(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
  return at === -1 ? copy : copy.fill(0, at + 5, at + 13);
}

function mutate(source: Buffer, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(source);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(bytes.length);
    switch (random(5)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(9))]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), source.subarray(random(source.length))]);
        break;
      case 3:
        bytes.fill(random(2) === 0 ? 0xff : 0, at, Math.min(at + 4, bytes.length));
        break;
      default:
        bytes = Buffer.concat([startup(), bytes.subarray(at)]);
    }
    if (bytes.length === 0) return source;
  }
  return bytes;
}

function generator(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
