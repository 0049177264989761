import type {Node, SelectStmt} from '@pgsql/types';
import type {PolicyDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {qualifiedScope} from '../../catalog/names.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {expressionAst} from '../../sql/bind/parsed-text.ts';
import {bindPolicyWith, newBinding} from '../../sql/bind/statement.ts';
import type {BindContext} from '../../sql/contract.ts';
import {deparseTarget} from '../../sql/deparse/target.ts';
import type {SessionContext} from '../session-context.ts';
import {withRelationOids} from './definition-binding.ts';
import type {ViewUse} from './view-uses.ts';

/** Where a policy's expression stands. */
export interface PolicyPlace {
  readonly session: SessionContext;
  readonly context: BindContext;
  readonly table: TableDescriptor;
  /** The name under which the expression knows the row. */
  readonly rowName: string;
}

/** A policy's expression as it is kept, printed as PostgreSQL prints it; raises the errors of binding it, without position. */
export function policyText(place: PolicyPlace, node: Node): string {
  const {session, table, rowName} = place;
  const context: BindContext = {...place.context, rowSecurity: 'ignored'};
  const binding = newBinding(context, '');
  binding.withoutPositions(() => bindPolicyWith(binding, node, table, rowName));
  const schema = context.catalog.schemaByOid(table.schema)!.name;
  const query: {SelectStmt: SelectStmt} = {
    SelectStmt: {
      targetList: [{ResTarget: {val: node}}],
      fromClause: [
        {
          RangeVar: {
            schemaname: schema,
            relname: table.name,
            inh: true,
            relpersistence: 'p',
            ...(rowName === table.name ? {} : {alias: {aliasname: rowName}}),
          },
        },
      ],
      limitOption: 'LIMIT_OPTION_DEFAULT',
      op: 'SETOP_NONE',
    },
  };
  const scope = qualifiedScope(session.transaction.catalog);
  return withRelationOids(session, deparseTarget(query, '', context, scope));
}

/** What a policy's expressions read, kept for as long as the catalog does not change. */
export function policyUses(session: SessionContext, policy: PolicyDescriptor): readonly ViewUse[] {
  return session.transaction.catalog.memo(`policy-uses:${policy.oid}`, () => {
    const table = session.transaction.catalog.tableByOid(policy.table);
    if (table === undefined) return [];
    const context: BindContext = {...session.planner.context([]), rowSecurity: 'ignored'};
    const binding = newBinding(context, '');
    try {
      for (const text of [policy.usingText, policy.checkText]) {
        if (text === null) continue;
        binding.withoutPositions(() =>
          bindPolicyWith(binding, expressionAst(binding, text), table, policy.rowName),
        );
      }
    } catch (error) {
      if (error instanceof PgError) return [];
      throw error;
    }
    return binding.uses
      .filter(use => use.asRole === 0 && !'XU'.includes(use.privilege))
      .map(use => ({relation: use.relation, columns: [...use.columns]}));
  });
}

/** Policies that read a relation, or one of its columns. A policy reads its own table only by columns. */
export function policiesUsing(
  session: SessionContext,
  relation: Oid,
  attnum: number | null,
): PolicyDescriptor[] {
  return session.transaction.catalog
    .policies()
    .filter(policy => attnum !== null || policy.table !== relation)
    .filter(policy =>
      policyUses(session, policy).some(
        use => use.relation === relation && (attnum === null || use.columns.includes(attnum)),
      ),
    );
}
