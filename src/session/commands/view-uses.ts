import type {QueryRelation, ViewDescriptor} from '../../catalog/descriptors.ts';
import {queryTextOf} from '../../catalog/stored-queries.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {viewChanges} from '../../sql/bind/statement.ts';
import {planStatement} from '../../sql/plan/plan-statement.ts';
import type {RequiredPrivilege} from '../../sql/plan/plan.ts';
import type {SessionContext} from '../session-context.ts';

/** A relation that a view's query reads itself (not through another view), with the columns. */
export interface ViewUse {
  readonly relation: Oid;
  readonly columns: readonly number[];
}

/** What a view reads; kept for as long as the catalog does not change. */
export function viewUses(session: SessionContext, view: QueryRelation): readonly ViewUse[] {
  return session.transaction.catalog.memo(`view-uses:${view.oid}`, () => planUses(session, view));
}

/** User-made functions that a view calls; kept like its uses. */
export function viewRoutines(session: SessionContext, view: QueryRelation): readonly Oid[] {
  return session.transaction.catalog.memo(`view-routines:${view.oid}`, () =>
    plannedUses(session, view)
      .filter(each => each.asRole === 0 && each.privilege === 'X')
      .map(each => each.relation),
  );
}

function planUses(session: SessionContext, view: QueryRelation): readonly ViewUse[] {
  return plannedUses(session, view)
    .filter(each => each.asRole === 0 && !'XU'.includes(each.privilege))
    .map(({relation, columns}) => ({relation, columns}));
}

function plannedUses(session: SessionContext, view: QueryRelation): readonly RequiredPrivilege[] {
  const context = session.planner.context([]);
  const searchPath = context.searchPath.includes(view.schema)
    ? context.searchPath
    : [...context.searchPath, view.schema];
  try {
    const [statement] = session.engine.parser.parse(queryTextOf(view));
    if (statement === undefined) return [];
    const {plan} = planStatement(
      statement,
      {...context, searchPath, rowSecurity: 'ignored'},
      {isUnrun: true},
    );
    return plan.privileges;
  } catch (error) {
    if (error instanceof PgError) return [];
    throw error;
  }
}

/** attnums of a view's columns that UPDATE and INSERT may set, null when it cannot be changed; kept like its uses. */
export function viewUpdatable(
  session: SessionContext,
  view: ViewDescriptor,
): readonly number[] | null {
  const {catalog} = session.transaction;
  return catalog.memo(
    `view-updatable:${view.oid}`,
    () => viewChanges(session.planner.context([]), view).columns,
  );
}
