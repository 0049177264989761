import t from 'tap';
import type {Plan, WindowCall, WindowFrame} from '../../src/sql/plan/plan.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  base,
  column,
  constant,
  execute,
  int4,
  int8,
  key,
  randomOf,
  show,
  source,
  type Row,
} from './support.ts';

/** id, partition, order key, value */
const types = [int4, int4, int4, int4];

function windowCall(name: string, isAggregate: boolean): WindowCall {
  const type = name === 'first_value' || name === 'max' ? int4 : int8;
  const args = name === 'row_number' || name === 'rank' ? [] : [column(3, int4)];
  return {
    function: 0 as never,
    source: isAggregate ? 'aggregate_dummy' : `window_${name}`,
    name,
    type,
    isAggregate,
    args,
    filter: null,
  };
}

const calls = [
  windowCall('sum', true),
  windowCall('count', true),
  windowCall('max', true),
  windowCall('row_number', false),
  windowCall('rank', false),
  windowCall('first_value', false),
];

type Bound = WindowFrame['start'] | WindowFrame['end'];

/** Position of a bound among rows (rows) or peer groups (groups). */
function place(bound: Bound, at: number, count: number): number {
  const offset =
    bound.offset !== null && bound.offset.kind === 'constant' ? Number(bound.offset.value) : 0;
  switch (bound.kind) {
    case 'unboundedPreceding':
      return 0;
    case 'unboundedFollowing':
      return count - 1;
    case 'currentRow':
      return at;
    case 'preceding':
      return at - offset;
    case 'following':
      return at + offset;
  }
}

function frameRows(rows: readonly Row[], at: number, frame: WindowFrame): Row[] {
  const current = rows[at]!;
  const distinct = [...new Set(rows.map(row => row[2]))];
  const position = (row: Row, i: number): number =>
    frame.mode === 'rows' ? i : distinct.indexOf(row[2]!);
  const count = frame.mode === 'rows' ? rows.length : distinct.length;
  const here = position(current, at);
  const [from, to] = [place(frame.start, here, count), place(frame.end, here, count)];
  return rows.filter((row, i) => {
    const its = position(row, i);
    if (its < from || its > to) return false;
    const isPeer = row[2] === current[2];
    if (frame.exclude === 'currentRow') return i !== at;
    if (frame.exclude === 'group') return !isPeer;
    return frame.exclude !== 'ties' || !isPeer || i === at;
  });
}

function naive(rows: readonly Row[], frame: WindowFrame): Row[] {
  const out: Row[] = [];
  for (const partition of new Set(rows.map(row => row[1]))) {
    const mine = rows
      .filter(row => row[1] === partition)
      .sort((a, b) => (a[2] as number) - (b[2] as number) || (a[0] as number) - (b[0] as number));
    mine.forEach((row, at) => {
      const values = frameRows(mine, at, frame).map(each => each[3]!);
      const numbers = values.filter(value => value !== null).map(Number);
      const results: Datum[] = [
        numbers.length === 0 ? null : BigInt(numbers.reduce((a, b) => a + b, 0)),
        BigInt(numbers.length),
        numbers.length === 0 ? null : Math.max(...numbers),
        BigInt(at + 1),
        BigInt(mine.findIndex(each => each[2] === row[2]) + 1),
        values[0] ?? null,
      ];
      out.push([...row, ...results]);
    });
  }
  return out;
}

t.test('frames equal the definition', t => {
  const seed = Date.now() % 1_000_000;
  const random = randomOf(seed);
  for (let i = 0; i < 200; i++) {
    const rows = Array.from(
      {length: random(60)},
      (_, id): Row => [id, random(3), random(8), random(6) === 0 ? null : random(100)],
    );
    const offset = (): WindowFrame['start']['offset'] => constant(BigInt(random(4)), int8);
    const starts: WindowFrame['start'][] = [
      {kind: 'unboundedPreceding', offset: null},
      {kind: 'currentRow', offset: null},
      {kind: 'preceding', offset: offset()},
      {kind: 'following', offset: offset()},
    ];
    const ends: WindowFrame['end'][] = [
      {kind: 'unboundedFollowing', offset: null},
      {kind: 'currentRow', offset: null},
      {kind: 'preceding', offset: offset()},
      {kind: 'following', offset: offset()},
    ];
    const frame: WindowFrame = {
      mode: random(2) === 0 ? 'rows' : 'groups',
      start: starts[random(4)]!,
      end: ends[random(4)]!,
      exclude: (['noOthers', 'currentRow', 'group', 'ties'] as const)[random(4)]!,
    };
    const input = source(rows, types, seed + i);
    // Calls that look back only are computed by another operator.
    const backward = random(4) === 0;
    const some = backward ? [3, 4] : random(4) === 0 ? [0, 1, 2] : [0, 1, 2, 3, 4, 5];
    // Rows of one peer group keep the order of their arrival, which is by id.
    const plan: Plan = {
      kind: 'window',
      input: input.plan,
      partitionBy: [column(1, int4)],
      orderBy: [key(2, int4)],
      frame,
      calls: some.map(c => calls[c]!),
      ...base([...types, ...some.map(c => calls[c]!.type)]),
    };
    const run = {
      sources: [input],
      injectsPauses: random(2) === 0,
      neverSlices: random(2) === 0,
      wanted: [1, 4, 1024][random(3)]!,
    };
    const actual = show(execute(plan, run)).sort();
    const expected = show(
      naive(rows, frame).map(row => [...row.slice(0, 4), ...some.map(c => row[4 + c]!)]),
    ).sort();
    if (actual.join() !== expected.join())
      t.same(
        actual,
        expected,
        `seed ${seed}, case ${i}: ${frame.mode} ${frame.start.kind} ${frame.end.kind} ${frame.exclude}`,
      );
  }
  t.pass(`seed ${seed}`);
  t.end();
});

t.test('row_number reads no more rows than are wanted', t => {
  const input = source(
    Array.from({length: 50}, (_, id): Row => [id, 0, id, 1]),
    types,
    1,
  );
  const frame: WindowFrame = {
    mode: 'range',
    start: {kind: 'unboundedPreceding', offset: null},
    end: {kind: 'currentRow', offset: null},
    exclude: 'noOthers',
  };
  const plan: Plan = {
    kind: 'window',
    input: input.plan,
    partitionBy: [],
    orderBy: [],
    frame,
    calls: [calls[3]!, calls[4]!],
    ...base([...types, int8, int8]),
  };
  const rows = execute(
    {
      kind: 'limit',
      input: plan,
      limit: constant(3n, int8),
      offset: null,
      tieKeys: null,
      ...base([...types, int8, int8]),
    },
    {sources: [input], injectsPauses: true},
  );
  t.same(
    rows.map(row => row.slice(4)),
    [
      [1n, 1n],
      [2n, 1n],
      [3n, 1n],
    ],
  );
  t.equal(input.operator.served, 6);
  t.end();
});

t.test('a large partition is computed in linear time', t => {
  const rows = Array.from({length: 20_000}, (_, id): Row => [id, 0, id, 1]);
  const input = source(rows, types, 1);
  const frame: WindowFrame = {
    mode: 'rows',
    start: {kind: 'preceding', offset: constant(9_999n, int8)},
    end: {kind: 'currentRow', offset: null},
    exclude: 'noOthers',
  };
  const plan: Plan = {
    kind: 'window',
    input: input.plan,
    partitionBy: [],
    orderBy: [key(2, int4)],
    frame,
    calls: calls.slice(0, 3),
    ...base([...types, int8, int8, int4]),
  };
  const out = execute(plan, {sources: [input]});
  t.same(out[19_999]!.slice(4), [10_000n, 10_000n, 1]);
  t.end();
});
