import type {FunctionDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {parameterNamesOf} from '../../sql/bind/substitutes.ts';
import {bodyStatements} from '../../sql/parse/sql-body.ts';
import {planStatement} from '../../sql/plan/plan-statement.ts';
import type {RequiredPrivilege} from '../../sql/plan/plan.ts';
import type {SessionContext} from '../session-context.ts';

interface BodyUses {
  readonly uses: readonly RequiredPrivilege[];
  readonly sequences: readonly Oid[];
}

/** Functions whose body (RETURN or BEGIN ATOMIC: it was bound when it was made) uses a relation, or a column of it, or a function. */
export function bodiesUsing(
  session: SessionContext,
  used: {readonly oid: Oid; readonly name: string},
  attnum: number | null,
): FunctionDescriptor[] {
  const found: FunctionDescriptor[] = [];
  for (const fn of session.transaction.catalog.userFunctions()) {
    if (fn.oid === used.oid || !isStandardBody(fn) || !fn.body.includes(used.name)) continue;
    const {uses, sequences} = bodyUses(session, fn);
    const isUse = ({relation, columns}: RequiredPrivilege): boolean =>
      relation === used.oid && (attnum === null || columns.includes(attnum));
    if (uses.some(isUse) || sequences.includes(used.oid)) found.push(fn);
  }
  return found;
}

function isStandardBody({language, body}: FunctionDescriptor): boolean {
  return language === 'sql' && /^(?:RETURN|BEGIN ATOMIC)\s/.test(body);
}

/** What a body uses by itself; kept for as long as the catalog does not change. */
function bodyUses(session: SessionContext, fn: FunctionDescriptor): BodyUses {
  return session.transaction.catalog.memo(`body-uses:${fn.oid}`, () => plannedUses(session, fn));
}

function plannedUses(session: SessionContext, fn: FunctionDescriptor): BodyUses {
  const row = session.transaction.catalog.functionByOid(fn.oid);
  const context = session.planner.context(fn.argTypes);
  const searchPath = context.searchPath.includes(fn.schema)
    ? context.searchPath
    : [...context.searchPath, fn.schema];
  const uses: RequiredPrivilege[] = [];
  const sequences: Oid[] = [];
  try {
    for (const statement of session.engine.parser.parse(bodyStatements(fn.body))) {
      const {plan} = planStatement(
        statement,
        {...context, searchPath, rowSecurity: 'ignored'},
        {
          isUnrun: true,
          parameterNames: row === undefined ? null : parameterNamesOf(row),
          parameterScope: fn.name,
        },
      );
      uses.push(...plan.privileges.filter(each => each.asRole === 0 && each.privilege !== 'U'));
      sequences.push(...plan.sequences);
    }
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
  }
  return {uses, sequences};
}
