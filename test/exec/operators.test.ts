import t from 'tap';
import {WaitSignal} from '../../src/common/wait-signal.ts';
import type {Operator, RunContext} from '../../src/exec/operator.ts';
import {END, PAUSE} from '../../src/exec/operator.ts';
import type {BoundExpr} from '../../src/expr/bound.ts';
import type {ApplyPlan, Plan} from '../../src/sql/plan/plan.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  base,
  bool,
  build,
  call,
  column,
  constant,
  drain,
  execute,
  int4,
  int8,
  key,
  makeRun,
  randomOf,
  source,
  text,
  volatileCall,
  type Row,
} from './support.ts';

const numbers = (count: number): Row[] => Array.from({length: count}, (_, i) => [i]);
const outer = (index: number): BoundExpr => ({
  kind: 'outer',
  index,
  type: int4,
  typmod: -1,
  location: -1,
});
const limited = (input: Plan, limit: bigint | null, offset: bigint | null, ties = false): Plan => ({
  kind: 'limit',
  input,
  limit: limit === null ? null : constant(limit, int8),
  offset: offset === null ? null : constant(offset, int8),
  tieKeys: ties ? [key(0, int4)] : null,
  ...base([int4]),
});

t.test('LIMIT reads no row more than it owes', t => {
  for (const pauses of [false, true]) {
    const input = source(numbers(100), [int4], 1);
    const rows = Array.from(drainOnce(limited(input.plan, 3n, 2n), input, pauses));
    t.same(rows, [[2], [3], [4]]);
    t.equal(input.operator.served, 5);
  }
  const none = source(numbers(10), [int4], 1);
  t.same(drainOnce(limited(none.plan, 0n, 4n), none, false), []);
  t.equal(none.operator.served, 0);
  const all = source(numbers(10), [int4], 1);
  t.equal(drainOnce(limited(all.plan, null, 4n), all, true).length, 6);
  t.throws(() => drainOnce(limited(all.plan, -1n, null), all, false), {code: '2201W'});
  t.end();
});

function drainOnce(plan: Plan, input: ReturnType<typeof source>, injectsPauses: boolean): Row[] {
  const options = {sources: [input], injectsPauses};
  const operator = build(plan, options);
  operator.open(makeRun(options));
  const rows = drain(operator, options);
  operator.close();
  t.ok(input.operator.closed > 0);
  return rows;
}

t.test('a filter below LIMIT evaluates no row beyond the last one that is wanted', t => {
  const seen: Datum[] = [];
  const extension = {
    scalars: {test_see: {fn: (value: number) => seen.push(value) > 0 && value % 2 === 0}},
  };
  const input = source(numbers(50), [int4], 4);
  const filter: Plan = {
    kind: 'filter',
    input: input.plan,
    condition: volatileCall('test_see', bool, column(0, int4)),
    ...base([int4]),
  };
  const options = {sources: [input], extension};
  const operator = build(limited(filter, 4n, null), options);
  operator.open(makeRun(options));
  t.same(drain(operator, options), [[0], [2], [4], [6]]);
  t.same(seen, [0, 1, 2, 3, 4, 5, 6]);
  t.end();
});

t.test('WITH TIES', t => {
  const input = source([[1], [2], [2], [2], [3]], [int4], 1);
  for (const [limit, count] of [
    [1n, 1],
    [2n, 4],
    [3n, 4],
    [5n, 5],
    [0n, 0],
  ] as const) {
    t.equal(
      execute(limited(input.plan, limit, null, true), {
        sources: [input],
        injectsPauses: true,
        wanted: 2,
      }).length,
      count,
    );
  }
  t.end();
});

t.test('rows without columns are counted', t => {
  const input = source(numbers(2500), [int4], 2);
  const bare: Plan = {kind: 'project', input: input.plan, exprs: [], ...base([])};
  t.equal(execute(bare, {sources: [input], injectsPauses: true}).length, 2500);
  t.equal(execute({kind: 'values', rows: [[], [], []], ...base([])}, {sources: []}).length, 3);
  t.equal(
    execute({kind: 'sort', input: bare, keys: [], limit: null, ...base([])}, {sources: [input]})
      .length,
    2500,
  );
  t.equal(
    execute({kind: 'distinct', input: bare, on: null, ...base([])}, {sources: [input]}).length,
    1,
  );
  const cross: Plan = {
    kind: 'nestedLoop',
    joinType: 'inner',
    left: bare,
    right: {kind: 'values', rows: [[], []], ...base([])},
    condition: null,
    bindings: [],
    ...base([]),
  };
  t.equal(execute(cross, {sources: [input]}).length, 5000);
  t.end();
});

const applyOf = (input: Plan, subplan: Plan, more: Partial<ApplyPlan>): Plan => ({
  kind: 'apply',
  input,
  subplan,
  mode: 'exists',
  test: null,
  guard: null,
  bindings: [],
  runOnce: false,
  ...base([int4, bool]),
  ...more,
});

t.test('subqueries per row and once', t => {
  const random = randomOf(9);
  for (let i = 0; i < 30; i++) {
    const left = Array.from({length: random(50)}, (): Row => [random(8) === 0 ? null : random(10)]);
    const right = Array.from(
      {length: random(12)},
      (): Row => [random(8) === 0 ? null : random(10)],
    );
    const [l, r] = [source(left, [int4], i), source(right, [int4], i + 3)];
    const options = {
      sources: [l, r],
      injectsPauses: i % 2 === 0,
      neverSlices: i % 3 === 0,
      wanted: [1, 1024][i % 2]!,
    };
    const bound: Plan = {
      kind: 'filter',
      input: r.plan,
      condition: call('int4lt', bool, column(0, int4), outer(0)),
      ...base([int4]),
    };
    const exists = execute(
      applyOf(l.plan, bound, {bindings: [{slot: 0, expr: column(0, int4)}]}),
      options,
    );
    t.same(
      exists,
      left.map(([a]) => [
        a!,
        a !== null && right.some(([b]) => b !== null && (b as number) < (a as number)),
      ]),
    );
    const test = call('int4eq', bool, column(0, int4), column(1, int4));
    const any = execute(applyOf(l.plan, r.plan, {mode: 'any', test, runOnce: true}), options);
    t.same(
      any,
      left.map(([a]) => [
        a!,
        isIn(
          a!,
          right.map(row => row[0]!),
        ),
      ]),
    );
    const guard = call('int4lt', bool, column(0, int4), constant(5, int4));
    const first: Plan = limited(r.plan, 1n, null);
    const scalar = execute(
      applyOf(l.plan, first, {mode: 'scalar', guard, columns: base([int4, int4]).columns}),
      options,
    );
    t.same(
      scalar,
      left.map(([a]) => [a!, a !== null && (a as number) < 5 ? (right[0]?.[0] ?? null) : null]),
    );
  }
  t.end();
});

function isIn(value: Datum, list: readonly Datum[]): boolean | null {
  if (list.length === 0) return false;
  if (value === null) return null;
  return list.includes(value) ? true : list.includes(null) ? null : false;
}

t.test('a recursive query inside a subquery starts anew for each row', t => {
  const l = source([[3], [0], [5], [2]], [int4], 1);
  const work: Plan = {kind: 'workTableScan', cte: 7, ...base([int4])};
  const recursive: Plan = {
    kind: 'filter',
    condition: call('int4lt', bool, column(0, int4), outer(0)),
    ...base([int4]),
    input: {
      kind: 'project',
      input: work,
      exprs: [call('int4pl', int4, column(0, int4), constant(1, int4))],
      ...base([int4]),
    },
  };
  const union: Plan = {
    kind: 'recursiveUnion',
    cte: 7,
    initial: {kind: 'values', rows: [[constant(0, int4)]], ...base([int4])},
    recursive,
    isDistinct: true,
    ...base([int4]),
  };
  const counted: Plan = {
    kind: 'aggregate',
    input: union,
    keys: [],
    groupingSets: null,
    groupings: [],
    ...base([int8]),
    aggregates: [
      {
        function: 0 as never,
        source: 'aggregate_dummy',
        name: 'count',
        type: int8,
        args: [],
        isDistinct: false,
        filter: null,
        orderBy: [],
        kind: 'n',
        directArgCount: 0,
      },
    ],
  };
  const plan = applyOf(l.plan, counted, {
    mode: 'scalar',
    bindings: [{slot: 0, expr: column(0, int4)}],
    columns: base([int4, int8]).columns,
  });
  for (const injectsPauses of [false, true])
    t.same(execute(plan, {sources: [l], injectsPauses}), [
      [3, 3n],
      [0, 1n],
      [5, 5n],
      [2, 2n],
    ]);
  t.end();
});

t.test('the command tag does not count rows of data-modifying WITH queries', t => {
  class Changing implements Operator {
    #run!: RunContext;
    #left = 0;
    readonly #count: number;

    constructor(count: number) {
      this.#count = count;
    }

    open(run: RunContext): void {
      this.#run = run;
      this.#left = this.#count;
    }

    next(): typeof END | ReturnType<Operator['next']> {
      if (this.#left === 0) return END;
      this.#left--;
      this.#run.affectedRows++;
      return {
        count: 1,
        selection: null,
        vectors: [{kind: 'int32', values: Int32Array.of(this.#left), nulls: null}],
      };
    }

    close(): void {}
  }
  const plans = [3, 4, 5].map(() => source([], [int4], 1).plan);
  const plan: Plan = {
    kind: 'with',
    ...base([int4]),
    ctes: [0, 1].map(i => ({
      id: i,
      name: `w${i}`,
      plan: plans[i]!,
      isDataModifying: true,
      isMain: false,
    })),
    body: {
      kind: 'append',
      inputs: [{kind: 'cteScan', cte: 0, name: 'w0', ...base([int4])}, plans[2]!],
      ...base([int4]),
    },
  };
  const sources = plans.map((each, i) => ({plan: each, operator: new Changing(i + 3)}));
  const options = {sources: sources as never};
  const operator = build(plan, options);
  const run = makeRun(options);
  operator.open(run);
  t.equal(drain(operator, options).length, 8);
  t.equal(run.affectedRows, 5);
  t.end();
});

/** A function that waits at its first call for each argument, and one that counts its calls. */
function waitingLibrary(): {
  extension: {scalars: Record<string, {fn: (...args: never[]) => Datum}>};
  calls: () => number;
} {
  const waited = new Set<number>();
  let calls = 0;
  return {
    calls: () => calls,
    extension: {
      scalars: {
        pg_sleep: {
          fn: (value: number) => {
            if (waited.has(value)) return '';
            waited.add(value);
            throw new WaitSignal(Promise.resolve());
          },
        },
        test_next: {fn: (_: number) => ++calls},
      },
    },
  };
}

t.test('a call that waits is repeated for its row only, other volatile calls are not', t => {
  const exprs = [
    volatileCall('test_next', int4, column(0, int4)),
    volatileCall('pg_sleep', text, column(0, int4)),
    volatileCall('test_next', int4, column(0, int4)),
  ];
  const input = source(numbers(4), [int4], 1);
  const check = (plan: Plan, expected: Row[], expectedCalls: number): void => {
    const {extension, calls} = waitingLibrary();
    const options = {sources: [input], extension};
    const operator = build(plan, options);
    const run = makeRun(options);
    operator.open(run);
    const rows: Row[] = [];
    let waits = 0;
    for (;;) {
      const batch = operator.next(1024);
      if (batch === END) break;
      if (batch !== PAUSE) rows.push(...drainBatch(batch));
      else if (run.pause !== null) {
        waits++;
        run.pause = null;
      }
    }
    t.same(rows, expected);
    t.equal(calls(), expectedCalls);
    t.equal(waits, 4);
  };
  const drainBatch = (batch: Exclude<ReturnType<Operator['next']>, symbol>): Row[] => {
    let isGiven = false;
    const once: Operator = {
      open() {},
      close() {},
      next: () => (isGiven ? END : ((isGiven = true), batch)),
    };
    return drain(once, {sources: []});
  };
  const projected = [0, 1, 2, 3].map((_, i): Row => [2 * i + 1, '', 2 * i + 2]);
  check({kind: 'project', input: input.plan, exprs, ...base([int4, text, int4])}, projected, 8);
  const values: Plan = {
    kind: 'values',
    rows: [0, 1, 2, 3].map(i =>
      exprs.map(expr => ({...expr, args: [constant(i, int4)]}) as BoundExpr),
    ),
    ...base([int4, text, int4]),
  };
  check(values, projected, 8);
  const condition: BoundExpr = {
    kind: 'and',
    type: bool,
    typmod: -1,
    location: -1,
    args: [
      call('int4ge', bool, volatileCall('test_next', int4, column(0, int4)), constant(0, int4)),
      {
        kind: 'nullTest',
        arg: exprs[1]!,
        negated: true,
        isRow: false,
        type: bool,
        typmod: -1,
        location: -1,
      },
      call('int4gt', bool, column(0, int4), constant(1, int4)),
    ],
  };
  check({kind: 'filter', input: input.plan, condition, ...base([int4])}, [[2], [3]], 4);
  check(
    {
      kind: 'sort',
      input: input.plan,
      keys: [{expr: exprs[1]!, descending: false, nullsFirst: false}, key(0, int4, true)],
      limit: null,
      ...base([int4]),
    },
    [[3], [2], [1], [0]],
    0,
  );
  t.throws(
    () =>
      build(
        {
          kind: 'limit',
          input: input.plan,
          limit: exprs[1]!,
          offset: null,
          tieKeys: null,
          ...base([int4]),
        },
        {sources: [input]},
      ),
    {code: '0A000'},
  );
  t.end();
});
