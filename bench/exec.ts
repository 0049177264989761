// Time of operators over 1M rows in batches of 1,024: `node bench/exec.ts [work_mem in kB]`; with a small work_mem they spill.
import {tmpdir} from 'node:os';
import type {Batch} from '../src/columns/batch.ts';
import type {TextDictionary} from '../src/columns/vector.ts';
import type {Operator} from '../src/exec/operator.ts';
import {END, PAUSE} from '../src/exec/operator.ts';
import type {AggregateCall, Plan, ValuesPlan} from '../src/sql/plan/plan.ts';
import type {TypeInstance} from '../src/types/contract.ts';
import {
  base,
  build,
  column,
  constant,
  float8,
  int4,
  int8,
  key,
  makeRun,
  randomOf,
  text,
} from '../test/exec/support.ts';

const SIZE = 1024;
const workMemBytes = Number(process.argv[2] ?? 1 << 20) * 1024;
const types = [int4, text, int4, float8, int4];
const random = randomOf(42);
const words = Array.from({length: 20}, (_, i) => `word ${i}`);
const dictionary: TextDictionary = {size: words.length, get: code => words[code]!};

/** id int4, word text (dictionary of 20), key int4 (of 10,000), float8, random int4. */
function makeBatches(rows: number): Batch[] {
  const batches: Batch[] = [];
  for (let at = 0; at < rows; at += SIZE) {
    const count = Math.min(SIZE, rows - at);
    const make = (value: (i: number) => number): Int32Array =>
      Int32Array.from({length: count}, (_, i) => value(i));
    batches.push({
      count,
      selection: null,
      vectors: [
        {kind: 'int32', values: make(i => at + i), nulls: null},
        {kind: 'dict', values: make(() => random(20)), dictionary, nulls: null},
        {kind: 'int32', values: make(() => random(10_000)), nulls: null},
        {
          kind: 'float64',
          values: Float64Array.from({length: count}, () => random(1_000_000) / 7),
          nulls: null,
        },
        {kind: 'int32', values: make(() => random(1_000_000_000)), nulls: null},
      ],
    });
  }
  return batches;
}

class Batches implements Operator {
  readonly #batches: readonly Batch[];
  #at = 0;

  constructor(batches: readonly Batch[]) {
    this.#batches = batches;
  }

  open(): void {
    this.#at = 0;
  }

  next(): Batch | typeof END {
    return this.#at < this.#batches.length ? this.#batches[this.#at++]! : END;
  }

  close(): void {}
}

const rowCount = 1 << 20;
const big = makeBatches(rowCount);
const small = makeBatches(10_000);
const tiny = makeBatches(20).map(
  (batch): Batch => ({
    ...batch,
    vectors: batch.vectors.map((v, i) =>
      i === 1
        ? {
            kind: 'dict',
            values: Int32Array.from({length: 20}, (_, k) => k),
            dictionary,
            nulls: null,
          }
        : v,
    ),
  }),
);

function values(): ValuesPlan {
  return {kind: 'values', rows: [], ...base(types)};
}

function aggregate(name: string, type: TypeInstance, args: number[]): AggregateCall {
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
  };
}

function time(
  name: string,
  make: (input: ValuesPlan, other: ValuesPlan) => Plan,
  other: readonly Batch[] = small,
): void {
  const left = values();
  const right = values();
  const sources = [
    {plan: left, operator: new Batches(big)},
    {plan: right, operator: new Batches(other)},
  ];
  const operator = build(make(left, right), {sources: sources as never});
  const run = makeRun({sources: [], workMemBytes, spillDir: tmpdir()});
  const times: number[] = [];
  let rows = 0;
  for (let round = 0; round < 9; round++) {
    const start = performance.now();
    operator.open(run);
    rows = 0;
    for (;;) {
      const batch = operator.next(SIZE);
      if (batch === END) break;
      if (batch !== PAUSE) rows += batch.count;
    }
    times.push(performance.now() - start);
  }
  operator.close();
  times.sort((a, b) => a - b);
  const [min, median] = [times[0]!, times[4]!];
  console.log(
    `${name.padEnd(44)} min ${min.toFixed(1).padStart(7)} ms  median ${median.toFixed(1).padStart(7)} ms  ${((min * 1e6) / rowCount).toFixed(2).padStart(7)} ns/row  ${rows} rows`,
  );
}

const sums = [
  aggregate('count', int8, []),
  aggregate('sum', int8, [0]),
  aggregate('avg', float8, [3]),
];
const joined = base([...types, ...types]);
time('count(*)', input => ({
  kind: 'aggregate',
  input,
  keys: [],
  aggregates: [sums[0]!],
  groupingSets: null,
  groupings: [],
  ...base([int8]),
}));
time('sum, avg without keys', input => ({
  kind: 'aggregate',
  input,
  keys: [],
  aggregates: sums,
  groupingSets: null,
  groupings: [],
  ...base([int8, int8, float8]),
}));
time('group by dict: count, sum, avg', input => ({
  kind: 'aggregate',
  input,
  keys: [column(1, text)],
  aggregates: sums,
  groupingSets: null,
  groupings: [],
  ...base([text, int8, int8, float8]),
}));
time('group by int (10,000): count, sum, avg', input => ({
  kind: 'aggregate',
  input,
  keys: [column(2, int4)],
  aggregates: sums,
  groupingSets: null,
  groupings: [],
  ...base([int4, int8, int8, float8]),
}));
time('group by dict, int (200,000): count', input => ({
  kind: 'aggregate',
  input,
  keys: [column(1, text), column(2, int4)],
  aggregates: [sums[0]!],
  groupingSets: null,
  groupings: [],
  ...base([text, int4, int8]),
}));
const join = (left: Plan, right: Plan, at: number, type: TypeInstance): Plan => ({
  kind: 'hashJoin',
  joinType: 'inner',
  left,
  right,
  leftKeys: [column(at, type)],
  rightKeys: [column(at === 2 ? 0 : at, type)],
  condition: null,
  isNullAware: false,
  ...joined,
});
time('hash join int: 1M probe 10,000', (left, right) => join(left, right, 2, int4));
time('hash join dict: 1M probe 20', (left, right) => join(left, right, 1, text), tiny);
time('hash join int: 10,000 probe 1M', (left, right) => join(right, left, 0, int4));
time(
  'semi join int: 1M probe 10,000',
  (left, right) =>
    ({...join(left, right, 2, int4), joinType: 'semi', columns: left.columns}) as Plan,
);
time('sort by int4', input => ({
  kind: 'sort',
  input,
  keys: [key(4, int4)],
  limit: null,
  ...base(types),
}));
time('sort by float8', input => ({
  kind: 'sort',
  input,
  keys: [key(3, float8)],
  limit: null,
  ...base(types),
}));
time('sort by dict, int4 desc', input => ({
  kind: 'sort',
  input,
  keys: [key(1, text), key(4, int4, true)],
  limit: null,
  ...base(types),
}));
time('top 20 by int4', input => ({
  kind: 'sort',
  input,
  keys: [key(4, int4)],
  limit: constant(20n, int8),
  ...base(types),
}));
time('top 20 by dict, float8 desc', input => ({
  kind: 'sort',
  input,
  keys: [key(1, text), key(3, float8, true)],
  limit: constant(20n, int8),
  ...base(types),
}));
time('distinct int (10,000)', input => ({
  kind: 'distinct',
  input: {kind: 'project', input, exprs: [column(2, int4)], ...base([int4])},
  on: null,
  ...base([int4]),
}));
