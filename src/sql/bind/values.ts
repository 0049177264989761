import type {Node, SelectStmt} from '@pgsql/types';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {locationOf} from './ast.ts';
import type {Binding} from './binding.ts';
import {applySubqueries, Block, type Binders, type QueryOptions} from './block.ts';
import {coerceAll, commonType, commonTypmod} from './common-type.ts';
import {limitNode} from './limit.ts';
import type {BoundQuery, LogicalColumn, LogicalNode, OutputColumn} from './logical.ts';
import {bindOrderBy} from './order-by.ts';
import type {Target} from './targets.ts';

/** VALUES (...), (...): columns column1, column2, ... of common types. */
export function bindValues(
  binding: Binding,
  binders: Binders,
  statement: SelectStmt,
  options: QueryOptions,
): BoundQuery {
  const block = new Block(binding, binders, options.parent, options.ctes);
  block.clause = 'VALUES';
  const rows = bindRows(block, statement.valuesLists ?? []);
  const width = rows[0]!.exprs.length;
  const converted: BoundExpr[][] = rows.map(() => []);
  const columns: LogicalColumn[] = [];
  for (let index = 0; index < width; index++) {
    const exprs = rows.map(row => row.exprs[index]!);
    const keepsUnknown =
      !options.resolveUnknown && exprs.every(expr => expr.type.name === 'unknown');
    const type = keepsUnknown ? exprs[0]!.type : commonType(binding, exprs, 'VALUES');
    const cast = keepsUnknown ? exprs : coerceAll(binding, exprs, type, 'VALUES');
    cast.forEach((expr, row) => converted[row]!.push(expr));
    columns.push(binding.newColumn(`column${index + 1}`, type, commonTypmod(cast, type)));
  }
  binding.trace?.values(statement.valuesLists ?? [], converted);
  binding.trace?.level(statement.valuesLists ?? [], block, []);
  let node = valuesNode(binding, rows, converted, columns);
  const outputs = columns.map((column): OutputColumn => ({...column, tableOid: oid(0), attnum: 0}));
  const targets = outputs.map(
    (column): Target => ({
      name: column.name,
      expr: binding.columnExpr(column),
      tableOid: oid(0),
      attnum: 0,
    }),
  );
  for (const column of columns) binding.owners.set(column.id, block);
  const keys = bindOrderBy(block, statement.sortClause ?? [], targets).map(item => item.key);
  if (keys.length > 0) node = {kind: 'sort', input: node, keys};
  return {node: limitNode(block, statement, node, keys), columns: outputs};
}

interface ValuesRow {
  readonly exprs: readonly BoundExpr[];
  readonly subqueries: ReturnType<Block['takeSubqueries']>;
}

function bindRows(block: Block, lists: readonly Node[]): ValuesRow[] {
  let width = -1;
  return lists.map(list => {
    const items = 'List' in list ? (list.List.items ?? []) : [];
    if (width !== -1 && items.length !== width) {
      throw block.binding.error(
        SqlState.syntaxError,
        'VALUES lists must all be the same length',
        locationOf(items[0]),
      );
    }
    width = items.length;
    const exprs = items.map(item => block.expr(item));
    return {exprs, subqueries: block.takeSubqueries()};
  });
}

function valuesNode(
  binding: Binding,
  rows: readonly ValuesRow[],
  exprs: readonly (readonly BoundExpr[])[],
  columns: readonly LogicalColumn[],
): LogicalNode {
  if (rows.every(row => row.subqueries.length === 0)) return {kind: 'values', rows: exprs, columns};
  const inputs = rows.map((row, index): BoundQuery => {
    const made = columns.map(column => binding.newColumn(column.name, column.type, column.typmod));
    const input = applySubqueries({kind: 'values', rows: [[]], columns: []}, row.subqueries);
    return {
      node: {
        kind: 'compute',
        input,
        outputs: made.map((column, at) => ({column, expr: exprs[index]![at]!})),
      },
      columns: made.map(column => ({...column, tableOid: oid(0), attnum: 0})),
    };
  });
  return {kind: 'append', inputs, columns};
}
