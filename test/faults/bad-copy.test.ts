// COPY of bad data, in text and in binary form, large and inside transactions: all of it or nothing, and the session goes on.
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import pg from 'pg';
import {from as copyFrom} from 'pg-copy-streams';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

t.setTimeout(300_000);
const ROWS = process.env['WADI_FAULTS_FULL'] === undefined ? 100_000 : 1_000_000;

async function connect({host, port}: WadiServer): Promise<pg.Client> {
  const client = new pg.Client({host, port, user: 'postgres', database: 'postgres'});
  await client.connect();
  return client;
}

/** What a COPY from these pieces ends with: `ok`, or SQLSTATE and where it says that it was. */
async function copy(
  client: pg.Client,
  sql: string,
  pieces: Iterable<Buffer | string>,
): Promise<string> {
  try {
    await pipeline(Readable.from(pieces, {objectMode: false}), client.query(copyFrom(sql)));
    return 'ok';
  } catch (error) {
    const {code, where, message} = error as {code?: string; where?: string; message: string};
    return `${code} ${message} [${where ?? ''}]`;
  }
}

function* lines(badAt: number): Generator<string> {
  let text = '';
  for (let i = 1; i <= ROWS; i++) {
    text += i === badAt ? `${i}\tnot a number\n` : `${i}\t${i * 2}\n`;
    if (text.length > 60_000) {
      yield text;
      text = '';
    }
  }
  yield text;
}

t.test('a bad line in a large COPY inside a transaction', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const client = await connect(server);
  await client.query('CREATE TABLE many (id int PRIMARY KEY, n int)');
  await client.query('BEGIN');
  await client.query('INSERT INTO many VALUES (0, 0)');
  await client.query('SAVEPOINT before');
  const badAt = ROWS - 10;
  t.match(
    await copy(client, 'COPY many FROM STDIN', lines(badAt)),
    `22P02 invalid input syntax for type integer: "not a number" [COPY many, line ${badAt}, column n: "not a number"]`,
  );
  await t.rejects(client.query('SELECT 1'), {code: '25P02'});
  await client.query('ROLLBACK TO before');
  t.same((await client.query('SELECT count(*)::int AS n FROM many')).rows, [{n: 1}]);
  t.equal(await copy(client, 'COPY many FROM STDIN', lines(-1)), 'ok');
  t.match(await copy(client, 'COPY many FROM STDIN', ['5\t5\n']), /^23505 /);
  await client.query('ROLLBACK TO before');
  await client.query('COMMIT');
  t.same((await client.query('SELECT count(*)::int AS n FROM many')).rows, [{n: 1}]);
  t.equal(await copy(client, 'COPY many FROM STDIN', lines(-1)), 'ok');
  t.same((await client.query('SELECT count(*)::int AS n FROM many')).rows, [{n: ROWS + 1}]);
  t.same((await client.query('SELECT system.fsck() AS f')).rows, [{f: []}]);
  await client.end();
});

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const int32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeInt32BE(value | 0, i * 4));
  return bytes;
};
const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const header = Buffer.concat([SIGNATURE, int32(0, 0)]);
const row = (id: number, text: Buffer | string): Buffer =>
  Buffer.concat([int16(2), int32(4, id, Buffer.byteLength(text)), Buffer.from(text)]);
const END = int16(-1);
const good = Buffer.concat([header, row(1, 'a'), row(2, 'b'), END]);

/** Bad data and PostgreSQL 15's answer. */
const binaries: readonly (readonly [what: string, bytes: Buffer, answer: RegExp])[] = [
  ['nothing', Buffer.alloc(0), /^22P04 COPY file signature not recognized/],
  [
    'a bad signature',
    Buffer.from('not a copy file at all'),
    /^22P04 COPY file signature not recognized/,
  ],
  ['half a header', header.subarray(0, 13), /^22P04 invalid COPY file header/],
  [
    'unknown flags',
    Buffer.concat([SIGNATURE, int32(1 << 17, 0)]),
    /^22P04 unrecognized critical flags in COPY file header/,
  ],
  [
    'OIDs',
    Buffer.concat([SIGNATURE, int32(1 << 16, 0)]),
    /^22P04 invalid COPY file header \(WITH OIDS\)/,
  ],
  [
    'a negative extension',
    Buffer.concat([SIGNATURE, int32(0, -1)]),
    /^22P04 invalid COPY file header/,
  ],
  [
    'an extension that is not there',
    Buffer.concat([SIGNATURE, int32(0, 0x7fffffff)]),
    /^22P04 invalid COPY file header/,
  ],
  [
    'too many fields',
    Buffer.concat([header, int16(3), int32(4, 1)]),
    /^22P04 row field count is 3, expected 2/,
  ],
  [
    'a negative count',
    Buffer.concat([header, int16(-2)]),
    /^22P04 row field count is -2, expected 2/,
  ],
  ['a negative size', Buffer.concat([header, int16(2), int32(-7)]), /^22P04 invalid field size/],
  [
    'a size of gigabytes',
    Buffer.concat([header, int16(2), int32(0x7fffffff), Buffer.alloc(100)]),
    /^22P04 unexpected EOF in COPY data/,
  ],
  [
    'a wrong size for the type',
    Buffer.concat([header, int16(2), int32(3), Buffer.alloc(3), int32(1), Buffer.from('a')]),
    /^22P03 incorrect binary data format|^08P01 insufficient data left in message/,
  ],
  [
    'too long for the type',
    Buffer.concat([header, int16(2), int32(5), Buffer.alloc(5), int32(1), Buffer.from('a')]),
    /^22P03 incorrect binary data format/,
  ],
  [
    'bad UTF-8',
    Buffer.concat([header, row(1, Buffer.from([0xc3, 0x28])), END]),
    /^22021 invalid byte sequence for encoding "UTF8"/,
  ],
  [
    'a zero byte in text',
    Buffer.concat([header, row(1, Buffer.from([0x61, 0, 0x62])), END]),
    /^22021 invalid byte sequence for encoding "UTF8": 0x00/,
  ],
  ['a cut row', good.subarray(0, good.length - 5), /^22P04 unexpected EOF in COPY data/],
  [
    'bytes after the end',
    Buffer.concat([good, Buffer.from('more')]),
    /^22P04 received copy data after EOF marker/,
  ],
  ['a NULL key', Buffer.concat([header, int16(2), int32(-1, 1), Buffer.from('a'), END]), /^23502 /],
  ['a key twice', Buffer.concat([header, row(1, 'a'), row(1, 'b'), END]), /^23505 /],
];

t.test('a row without an end', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const client = await connect(server);
  await client.query('CREATE TABLE pair (id int PRIMARY KEY, s text)');
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  function* endless(first: Buffer | string): Generator<Buffer | string> {
    yield first;
    for (let sent = 0; sent < 300; sent++) yield chunk;
  }
  const field = Buffer.concat([header, int16(2), int32(4, 1, 0x7fffffff)]);
  for (const [options, first] of [
    ['', '1\t'],
    ['(FORMAT csv)', '1,"'],
    ['(FORMAT binary)', field],
    ['(FORMAT binary)', Buffer.concat([SIGNATURE, int32(0, 0x7fffffff)])],
  ] as const)
    t.match(
      await copy(client, `COPY pair FROM STDIN ${options}`, endless(first)),
      /^54000 /,
      options,
    );
  t.same((await client.query('SELECT count(*)::int AS n FROM pair')).rows, [{n: 0}]);
  await client.end();
});

t.test('COPY BINARY of bad data', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const client = await connect(server);
  await client.query('CREATE TABLE pair (id int PRIMARY KEY, s text)');
  for (const [what, bytes, answer] of binaries) {
    t.match(await copy(client, 'COPY pair FROM STDIN (FORMAT binary)', [bytes]), answer, what);
    const bytewise = Array.from(bytes, byte => Buffer.from([byte]));
    t.match(
      await copy(client, 'COPY pair FROM STDIN (FORMAT binary)', bytewise),
      answer,
      `${what}, byte by byte`,
    );
    t.same((await client.query('SELECT count(*)::int AS n FROM pair')).rows, [{n: 0}]);
  }
  // Every single bit of a good file turned: an answer each time, never a row of half a file.
  for (let at = 0; at < good.length; at++)
    for (const bit of [1, 0x80]) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= bit;
      const outcome = await copy(client, 'COPY pair FROM STDIN (FORMAT binary)', [bytes]);
      t.match(outcome, /^(ok|22P03|22P04|22021|23505|08P01)/, `byte ${at}: ${outcome}`);
      const {rows} = await client.query('SELECT count(*)::int AS n FROM pair');
      t.same(rows, [{n: outcome === 'ok' ? 2 : 0}]);
      await client.query('TRUNCATE pair');
    }
  t.equal(await copy(client, 'COPY pair FROM STDIN (FORMAT binary)', [good]), 'ok');
  t.notMatch(server.errors(), /internal error|unexpected error/);
  await client.end();
});
