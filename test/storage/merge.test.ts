import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import type {
  MergedSegments,
  MergeSource,
  MergeTask,
  SegmentColumn,
} from '../../src/storage/cold/contract.ts';
import {MergeFile} from '../../src/storage/cold/merge/merge-file.ts';
import type {MergeOutcome} from '../../src/storage/cold/merge/merge-job.ts';
import {planMerge} from '../../src/storage/cold/merge/merge-plan.ts';
import {SegmentMerger} from '../../src/storage/cold/merge/segment-merger.ts';
import {createSegmentStore} from '../../src/storage/cold/segment-store.ts';
import {DeletionPages} from '../../src/storage/manifest.ts';
import {openFileObjectStore} from '../../src/storage/objects/file-object-store.ts';
import {makeDomainType} from '../../src/types/domain.ts';
import {makeEnumType} from '../../src/types/enum.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {defaultFormatSettings} from '../../src/types/format-settings.ts';
import {
  ColdFixture,
  column,
  randomFrom,
  scanAll,
  scanOf,
  sourceOf,
  typeNamed,
} from './cold-support.ts';
import {randomDatum, shown, TYPE_NAMES} from './cold-values.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const rounds = Number(process.env['ROUNDS'] ?? 12);

/** Types with an order that tables are clustered by, and two of users. */
const LABELS = ['zeta', 'alpha', 'mid'].map((label, sortOrder) => ({label, sortOrder}));
const MOOD = makeEnumType(20_001, 'mood', 20_002, LABELS);
const SHORT = makeDomainType(
  {oid: 20_003, name: 'short', arrayOid: 20_004},
  typeNamed('numeric'),
  -1,
);
const UNORDERED = ['json'];
/** What a column was before ALTER TABLE: read as the type of today. */
const BEFORE: Readonly<Record<string, string>> = {
  int8: 'int4',
  int4: 'int2',
  numeric: 'int4',
  text: 'int4',
  varchar: 'text',
  float8: 'int4',
};

type Random = () => number;
interface Equal {
  equal(found: unknown, wanted: unknown, message: string): unknown;
}
type Row = readonly Datum[];

/** A segment of the test, as it was written. */
interface Written {
  readonly source: MergeSource;
  /** Rows as today's schema has them, after rid and seq. */
  readonly rows: readonly Row[];
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[below(random, from.length)]!;
}

function randomColumns(random: Random): SegmentColumn[] {
  const columns = [column(-101, '_rid', 'int8', {notNull: true}), column(-102, '_seq', 'int8')];
  for (let i = 0; i < 2 + below(random, 5); i++) {
    const name = pick(random, TYPE_NAMES);
    const type = pick<TypeInstance>(random, [typeNamed(name), typeNamed(name), MOOD, SHORT]);
    const bloom = random() < 0.2 && name !== 'json' ? {fpp: 0.01, numItems: null} : null;
    columns.push({...column(i + 1, `c${i}`, name), type, bloom});
  }
  return columns;
}

function valueOf(type: TypeInstance, random: Random): Datum {
  if (random() < 0.15) return null;
  if (type === MOOD) return pick(random, LABELS).label;
  return randomDatum(type === SHORT ? 'numeric' : type.name, random);
}

/** The columns as an older schema had them, and what their values are today. */
function before(columns: readonly SegmentColumn[], random: Random): SegmentColumn[] {
  const old: SegmentColumn[] = [];
  for (const one of columns) {
    const was = BEFORE[one.type.name];
    if (one.attnum > 0 && random() < 0.2) continue;
    if (one.attnum > 0 && was !== undefined && random() < 0.5)
      old.push({...one, type: typeNamed(was), bloom: null});
    else old.push(one);
  }
  return old;
}

function today(from: TypeInstance, to: TypeInstance, value: Datum): Datum {
  if (value === null || from === to) return value;
  return to.input(from.output(value, defaultFormatSettings), -1, defaultFormatSettings);
}

function compare(columns: readonly SegmentColumn[], keys: readonly number[]) {
  return (a: Row, b: Row): number => {
    for (const key of keys) {
      const [x, y] = [a[key]!, b[key]!];
      if (x === null || y === null) {
        if (x !== y) return x === null ? 1 : -1;
        continue;
      }
      const order = columns[key]!.type.compare(x, y);
      if (order !== 0) return order;
    }
    return 0;
  };
}

class Round {
  readonly fixture: ColdFixture;
  readonly random: Random;
  readonly columns: readonly SegmentColumn[];
  readonly keys: readonly number[];
  readonly missing: readonly Datum[];
  #nextRid = 1;

  constructor(
    fixture: ColdFixture,
    random: Random,
    columns: readonly SegmentColumn[] = randomColumns(random),
  ) {
    this.fixture = fixture;
    this.random = random;
    this.columns = columns;
    mkdirSync(join(fixture.directory, 'spill'), {recursive: true});
    const ordered = this.columns.flatMap(({attnum, type}, i) =>
      attnum > 0 && !UNORDERED.includes(type.name) ? [i] : [],
    );
    const cluster = ordered.filter(() => random() < 0.4).slice(0, 2);
    this.keys = [...cluster, 0];
    this.missing = this.columns.map(({attnum, type}) =>
      attnum < 0 || random() < 0.5 ? null : valueOf(type, random),
    );
  }

  async segment(size: number, shares = [0, 0, 0.1, 0.9, 1]): Promise<Written> {
    const {random, columns} = this;
    const schema = random() < 0.6 ? columns : before(columns, random);
    const nullSeq = random() < 0.3 ? BigInt(1 + below(random, 1000)) : null;
    const stored: Datum[][] = Array.from({length: size}, () =>
      schema.map(({attnum, type}) => {
        if (attnum === -101) return BigInt(this.#nextRid++);
        if (attnum === -102) return nullSeq === null ? BigInt(below(random, 1000)) : null;
        return valueOf(type, random);
      }),
    );
    const pairs = stored.map(old => ({old, now: this.#today(schema, old, nullSeq)}));
    const order = compare(columns, this.keys);
    const isSorted = random() < 0.7;
    if (isSorted) pairs.sort((a, b) => order(a.now, b.now));
    const {path, meta} = await this.fixture.write(
      schema,
      pairs.map(({old}) => old),
      1 + below(random, 400),
    );
    const share = pick(random, shares);
    const dead = pairs.flatMap((_, i) => (random() < share ? [i] : []));
    const deletions = DeletionPages.none.with(dead).deletions;
    return {
      source: {path, meta, schema, isSorted, nullSeq: nullSeq ?? 0n, deletions},
      rows: pairs.map(({now}) => now),
    };
  }

  #today(schema: readonly SegmentColumn[], old: Row, nullSeq: bigint | null): Row {
    return this.columns.map(({attnum, type}, i) => {
      const at = schema.findIndex(column => column.attnum === attnum);
      if (at === -1) return this.missing[i]!;
      if (attnum === -102) return old[at] ?? nullSeq;
      return today(schema[at]!.type, type, old[at]!);
    });
  }

  task(inputs: readonly Written[], path: string): MergeTask {
    return {
      options: {
        path,
        columns: this.columns,
        schemaVersion: 7,
        metadata: {},
        rowGroupRows: 1 + below(this.random, 3000),
      },
      keys: this.keys,
      missing: this.missing,
      inputs: inputs.map(({source}) => source),
      scratch: join(this.fixture.directory, 'spill'),
      signal: undefined,
    };
  }

  /** Every live row once, in order, where `positions` says. */
  check(
    test: Equal,
    inputs: readonly Written[],
    found: readonly Row[],
    outcome: Pick<MergedSegments, 'positions'>,
    what: string,
  ): void {
    const live = inputs.flatMap(({source, rows}) =>
      rows.filter((_, i) => !(source.deletions as DeletionPages).has(i)),
    );
    const order = compare(this.columns, this.keys);
    const texts = (rows: readonly Row[]) =>
      rows.map(row => row.map((value, i) => shown(this.columns[i]!.type, value)).join(' | '));
    const wanted = texts(live.toSorted(order));
    const got = texts(found);
    const at = wanted.findIndex((text, i) => text !== got[i]);
    test.equal(got.length, wanted.length, `rows, ${what}`);
    test.equal(
      at === -1 ? null : `${at}: ${got[at]}`,
      at === -1 ? null : `${at}: ${wanted[at]}`,
      what,
    );
    let wrong = 0;
    for (const [i, {source, rows}] of inputs.entries()) {
      const positions = outcome.positions[i]!;
      const old = texts(rows);
      for (let row = 0; row < rows.length; row++) {
        const isDead = (source.deletions as DeletionPages).has(row);
        if (isDead ? positions[row] !== -1 : got[positions[row]!] !== old[row]) wrong++;
      }
    }
    test.equal(wrong, 0, `positions, ${what}`);
  }
}

/** The same merge here, with blocks of a few rows where they are sorted. */
function mergedHere(task: MergeTask, path: string, blockRows: number): MergeOutcome {
  const {job, types} = planMerge(task, {path, locate: of => of});
  const file = new MergeFile(path);
  const merger = new SegmentMerger(job, types, file, blockRows);
  try {
    const work = merger.run();
    for (let step = work.next(); ; step = work.next()) if (step.done === true) return step.value;
  } finally {
    merger.close();
    file.close();
  }
}

t.test(`random segments merge as their rows sort (SEED=${seed})`, async test => {
  const fixture = new ColdFixture();
  test.teardown(() => fixture.end());
  for (let i = 0; i < rounds; i++) {
    const random = randomFrom(seed + i);
    const round = new Round(fixture, random);
    const inputs: Written[] = [];
    for (let n = 0; n < 1 + below(random, 6); n++)
      inputs.push(await round.segment(below(random, 900) + 1));
    const names = round.columns.map(({type}) => type.name).join(' ');
    const what = `seed ${seed + i}: ${names} by ${round.keys.join(', ')}`;
    const path = fixture.path();
    const outcome = await fixture.store.merge(round.task(inputs, path));
    const found: Row[] = [];
    if (outcome.meta !== null) {
      const segment = fixture.store.open(path, outcome.meta, round.columns);
      found.push(...scanAll(segment, scanOf(round.columns)).rows);
      test.same(await segment.check(outcome.meta), [], `fsck, ${what}`);
    }
    round.check(test, inputs, found, outcome, what);
    const again = mergedHere(round.task(inputs, fixture.path()), fixture.path(), 40);
    test.same(again.positions, outcome.positions, `sorted in small blocks, ${what}`);
    test.same(readdirSync(join(fixture.directory, 'spill')), [], 'no temporary file is left');
  }
});

t.test('a thread merges what is large, by types of users, too', async test => {
  const fixture = new ColdFixture();
  test.teardown(() => fixture.end());
  const random = randomFrom(seed);
  const round = new Round(fixture, random, [
    column(-101, '_rid', 'int8', {notNull: true}),
    column(-102, '_seq', 'int8'),
    {...column(1, 'mood', 'text'), type: MOOD},
    {...column(2, 'short', 'numeric', {fpp: 0.01}), type: SHORT},
    column(3, 'text', 'text', {fpp: 0.01}),
    column(4, 'json', 'jsonb'),
  ]);
  const inputs: Written[] = [];
  for (let n = 0; n < 4; n++) inputs.push(await round.segment(4000, [0, 0.3]));
  const path = fixture.path();
  const task = round.task(inputs, path);
  const merging = fixture.store.merge(task);
  const outcome = await merging;
  const segment = fixture.store.open(path, outcome.meta!, round.columns);
  test.same(await segment.check(outcome.meta!), []);
  const found = scanAll(segment, scanOf(round.columns)).rows;
  round.check(test, inputs, found, outcome, `thread, seed ${seed}`);
  const other = fixture.path();
  const stop = new AbortController();
  const stopped = fixture.store.merge({...round.task(inputs, other), signal: stop.signal});
  const reason = new Error('enough');
  setImmediate(() => stop.abort(reason));
  await test.rejects(stopped, {message: 'enough'});
  test.equal(existsSync(other), false, 'a merge that is ended leaves no file');
  const victim = inputs[1]!.source.path;
  const bytes = readFileSync(victim);
  bytes.fill(0x55, 100, bytes.length >> 1);
  writeFileSync(victim, bytes);
  await test.rejects(fixture.store.merge(round.task(inputs, other)), {code: 'XX001'});
  test.equal(existsSync(other), false, 'nor does one that fails');
  await test.rejects(fixture.store.merge(round.task(inputs.slice(0, 1), path)), {code: '58030'});
  test.equal(existsSync(path), true, 'a file of another is left alone');
});

t.test('segments of a remote storage become one there', async test => {
  const directory = mkdtempSync(join(tmpdir(), 'wadi-merge-'));
  const objects = await openFileObjectStore(join(directory, 'far'));
  const cache = join(directory, 'cache');
  const store = createSegmentStore({
    cacheBytes: 1 << 20,
    remote: {directory: cache, maxBytes: 1, store: () => Promise.resolve(objects)},
  });
  test.teardown(async () => {
    await store.close();
    await objects.close();
    rmSync(directory, {recursive: true, force: true});
  });
  const columns = [column(-101, '_rid', 'int8', {notNull: true}), column(1, 'text', 'text')];
  const options = (name: string) => ({
    ...{path: `storage://far/${name}`, columns, schemaVersion: 1, metadata: {}},
    rowGroupRows: 1000,
  });
  const inputs: MergeSource[] = [];
  for (let part = 0; part < 3; part++) {
    const rows = Array.from({length: 4000}, (_, i) => [BigInt(i * 3 + part), `row ${i}`]);
    const of = options(`part${part}`);
    const meta = await store.write(of, sourceOf(rows, 2));
    const deletions = DeletionPages.none.with([part]).deletions;
    inputs.push({path: of.path, meta, schema: columns, isSorted: true, nullSeq: 0n, deletions});
  }
  const task = {keys: [0], missing: [null, null], inputs, scratch: directory, signal: undefined};
  const {meta, positions} = await store.merge({...task, options: options('whole')});
  test.equal(meta!.rows, 11_997);
  test.same([...positions[1]!.subarray(0, 4)], [0, -1, 5, 7]);
  const whole = store.open('storage://far/whole', meta!, columns);
  test.same(await whole.check(meta!), []);
  const rows = await whole.read([0, 11_996], scanOf(columns).columns);
  test.same(rows, [
    [1n, 'row 0'],
    [11_999n, 'row 3999'],
  ]);
});
