import t from 'tap';
import {DeletionPages} from '../../src/storage/cold/deletion-set.ts';
import {keyBytes} from '../../src/storage/cold/segment-meta.ts';
import {ZoneMap} from '../../src/storage/cold/zone-map.ts';
import type {ScanPredicate} from '../../src/storage/contract.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  ColdFixture,
  column,
  noStats,
  randomFrom,
  scanAll,
  scanOf,
  typeNamed,
} from './cold-support.ts';
import {connectDuckDb} from './cold-values.ts';

const columns = [
  column(1, 'id', 'int8', {notNull: true, fpp: 0.01}),
  column(2, 'conversation', 'uuid', {notNull: true, fpp: 0.01}),
  column(3, 'author', 'text', {fpp: 0.01}),
  column(4, 'price', 'numeric', {fpp: 0.01}),
  column(5, 'score', 'float8', {fpp: 0.01}),
  column(6, 'note', 'text'),
];
const uuidOf = (n: number): string =>
  `9ad06d99-9cfc-a0b3-a51b-${(n * 7919).toString(16).padStart(12, '0')}`;
const rowOf = (i: number): Datum[] => [
  BigInt(i) * 10n,
  uuidOf(i),
  i % 10 === 0 ? null : `author ${(i * 31) % 997}`,
  typeNamed('numeric').input(`${i % 500}.${i % 2 === 0 ? '50' : '5'}`, -1, settings()),
  i === 777 ? NaN : i % 100 === 0 ? -0 : i / 2,
  i < 40_000 ? null : `note ${i}`,
];

function settings(): Parameters<ReturnType<typeof typeNamed>['input']>[2] {
  return {names: null} as Parameters<ReturnType<typeof typeNamed>['input']>[2];
}

t.test('pages, groups, filters and zone maps prune without losing a row', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  const rows = Array.from({length: 50_000}, (_, i) => rowOf(i));
  const {path, meta, segment} = await fixture.write(columns, rows, 20_000);
  const random = randomFrom(3);
  const zones = new ZoneMap(meta);
  const ops: ScanPredicate['op'][] = ['=', '<', '<=', '>', '>=', 'in', 'isNull', 'isNotNull'];
  for (let round = 0; round < 200; round++) {
    const at = Math.floor(random() * columns.length);
    const {attnum, type} = columns[at]!;
    const op = ops[Math.floor(random() * ops.length)]!;
    const isNullTest = op === 'isNull' || op === 'isNotNull';
    const count = isNullTest ? 0 : op === 'in' ? 3 : 1;
    const values = Array.from(
      {length: count},
      () => rowOf(Math.floor(random() * 70_000 - 10_000))[at]!,
    );
    const predicates = [{attnum, type, op, values, missing: null}];
    const stats = noStats();
    const found = scanAll(segment, scanOf([columns[0]!], {predicates, stats, withPosition: true}));
    const positions = new Set(found.rows.map(row => row[1]));
    const isMatch = (datum: Datum): boolean => {
      if (isNullTest) return (datum === null) === (op === 'isNull');
      return values.some(value => {
        if (datum === null || value === null) return false;
        const order = type.compare(datum, value);
        if (op === '<') return order < 0;
        if (op === '<=') return order <= 0;
        if (op === '>') return order > 0;
        return op === '>=' ? order >= 0 : order === 0;
      });
    };
    const missed = rows.findIndex((row, i) => isMatch(row[at]!) && !positions.has(i));
    if (missed !== -1)
      t.fail(`row ${missed} was pruned by ${columns[at]!.name} ${op} ${String(values)}`);
    const isAny = rows.some(row => isMatch(row[at]!));
    const keys = values.flatMap(value => (value === null ? [] : [keyBytes(type, value)]));
    if (isAny && !zones.mayMatch(attnum, op, keys))
      t.fail(`the zone map excludes ${columns[at]!.name} ${op}`);
    if (found.rows.some(row => row[0] !== BigInt(Number(row[1])) * 10n))
      t.fail('a position is wrong');
  }
  const lookup = noStats();
  t.same(
    await segment.find([{attnum: 1, type: columns[0]!.type, value: 123_450n}], lookup),
    [12_345],
  );
  t.equal(lookup.pagesRead, 1, 'a key lookup reads one page');
  t.equal(lookup.rowGroupsSkipped, 2);
  const absent = noStats();
  t.same(
    await segment.find(
      [{attnum: 2, type: columns[1]!.type, value: `${uuidOf(12_345).slice(0, -1)}8`}],
      absent,
    ),
    [],
  );
  t.ok(absent.rowGroupsSkipped >= 2, 'bloom filters exclude an absent uuid');
  const beyond = noStats();
  t.same(
    await segment.find([{attnum: 2, type: columns[1]!.type, value: uuidOf(60_001)}], beyond),
    [],
  );
  t.equal(beyond.segmentsSkipped, 1, 'the manifest excludes one beyond its bounds');
  const both = [
    {attnum: 3, type: columns[2]!.type, value: 'author 31'},
    {attnum: 1, type: columns[0]!.type, value: 10n},
  ];
  t.same(await segment.find(both, noStats()), [1]);
  const price = columns[3]!.type;
  const fifty = price.input('50.5', -1, settings());
  const equal = rows.flatMap((row, i) => (price.equals(row[3]!, fifty) ? [i] : []));
  t.same(
    await segment.find([{attnum: 4, type: price, value: fifty}], noStats()),
    equal,
    '50.5 = 50.50',
  );
  t.equal(zones.mayMatch(1, '=', [keyBytes(columns[0]!.type, 500_000n)]), false);
  await duckDbPrunes(t, path);
});

async function duckDbPrunes(t: import('tap').Test, path: string): Promise<void> {
  const duckdb = await connectDuckDb();
  const count = async (sql: string): Promise<unknown> =>
    (await duckdb.runAndReadAll(sql)).getRowsJson()[0]![0];
  for (const i of [0, 19_999, 20_000, 49_999]) {
    t.equal(await count(`select count(*) from '${path}' where id = ${i * 10}`), '1');
    t.equal(await count(`select count(*) from '${path}' where conversation = '${uuidOf(i)}'`), '1');
    t.equal(
      await count(`select count(*) from '${path}' where score = ${i / 2}`),
      i % 100 === 0 && i > 0 ? '0' : i === 0 ? '500' : '1',
    );
  }
  t.equal(
    await count(
      `select count(*) from '${path}' where id = 5 or conversation = '${uuidOf(60_000)}'`,
    ),
    '0',
  );
  t.equal(
    await count(`select count(*) from '${path}' where author = 'author 31'`),
    String(authors('author 31')),
  );
  const probe = async (name: string, value: string): Promise<number> => {
    const result = await duckdb.runAndReadAll(
      `select bloom_filter_excludes from parquet_bloom_probe('${path}', '${name}', ${value})`,
    );
    return result.getRowsJson().filter(row => row[0] === true).length;
  };
  t.equal(
    await probe('author', "'nobody at all'"),
    3,
    'DuckDB excludes an absent text by our filter',
  );
  t.equal(await probe('author', "'author 31'"), 0, 'and not a present one');
  t.equal(await probe('id', '200010'), 2, 'a key lies in one group');
}

function authors(name: string): number {
  let count = 0;
  for (let i = 0; i < 50_000; i++) if (rowOf(i)[2] === name) count++;
  return count;
}

t.test('deleted rows do not come back', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  const rows = Array.from({length: 9_000}, (_, i) => rowOf(i));
  const {segment} = await fixture.write(columns, rows, 5_000);
  const random = randomFrom(11);
  let deletions = DeletionPages.empty;
  const gone = new Set<number>();
  const store = new Map<number, Buffer>();
  for (let round = 0; round < 12; round++) {
    const more = Array.from({length: [1, 50, 3000][round % 3]!}, () =>
      Math.floor(random() * 9_000),
    );
    const next = deletions.with(more);
    const changed = next.changedSince(deletions);
    if (more.length === 1) t.ok(changed.length <= 1, 'one bit changes one page');
    for (const {page, bytes} of changed) store.set(page, bytes);
    for (const position of more) gone.add(position);
    deletions = next;
    t.equal(deletions.count, gone.size);
    const parsed = DeletionPages.parse([...store].map(([page, bytes]) => ({page, bytes})));
    t.same(
      [...parsed.positions()],
      [...gone].sort((a, b) => a - b),
    );
    const scan = scanOf([columns[0]!], {deletions: parsed, withPosition: true});
    const found = scanAll(segment, scan, () => 1 + Math.floor(random() * 1500)).rows.map(
      row => row[1],
    );
    t.same(
      found,
      rows.map((_, i) => i).filter(i => !gone.has(i)),
    );
  }
  const all = deletions.with(rows.map((_, i) => i));
  t.equal(scanAll(segment, scanOf(columns, {deletions: all})).rows.length, 0);
  t.throws(() => DeletionPages.parse([{page: 0, bytes: Buffer.from([9, 9])}]), {code: 'XX001'});
});
