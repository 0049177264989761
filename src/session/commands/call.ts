import type {CallStmt} from '@pgsql/types';
import type {FunctionRow} from '../../catalog/contract.ts';
import type {Batch} from '../../columns/batch.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {readRow} from '../../exec/column-store.ts';
import {bindProcedureCall} from '../../sql/bind/call-statement.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import {bodyStatements} from '../../sql/parse/sql-body.ts';
import {planStatement} from '../../sql/plan/plan-statement.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ResultShape} from '../contract.ts';
import {
  CommandExecution,
  discardRows,
  type Execution,
  type RowReceiver,
  RowsExecution,
} from '../execution.ts';
import {StoredPlan} from '../plan-store.ts';
import {checkPlanPrivileges, checkSchemaUsage} from '../privileges.ts';
import {computedShape} from '../result-shape.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';

const NO_ROWS = "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.";

/** The arguments of a call, as values for the statements of the body. */
interface Arguments {
  readonly row: FunctionRow;
  readonly values: readonly Datum[];
  readonly names: readonly string[];
}

/** CALL procedure(arguments) in LANGUAGE sql: the statements of its body, one after the other. */
export function callCommand(input: CommandInput<CallStmt>): Execution {
  return calling(input, null);
}

/** A call; `caller` is the procedure whose body it is in. */
function calling(
  {session, node, statement, params, parameterTypes}: CommandInput<CallStmt>,
  caller: Arguments | null,
): Execution {
  const context = session.planner.context(parameterTypes);
  const within = caller === null ? null : {name: caller.row.name, names: caller.names};
  const call = bindProcedureCall(node.funccall ?? {}, statement.text, context, within);
  const shape = outputShape(session, call.row);
  if (caller !== null && shape !== null)
    throw featureNotSupported(
      'calling procedures with output arguments is not supported in SQL functions',
    );
  const work = async (): Promise<(readonly Datum[])[]> => {
    const {catalog} = session.transaction;
    session.transaction.hasRun = true;
    checkPlanPrivileges(catalog, session.currentRole, [
      {relation: call.row.oid, privilege: 'X', columns: [], asRole: 0 as never},
    ]);
    if ((node.funccall?.funcname ?? []).length > 1)
      checkSchemaUsage(catalog, session.currentRole, call.row.schema);
    const values = call.args.map(arg => session.planner.evaluate(arg, params));
    const descriptor = catalog.get('function', call.row.oid);
    const isDefiner = descriptor?.kind === 'function' && descriptor.isSecurityDefiner;
    const before = session.currentRole;
    if (isDefiner) session.currentRole = descriptor.owner;
    try {
      return await runBody(session, {row: call.row, values, names: call.names}, shape);
    } finally {
      session.currentRole = before;
    }
  };
  const execution =
    shape === null
      ? new CommandExecution(async () => {
          await work();
          return 'CALL';
        })
      : new RowsExecution(shape, work, 'CALL');
  return Object.assign(execution, {parameterTypes: call.parameterTypes});
}

/** The columns of the row that OUT and INOUT parameters make, null without. */
function outputShape(session: SessionContext, row: FunctionRow): ResultShape | null {
  const columns = [...row.argModes].flatMap((mode, at): [string, TypeInstance][] => {
    const type = session.transaction.catalog.typeByOid(row.allArgTypes[at]!);
    if ((mode !== 'b' && mode !== 'o') || type === undefined) return [];
    const name = row.argNames[at] ?? '';
    return [[name, type]];
  });
  for (const [at, column] of columns.entries()) if (column[0] === '') column[0] = `column${at + 1}`;
  return columns.length === 0 ? null : computedShape(columns);
}

async function runBody(
  session: SessionContext,
  call: Arguments,
  shape: ResultShape | null,
): Promise<(readonly Datum[])[]> {
  const statements = session.engine.parser.parse(bodyStatements(call.row.sqlBody ?? ''));
  let last: (readonly Datum[])[] | null = null;
  for (const [at, statement] of statements.entries()) {
    const isLast = at === statements.length - 1;
    const rows = await runStatement(session, call, statement, isLast ? shape : null);
    if (isLast) last = rows;
  }
  if (shape === null) return [];
  if (last === null) throw mismatch(NO_ROWS);
  return [last[0] ?? shape.fields.map(() => null)];
}

/** Runs one statement; its rows when `shape` says what they must be, else null. */
async function runStatement(
  session: SessionContext,
  call: Arguments,
  statement: ParsedStatement,
  shape: ResultShape | null,
): Promise<(readonly Datum[])[] | null> {
  if (statement.ast !== null && 'TransactionStmt' in statement.ast)
    throw featureNotSupported(`${transactionWord(statement)} is not allowed in an SQL function`);
  if (statement.ast !== null && 'CallStmt' in statement.ast) {
    const {row, values: params} = call;
    const input = {session, node: statement.ast.CallStmt, statement, params};
    await finish(calling({...input, parameterTypes: row.argTypes}, call), discardRows);
    return null;
  }
  if (!session.planner.isPlannable(statement)) {
    await finish(session.prepareExecution(statement, [], false), discardRows);
    return null;
  }
  const execution = await planned(session, call, statement, shape);
  if (shape === null) {
    await finish(execution, discardRows);
    return null;
  }
  const rows: (readonly Datum[])[] = [];
  const width = shape.fields.length;
  await finish(execution, {
    rows(batch: Batch): void {
      for (let i = 0; i < batch.count; i++) {
        const row: Datum[] = [];
        readRow(batch, i, row);
        rows.push(row.slice(0, width));
      }
    },
    isFull: false,
    drained: () => Promise.resolve(),
  });
  return rows;
}

async function finish(execution: Execution, receiver: RowReceiver): Promise<void> {
  try {
    await execution.run(Infinity, receiver);
  } finally {
    execution.close();
  }
}

/** Planned when its tables are locked: planned again as long as others held them. */
async function planned(
  session: SessionContext,
  {row, values, names}: Arguments,
  statement: ParsedStatement,
  shape: ResultShape | null,
): Promise<Execution> {
  for (;;) {
    const options = {parameterNames: names, parameterScope: row.name};
    const {plan} = planStatement(statement, session.planner.context(row.argTypes), options);
    if (shape !== null) checkColumns(plan.returnsRows ? plan.columns : null, shape);
    const waiting = session.lockTables(plan);
    if (waiting === undefined) {
      const entry = new StoredPlan(plan, session.transaction.catalog, session.planner.roleKey);
      return session.executePlan(entry, values, []);
    }
    await waiting;
  }
}

function checkColumns(
  columns: readonly {readonly type: TypeInstance}[] | null,
  shape: ResultShape,
): void {
  if (columns === null) throw mismatch(NO_ROWS);
  if (columns.length < shape.fields.length)
    throw mismatch('Final statement returns too few columns.');
  if (columns.length > shape.fields.length)
    throw mismatch('Final statement returns too many columns.');
  columns.forEach(({type}, at) => {
    const wanted = shape.fields[at]!.type;
    if (type.oid === wanted.oid) return;
    throw mismatch(
      `Final statement returns ${type.name} instead of ${wanted.name} at column ${at + 1}.`,
    );
  });
}

function mismatch(detail: string): PgError {
  return new PgError(
    SqlState.invalidFunctionDefinition,
    'return type mismatch in function declared to return record',
    {detail},
  );
}

function transactionWord({ast}: ParsedStatement): string {
  const kind = ast !== null && 'TransactionStmt' in ast ? (ast.TransactionStmt.kind ?? '') : '';
  return kind.replace('TRANS_STMT_', '').replaceAll('_', ' ');
}
