import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import type {Node} from '@pgsql/types';
import {assert, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {CopyOptions} from '../../copy/copy-options.ts';
import {withWhere} from '../../copy/copy-row.ts';
import type {CopyColumn} from '../../copy/copy-rows.ts';
import {buildOperator} from '../../exec/build.ts';
import {Insert} from '../../exec/operators/insert.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {columnsOf} from '../../expr/analyze.ts';
import {childrenOf} from '../../expr/children.ts';
import {ExprCompiler} from '../../expr/compiler.ts';
import {bindCondition, bindScalarExpression} from '../../sql/bind/scalar.ts';
import type {InsertPlan, ValuesPlan} from '../../sql/plan/plan.ts';
import {discardRows} from '../execution.ts';
import {PlanExecution} from '../plan-execution.ts';
import {ExecutionRun} from '../run-context.ts';
import type {PlanEntry, SessionContext} from '../session-context.ts';
import {PickColumns} from '../../exec/operators/pick-columns.ts';
import {checkBinaryEncoding} from './copy-out.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {rowCode} from './table-rows.ts';
import {CopySource} from './copy-source.ts';

/** OID of nextval(), which does not make PostgreSQL insert row by row. */
const NEXTVAL = 1574;

/** What a COPY FROM says beside its table and columns. */
export interface CopyInput {
  readonly options: CopyOptions;
  readonly where: Node | null;
  /** The statement's text, for positions. */
  readonly text: string;
}

/**
 * COPY FROM STDIN: an INSERT whose VALUES are the client's rows, so that defaults, checks, keys and owners are those of INSERT.
 * Nothing is kept when a line is bad.
 */
export async function copyIn(
  session: SessionContext,
  table: TableDescriptor,
  names: readonly string[],
  input: CopyInput,
): Promise<string> {
  const {options} = input;
  const {catalog} = session.transaction;
  const columns = names.map((name): CopyColumn => {
    const column = table.columns.find(each => each.name === name && !each.isDropped);
    if (column === undefined)
      return {name, type: catalog.typeByOid(25 as never)!, typmod: -1, check: null};
    const type = catalog.typeByOid(column.typeOid)!;
    return {name, type, typmod: column.typmod, check: domainCheck(session, type)};
  });
  const condition = input.where === null ? null : bindWhere(session, table, input);
  const entry = planInsert(session, table, names, columns);
  const {root} = entry.plan;
  assert(root.kind === 'insert', 'an INSERT is planned as one');
  session.checkPrivileges(entry.plan);
  checkBinaryEncoding(session.settings.clientEncoding, options);
  const source = new CopySource(
    {relation: table.name, columns: names},
    columns,
    options,
    options.hasEncoding === true ? null : session.settings.clientEncoding,
  );
  const {engine} = session;
  if (condition !== null)
    source.condition = new ExprCompiler(engine.library, catalog, engine.factories).row([condition]);
  const operator = buildOperator(root, {
    library: engine.library,
    types: catalog,
    factories: engine.factories,
    isInstrumented: false,
    injectsPauses: false,
    replaced: new Map([[root.input, new PickColumns(source, parameterOrder(root))]]),
  });
  assert(operator instanceof Insert, 'an insert plan becomes an Insert');
  operator.feedBy(source);
  const execution = new PlanExecution(session, entry, [], []);
  execution.useInstance({operator, run: new ExecutionRun(entry.plan.outerCount)});
  session.copyIn = source;
  session.sink.copyInResponse(options.format === 'binary', names.length);
  session.sink.flush();
  try {
    await execution.run(Infinity, discardRows);
    return execution.tag(0).replace('INSERT 0', 'COPY');
  } catch (error) {
    if (!(error instanceof PgError) || error.fields.where !== undefined) throw error;
    // Foreign keys are looked at when all rows are there.
    if (error.code === SqlState.foreignKeyViolation) throw error;
    const hasText = operator.isPreparing || insertsSingly(root, condition);
    throw withWhere(error, source.where(operator.inputRow, hasText));
  } finally {
    session.copyIn = null;
    execution.close();
  }
}

function planInsert(
  session: SessionContext,
  table: TableDescriptor,
  names: readonly string[],
  columns: readonly CopyColumn[],
): PlanEntry {
  const schema = session.transaction.catalog.schemaByOid(table.schema)!.name;
  const list = names.map(quoteIdentifier).join(', ');
  const values = names.map((_, i) => `$${i + 1}`).join(', ');
  const text = `INSERT INTO ${quoteIdentifier(schema)}.${quoteIdentifier(table.name)} (${list}) VALUES (${values})`;
  const statement = session.engine.parser.parse(text)[0]!;
  return session.planner.plan(
    statement,
    columns.map(column => column.type.oid),
  ).entry;
}

/** The constraints of a domain over a value; null of any other type. */
function domainCheck(session: SessionContext, type: TypeInstance): ((value: Datum) => void) | null {
  if (type.kind !== 'd') return null;
  const value: Node = {ColumnRef: {fields: [{String: {sval: 'value'}}]}};
  const cast = bindScalarExpression(value, session.planner.context([]), {
    columns: [{name: 'value', type: baseOf(type), typmod: -1}],
    target: {type, typmod: -1},
  });
  const code = rowCode(session, [cast]);
  return given => {
    code([given]);
  };
}

function baseOf(type: TypeInstance): TypeInstance {
  return type.base === null ? type : baseOf(type.base);
}

/** WHERE over a row of the table. */
function bindWhere(
  session: SessionContext,
  table: TableDescriptor,
  {where, text}: CopyInput,
): BoundExpr {
  const {catalog} = session.transaction;
  const columns = table.columns.filter(column => !column.isDropped);
  const condition = bindCondition(where!, session.planner.context([]), {
    columns: columns.map(({name, typeOid, typmod}) => ({
      name,
      type: catalog.typeByOid(typeOid)!,
      typmod,
    })),
    clause: 'COPY FROM WHERE conditions',
    construct: 'WHERE',
    relationName: table.name,
    text,
  });
  const read = columnsOf([condition]).map(index => columns[index]!);
  const generated = read.find(column => column.generated !== '');
  if (generated === undefined) return condition;
  throw new PgError(
    SqlState.invalidColumnReference,
    'generated columns are not supported in COPY FROM WHERE conditions',
    {detail: `Column "${generated.name}" is a generated column.`},
  );
}

/** Whether PostgreSQL inserts row by row, and so still has the line when a key is there already. */
function insertsSingly({defaults, targets}: InsertPlan, condition: BoundExpr | null): boolean {
  return [condition, ...defaults.filter((_, i) => !targets.includes(i))].some(
    expr => expr !== null && isVolatile(expr),
  );
}

function isVolatile(expr: BoundExpr): boolean {
  if (expr.kind === 'call' && expr.volatility === 'v' && expr.function !== NEXTVAL) return true;
  return childrenOf(expr).some(isVolatile);
}

/** Which COPY column each input column of the INSERT takes. */
export function parameterOrder(plan: InsertPlan): readonly number[] {
  const values = innermost(plan.input);
  return values.rows[0]!.map(expr => {
    const parameter = findParameter(expr);
    assert(parameter !== null, 'every value of a COPY is a parameter');
    return parameter;
  });
}

/** The VALUES row of a one-row INSERT with what a projection above it computes put in place. */
function innermost(plan: InsertPlan['input']): ValuesPlan {
  if (plan.kind === 'values') return plan;
  assert(plan.kind === 'project', 'the input of a one-row INSERT is a VALUES list');
  const values = innermost(plan.input);
  const row = values.rows[0]!;
  return {...values, rows: [plan.exprs.map(expr => columnBelow(expr, row))]};
}

function columnBelow(expr: BoundExpr, row: readonly BoundExpr[]): BoundExpr {
  if (expr.kind === 'column') return row[expr.index]!;
  for (const child of childrenOf(expr)) {
    const found = columnBelow(child, row);
    if (found !== child) return found;
  }
  return expr;
}

function findParameter(expr: BoundExpr): number | null {
  if (expr.kind === 'param') return expr.index;
  for (const child of childrenOf(expr)) {
    const found = findParameter(child);
    if (found !== null) return found;
  }
  return null;
}
