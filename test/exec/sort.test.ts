import t from 'tap';
import {readdirSync} from 'node:fs';
import type {NodeCounters} from '../../src/exec/operator.ts';
import type {Plan, SortKey} from '../../src/sql/plan/plan.ts';
import type {Datum} from '../../src/types/contract.ts';
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
  key,
  randomOf,
  show,
  source,
  text,
  type Row,
} from './support.ts';

const types = [int4, text, int8, float8, bool];
const folder = temporaryFolder('exec-sort');
t.teardown(() => folder.remove());

function randomRows(random: (below: number) => number, count: number, range: number): Row[] {
  const orNull = (value: Datum): Datum => (random(10) === 0 ? null : value);
  const words = ['', 'a', 'ab', 'abc', 'abcd', 'b', 'ä', 'z', '\ue000x', '😀y', 'Zoo', 'abd'];
  return Array.from({length: count}, () => [
    orNull(random(range) - (range >> 1)),
    orNull(random(3) === 0 ? words[random(words.length)]! : `w${random(range)}`),
    orNull((BigInt(random(range)) - BigInt(range >> 1)) * 3_000_000_000n),
    orNull([NaN, -0, 0, Infinity, -Infinity, random(range) / 3, -random(range) / 7][random(7)]!),
    orNull(random(2) === 0),
  ]);
}

function compareRows(a: Row, b: Row, keys: readonly SortKey[]): number {
  for (const {expr, descending, nullsFirst} of keys) {
    const at = expr.kind === 'column' ? expr.index : 0;
    const [x, y] = [a[at]!, b[at]!];
    if (x === null && y === null) continue;
    if (x === null) return nullsFirst ? -1 : 1;
    if (y === null) return nullsFirst ? 1 : -1;
    const order = expr.type.compare(x, y);
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}

t.test('sorts as Array.sort does, stable, with and without files', t => {
  const seed = Date.now() % 1_000_000;
  const random = randomOf(seed);
  for (let i = 0; i < 120; i++) {
    const rows = randomRows(
      random,
      [0, 1, 20, 300, 3000][random(5)]!,
      [4, 100, 100_000][random(3)]!,
    );
    const keys = Array.from({length: 1 + random(3)}, () => {
      const at = random(types.length);
      return key(at, types[at]!, random(2) === 0, random(2) === 0);
    });
    const limit = random(3) === 0 ? random(30) : null;
    const input = source(rows, types, seed + i);
    const plan: Plan = {
      kind: 'sort',
      input: input.plan,
      keys,
      limit: limit === null ? null : constant(BigInt(limit), int8),
      ...base(types),
    };
    const spills = random(2) === 0;
    const actual = show(
      execute(plan, {
        sources: [input],
        spillDir: folder.path,
        workMemBytes: spills ? 3_000 : 1 << 30,
        injectsPauses: random(2) === 0,
        neverSlices: random(2) === 0,
        wanted: [1, 7, 1024][random(3)]!,
      }),
    );
    const expected = show(
      rows.toSorted((a, b) => compareRows(a, b, keys)).slice(0, limit ?? rows.length),
    );
    if (actual.join() !== expected.join()) t.same(actual, expected, `seed ${seed}, case ${i}`);
  }
  t.pass(`seed ${seed}`);
  t.end();
});

t.test('a computed key', t => {
  const rows: Row[] = [3, 1, 2, null, 5].map(value => [value]);
  const input = source(rows, [int4], 3);
  const plan: Plan = {
    kind: 'sort',
    input: input.plan,
    keys: [
      {
        expr: call('int4mod', int4, column(0, int4), constant(3, int4)),
        descending: true,
        nullsFirst: false,
      },
    ],
    limit: null,
    ...base([int4]),
  };
  t.same(execute(plan, {sources: [input]}), [[2], [5], [1], [3], [null]]);
  t.end();
});

t.test('a top-N keeps few rows, counts what it spills, leaves no file', t => {
  const rows = Array.from({length: 20_000}, (_, i): Row => [20_000 - i, `w${i}`]);
  const input = source(rows, [int4, text], 1);
  const sorted = (limit: bigint | null): Plan => ({
    kind: 'sort',
    input: input.plan,
    keys: [key(0, int4)],
    limit: limit === null ? null : constant(limit, int8),
    ...base([int4, text]),
  });
  t.same(execute(sorted(3n), {sources: [input]}), [
    [1, 'w19999'],
    [2, 'w19998'],
    [3, 'w19997'],
  ]);
  t.same(execute(sorted(0n), {sources: [input]}), []);
  const plan = sorted(null);
  const counters = new Map<number, NodeCounters>();
  const all = execute(plan, {
    sources: [input],
    workMemBytes: 10_000,
    spillDir: folder.path,
    counters,
  });
  t.same(
    all.map(row => row[0]),
    Array.from({length: 20_000}, (_, i) => i + 1),
  );
  t.ok(counters.get(plan.id)!.spilledBytes > 100_000);
  t.same(readdirSync(folder.path), []);
  t.end();
});
