import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {SetFunctionCall} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import {formatType} from '../types/format-type.ts';
import {PgRecord} from '../types/record-value.ts';
import type {PlanCompiler} from './compiler.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';

/** A set-returning call ready to run. */
export interface SetFunctionRun {
  readonly returnsRow: boolean;
  /** Evaluates the arguments over a row and starts it; null = no rows (strict with a NULL argument). */
  start(run: RunContext, row: readonly Datum[]): Iterator<Datum | readonly Datum[]> | null;
}

/** Compiles a set-returning call, or an ordinary one in FROM as a function of one row. */
export function makeSetFunction(
  call: SetFunctionCall,
  env: ExecEnv,
  compiler: PlanCompiler = env.compiler,
): SetFunctionRun {
  if (call.expr !== null) return singleRow(call, compiler);
  const code = env.library.setReturning(call.source);
  if (code === undefined) throw featureNotSupported(`function ${call.name} is not supported`);
  const args = compiler.row(call.args);
  let current: RunContext | null = null;
  const result = call.columns[0]?.type ?? env.types.typeByOid(2278 as never)!;
  const start = code.create({
    columns: call.columns,
    args: call.args.map(arg => arg.type),
    result,
    lookup: env.types,
    context: () => current!.context,
  });
  return {
    returnsRow: call.returnsRow,
    start(run, row) {
      current = run;
      const values = args(run, row);
      if (call.isStrict && values.includes(null)) return null;
      const rows = start(values, run.context);
      return call.returnsRow ? new RowsOfRecords(rows, call, env) : rows;
    },
  };
}

/** Rows as lists of fields: a function of values (unnest) gives rows as values. */
class RowsOfRecords implements Iterator<Datum | readonly Datum[]> {
  readonly #rows: Iterator<Datum | readonly Datum[]>;
  readonly #call: SetFunctionCall;
  readonly #env: ExecEnv;

  constructor(rows: Iterator<Datum | readonly Datum[]>, call: SetFunctionCall, env: ExecEnv) {
    this.#rows = rows;
    this.#call = call;
    this.#env = env;
  }

  next(): IteratorResult<Datum | readonly Datum[]> {
    const step = this.#rows.next();
    if (step.done === true || !(step.value instanceof PgRecord)) return step;
    checkShape(step.value, this.#call, this.#env);
    return {done: false, value: step.value.fields};
  }
}

/** 42804 for an anonymous row that is not what the column definition list says. */
function checkShape(row: PgRecord, {columns}: SetFunctionCall, env: ExecEnv): void {
  const {fieldTypes} = row;
  const fail = (detail: string): PgError =>
    new PgError(
      SqlState.datatypeMismatch,
      'function return row and query-specified return row do not match',
      {detail},
    );
  if (fieldTypes.length !== columns.length)
    throw fail(
      `Returned row contains ${fieldTypes.length} attribute${fieldTypes.length === 1 ? '' : 's'}, but query expects ${columns.length}.`,
    );
  for (let at = 0; at < fieldTypes.length; at++) {
    if (fieldTypes[at] === columns[at]!.type.oid || fieldTypes[at] === columns[at]!.type.base?.oid)
      continue;
    const {type} = columns[at]!;
    const given = env.types.typeByOid(fieldTypes[at]!);
    throw fail(
      `Returned type ${given === undefined ? '???' : formatType(given, null)} at ordinal position ${at + 1}, but query expects ${formatType(type, null)}.`,
    );
  }
}

function singleRow(call: SetFunctionCall, compiler: PlanCompiler): SetFunctionRun {
  const expr = compiler.row([call.expr!]);
  return {
    returnsRow: call.returnsRow,
    start(run, row) {
      const value = expr(run, row)[0]!;
      const fields = call.returnsRow && value instanceof PgRecord ? value.fields : value;
      return [call.returnsRow && value === null ? call.columns.map(() => null) : fields][
        Symbol.iterator
      ]();
    },
  };
}
