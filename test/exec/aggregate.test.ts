import t from 'tap';
import type {AggregateCall, Plan} from '../../src/sql/plan/plan.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {
  base,
  bool,
  call,
  column,
  constant,
  execute,
  float8,
  int4,
  int8,
  randomOf,
  show,
  source,
  text,
  type Row,
  type RunOptions,
} from './support.ts';

const types = [int4, text, int8, float8];
const folder = temporaryFolder('exec-aggregate');
t.teardown(() => folder.remove());

type Random = (below: number) => number;

function randomRows(random: Random, count: number, range: number): Row[] {
  const orNull = (value: Datum): Datum => (random(10) === 0 ? null : value);
  return Array.from({length: count}, () => [
    orNull(random(range)),
    orNull(`w${random(range)}`),
    orNull(BigInt(random(range))),
    orNull(random(range)),
  ]);
}

function aggregate(
  name: string,
  type: TypeInstance,
  args: readonly number[],
  more: Partial<AggregateCall> = {},
): AggregateCall {
  return {
    function: 0 as never,
    source: 'aggregate_dummy',
    name,
    type,
    args: args.map(i => column(i, types[i]!)),
    isDistinct: false,
    filter: null,
    orderBy: [],
    kind: 'n',
    directArgCount: 0,
    ...more,
  };
}

const isSmall = call('int4lt', bool, column(0, int4), constant(5, int4));
const numbersOf = (rows: readonly Row[], at: number): number[] =>
  rows
    .map(row => row[at]!)
    .filter(value => value !== null)
    .map(Number);

/** Aggregates beside their definitions. */
const known: readonly (readonly [AggregateCall, (rows: readonly Row[]) => Datum])[] = [
  [aggregate('count', int8, []), rows => BigInt(rows.length)],
  [aggregate('count', int8, [1]), rows => BigInt(rows.filter(row => row[1] !== null).length)],
  [
    aggregate('sum', int8, [0]),
    rows =>
      numbersOf(rows, 0).length === 0
        ? null
        : BigInt(numbersOf(rows, 0).reduce((a, b) => a + b, 0)),
  ],
  [
    aggregate('sum', float8, [3]),
    rows =>
      numbersOf(rows, 3).length === 0 ? null : numbersOf(rows, 3).reduce((a, b) => a + b, 0),
  ],
  [
    aggregate('min', int4, [0]),
    rows => (numbersOf(rows, 0).length === 0 ? null : Math.min(...numbersOf(rows, 0))),
  ],
  [
    aggregate('max', float8, [3]),
    rows => (numbersOf(rows, 3).length === 0 ? null : Math.max(...numbersOf(rows, 3))),
  ],
  [
    aggregate('count', int8, [], {filter: isSmall}),
    rows => BigInt(rows.filter(row => row[0] !== null && (row[0] as number) < 5).length),
  ],
  [
    aggregate('count', int8, [0], {isDistinct: true}),
    rows => BigInt(new Set(numbersOf(rows, 0)).size),
  ],
];

function naiveGroups(
  rows: readonly Row[],
  keys: readonly number[],
  set: readonly number[],
  calls: readonly number[],
): Row[] {
  const groups = new Map<string, Row[]>();
  if (set.length === 0) groups.set('', []);
  for (const row of rows) {
    const name = show([set.map(k => row[keys[k]!]!)])[0]!;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  return [...groups.values()].map(group => [
    ...keys.map((at, k) => (set.includes(k) ? group[0]![at]! : null)),
    ...calls.map(c => known[c]![1](group)),
  ]);
}

function options(random: Random, sources: RunOptions['sources']): RunOptions {
  return {
    sources,
    injectsPauses: random(2) === 0,
    neverSlices: random(2) === 0,
    wanted: [1, 5, 1024][random(3)]!,
    spillDir: folder.path,
    workMemBytes: random(2) === 0 ? 1_500 : 1 << 30,
  };
}

t.test('groups equal the definition', t => {
  const seed = Date.now() % 1_000_000;
  const random = randomOf(seed);
  for (let i = 0; i < 150; i++) {
    const rows = randomRows(random, [0, 1, 50, 2000][random(4)]!, [3, 30, 2000][random(3)]!);
    const keys = [[], [0], [1], [2], [3], [0, 1], [1, 2, 3]][random(7)]!;
    const calls = Array.from({length: random(4)}, () => random(known.length));
    const sets =
      random(3) === 0 && keys.length > 0 ? [keys.map((_, k) => k).reverse(), [], [0]] : null;
    const input = source(rows, types, seed + i);
    const plan: Plan = {
      kind: 'aggregate',
      input: input.plan,
      keys: keys.map(k => column(k, types[k]!)),
      aggregates: calls.map(c => known[c]![0]),
      groupingSets: sets,
      groupings: [],
      ...base([...keys.map(k => types[k]!), ...calls.map(c => known[c]![0].type)]),
    };
    const actual = show(execute(plan, options(random, [input]))).sort();
    const expected = show(
      (sets ?? [keys.map((_, k) => k)]).flatMap(set => naiveGroups(rows, keys, set, calls)),
    ).sort();
    if (actual.join() !== expected.join())
      t.same(
        actual,
        expected,
        `seed ${seed}, case ${i}: keys ${keys.join()} calls ${calls.join()}`,
      );
  }
  t.pass(`seed ${seed}`);
  t.end();
});

t.test('distinct and set operations equal the definition', t => {
  const seed = Date.now() % 1_000_000;
  const random = randomOf(seed);
  for (let i = 0; i < 120; i++) {
    const range = [3, 12, 2000][random(3)]!;
    const some = [[int4], [text], [int8, float8]][random(3)]!;
    const make = (): Row[] =>
      randomRows(random, [0, 1, 60, 1500][random(4)]!, range).map(row =>
        some.map(type => row[types.indexOf(type)]!),
      );
    const [left, right] = [make(), make()];
    const [l, r] = [source(left, some, seed + i), source(right, some, seed + i + 5)];
    const run = options(random, [l, r]);
    const distinct = show(
      execute({kind: 'distinct', input: l.plan, on: null, ...base(some)}, run),
    ).sort();
    t.same(distinct, [...new Set(show(left))].sort(), `seed ${seed}, case ${i}: distinct`);
    const op = random(2) === 0 ? 'intersect' : 'except';
    const all = random(2) === 0;
    const actual = show(
      execute({kind: 'setOp', op, all, left: l.plan, right: r.plan, ...base(some)}, run),
    ).sort();
    if (actual.join() !== naiveSetOp(show(left), show(right), op, all).join())
      t.fail(`seed ${seed}, case ${i}: ${op} ${all}`);
  }
  t.end();
});

function naiveSetOp(
  left: readonly string[],
  right: readonly string[],
  op: 'intersect' | 'except',
  all: boolean,
): string[] {
  const rest = [...right];
  const out = left.filter(row => {
    const at = rest.indexOf(row);
    if (at !== -1 && all) rest.splice(at, 1);
    return (at !== -1) === (op === 'intersect');
  });
  return (all ? out : [...new Set(out)]).sort();
}
