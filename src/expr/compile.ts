import type {Batch} from '../columns/batch.ts';
import type {Vector} from '../columns/vector.ts';
import type {Datum} from '../types/contract.ts';
import type {BoundExpr} from './bound.ts';
import type {EmitEnvironment, InputKind, Operand} from './emit-context.ts';
import {Emitter} from './emitter.ts';
import type {FactoryCache} from './factory-cache.ts';
import type {ExprRun} from './run.ts';
import {widenCall} from './widen.ts';

/** What compiling needs: functions, types, and where instantiated sources are shared. */
export interface CompileEnvironment extends EmitEnvironment {
  readonly cache: FactoryCache;
}

/** Where a filter stopped: the live row to go on with. */
export interface FilterPosition {
  next: number;
}

/**
 * Writes physical indexes of selected rows into `out`; starts at live row `from`, stops after `limit`
 * hits, tells where in the position.
 */
export type FilterCode = (
  run: ExprRun,
  input: Batch,
  out: Int32Array,
  from: number,
  limit: number,
) => number;

/**
 * Computes the first `limit` live rows; row j goes to j (dense) or to its physical index (sparse).
 */
export type ProjectionCode = (
  run: ExprRun,
  input: Batch,
  limit: number,
  outputs: readonly OutputColumn[],
  isDense: boolean,
) => void;

/** An expression without columns. */
export type ScalarCode = (run: ExprRun) => Datum;

/** Expressions over one row of Datums; the array is the caller's to keep. */
export type RowCode = (run: ExprRun, row: readonly Datum[]) => Datum[];

/**
 * A vector to be written, with room for `capacity` rows and a mask that is used when a NULL comes.
 */
export interface OutputColumn {
  readonly vector: Vector;
  readonly mask: Uint8Array;
}

const ROW_LOOP = 'const sel = input.selection;';

/** Compiles a conjunction for one layout; a NULL condition does not select. */
export function compileFilter(
  conditions: readonly BoundExpr[],
  inputs: readonly InputKind[],
  environment: CompileEnvironment,
  position: FilterPosition,
): FilterCode {
  const emitter = new Emitter(environment, inputs);
  const parts = flattenAnd(conditions).map(widenCall);
  const isBranchFree = parts.length > 0 && parts.every(part => isTotalTest(part, emitter));
  const flags: string[] = [];
  for (const condition of parts) {
    const operand = emitter.emit(condition);
    if (isBranchFree) flags.push(keepSource(operand));
    else emitter.line(`if (${skipSource(operand)}) continue;`);
  }
  const take = isBranchFree
    ? `out[found] = i; found += ${flags.join(' & ')} & 1;`
    : 'out[found++] = i;';
  const at = emitter.bind(position);
  const source = emitter.source(
    (prologue, body) => `return function filter(run, input, out, from, limit) {
${prologue}
${ROW_LOOP}
const total = input.count;
let found = 0, j = from;
for (; j < total; j++) {
const i = sel === null ? j : sel[j];
${body}
${take}
if (found === limit) { j++; break; }
}
${at}.next = j;
return found;
};`,
  );
  return environment.cache.get(source)(emitter.args) as FilterCode;
}

/**
 * 1 or 0: unpredictable conditions that cannot fail cost less as arithmetic than as branches
 * (bench/expr.ts).
 */
function keepSource(operand: Operand): string {
  return operand.isNull === 'false' ? operand.value : `${operand.value} & !${operand.isNull}`;
}

const flatKinds: ReadonlySet<InputKind> = new Set(['int32', 'float64', 'int64', 'bool']);

/**
 * Whether a condition is a total function of native columns and values, so that it may run where an
 * earlier one failed.
 */
function isTotalTest(expr: BoundExpr, emitter: Emitter): boolean {
  if (expr.kind !== 'call' || !expr.isStrict) return false;
  const code = emitter.environment.library.scalar(expr.source);
  if (code === undefined || !('emit' in code) || code.isTotal !== true) return false;
  return expr.args.every(arg => {
    if (arg.kind === 'column') return flatKinds.has(emitter.inputKind(arg.index));
    return (
      arg.kind === 'param' || arg.kind === 'slot' || (arg.kind === 'constant' && arg.value !== null)
    );
  });
}

function skipSource(operand: Operand): string {
  if (operand.isNull === 'true') return 'true';
  return operand.isNull === 'false'
    ? `!${operand.value}`
    : `${operand.isNull} || !${operand.value}`;
}

function flattenAnd(conditions: readonly BoundExpr[]): BoundExpr[] {
  return conditions.flatMap(condition =>
    condition.kind === 'and' ? flattenAnd(condition.args) : [condition],
  );
}

/**
 * Compiles a target list for one layout: one loop that writes every expression of a row before the next
 * row.
 */
export function compileProjection(
  exprs: readonly BoundExpr[],
  inputs: readonly InputKind[],
  environment: CompileEnvironment,
): ProjectionCode {
  const emitter = new Emitter(environment, inputs);
  const before: string[] = [];
  const after: string[] = [];
  exprs.forEach((expr, index) => {
    const operand = emitter.emit(expr);
    before.push(
      `const w${index} = outputs[${index}].vector, w${index}v = w${index}.values, w${index}m = outputs[${index}].mask;`,
    );
    emitter.line(storeSource(expr, index, operand));
    if (operand.isNull === 'false') after.push(`w${index}.nulls = null;`);
    else {
      before.push(`let w${index}x = 0;`);
      after.push(`w${index}.nulls = w${index}x !== 0 ? w${index}m : null;`);
    }
  });
  const source = emitter.source(
    (prologue, body) => `return function project(run, input, limit, outputs, isDense) {
${prologue}
${before.join('\n')}
${ROW_LOOP}
for (let j = 0; j < limit; j++) {
const i = sel === null ? j : sel[j];
const o = isDense ? j : i;
${body}
}
${after.join('\n')}
};`,
  );
  return environment.cache.get(source)(emitter.args) as ProjectionCode;
}

function storeSource(expr: BoundExpr, index: number, operand: Operand): string {
  const isBool = expr.type.physical === 'bool';
  const value = isBool ? `${operand.value} ? 1 : 0` : operand.value;
  const target = `w${index}v[o]`;
  if (operand.isNull === 'false') return `${target} = ${value};`;
  const zero = {bool: '0', int32: '0', float64: '0', int64: '0n', text: "''", boxed: 'null'}[
    expr.type.physical
  ];
  const flag = `w${index}m[o]`;
  const isNull = `${target} = ${zero}; ${flag} = 1; w${index}x = 1;`;
  if (operand.isNull === 'true') return isNull;
  return `if (${operand.isNull}) { ${isNull} } else { ${target} = ${value}; ${flag} = 0; }`;
}

/** Compiles an expression without columns (defaults, limits, slots). */
export function compileScalar(expr: BoundExpr, environment: CompileEnvironment): ScalarCode {
  const emitter = new Emitter(environment, []);
  const operand = emitter.emit(expr);
  emitter.line(`return ${emitter.datum(operand)};`);
  const source = emitter.source(
    (prologue, body) => `return function scalar(run) {\n${prologue}\n${body}\n};`,
  );
  return environment.cache.get(source)(emitter.args) as ScalarCode;
}

/** Compiles expressions over a row of Datums (CHECK, ON CONFLICT SET, index expressions). */
export function compileRow(exprs: readonly BoundExpr[], environment: CompileEnvironment): RowCode {
  const emitter = new Emitter(environment, []);
  const values = exprs.map(expr => emitter.datum(emitter.emit(expr)));
  emitter.line(`return [${values.join(', ')}];`);
  const source = emitter.source(
    (prologue, body) => `return function row(run, row) {\n${prologue}\n${body}\n};`,
  );
  return environment.cache.get(source)(emitter.args) as RowCode;
}
