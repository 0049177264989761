import type {FunctionRow} from '../catalog/contract.ts';
import type {Batch} from '../columns/batch.ts';
import {featureNotSupported, PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {readRow} from '../exec/column-store.ts';
import type {BoundExpr} from '../expr/bound.ts';
import {coerce, compositeColumns} from '../sql/bind/coerce.ts';
import {errorType} from '../sql/bind/display-type.ts';
import {newBinding} from '../sql/bind/statement.ts';
import {parameterNamesOf} from '../sql/bind/substitutes.ts';
import {TypeOid} from '../sql/bind/type-oids.ts';
import type {ParsedStatement} from '../sql/contract.ts';
import {bodyStatements} from '../sql/parse/sql-body.ts';
import {describeQuery, planStatement} from '../sql/plan/plan-statement.ts';
import type {QueryPlan} from '../sql/plan/plan.ts';
import type {KeptView} from '../storage/contract.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {PgRecord} from '../types/record-value.ts';
import {discardRows, type Execution, type RowReceiver} from './execution.ts';
import {StoredPlan} from './plan-store.ts';
import type {SessionContext} from './session-context.ts';

/** Calls of SQL functions inside each other, at most. */
const MAX_DEPTH = 500;

const NO_ROWS = "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.";

/** A call under way. */
interface Call {
  readonly session: SessionContext;
  readonly row: FunctionRow;
  readonly values: readonly Datum[];
  /** What a function that is not VOLATILE sees: the same as the statement that calls it. */
  readonly view: KeptView | null;
}

/** Runs the body of a function in LANGUAGE sql; its value. */
export async function callSqlFunction(
  session: SessionContext,
  fn: Oid,
  values: readonly Datum[],
): Promise<Datum> {
  const rows = await sqlFunctionRows(session, fn, values);
  const row = rows[0] ?? null;
  const type = functionRow(session, fn).returnType;
  if (row === null || type === TypeOid.void) return null;
  const fields = resultTypes(session, functionRow(session, fn));
  if (fields === null) return row[0]!;
  return new PgRecord(
    type,
    fields.map(field => field.oid),
    row,
    null,
    fields,
  );
}

/** Runs the body of a function in LANGUAGE sql; its rows, of one value or of its result columns. */
export async function sqlFunctionRows(
  session: SessionContext,
  fn: Oid,
  values: readonly Datum[],
): Promise<readonly (readonly Datum[])[]> {
  const {currentRole, evalContext} = session;
  // The statement that calls begins to wait before anything is done here.
  await Promise.resolve();
  // A cancel wakes who waits last: from here on that is not the caller, who must not end before this does.
  await session.wait(Promise.resolve());
  if (evalContext.functionDepth >= MAX_DEPTH)
    throw new PgError(SqlState.statementTooComplex, 'stack depth limit exceeded');
  const {catalog, tx} = session.transaction;
  const row = functionRow(session, fn);
  const descriptor = catalog.get('function', fn);
  const isDefiner = descriptor?.kind === 'function' && descriptor.isSecurityDefiner;
  const view = row.volatility === 'v' ? null : tx.keepView();
  const before = session.currentRole;
  session.currentRole = isDefiner ? descriptor.owner : currentRole;
  evalContext.functionDepth++;
  try {
    return await runBody({session, row, values, view});
  } finally {
    evalContext.functionDepth--;
    session.currentRole = before;
    view?.release();
  }
}

/** Whether the rows of a function are lists of columns. */
export function returnsRows(session: SessionContext, fn: Oid): boolean {
  return resultTypes(session, functionRow(session, fn)) !== null;
}

/** Binds the statements of a body, as when the function is made: 42P13 when the last one does not give what is declared. */
export function checkSqlFunction(session: SessionContext, fn: Oid): void {
  const row = functionRow(session, fn);
  const statements = statementsOf(session, row);
  let columns: readonly {readonly type: TypeInstance}[] | null = null;
  for (const statement of statements) {
    columns = describeQuery(statement, session.planner.context(row.argTypes), {
      parameterNames: parameterNamesOf(row),
      parameterScope: row.name,
    }).columns;
  }
  if (row.returnType !== TypeOid.void) conversions(session, row, columns);
}

function functionRow(session: SessionContext, fn: Oid): FunctionRow {
  const row = session.transaction.catalog.functionByOid(fn);
  if (row !== undefined) return row;
  throw new PgError(SqlState.undefinedFunction, `function with OID ${fn} does not exist`);
}

function statementsOf(session: SessionContext, row: FunctionRow): readonly ParsedStatement[] {
  const statements = session.engine.parser.parse(bodyStatements(row.sqlBody ?? ''));
  for (const statement of statements) {
    if (!session.planner.isPlannable(statement))
      throw featureNotSupported(
        `SQL function ${row.name} with statements other than SELECT, INSERT, UPDATE, DELETE and MERGE is not supported`,
        {hint: 'Write it as a procedure.'},
      );
  }
  return statements;
}

async function runBody(call: Call): Promise<readonly (readonly Datum[])[]> {
  const {session, row} = call;
  const statements = statementsOf(session, row);
  let rows: (readonly Datum[])[] | null = null;
  for (const [at, statement] of statements.entries()) {
    rows = await runStatement(call, statement, at === statements.length - 1);
  }
  if (row.returnType !== TypeOid.void && rows === null) throw mismatch(session, row, NO_ROWS);
  return rows ?? [];
}

/** Runs one statement; of the last one its rows, converted to the function's. */
async function runStatement(
  call: Call,
  statement: ParsedStatement,
  isLast: boolean,
): Promise<(readonly Datum[])[] | null> {
  const {session, row, view} = call;
  const {plan, execution} = await planned(call, statement);
  const rows: (readonly Datum[])[] = [];
  try {
    const convert =
      isLast && row.returnType !== TypeOid.void
        ? conversions(session, row, plan.returnsRows ? plan.columns : null)
        : null;
    if (view !== null) {
      checkUnchanging(plan);
      execution.start!(view);
    }
    // The last SELECT is run no further than to the row that is wanted (PostgreSQL fmgr_sql, lazyEval).
    const isSelect =
      plan.kind === 'select' && plan.tables.every(({mode}) => mode !== 'rowExclusive');
    const limit = convert !== null && isSelect && !row.returnsSet ? 1 : Infinity;
    await execution.run(limit, convert === null ? discardRows : collector(rows, convert));
    return convert === null ? null : rows;
  } finally {
    execution.close();
  }
}

function collector(
  rows: (readonly Datum[])[],
  convert: (row: readonly Datum[]) => readonly Datum[],
): RowReceiver {
  return {
    rows(batch: Batch): void {
      for (let i = 0; i < batch.count; i++) {
        const row: Datum[] = [];
        readRow(batch, i, row);
        rows.push(convert(row));
      }
    },
    isFull: false,
    drained: () => Promise.resolve(),
  };
}

/** Planned when its tables are locked: planned again as long as others held them. */
async function planned(
  {session, row, values}: Call,
  statement: ParsedStatement,
): Promise<{readonly plan: QueryPlan; readonly execution: Execution}> {
  for (;;) {
    const {plan} = planStatement(statement, session.planner.context(row.argTypes), {
      parameterNames: parameterNamesOf(row),
      parameterScope: row.name,
    });
    const waiting = session.lockTables(plan);
    if (waiting === undefined) {
      const {catalog} = session.transaction;
      const entry = new StoredPlan(plan, catalog, session.planner.roleKey);
      return {plan, execution: session.executePlan(entry, values, [])};
    }
    await waiting;
  }
}

/** 0A000 for a statement that changes data in a function that is not VOLATILE. */
function checkUnchanging(plan: QueryPlan): void {
  const locks = plan.tables.find(({mode}) => mode !== 'accessShare');
  if (plan.kind === 'select' && locks === undefined) return;
  const word =
    plan.kind !== 'select'
      ? plan.kind.toUpperCase()
      : locks!.mode === 'rowShare'
        ? 'SELECT FOR UPDATE'
        : 'a change of data';
  throw featureNotSupported(`${word} is not allowed in a non-volatile function`);
}

/** Columns of a function's row; null when its result is one value. */
function resultTypes(session: SessionContext, row: FunctionRow): readonly TypeInstance[] | null {
  const binding = newBinding(session.planner.context([]), '');
  const outs = row.allArgTypes.filter((_type, at) => 'obt'.includes(row.argModes[at] ?? 'i'));
  if (outs.length > 1 || (outs.length === 1 && row.returnType === TypeOid.record))
    return outs.map(type => binding.type(type));
  if (outs.length === 1) return null;
  const columns = compositeColumns(binding, binding.type(row.returnType));
  if (columns !== null) return columns.map(column => column.type);
  if (row.returnType !== TypeOid.record) return null;
  throw featureNotSupported(
    `SQL function ${row.name} of several statements cannot return an undeclared record`,
  );
}

/** From the rows of the last statement to those of the function, each value as in an assignment. */
function conversions(
  session: SessionContext,
  row: FunctionRow,
  columns: readonly {readonly type: TypeInstance}[] | null,
): (row: readonly Datum[]) => readonly Datum[] {
  if (columns === null) throw mismatch(session, row, NO_ROWS);
  const fields = resultTypes(session, row);
  const binding = newBinding(session.planner.context([]), '');
  const result = binding.type(row.returnType);
  if (fields !== null && columns.length === 1 && columns[0]!.type.oid === result.oid)
    return ([value]) =>
      value instanceof PgRecord ? value.fields : fields.map(() => null as Datum);
  const wanted = fields ?? [result];
  if (columns.length !== wanted.length) {
    const few = columns.length < wanted.length ? 'few' : 'many';
    const detail =
      fields === null
        ? 'Final statement must return exactly one column.'
        : `Final statement returns too ${few} columns.`;
    throw mismatch(session, row, detail);
  }
  const exprs = columns.map(({type}, index): BoundExpr | null => {
    const target = wanted[index]!;
    if (type.oid === target.oid) return null;
    const value: BoundExpr = {kind: 'param', type, typmod: -1, location: -1, index: 0};
    try {
      return coerce(binding, value, target, {context: 'assignment'});
    } catch (error) {
      if (!(error instanceof PgError) || error.code !== SqlState.cannotCoerce) throw error;
      const detail =
        fields === null
          ? `Actual return type is ${errorType(type)}.`
          : `Final statement returns ${errorType(type)} instead of ${errorType(target)} at column ${index + 1}.`;
      throw mismatch(session, row, detail);
    }
  });
  return values =>
    exprs.map((expr, index) =>
      expr === null ? values[index]! : session.planner.evaluate(expr, [values[index]!]),
    );
}

function mismatch(session: SessionContext, row: FunctionRow, detail: string): PgError {
  const type = session.transaction.catalog.typeByOid(row.returnType);
  return new PgError(
    SqlState.invalidFunctionDefinition,
    `return type mismatch in function declared to return ${type === undefined ? 'record' : errorType(type)}`,
    {detail},
  );
}
