import t from 'tap';
import {
  RawClient,
  bind,
  copyData,
  copyDone,
  copyFail,
  describe,
  execute,
  flush,
  int16,
  int32,
  message,
  parse,
  query,
  sync,
  terminate,
  zero,
} from './raw-client.ts';
import {startFake} from './start-fake.ts';

const selected = ['T', 'D 1', 'C SELECT 1', 'Z I'];

t.test('messages', async t => {
  const {server, port, errors} = await startFake();
  t.teardown(() => server.close());
  const say = async (count: number, ...bytes: Buffer[]): Promise<string[]> => {
    const client = await RawClient.login(port);
    client.send(...bytes);
    const lines = await client.until('Z', count);
    client.end();
    return lines;
  };

  t.same(await say(2, query('select 1'), query('')), [...selected, 'I', 'Z I']);
  t.same(await say(1, parse('select 1'), bind(), describe('P'), execute(), sync), [
    ...['1', '2', 'T', 'D 1', 'C SELECT 1', 'Z I'],
  ]);
  t.same(await say(1, parse('echo'), bind(['héé']), execute(), bind([null]), execute(), sync), [
    ...['1', '2', 'D héé', 'C SELECT 1', '2', 'D NULL', 'C SELECT 1', 'Z I'],
  ]);
  t.same(await say(3, query('begin'), query('error'), query('commit')), [
    ...['C BEGIN', 'Z T', 'E ERROR 22012 division by zero', 'Z E', 'C COMMIT', 'Z I'],
  ]);
  t.same(
    await say(2, parse('selec'), query('select 1'), flush, copyDone, sync, query('select 1')),
    ['E ERROR 42601 syntax error at or near "selec"', 'Z I', ...selected],
    'all is skipped to Sync',
  );
  t.same(await say(1, copyData('x'), copyDone, copyFail('y'), query('select 1')), selected);
  t.same(await say(1, message('F', int32(1251), int16(0), int16(0), int16(1))), ['V', 'Z I']);
  t.same(await say(2, query('later'), query('select 1')), ['C LATER', 'Z I', ...selected]);

  const bad = async (...bytes: Buffer[]): Promise<string> =>
    (await say(1, ...bytes, sync))[0] ?? '';
  t.equal(
    await bad(message('Q', Buffer.from('no zero'))),
    'E ERROR 08P01 invalid string in message',
  );
  t.equal(await bad(message('Q', zero('a'), zero('b'))), 'E ERROR 08P01 invalid message format');
  t.equal(
    await bad(message('Q', Buffer.from([0x27, 0xff, 0]))),
    'E ERROR 22021 invalid byte sequence for encoding "UTF8": 0xff',
  );
  t.equal(
    await bad(message('Q', Buffer.from([0xe2, 0x28, 0xa1, 0]))),
    'E ERROR 22021 invalid byte sequence for encoding "UTF8": 0xe2 0x28 0xa1',
  );
  t.equal(await bad(query('\ufffd')), 'E ERROR 42601 syntax error at or near "\ufffd"');
  t.equal(
    await bad(message('D', Buffer.from('X'), zero(''))),
    'E ERROR 08P01 invalid DESCRIBE message subtype 88',
  );
  t.equal(
    await bad(message('B', zero(''), zero(''), int16(0), int16(40_000))),
    'E ERROR 08P01 insufficient data left in message',
  );
  t.equal(
    await bad(
      message('B', zero(''), zero(''), int16(3), int16(0), int16(0), int16(0), int16(0), int16(0)),
    ),
    'E ERROR 08P01 bind message has 3 parameter formats but 0 parameters',
  );
  t.equal(
    await bad(message('P', zero(''), zero('select 1'), int16(-1))),
    'E ERROR 08P01 insufficient data left in message',
  );
  t.same(errors, []);
  t.equal(await bad(query('crash')), 'E ERROR XX000 a bug of ours');
  t.same(errors, ['internal error']);
});

t.test('what ends the connection', async t => {
  const {server, database, port} = await startFake();
  t.teardown(() => server.close());
  const last = async (...bytes: Buffer[]): Promise<string[]> => {
    const client = await RawClient.login(port);
    client.send(...bytes);
    return client.until('');
  };
  t.same(await last(message('y')), ['E FATAL 08P01 invalid frontend message type 121', '<closed>']);
  t.same(await last(Buffer.from([0x51, 0, 0, 0, 3])), ['<closed>']);
  t.same(await last(Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])), ['<closed>']);
  t.same(await last(message('S', Buffer.alloc(20_000))), ['<closed>']);
  t.same(await last(query('select 1'), terminate), [...selected, '<closed>']);
  t.same(await last(query('fatal')), ['E FATAL 57P01 the end', '<closed>']);
  t.equal(database.sessions.size, 0);
});

t.test('a client that closes its side still gets its answers', async t => {
  const {server, database, port} = await startFake();
  t.teardown(() => server.close());
  const client = await RawClient.login(port);
  client.send(query('later'), query('select 1'));
  client.socket.end();
  t.same(await client.until(''), ['C LATER', 'Z I', ...selected, '<closed>']);
  const sleeper = await RawClient.login(port);
  sleeper.send(query('sleep'));
  sleeper.socket.end();
  await sleeper.rest();
  t.equal(database.sessions.size, 0, 'a statement that nobody waits for is canceled');
});

t.test('a statement too large is read past', async t => {
  const {server, port} = await startFake();
  t.teardown(() => server.close());
  const client = await RawClient.login(port);
  const size = 64 * 1024 * 1024 + 10;
  client.send(Buffer.from('Q'), int32(size + 4));
  for (let sent = 0; sent < size; sent += 1 << 20) {
    client.send(Buffer.alloc(Math.min(1 << 20, size - sent), 32));
  }
  client.send(query('select 1'));
  const lines = await client.until('Z', 2);
  t.match(lines[0], /^E ERROR 54000 /);
  t.same(lines.slice(1), ['Z I', ...selected]);
  client.end();
});

t.test('COPY FROM STDIN', async t => {
  const {server, database, port} = await startFake();
  t.teardown(() => server.close());
  const say = async (count: number, ...bytes: Buffer[]): Promise<string[]> => {
    const client = await RawClient.login(port);
    client.send(...bytes);
    const lines = await client.until('Z', count);
    client.end();
    return lines;
  };
  t.same(await say(1, query('copyin'), copyData('1\n2'), copyData('\n'), copyDone), [
    ...['G', 'C COPY 2', 'Z I'],
  ]);
  t.same(
    await say(2, query('copyin'), copyData('1\n'), flush, sync, copyDone, query('select 1')),
    ['G', 'C COPY 1', 'Z I', ...selected],
    'Flush and Sync inside are ignored',
  );
  t.same(await say(1, query('copyin'), copyFail('why')), [
    ...['G', 'E ERROR 57014 COPY from stdin failed: why', 'Z I'],
  ]);
  t.same(
    await say(2, query('copyin'), copyData('zz'), copyData('1\n'), copyDone, query('select 1')),
    ['G', 'E ERROR 22P02 bad value "zz"', 'Z I', ...selected],
    'what is left of the stream is ignored',
  );
  t.same(
    await say(
      2,
      ...[parse('copyin'), bind(), execute(), copyData('zz'), copyData('1\n'), copyDone, sync],
      query('select 1'),
    ),
    ['1', '2', 'G', 'E ERROR 22P02 bad value "zz"', 'Z I', ...selected],
  );
  t.same(await say(1, parse('copyin'), bind(), execute(), copyData('1\n'), copyDone, sync), [
    '1',
    '2',
    'G',
    'C COPY 1',
    'Z I',
  ]);
  t.same(
    await say(
      2,
      ...[query('copytwice'), copyData('1\n'), copyDone, copyData('1\n2\n'), copyDone],
      query('select 1'),
    ),
    ['G', 'C COPY 1', 'G', 'C COPY 2', 'Z I', ...selected],
    'two COPYs in one string, sent in one segment',
  );
  t.same(
    await say(1, query('copyin'), copyData('slow\n'), copyData('2\n'), copyDone),
    ['G', 'C COPY 2', 'Z I'],
    'a busy receiver holds the stream',
  );
  const stranger = await RawClient.login(port);
  stranger.send(query('copyin'), copyData('1\n'), query('select 1'));
  t.same(await stranger.until(''), [
    'G',
    'E ERROR 08P01 unexpected message type 0x51 during COPY from stdin',
    'E FATAL 08P01 terminating connection because protocol synchronization was lost',
    '<closed>',
  ]);
  const gone = await RawClient.login(port);
  gone.send(query('copyin'), copyData('1\n'));
  await gone.until('G');
  gone.end();
  await gone.rest();
  const fine = await RawClient.login(port);
  t.equal(database.sessions.size, 1);
  fine.end();
});

t.test('cancel', async t => {
  const {server, port} = await startFake();
  t.teardown(() => server.close());
  const client = await RawClient.open(port);
  client.send(
    Buffer.concat([int32(23), int32(196608), zero('user'), zero('postgres'), Buffer.from([0])]),
  );
  await client.until('Z');
  const cancel = async (key: Buffer): Promise<Buffer> => {
    const other = await RawClient.open(port);
    other.send(int32(12 + key.length - 4), int32(80877102), key);
    return other.rest();
  };
  const wrong = Buffer.from(client.key);
  wrong[7]! ^= 0x55;
  client.send(query('sleep'));
  t.same(await client.until('T'), ['T'], 'RowDescription leaves before the statement ends');
  t.equal((await cancel(wrong)).length, 0);
  t.equal((await cancel(client.key.subarray(0, 6))).length, 0);
  t.equal((await cancel(client.key)).length, 0);
  t.same(await client.until('Z'), ['E ERROR 57014 canceling statement due to user request', 'Z I']);
  await cancel(client.key);
  client.send(query('select 1'));
  t.same(await client.until('Z'), selected, 'cancel of an idle session does nothing');
  client.end();
});

t.test('bytes are held until they are durable, work goes on', async t => {
  const {server, database, port} = await startFake();
  t.teardown(() => server.close());
  const client = await RawClient.login(port);
  client.send(query('select 1'), query('commit 5'), query('select 1'), query('commit 7'));
  t.same(await client.until('Z'), selected);
  const other = await RawClient.login(port);
  other.send(query('select 1'));
  await other.until('Z');
  t.same(
    database.waiting.map(({seq}) => seq),
    [5n, 7n],
    'the second commit ran',
  );
  database.makeDurable(5n);
  t.same(await client.until('Z', 2), ['C COMMIT', 'Z I', ...selected]);
  client.send(query('select 1'), terminate);
  other.send(query('select 1'));
  await other.until('Z');
  database.makeDurable(7n);
  t.same(await client.until(''), ['C COMMIT', 'Z I', ...selected, '<closed>']);
  other.send(query('commit 7'));
  t.same(await other.until('Z'), ['C COMMIT', 'Z I'], 'durable already');
  other.end();
});

t.test('shutdown tells every session', async t => {
  const {server, database, port} = await startFake();
  const idle = await RawClient.login(port);
  const busy = await RawClient.login(port);
  const stranger = await RawClient.open(port);
  busy.send(query('sleep'));
  await busy.until('T');
  await server.close();
  const said = 'E FATAL 57P01 terminating connection due to administrator command';
  t.same(await idle.until(''), [said, '<closed>']);
  t.same(await busy.until(''), [said, '<closed>']);
  t.same(await stranger.until(''), ['<closed>']);
  t.equal(database.sessions.size, 0);
});
