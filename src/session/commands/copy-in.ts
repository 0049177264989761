import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {assert, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {CopyOptions} from '../../copy/copy-options.ts';
import {lineWhere, withWhere} from '../../copy/copy-row.ts';
import {buildOperator} from '../../exec/build.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {childrenOf} from '../../expr/children.ts';
import type {InsertPlan, ValuesPlan} from '../../sql/plan/plan.ts';
import {discardRows} from '../execution.ts';
import {PlanExecution} from '../plan-execution.ts';
import {ExecutionRun} from '../run-context.ts';
import type {SessionContext} from '../session-context.ts';
import {PickColumns} from '../../exec/operators/pick-columns.ts';
import {checkBinaryEncoding} from './copy-out.ts';
import {CopySource, type CopyColumn} from './copy-source.ts';

/**
 * COPY FROM STDIN: an INSERT whose VALUES are the client's rows, so that defaults, checks, keys and owners are those of INSERT.
 * Nothing is kept when a line is bad.
 */
export async function copyIn(
  session: SessionContext,
  table: TableDescriptor,
  names: readonly string[],
  options: CopyOptions,
): Promise<string> {
  const {catalog} = session.transaction;
  const columns = names.map((name): CopyColumn => {
    const column = table.columns.find(each => each.name === name && !each.isDropped);
    if (column === undefined) return {name, type: catalog.typeByOid(25 as never)!, typmod: -1};
    return {name, type: catalog.typeByOid(column.typeOid)!, typmod: column.typmod};
  });
  const schema = catalog.schemaByOid(table.schema)!.name;
  const list = names.map(quoteIdentifier).join(', ');
  const values = names.map((_, i) => `$${i + 1}`).join(', ');
  const text = `INSERT INTO ${quoteIdentifier(schema)}.${quoteIdentifier(table.name)} (${list}) VALUES (${values})`;
  const statement = session.engine.parser.parse(text)[0]!;
  const {entry} = session.planner.plan(
    statement,
    columns.map(column => column.type.oid),
  );
  const {root} = entry.plan;
  assert(root.kind === 'insert', 'an INSERT is planned as one');
  session.checkPrivileges(entry.plan);
  checkBinaryEncoding(session.settings.clientEncoding, options);
  const order = parameterOrder(root);
  const target = {relation: table.name, columns: names};
  const source = new CopySource(
    target,
    columns,
    options,
    options.hasEncoding === true ? null : session.settings.clientEncoding,
  );
  const operator = buildOperator(root, {
    library: session.engine.library,
    types: catalog,
    factories: session.engine.factories,
    isInstrumented: false,
    injectsPauses: false,
    replaced: new Map([[root.input, new PickColumns(source, order)]]),
  });
  const execution = new PlanExecution(session, entry, [], []);
  execution.useInstance({operator, run: new ExecutionRun(entry.plan.outerCount)});
  session.copyIn = source;
  session.sink.copyInResponse(options.format === 'binary', names.length);
  session.sink.flush();
  try {
    await execution.run(Infinity, discardRows);
    return execution.tag(0).replace('INSERT 0', 'COPY');
  } catch (error) {
    // Errors of constraints name the line that was read last.
    throw error instanceof PgError &&
      error.fields.where === undefined &&
      error.code !== SqlState.foreignKeyViolation
      ? withWhere(error, lineWhere(target, source.line))
      : error;
  } finally {
    session.copyIn = null;
    execution.close();
  }
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
