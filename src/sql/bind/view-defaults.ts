import type {InsertStmt, Node} from '@pgsql/types';
import type {ColumnDescriptor} from '../../catalog/descriptors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {columnDefault} from './table-exprs.ts';
import {allTargets, unwritable, type ViewChain, type ViewRow} from './updatable-view.ts';

/** The columns that an INSERT through a view without a column list gives: as many as it has values. */
export function givenTargets(row: ViewRow, statement: InsertStmt): Node[] {
  const source = statement.selectStmt;
  if (source === undefined || !('SelectStmt' in source)) return [];
  const {valuesLists, targetList} = source.SelectStmt;
  const [first] = valuesLists ?? [];
  if (first !== undefined && 'List' in first)
    return allTargets(row).slice(0, first.List.items?.length ?? 0);
  const hasStar = targetList?.some(node => JSON.stringify(node).includes('"A_Star"'));
  return hasStar === false ? allTargets(row).slice(0, targetList!.length) : allTargets(row);
}

/**
 * Defaults of a table's columns as views over it have them (ALTER VIEW ... SET DEFAULT, the outermost counts); raises what PostgreSQL
 * raises when a view has one for a column that cannot be written.
 */
export function defaultsThrough(
  binding: Binding,
  views: ViewChain,
  row: ViewRow,
  live: readonly ColumnDescriptor[],
): (BoundExpr | null)[] {
  const texts = viewDefaults(views, row, (column, view) => {
    throw unwritable(binding, 'insert into', column, view);
  });
  return live.map(column => {
    const defaultText = texts.get(column.attnum);
    if (defaultText === undefined) return columnDefault(binding, column);
    if (column.generated !== '')
      throw binding.error(
        SqlState.generatedAlways,
        `cannot insert a non-DEFAULT value into column "${column.name}"`,
        -1,
        {detail: `Column "${column.name}" is a generated column.`},
      );
    return columnDefault(binding, {...column, defaultText, identity: ''});
  });
}

/** Texts of the defaults that views give to columns of their table, by attnum. */
export function viewDefaults(
  views: ViewChain,
  row: ViewRow,
  onComputed: (column: string, view: string) => void = () => {},
): ReadonlyMap<number, string> {
  const texts = new Map<number, string>();
  views.levels.forEach(({view}, at) => {
    for (const column of view.columns) {
      if (column.defaultText === null || column.isDropped) continue;
      const item = row.items[at + 1]!.columns.find(each => each.attnum === column.attnum);
      const base = row.items[0]!.columns.find(each => each.id === item?.id);
      if (base === undefined) onComputed(column.name, view.name);
      else texts.set(base.attnum, column.defaultText);
    }
  });
  return texts;
}
