import {featureNotSupported} from '../common/errors.ts';
import type {SetFunctionCall} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
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
      return start(values, run.context);
    },
  };
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
