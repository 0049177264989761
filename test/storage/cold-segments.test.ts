import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import {
  ColdFixture,
  column,
  noStats,
  randomFrom,
  scanAll,
  scanOf,
  sourceOf,
  typeNamed,
} from './cold-support.ts';
import {randomDatum} from './cold-values.ts';

const columns = [
  column(1, 'id', 'int4', {notNull: true, fpp: 0.01}),
  column(2, 'body', 'text', {fpp: 0.01}),
  column(3, 'at', 'timestamptz'),
  column(4, 'kind', 'text'),
  column(5, 'id2', 'int8', {fpp: 0.01}),
];
const rowsOf = (count: number, seed = 1): ReturnType<typeof randomDatum>[][] => {
  const random = randomFrom(seed);
  return Array.from({length: count}, (_, i) => [
    i,
    randomDatum('text', random),
    randomDatum('timestamptz', random),
    i % 2 === 0 ? 'even' : 'odd',
    BigInt(i),
  ]);
};

t.test('a segment is read through the schema of today', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  const rows = rowsOf(3000);
  const {segment} = await fixture.write(columns, rows);
  const read = scanAll(segment, {
    ...scanOf([]),
    columns: [
      {attnum: 1, type: typeNamed('int8'), missing: null},
      {attnum: 1, type: typeNamed('numeric'), missing: null},
      {attnum: 1, type: typeNamed('text'), missing: null},
      {attnum: 2, type: typeNamed('varchar'), missing: null},
      {attnum: 9, type: typeNamed('text'), missing: 'new'},
      {attnum: 10, type: typeNamed('int8'), missing: null},
      {attnum: 1, type: typeNamed('float8'), missing: null},
    ],
  }).rows;
  t.equal(read.length, 3000);
  for (const i of [0, 1, 1500, 2999]) {
    const [big, numeric, text, body, added, none, float] = read[i]!;
    t.equal(big, BigInt(i));
    t.equal(typeNamed('numeric').output(numeric!, {names: null} as never), String(i));
    t.equal(text, String(i));
    t.equal(body, rows[i]![1]);
    t.equal(added, 'new');
    t.equal(none, null);
    t.equal(float, i);
  }
  t.same(await segment.find([{attnum: 1, type: typeNamed('int8'), value: 77n}], noStats()), [77]);
  const widened = noStats();
  t.same(
    await segment.find([{attnum: 1, type: typeNamed('int8'), value: 5_000_000_000n}], widened),
    [],
  );
  t.equal(
    widened.segmentsSkipped,
    1,
    'a value that the old type cannot have is excluded without a read',
  );
  const above = {attnum: 1, type: typeNamed('int8'), missing: null, op: '>' as const};
  t.equal(
    scanAll(segment, scanOf([columns[0]!], {predicates: [{...above, values: [2999n]}]})).rows
      .length,
    0,
  );
  t.equal(
    scanAll(segment, scanOf([columns[0]!], {predicates: [{...above, values: [-5_000_000_000n]}]}))
      .rows.length,
    3000,
  );
  const varchar = {attnum: 2, type: typeNamed('varchar'), value: rows[7]![1]!};
  t.ok((await segment.find([varchar], noStats())).includes(7), 'text is found as varchar');
  t.throws(
    () =>
      scanAll(segment, {
        ...scanOf([]),
        columns: [{attnum: 2, type: typeNamed('int4'), missing: null}],
      }),
    {code: 'XX001'},
  );
  const filter = {attnum: 9, type: typeNamed('text'), missing: 'new', values: ['old']};
  t.equal(scanAll(segment, scanOf(columns, {predicates: [{...filter, op: '='}]})).rows.length, 0);
  t.equal(scanAll(segment, scanOf(columns, {predicates: [{...filter, op: '>='}]})).rows.length, 0);
  t.equal(
    scanAll(segment, scanOf(columns, {predicates: [{...filter, op: 'isNotNull'}]})).rows.length,
    3000,
  );
});

t.test('a damaged file is never read as something else', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  const rows = rowsOf(2500);
  const {path, meta} = await fixture.write(columns, rows, 1000);
  const whole = readFileSync(path);
  const expected = JSON.stringify(rows, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  const random = randomFrom(17);
  const places = [
    0,
    whole.length - 1,
    whole.length - 6,
    ...Array.from({length: 150}, () => Math.floor(random() * whole.length)),
  ];
  let refused = 0;
  for (const place of places) {
    const damaged = Buffer.from(whole);
    damaged[place]! ^= 1 << Math.floor(random() * 8);
    const copy = join(fixture.directory, 'damaged.parquet');
    writeFileSync(copy, damaged);
    const segment = fixture.store.open(copy, meta, columns);
    try {
      const found = scanAll(segment, scanOf(columns)).rows;
      const text = JSON.stringify(found, (_key, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      t.ok(text === expected, `byte ${place}: unchanged rows, or an error`);
      for (const value of [5, 1200, 2499, 9999]) {
        const hits = await segment.find([{attnum: 1, type: typeNamed('int4'), value}], noStats());
        t.same(hits, value < 2500 ? [value] : []);
      }
    } catch (error) {
      refused++;
      if (!(error instanceof PgError) || error.code !== 'XX001' || !error.message.includes(copy))
        throw error;
    }
    const findings = await segment.check(meta);
    if (findings.length === 0) t.fail(`check overlooks byte ${place}`);
    fixture.store.forget(copy);
  }
  t.ok(refused > places.length / 2);
  for (const length of [0, 3, 11, 1000, whole.length - 1]) {
    const copy = join(fixture.directory, 'short.parquet');
    writeFileSync(copy, whole.subarray(0, length));
    const segment = fixture.store.open(copy, meta, columns);
    t.throws(() => scanAll(segment, scanOf(columns)), {code: 'XX001'});
    fixture.store.forget(copy);
  }
  const lost = fixture.store.open(join(fixture.directory, 'lost.parquet'), meta, columns);
  t.throws(() => scanAll(lost, scanOf(columns)), {code: 'XX001', message: /lost\.parquet/});
  t.equal((await lost.check(meta)).length, 1);
});

t.test('check tells a manifest from another file', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  const {segment, meta} = await fixture.write(columns, rowsOf(500));
  t.same(await segment.check(meta), []);
  const other = {
    ...meta,
    rows: 499,
    columns: meta.columns.map(stats => ({
      ...stats,
      nullCount: stats.nullCount + 1,
      minKey: 'AAAA',
    })),
  };
  t.ok((await segment.check(other)).length >= 6);
});

t.test('an error of the source leaves no file', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  for (const size of [100, 40_000]) {
    const path = fixture.path();
    const good = sourceOf(rowsOf(size), columns.length);
    let calls = 0;
    const source = () => {
      if (calls++ > size / 1000 - 2) throw new Error('the rows are gone');
      return good();
    };
    const options = {path, columns, schemaVersion: 1, metadata: {}, rowGroupRows: 10_000};
    await t.rejects(fixture.store.write(options, source), /the rows are gone/);
    t.notOk(existsSync(path));
  }
});

t.test('many small segments are written together', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  const items = Array.from({length: 40}, (_, i) => ({
    options: {
      path: join(fixture.directory, `user-${i % 7}`, `${i}.parquet`),
      columns,
      schemaVersion: 1,
      metadata: {owner: String(i)},
      rowGroupRows: 1000,
    },
    source: sourceOf(rowsOf(i * 3, i), columns.length),
  }));
  const metas = await fixture.store.writeMany(items);
  metas.forEach((meta, i) => {
    const segment = fixture.store.open(items[i]!.options.path, meta, columns);
    t.equal(scanAll(segment, scanOf(columns)).rows.length, i * 3);
  });
  await t.rejects(
    fixture.store.writeMany([
      items[3]!,
      {
        ...items[4]!,
        options: {...items[4]!.options, path: join(fixture.directory, 'new', 'x.parquet')},
      },
    ]),
  );
  t.ok(existsSync(items[3]!.options.path), 'an older file stays');
  t.notOk(
    existsSync(join(fixture.directory, 'new', 'x.parquet')),
    'a new one goes with the failed call',
  );
});

t.test('a small cache still answers, a scan pauses, and forgetting frees', async t => {
  const fixture = new ColdFixture(400_000);
  t.teardown(() => fixture.end());
  const rows = rowsOf(60_000);
  const {path, segment} = await fixture.write(columns, rows, 30_000);
  for (let round = 0; round < 3; round++) {
    const {rows: found} = scanAll(segment, scanOf(columns));
    t.equal(found.length, rows.length);
    t.equal(
      found.findIndex((row, i) => row[1] !== rows[i]![1]),
      -1,
    );
  }
  t.ok(fixture.store.cachedBytes > 0);
  fixture.store.forget(path);
  t.ok(fixture.store.cachedBytes < 20_000);
  rmSync(path);
  t.throws(() => scanAll(fixture.store.open(path, {} as never, columns), scanOf(columns)), {
    code: 'XX001',
  });
});
