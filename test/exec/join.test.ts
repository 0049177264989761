import t from 'tap';
import type {BoundExpr} from '../../src/expr/bound.ts';
import type {JoinType, Plan} from '../../src/sql/plan/plan.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {
  base,
  bool,
  call,
  column,
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
const joinTypes: readonly JoinType[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];
const folder = temporaryFolder('exec-join');
t.teardown(() => folder.remove());

type Random = (below: number) => number;

function randomRow(random: Random, range: number): Row {
  const orNull = (value: Datum): Datum => (random(12) === 0 ? null : value);
  return [
    orNull(random(range)),
    orNull(`w${random(range)}`),
    orNull(BigInt(random(range)) * 5_000_000_000n),
    orNull(random(range) / 2),
  ];
}

function randomRows(random: Random, count: number, range: number): Row[] {
  return Array.from({length: count}, () => randomRow(random, range));
}

function same(type: TypeInstance, a: Datum, b: Datum): boolean | null {
  return a === null || b === null ? null : type.equals(a, b);
}

interface Case {
  readonly joinType: JoinType;
  readonly keys: readonly number[];
  /** left c0 <= right c0 */
  readonly hasCondition: boolean;
  readonly isNullAware: boolean;
}

/** The definition of a join: every pair. */
function naive(
  left: readonly Row[],
  right: readonly Row[],
  {joinType, keys, hasCondition, isNullAware}: Case,
): Row[] {
  const out: Row[] = [];
  const rightMatched = new Set<number>();
  const nulls = types.map(() => null);
  for (const l of left) {
    let isMatched = false;
    let isUnknown = false;
    right.forEach((r, i) => {
      const tests = keys.map(k => same(types[k]!, l[k]!, r[k]!));
      if (hasCondition)
        tests.push(l[0] === null || r[0] === null ? null : (l[0] as number) <= (r[0] as number));
      if (tests.includes(false)) return;
      if (tests.includes(null)) {
        isUnknown = true;
        return;
      }
      isMatched = true;
      rightMatched.add(i);
      if (joinType !== 'semi' && joinType !== 'anti') out.push([...l, ...r]);
    });
    if (joinType === 'semi' && isMatched) out.push(l);
    if (joinType === 'anti' && !isMatched && !(isNullAware && isUnknown)) out.push(l);
    if ((joinType === 'left' || joinType === 'full') && !isMatched) out.push([...l, ...nulls]);
  }
  if (joinType === 'right' || joinType === 'full')
    right.forEach((r, i) => rightMatched.has(i) || out.push([...nulls, ...r]));
  return out;
}

const condition: BoundExpr = call('int4le', bool, column(0, int4), column(types.length, int4));

function options(random: Random, sources: RunOptions['sources'], spills: boolean): RunOptions {
  return {
    sources,
    injectsPauses: random(2) === 0,
    neverSlices: random(2) === 0,
    wanted: [1, 3, 1024][random(3)]!,
    spillDir: folder.path,
    workMemBytes: spills ? 2_000 : 1 << 30,
  };
}

t.test('hash joins equal the definition', t => {
  const seed = Date.now() % 1_000_000;
  const random = randomOf(seed);
  for (let i = 0; i < 150; i++) {
    const range = [3, 40, 2000][random(3)]!;
    const spills = random(3) === 0;
    const size = spills ? 600 : 80;
    const left = randomRows(random, random(size), range);
    const right = randomRows(random, random(size), range);
    const joinType = joinTypes[random(6)]!;
    const keys = [[0], [1], [2], [3], [0, 1], [1, 2, 3]][random(6)]!;
    const isNullAware = joinType === 'anti' && keys.length === 1 && random(2) === 0;
    const hasCondition = !isNullAware && random(2) === 0;
    const [l, r] = [source(left, types, seed + i), source(right, types, seed + i + 7)];
    const plan: Plan = {
      kind: 'hashJoin',
      joinType,
      left: l.plan,
      right: r.plan,
      leftKeys: keys.map(k => column(k, types[k]!)),
      rightKeys: keys.map(k => column(k, types[k]!)),
      condition: hasCondition ? condition : null,
      isNullAware,
      ...base(joinType === 'semi' || joinType === 'anti' ? types : [...types, ...types]),
    };
    const actual = show(execute(plan, options(random, [l, r], spills))).sort();
    const expected = show(naive(left, right, {joinType, keys, hasCondition, isNullAware})).sort();
    if (actual.join() !== expected.join())
      t.same(
        actual,
        expected,
        `seed ${seed}, case ${i}: ${joinType} ${keys.join()} spills ${spills}`,
      );
  }
  t.pass(`seed ${seed}`);
  t.end();
});

t.test('loops over pairs equal the definition', t => {
  const seed = Date.now() % 1_000_000;
  const random = randomOf(seed);
  for (let i = 0; i < 100; i++) {
    const left = randomRows(random, random(40), 20);
    const right = randomRows(random, random(40), 20);
    const joinType = joinTypes[random(6)]!;
    const hasCondition = random(3) > 0;
    const [l, r] = [source(left, types, seed + i), source(right, types, seed + i + 7)];
    const plan: Plan = {
      kind: 'nestedLoop',
      joinType,
      left: l.plan,
      right: r.plan,
      condition: hasCondition ? condition : null,
      bindings: [],
      ...base(joinType === 'semi' || joinType === 'anti' ? types : [...types, ...types]),
    };
    const actual = show(execute(plan, options(random, [l, r], false))).sort();
    const expected = show(
      naive(left, right, {joinType, keys: [], hasCondition, isNullAware: false}),
    ).sort();
    if (actual.join() !== expected.join())
      t.same(actual, expected, `seed ${seed}, case ${i}: ${joinType}`);
  }
  t.pass(`seed ${seed}`);
  t.end();
});

t.test('loops with bindings equal the definition', t => {
  const seed = Date.now() % 1_000_000;
  const random = randomOf(seed);
  for (let i = 0; i < 60; i++) {
    const left = randomRows(random, random(30), 6);
    const right = randomRows(random, random(30), 6);
    const joinType = (['inner', 'left', 'semi', 'anti'] as const)[random(4)]!;
    const hasCondition = random(2) === 0;
    const [l, r] = [source(left, types, seed + i), source(right, types, seed + i + 7)];
    const outer: BoundExpr = {kind: 'outer', index: 2, type: int4, typmod: -1, location: -1};
    const inner: Plan = {
      kind: 'filter',
      input: r.plan,
      condition: call('int4eq', bool, column(0, int4), outer),
      ...base(types),
    };
    const plan: Plan = {
      kind: 'nestedLoop',
      joinType,
      left: l.plan,
      right: inner,
      condition: hasCondition ? condition : null,
      bindings: [{slot: 2, expr: column(0, int4)}],
      ...base(joinType === 'semi' || joinType === 'anti' ? types : [...types, ...types]),
    };
    const actual = show(execute(plan, options(random, [l, r], false))).sort();
    const expected = show(
      naive(left, right, {joinType, keys: [0], hasCondition, isNullAware: false}),
    ).sort();
    if (actual.join() !== expected.join())
      t.same(actual, expected, `seed ${seed}, case ${i}: ${joinType}`);
  }
  t.pass(`seed ${seed}`);
  t.end();
});

t.test('a left side is not read when nothing can join with it', t => {
  const l = source(randomRows(randomOf(1), 10, 5), types, 1);
  const r = source([], types, 2);
  const plan: Plan = {
    kind: 'hashJoin',
    joinType: 'inner',
    left: l.plan,
    right: r.plan,
    leftKeys: [column(0, int4)],
    rightKeys: [column(0, int4)],
    condition: null,
    isNullAware: false,
    ...base([...types, ...types]),
  };
  t.same(execute(plan, {sources: [l, r]}), []);
  t.equal(l.operator.served, 0);
  t.end();
});
