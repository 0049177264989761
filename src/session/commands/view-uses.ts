import type {ViewDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {planStatement} from '../../sql/plan/plan-statement.ts';
import type {SessionContext} from '../session-context.ts';

/** A relation that a view's query reads itself (not through another view), with the columns. */
export interface ViewUse {
  readonly relation: Oid;
  readonly columns: readonly number[];
}

/** What a view reads; kept for as long as the catalog does not change. */
export function viewUses(session: SessionContext, view: ViewDescriptor): readonly ViewUse[] {
  return session.transaction.catalog.memo(`view-uses:${view.oid}`, () => planUses(session, view));
}

function planUses(session: SessionContext, view: ViewDescriptor): readonly ViewUse[] {
  const context = session.planner.context([]);
  const searchPath = context.searchPath.includes(view.schema)
    ? context.searchPath
    : [...context.searchPath, view.schema];
  try {
    const [statement] = session.engine.parser.parse(view.queryText);
    if (statement === undefined) return [];
    const {plan} = planStatement(statement, {...context, searchPath, rowSecurity: 'ignored'});
    return plan.privileges
      .filter(each => each.asRole === 0 && each.privilege !== 'X')
      .map(({relation, columns}) => ({relation, columns}));
  } catch (error) {
    if (error instanceof PgError) return [];
    throw error;
  }
}
