// Mutated message sequences against the real server: it may only answer errors, and others are served meanwhile.
import t from 'tap';
import {
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
  startup,
  sync,
  terminate,
  zero,
} from '../server/raw-client.ts';
import {startWadi} from '../support/wadi-server.ts';
import {parseTyped, texts, WireClient} from './wire-client.ts';

const rounds = 2000;

/** Valid sequences as clients send them, each message by itself. */
const recorded: readonly (readonly Buffer[])[] = [
  [
    ...[
      query('SELECT 1'),
      query('BEGIN; INSERT INTO f VALUES (100, $$x$$); ROLLBACK'),
      query('SELECT * FROM f'),
    ],
    ...[query('SELECT 1/0'), query(''), query('SELECT 1; SELECT 2'), query('SHOW server_version')],
  ],
  [
    ...[
      parse('SELECT id, v FROM f WHERE id = $1', 's'),
      describe('S', 's'),
      flush,
      bind(['1'], 's', 'p', [1]),
    ],
    ...[
      describe('P', 'p'),
      execute('p', 1),
      execute('p'),
      message('C', Buffer.from('P'), zero('p')),
      sync,
    ],
    ...[bind([null], 's'), execute(), message('C', Buffer.from('S'), zero('s')), sync],
  ],
  [
    parseTyped(
      'INSERT INTO f VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING *',
      [23, 25],
    ),
    message(
      ...(['B', zero(''), zero(''), int16(2), int16(1), int16(0), int16(2)] as const),
      ...[int32(4), int32(7), int32(3), Buffer.from('abc'), int16(1), int16(1)],
    ),
    ...[describe('P'), execute('', 2), sync],
  ],
  [
    query('COPY f FROM STDIN'),
    copyData('200\ta\n201\t\\N\n'),
    copyDone,
    query('COPY f TO STDOUT (FORMAT csv)'),
  ],
  [
    query('COPY f FROM STDIN (FORMAT binary)'),
    copyData('PGCOPY\n'),
    copyFail('no'),
    query('SELECT 1'),
  ],
  [
    ...[
      query('BEGIN'),
      query('DECLARE c CURSOR FOR SELECT * FROM f'),
      query('FETCH 1 FROM c'),
      query('SAVEPOINT a'),
    ],
    ...[query('DELETE FROM f'), query('ROLLBACK TO a'), query('COMMIT')],
  ],
  [
    query('LISTEN ch'),
    query("NOTIFY ch, 'x'"),
    query('UNLISTEN *'),
    query("SET client_encoding = 'LATIN1'"),
    query('SELECT 1'),
  ],
  [
    message('F', int32(1598), int16(0), int16(0), int16(0)),
    ...[query('PREPARE q(int) AS SELECT $1 + 1'), query('EXECUTE q(1)'), query('DEALLOCATE q')],
  ],
  [
    query(
      'SELECT array_agg(x), jsonb_build_object($$a$$, count(*)) FROM generate_series(1, 50) x GROUP BY x % 3 ORDER BY 1',
    ),
  ],
];

/** Words that make other statements of those above. */
const words =
  `SELECT|FROM|NULL|(|)|'|$1|,|1|::int[]|::jsonb| OVER ()| ORDER BY|--|/*|\\|$$|f|UNION|-|*|e400`.split(
    '|',
  );

t.test('mutated sequences', {timeout: 60_000}, async t => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  const random = generator(seed);
  const server = await startWadi();
  t.teardown(() => server.stop());
  const steady = await WireClient.login(server);
  t.teardown(() => steady.end());
  await steady.query(
    'CREATE TABLE f (id int PRIMARY KEY, v text); INSERT INTO f SELECT x, $$v$$ || x FROM generate_series(1, 20) x',
  );
  const internal = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const client = await WireClient.open(server);
    const settings = {user: 'postgres', database: 'postgres', options: '-c statement_timeout=2s'};
    const start = startup(settings);
    const body = mutate(recorded[random(recorded.length)]!, random);
    client.send(
      random(40) === 0 ? garbled(start, random) : start,
      ...body,
      ...(random(4) === 0 ? [] : [copyDone, sync, terminate]),
    );
    client.socket.end();
    for (;;) {
      const next = await client.next();
      if (next === null) break;
      if (next.type !== 'E') continue;
      const text = next.body.toString();
      if (/\0CXX000/.test(text)) internal.add(/\0M([^\0]*)/.exec(text)?.[1] ?? text);
    }
    if (round % 100 === 0)
      t.same(
        texts(await steady.query('SELECT count(*) > 0 FROM pg_class')),
        [['t']],
        `alive after ${round}`,
      );
  }
  t.same([...internal], [], 'no internal errors');
  t.same(texts(await steady.query('SELECT 1')), [['1']]);
  while (
    texts(
      await steady.query(
        'SELECT count(*) FROM pg_stat_activity WHERE backend_type = $$client backend$$',
      ),
    )[0]![0] !== '1'
  );
  t.pass('every session has ended');
  t.same(
    texts(await steady.query(`SELECT count(*) FROM pg_locks WHERE relation = 'f'::regclass`)),
    [['0']],
    'no lock is left',
  );
});

function mutate(messages: readonly Buffer[], random: (below: number) => number): Buffer[] {
  const list = [...messages];
  for (let changes = 1 + random(3); changes > 0 && list.length > 0; changes--) {
    const at = random(list.length);
    const kind = random(9);
    if (kind === 0) list.splice(at, 1);
    else if (kind === 1) list.splice(random(list.length + 1), 0, list[at]!);
    else if (kind === 2)
      [list[at], list[random(list.length)]] = [list[random(list.length)]!, list[at]!];
    else if (kind === 3) list.splice(at, 0, ...recorded[random(recorded.length)]!);
    else if (kind <= 6) list[at] = reworded(list[at]!, random);
    else list[at] = garbled(list[at]!, random);
  }
  return list;
}

/** The same message with some of its text changed and its length right. */
function reworded(bytes: Buffer, random: (below: number) => number): Buffer {
  const body = Buffer.from(bytes.subarray(5));
  if (body.length === 0) return bytes;
  const at = random(body.length);
  const word = Buffer.from(words[random(words.length)]!);
  const rest = body.subarray(Math.min(body.length, at + random(4)));
  return message(
    bytes.toString('latin1', 0, 1),
    body.subarray(0, at),
    random(3) === 0 ? Buffer.alloc(0) : word,
    rest,
  );
}

/** Bytes changed anywhere, the length too. */
function garbled(source: Buffer, random: (below: number) => number): Buffer {
  const bytes = Buffer.from(source);
  if (bytes.length === 0) return bytes;
  const at = random(bytes.length);
  const kind = random(4);
  if (kind === 0) bytes[at] = random(256);
  else if (kind === 1)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(9))]);
  else if (kind === 2) bytes.fill(random(2) === 0 ? 0xff : 0, at, Math.min(at + 4, bytes.length));
  else bytes[at] = bytes[at]! ^ (1 << random(8));
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
