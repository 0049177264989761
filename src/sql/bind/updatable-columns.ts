import type {ViewDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Binding} from './binding.ts';
import {Block, type Binders} from './block.ts';
import {makeRow} from './dml-target.ts';
import {rowThroughViews, viewChain} from './updatable-view.ts';

/** What can be changed through a view. */
export interface ViewChanges {
  /** attnums of the columns that UPDATE and INSERT may set; null when not even DELETE works. */
  readonly columns: readonly number[] | null;
  /** Why nothing can be inserted or updated, null when it can. */
  readonly problem: string | null;
}

/** What a view's rows stand for (PostgreSQL view_query_is_auto_updatable). */
export function changesThrough(
  binding: Binding,
  binders: Binders,
  view: ViewDescriptor,
): ViewChanges {
  try {
    const chain = viewChain(binding, view, 'update');
    const block = new Block(binding, binders, null, null);
    const row = rowThroughViews(block, chain, makeRow(block, chain.table), view.name, 'update');
    const stored = new Set(row.items[0]!.columns.map(column => column.id));
    const columns = row.item.columns.filter(column => stored.has(column.id));
    return {
      columns: columns.map(column => column.attnum ?? 0),
      problem:
        columns.length > 0
          ? null
          : 'Views that have no updatable columns are not automatically updatable.',
    };
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return {columns: null, problem: error.fields.detail ?? error.message};
  }
}
