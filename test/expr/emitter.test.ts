// The emitter against the tree-walking reference: random expressions over random layouts. SEED=... repeats a run.
import t from 'tap';
import type {Batch} from '../../src/columns/batch.ts';
import type {Vector} from '../../src/columns/vector.ts';
import {PgError} from '../../src/common/errors.ts';
import type {BoundExpr} from '../../src/expr/bound.ts';
import {ExprCompiler} from '../../src/expr/compiler.ts';
import {FactoryCache} from '../../src/expr/factory-cache.ts';
import type {ExprRun} from '../../src/expr/run.ts';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import type {Datum} from '../../src/types/contract.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {testRun} from '../functions/test-run.ts';
import type {Shape, TypeName} from './random-expr.ts';
import {ExprMaker, samples} from './random-expr.ts';
import type {RandomTypes} from './reference.ts';
import {Random, walk} from './reference.ts';

const builtin = createBuiltinTypes();
const named = (name: string) => builtin.byName(name)!;
const types: RandomTypes = {
  int4: named('int4'),
  int8: named('int8'),
  float8: named('float8'),
  bool: named('bool'),
  text: named('text'),
  textArray: named('_text'),
  int4Array: named('_int4'),
};
const log: Datum[] = [];
const library = createFunctionLibrary({
  scalars: {
    test_log: {
      fn: (value: Datum) => {
        log.push(value);
        return value;
      },
    },
  },
});
const shape: Shape = {
  columns: ['int4', 'int4', 'text', 'text', 'bool', 'int8', 'float8', 'text'],
  params: ['int4', 'text'],
  slots: ['int4', 'text', 'bool'],
};

/** One column in a random layout; texts may be dictionary codes, UTF-8 or strings. */
function makeVector(random: Random, type: TypeName, values: readonly Datum[]): Vector {
  const hasNull = values.includes(null);
  const nulls =
    hasNull || random.below(4) === 0
      ? Uint8Array.from(values, value => (value === null ? 1 : 0))
      : null;
  if (random.below(5) === 0) return {kind: 'boxed', values: values.slice(), nulls};
  switch (type) {
    case 'int4':
      return {
        kind: 'int32',
        values: Int32Array.from(values, value => (value as number | null) ?? 77),
        nulls,
      };
    case 'int8':
      return {
        kind: 'int64',
        values: BigInt64Array.from(values, value => (value as bigint | null) ?? 77n),
        nulls,
      };
    case 'float8':
      return {
        kind: 'float64',
        values: Float64Array.from(values, value => (value as number | null) ?? 77),
        nulls,
      };
    case 'bool':
      return {
        kind: 'bool',
        values: Uint8Array.from(values, value => (value === true ? 1 : 0)),
        nulls,
      };
    case 'text':
      return makeText(random, values as readonly (string | null)[], nulls);
  }
}

function makeText(
  random: Random,
  values: readonly (string | null)[],
  nulls: Uint8Array | null,
): Vector {
  switch (random.below(3)) {
    case 0:
      return {kind: 'string', values: values.map(value => value ?? ''), nulls};
    case 1: {
      const entries = [...new Set(values.filter(value => value !== null))];
      const dictionary = {size: entries.length, get: (code: number) => entries[code]!};
      return {
        kind: 'dict',
        values: Int32Array.from(values, value => (value === null ? 9999 : entries.indexOf(value))),
        dictionary,
        nulls,
      };
    }
    default: {
      const parts = values.map(value => Buffer.from(value ?? '', 'utf8'));
      const offsets = new Int32Array(values.length + 1);
      parts.forEach((part, index) => (offsets[index + 1] = offsets[index]! + part.length));
      return {kind: 'utf8', bytes: Buffer.concat([...parts, Buffer.from('abc')]), offsets, nulls};
    }
  }
}

function valueAt(vector: Vector, row: number): Datum {
  if (vector.nulls !== null && vector.nulls[row] !== 0) return null;
  switch (vector.kind) {
    case 'bool':
      return vector.values[row] !== 0;
    case 'dict':
      return vector.dictionary.get(vector.values[row]!);
    case 'utf8':
      return vector.bytes.toString('utf8', vector.offsets[row], vector.offsets[row + 1]);
    default:
      return vector.values[row]!;
  }
}

const show = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint'
      ? `${each}n`
      : typeof each === 'number' && !Number.isFinite(each)
        ? String(each)
        : each,
  );

function outcome(body: () => unknown): string {
  log.length = 0;
  try {
    const value = body();
    return show([value, log]);
  } catch (error) {
    if (error instanceof PgError) return show([error.code, log]);
    throw error;
  }
}

interface Round {
  readonly batch: Batch;
  readonly live: readonly number[];
  readonly run: ExprRun;
  readonly rows: readonly (readonly Datum[])[];
}

function makeRound(random: Random): Round {
  const size = 1 + random.below(12);
  const columns = shape.columns.map(type =>
    Array.from({length: size}, () =>
      random.below(5) === 0 ? samples[type][1]! : random.pick(samples[type]),
    ),
  );
  const live =
    random.below(2) === 0
      ? Array.from({length: size}, (_, row) => row)
      : Array.from({length: size}, (_, row) => row).filter(() => random.below(3) > 0);
  const isAll = live.length === size;
  const batch: Batch = {
    count: live.length,
    selection: isAll ? null : Int32Array.from(live),
    vectors: columns.map((values, index) => makeVector(random, shape.columns[index]!, values)),
  };
  const run = {
    ...testRun(builtin),
    params: shape.params.map(type => random.pick(samples[type])),
    slots: shape.slots.map(type => random.pick(samples[type])),
  };
  return {
    batch,
    live,
    run,
    rows: Array.from({length: size}, (_, row) => columns.map(values => values[row]!)),
  };
}

const scope = (round: Round, row: number) => ({
  row: round.rows[row]!,
  params: round.run.params,
  slots: round.run.slots,
  outer: [],
  lets: new Map(),
  log,
});

function checkFilter(
  random: Random,
  exprs: readonly BoundExpr[],
  round: Round,
  compiler: ExprCompiler,
): readonly [string, string] {
  const filter = compiler.filter(exprs);
  const limit = random.below(3) === 0 ? 1 + random.below(3) : 1000;
  const out = new Int32Array(16);
  const actual = outcome(() => [
    ...out.subarray(0, filter.run(round.run, round.batch, out, 0, limit)),
  ]);
  const wanted = outcome(() => {
    const found: number[] = [];
    for (const row of round.live) {
      if (found.length === limit) break;
      if (exprs.every(expr => walk(expr, scope(round, row)) === true)) found.push(row);
    }
    return found;
  });
  return [actual, wanted];
}

function checkProjection(
  random: Random,
  exprs: readonly BoundExpr[],
  round: Round,
  compiler: ExprCompiler,
): readonly [string, string] {
  const projection = compiler.projection(exprs);
  const limit = random.below(round.live.length + 2);
  const actual = outcome(() => {
    const batch = projection.run(round.run, round.batch, limit);
    return Array.from({length: batch.count}, (_, row) =>
      batch.vectors.map(vector =>
        valueAt(vector, batch.selection === null ? row : batch.selection[row]!),
      ),
    );
  });
  const wanted = outcome(() =>
    round.live.slice(0, limit).map(row => exprs.map(expr => walk(expr, scope(round, row)))),
  );
  return [actual, wanted];
}

const seed = Number(process.env['SEED'] ?? 20240607);
const rounds = Number(process.env['ROUNDS'] ?? 1500);
console.log(`# seed ${seed}`);
const random = new Random(seed);
const cache = new FactoryCache();
const compiler = new ExprCompiler(library, builtin, cache);
let failed = 0;
for (let round = 0; round < rounds && failed < 5; round++) {
  const maker = new ExprMaker(random, types, shape);
  const data = makeRound(random);
  const conditions = Array.from({length: 1 + random.below(2)}, () =>
    maker.make('bool', 1 + random.below(4)),
  ).filter(expr => expr.kind !== 'and');
  const targets = Array.from({length: 1 + random.below(3)}, () =>
    maker.make(random.pick(['int4', 'int8', 'float8', 'bool', 'text'] as const), 4),
  );
  const rowCode = compiler.row(targets);
  const pairs = {
    filter: checkFilter(random, conditions, data, compiler),
    projection: checkProjection(random, targets, data, compiler),
    row: [
      outcome(() => rowCode(data.run, data.rows[0]!)),
      outcome(() => targets.map(expr => walk(expr, scope(data, 0)))),
    ] as const,
  };
  for (const [name, [actual, wanted]] of Object.entries(pairs)) {
    if (actual === wanted) continue;
    failed++;
    t.fail(
      `${name} of round ${round}: ${actual} instead of ${wanted}; ${JSON.stringify(name === 'filter' ? conditions : targets, (key, value: unknown) => (key === 'type' ? (value as {name: string}).name : typeof value === 'bigint' ? `${value}n` : value))}`,
    );
  }
}
t.equal(failed, 0, `${rounds} rounds`);
