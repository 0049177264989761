import t from 'tap';
import type {SegmentColumn} from '../../src/storage/cold/contract.ts';
import type {Datum} from '../../src/types/contract.ts';
import {ColdFixture, column, noStats, randomFrom, scanAll, scanOf} from './cold-support.ts';
import {
  connectDuckDb,
  randomDatum,
  readByDuckDb,
  readByHyparquet,
  shown,
  shownStored,
  TYPE_NAMES,
} from './cold-values.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const rounds = Number(process.env['ROUNDS'] ?? 8);

function textOf(
  columns: readonly SegmentColumn[],
  rows: readonly (readonly Datum[])[],
): (string | null)[][] {
  return rows.map(row => row.map((value, i) => shown(columns[i]!.type, value)));
}

function storedOf(
  columns: readonly SegmentColumn[],
  rows: readonly (readonly Datum[])[],
): (string | null)[][] {
  return rows.map(row =>
    row.map((value, i) =>
      value === null ? null : shownStored(columns[i]!.type.parquet.encode(value)),
    ),
  );
}

/** First difference, so that a failure is readable. */
function difference(found: readonly unknown[][], wanted: readonly unknown[][]): string | null {
  if (found.length !== wanted.length) return `${found.length} rows instead of ${wanted.length}`;
  for (let row = 0; row < wanted.length; row++) {
    for (let i = 0; i < wanted[row]!.length; i++) {
      if (found[row]![i] !== wanted[row]![i]) {
        return `row ${row}, column ${i}: ${String(found[row]![i]).slice(0, 200)} instead of ${String(wanted[row]![i]).slice(0, 200)}`;
      }
    }
  }
  return null;
}

t.test(`random schemas and rows come back through every reader (SEED=${seed})`, async t => {
  const fixture = new ColdFixture(1 << 20);
  t.teardown(() => fixture.end());
  const duckdb = await connectDuckDb();
  for (let round = 0; round < rounds; round++) {
    const random = randomFrom(seed + round);
    const width = 1 + Math.floor(random() * 8);
    const columns = Array.from({length: width}, (_, i) => {
      const typeName = TYPE_NAMES[Math.floor(random() * TYPE_NAMES.length)]!;
      const options = random() < 0.5 ? {fpp: 0.01} : {};
      return column(i + 1, `c${i}_${typeName}`, typeName, {...options, notNull: random() < 0.3});
    });
    const nullShare = columns.map(({isNullable}) =>
      isNullable ? [0, 0.1, 0.9, 1][Math.floor(random() * 4)]! : 0,
    );
    const pools = columns.map(() => (random() < 0.4 ? 1 + Math.floor(random() * 300) : 0));
    const values = columns.map(({name}, i) =>
      Array.from({length: pools[i]!}, () => randomDatum(name.replace(/^c\d+_/, ''), random)),
    );
    const rows = Array.from({length: Math.floor(random() ** 2 * 12_000)}, () =>
      columns.map(({name}, i): Datum => {
        if (random() < nullShare[i]!) return null;
        if (pools[i]! > 0) return values[i]![Math.floor(random() * pools[i]!)]!;
        return randomDatum(name.replace(/^c\d+_/, ''), random);
      }),
    );
    const groupRows = 1 + Math.floor(random() * 9000);
    const {path, meta, segment} = await fixture.write(columns, rows, groupRows);
    const what = `round ${round}: ${columns.map(({name}) => name).join(' ')}, ${rows.length} rows by ${groupRows}`;
    const own = scanAll(segment, scanOf(columns), () => 1 + Math.floor(random() * 1024));
    t.equal(
      difference(textOf(columns, own.rows), textOf(columns, rows)),
      null,
      `own reader, ${what}`,
    );
    const stored = storedOf(columns, rows);
    t.equal(difference(await readByHyparquet(path, columns), stored), null, `hyparquet, ${what}`);
    t.equal(difference(await readByDuckDb(duckdb, path, columns), stored), null, `DuckDB, ${what}`);
    t.same(await segment.check(meta), [], `check, ${what}`);
    for (let probe = 0; probe < 5 && rows.length > 0; probe++) {
      const row = rows[Math.floor(random() * rows.length)]!;
      const at = Math.floor(random() * width);
      const value = row[at]!;
      const {type, attnum} = columns[at]!;
      if (value === null || type.name === 'json') continue;
      const found = await segment.find([{attnum, type, value}], noStats());
      const wanted = rows.flatMap((other, i) =>
        other[at] !== null && type.equals(other[at]!, value) ? [i] : [],
      );
      t.same(found, wanted, `find ${shown(type, value)?.slice(0, 40)} in ${type.name}, ${what}`);
      const read = await segment.read(found.slice(0, 50), scanOf(columns).columns);
      t.equal(
        difference(
          textOf(columns, read),
          textOf(
            columns,
            found.slice(0, 50).map(i => rows[i]!),
          ),
        ),
        null,
        `read, ${what}`,
      );
    }
  }
  t.ok(fixture.store.cachedBytes < 3 << 20, 'the cache keeps to its bound');
});

t.test('large and strange values', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  const duckdb = await connectDuckDb();
  const columns = [
    column(1, 'id', 'int8', {notNull: true, fpp: 0.01}),
    column(2, 'big', 'text', {fpp: 0.01}),
    column(3, 'nothing', 'numeric'),
    column(4, 'flag', 'bool'),
  ];
  const texts = [
    'x'.repeat(100_000),
    '😀'.repeat(30_000),
    '',
    null,
    'é'.repeat(40),
    '\u{10ffff}'.repeat(30),
  ];
  const rows = Array.from({length: 700}, (_, i) => [
    BigInt(i) - 350n,
    i % 5 === 0 ? (texts[(i / 5) % texts.length] ?? null) : `row ${i}`,
    null,
    i % 3 === 0 ? null : i % 2 === 0,
  ]);
  const {path, meta, segment} = await fixture.write(columns, rows, 300);
  t.equal(
    difference(textOf(columns, scanAll(segment, scanOf(columns)).rows), textOf(columns, rows)),
    null,
  );
  const stored = storedOf(columns, rows);
  t.equal(difference(await readByHyparquet(path, columns), stored), null, 'hyparquet');
  t.equal(difference(await readByDuckDb(duckdb, path, columns), stored), null, 'DuckDB');
  t.same(await segment.check(meta), []);
  t.equal(meta.columns[2]!.minKey, null);
  t.equal(meta.columns[2]!.nullCount, 700);
});

t.test('the encoder thread writes what the main thread writes', async t => {
  const fixture = new ColdFixture();
  t.teardown(() => fixture.end());
  const columns = [
    column(-101, '_rid', 'int8', {notNull: true}),
    column(-102, '_seq', 'int8'),
    column(1, 'id', 'uuid', {fpp: 0.01}),
    column(2, 'body', 'text'),
    column(3, 'at', 'timestamptz'),
    column(4, 'price', 'numeric', {fpp: 0.01}),
  ];
  const random = randomFrom(5);
  const rows = Array.from({length: 30_000}, (_, i) => [
    BigInt(i),
    BigInt(1000 + i),
    randomDatum('uuid', random),
    randomDatum('text', random),
    randomDatum('timestamptz', random),
    randomDatum('numeric', random),
  ]);
  const large = await fixture.write(columns, rows, 12_000);
  t.equal(large.meta.rows, 30_000);
  t.equal(large.meta.minSeq, '1000');
  t.equal(large.meta.maxSeq, '30999');
  t.equal(
    difference(
      textOf(columns, scanAll(large.segment, scanOf(columns)).rows),
      textOf(columns, rows),
    ),
    null,
  );
  t.same(await large.segment.check(large.meta), []);
  await t.rejects(
    fixture.store.write(
      {path: large.path, columns, schemaVersion: 1, metadata: {}, rowGroupRows: 12_000},
      (() => {
        let calls = 0;
        return () => (calls++ === 0 ? columns.map((_, i) => rows.map(row => row[i]!)) : null);
      })(),
    ),
    {code: '58030'},
    'an existing file is not overwritten',
  );
  t.same(await large.segment.check(large.meta), [], 'and is still whole');
});
