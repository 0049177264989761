import type {Alias, RangeVar} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {isMaterialized} from '../../catalog/stored-queries.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Binding} from './binding.ts';
import type {Block} from './block.ts';
import type {TargetRow} from './logical.ts';
import {findRelation, makeScan} from './relations.ts';
import {pseudoColumn} from './system-columns.ts';
import {type TargetVerb, type ViewChain, viewChain} from './updatable-view.ts';
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
      if (isMaterialized(relation))
        throw binding.error(
          SqlState.wrongObjectType,
          `cannot change materialized view "${relation.name}"`,
          -1,
        );
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
