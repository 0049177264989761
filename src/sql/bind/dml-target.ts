import type {Alias, Node, RangeVar} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import type {Block} from './block.ts';
import type {OutputColumn, TargetRow} from './logical.ts';
import {findRelation, makeScan} from './relations.ts';
import {pseudoColumn} from './system-columns.ts';
import {bindTargets} from './targets.ts';
import {
  type TargetVerb,
  throughView,
  type ViewChain,
  viewChain,
  type ViewRow,
} from './updatable-view.ts';
import {withViewQuery} from './view-query.ts';

/** What INSERT, UPDATE or DELETE changes: a table, perhaps through views. */
export interface DmlTarget {
  readonly table: TableDescriptor;
  readonly views: ViewChain | null;
}

/** The table that INSERT, UPDATE or DELETE changes, also through simple views; system relations are refused. */
export function targetTable(binding: Binding, name: RangeVar, verb: TargetVerb): DmlTarget {
  const relation = findRelation(binding, name);
  const location = name.location ?? -1;
  switch (relation.kind) {
    case 'table':
      return {table: relation, views: null};
    case 'view': {
      const views = viewChain(binding, relation, verb);
      return {table: views.table, views};
    }
    case 'systemRelation':
      throw binding.error(
        SqlState.insufficientPrivilege,
        `permission denied: "${relation.name}" is a system catalog`,
        -1,
      );
    case 'sequence':
      throw binding.error(
        SqlState.wrongObjectType,
        `cannot change sequence "${relation.name}"`,
        -1,
      );
    default:
      throw binding.error(
        SqlState.wrongObjectType,
        `cannot open relation "${relation.name}"`,
        location,
        {
          detail: 'This operation is not supported for indexes.',
        },
      );
  }
}

/** Binds something with the rights under which the target table is used: those of the innermost view's owner, or the invoker's. */
export function asTableReader<T>(binding: Binding, found: DmlTarget, work: () => T): T {
  const inner = found.views?.levels[0]?.view;
  return inner === undefined ? work() : withViewQuery(binding, inner, work);
}

/** Columns for one version of a table's row: live columns, then rid, seq, owner, userId. */
export function makeRow(block: Block, table: TableDescriptor): TargetRow {
  const row = makeScan(block.binding, table, table.name);
  for (const source of ['rid', 'seq', 'owner', 'userId'] as const) {
    pseudoColumn(block, row, source, source === 'userId' ? '_user_id' : `_${source}`);
  }
  return row;
}

/** The name under which a target is known. */
export function targetAlias(name: RangeVar): string {
  return aliasName(name.alias) ?? name.relname ?? '';
}

function aliasName(alias: Alias | undefined): string | undefined {
  return alias?.aliasname;
}

/** RETURNING as expressions and output columns. */
export function bindReturning(
  block: Block,
  nodes: readonly Node[],
  seen: ViewRow | null = null,
): {readonly exprs: BoundExpr[]; readonly columns: OutputColumn[]} | null {
  if (nodes.length === 0) return null;
  const targets = block.within('RETURNING', () => bindTargets(block, nodes, true));
  if (block.takeSubqueries().length > 0)
    throw featureNotSupported('subqueries in RETURNING are not supported');
  const columns = targets.map(
    (target): OutputColumn => ({
      ...block.binding.newColumn(target.name, target.expr.type, target.expr.typmod),
      tableOid: target.tableOid,
      attnum: target.attnum,
    }),
  );
  if (seen !== null && seen.subqueries.length > 0)
    throw featureNotSupported('RETURNING of a view with subqueries is not supported');
  return {exprs: targets.map(target => throughView(seen, target.expr)), columns};
}
