import type {Node, ResTarget, SelectStmt} from '@pgsql/types';
import type {TableDescriptor, ViewDescriptor} from '../../catalog/descriptors.ts';
import {isMaterialized} from '../../catalog/stored-queries.ts';
import type {PgError} from '../../common/errors.ts';
import {featureNotSupported} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {namesOf} from './ast.ts';
import type {Binding} from './binding.ts';
import {
  applySubqueries,
  Block,
  type PrivilegeUse,
  type RangeItem,
  type ScopeColumn,
} from './block.ts';
import {coerceBoolean} from './coerce.ts';
import {replaceColumns} from './expr-map.ts';
import type {DmlCheck, LogicalColumn, LogicalNode, ScanNode, SubqueryExpr} from './logical.ts';
import {findRelation, noteUse, renameColumns, scanItem} from './relations.ts';
import {bindTargets} from './targets.ts';
import {withViewQuery} from './view-query.ts';

/** What a statement does to its target. */
export type TargetVerb = 'insert into' | 'update' | 'delete from';

interface ViewLevel {
  readonly view: ViewDescriptor;
  /** The name of the one FROM item in the view's query. */
  readonly alias: string;
  /** Its columns' names by an alias list, empty without. */
  readonly columnNames: readonly string[];
}

/** The table that a simple view stands for, and the views between, innermost first (PostgreSQL rewriteTargetView). */
export interface ViewChain {
  readonly table: TableDescriptor;
  readonly levels: readonly ViewLevel[];
}

/** One version of the table's row as the outermost view shows it. */
export interface ViewRow {
  readonly item: RangeItem;
  /** Each view's WHERE, innermost first, over the table's row. */
  readonly conditions: readonly {readonly view: ViewDescriptor; readonly condition: BoundExpr}[];
  /** Subqueries that conditions and computed columns need. */
  readonly subqueries: readonly SubqueryExpr[];
  /** Columns of views that are expressions over the table's row. */
  readonly computed: ReadonlyMap<
    number,
    {readonly column: LogicalColumn; readonly expr: BoundExpr}
  >;
  /** Items of the views, outermost last: to find a column's number in each. */
  readonly items: readonly RangeItem[];
}

/** The chain under a view; 55000 when the view is not simple enough. */
export function viewChain(binding: Binding, view: ViewDescriptor, verb: TargetVerb): ViewChain {
  return withViewQuery(binding, view, statement => {
    const problem = whyNotUpdatable(statement);
    if (problem !== null) throw notUpdatable(binding, view, verb, problem);
    const from = statement.fromClause![0]!;
    const name = 'RangeVar' in from ? from.RangeVar : {};
    const alias = name.alias?.aliasname ?? name.relname ?? '';
    const level = {view, alias, columnNames: namesOf(name.alias?.colnames)};
    const base = findRelation(binding, name);
    if (base.kind === 'table' && !isMaterialized(base)) return {table: base, levels: [level]};
    if (base.kind !== 'view') throw notUpdatable(binding, view, verb, NOT_SINGLE);
    const below = viewChain(binding, base, verb);
    return {table: below.table, levels: [...below.levels, level]};
  });
}

const NOT_SINGLE =
  'Views that do not select from a single table or view are not automatically updatable.';

function whyNotUpdatable(statement: SelectStmt): string | null {
  const containing = (what: string): string =>
    `Views containing ${what} are not automatically updatable.`;
  if (statement.distinctClause !== undefined) return containing('DISTINCT');
  if (statement.groupClause !== undefined) return containing('GROUP BY');
  if (statement.havingClause !== undefined) return containing('HAVING');
  if (statement.op !== undefined && statement.op !== 'SETOP_NONE')
    return containing('UNION, INTERSECT, or EXCEPT');
  if (statement.withClause !== undefined) return containing('WITH');
  if (statement.limitOffset !== undefined || statement.limitCount !== undefined)
    return containing('LIMIT or OFFSET');
  const from = statement.fromClause ?? [];
  return from.length === 1 && 'RangeVar' in from[0]! ? null : NOT_SINGLE;
}

const HINTS: Readonly<Record<TargetVerb, readonly [doing: string, event: string]>> = {
  'insert into': ['inserting into', 'INSERT'],
  update: ['updating', 'UPDATE'],
  'delete from': ['deleting from', 'DELETE'],
};

function notUpdatable(
  binding: Binding,
  view: ViewDescriptor,
  verb: TargetVerb,
  detail: string,
): PgError {
  const [doing, event] = HINTS[verb];
  return binding.error(
    SqlState.objectNotInPrerequisiteState,
    `cannot ${verb} view "${view.name}"`,
    -1,
    {
      detail,
      hint: `To enable ${doing} the view, provide an INSTEAD OF ${event} trigger or an unconditional ON ${event} DO INSTEAD rule.`,
    },
  );
}

/** Shows a row of the table through the views, under the statement's name for the target. */
export function rowThroughViews(
  block: Block,
  chain: ViewChain,
  row: ScanNode,
  alias: string,
  verb: TargetVerb,
): ViewRow {
  const {binding} = block;
  const computed = new Map<number, {column: LogicalColumn; expr: BoundExpr}>();
  const substitute = (expr: BoundExpr): BoundExpr =>
    replaceColumns(expr, column => computed.get(column.index)?.expr ?? null);
  const conditions: {view: ViewDescriptor; condition: BoundExpr}[] = [];
  const subqueries: SubqueryExpr[] = [];
  const items: RangeItem[] = [scanItem(block, row, '', null, true)];
  for (const {view, alias: inner, columnNames} of chain.levels) {
    withViewQuery(binding, view, statement => {
      const below = items[items.length - 1]!;
      const level = new Block(binding, block.binders, null, null);
      const use = noteUse(binding, below.columns[0]?.tableOid ?? row.relation.oid, 'r', true);
      const read = readBy(below, inner, use);
      const columns = renameColumns(binding, inner, read.columns, columnNames, -1);
      level.addItem({...read, columns}, -1);
      const targets = bindTargets(level, statement.targetList ?? [], true);
      rejectCalls(level, view, verb);
      if (statement.whereClause !== undefined) {
        const where = level.within('WHERE', () =>
          coerceBoolean(binding, level.expr(statement.whereClause!), 'WHERE'),
        );
        conditions.push({view, condition: substitute(where)});
      }
      subqueries.push(...level.takeSubqueries());
      const live = view.columns.filter(column => !column.isDropped);
      const shown = live.map((named, at): ScopeColumn => {
        const {expr: read} = targets[at]!;
        const expr = read.kind === 'column' ? read : substitute(read);
        const origin = {name: named.name, tableOid: view.oid, attnum: named.attnum, use: null};
        if (expr.kind === 'column')
          return {...origin, id: expr.index, type: expr.type, typmod: expr.typmod};
        const column = binding.newColumn(named.name, expr.type, expr.typmod);
        computed.set(column.id, {column, expr});
        return {...column, ...origin};
      });
      const rowType = binding.context.catalog.typeByOid(view.rowType) ?? null;
      items.push({
        ...below,
        alias: '',
        schema: oid(0),
        columns: shown,
        scan: null,
        rowType,
        use: null,
      });
    });
  }
  const outer = chain.levels[chain.levels.length - 1]!.view;
  const use = noteUse(binding, outer.oid, 'r', true);
  const shown = readBy(items[items.length - 1]!, alias, use);
  const item = {...shown, schema: alias === outer.name ? outer.schema : oid(0)};
  return {item, conditions, subqueries, computed, items};
}

function readBy(item: RangeItem, alias: string, use: PrivilegeUse): RangeItem {
  return {...item, alias, use, columns: item.columns.map(column => ({...column, use}))};
}

function rejectCalls(level: Block, view: ViewDescriptor, verb: TargetVerb): void {
  const what =
    level.aggregates.length > 0
      ? 'aggregate functions'
      : level.windows.length > 0
        ? 'window functions'
        : level.setCalls.length > 0
          ? 'set-returning functions'
          : null;
  if (what === null) return;
  throw notUpdatable(
    level.binding,
    view,
    verb,
    `Views that return ${what} are not automatically updatable.`,
  );
}

/** The scan with the views' conditions and computed columns above it. */
export function viewInput(scan: LogicalNode, row: ViewRow): LogicalNode {
  let node = applySubqueries(scan, row.subqueries);
  if (row.conditions.length > 0)
    node = {kind: 'filter', input: node, conditions: row.conditions.map(each => each.condition)};
  if (row.computed.size > 0)
    node = {kind: 'compute', input: node, outputs: [...row.computed.values()]};
  return node;
}

/** An expression over the view's columns as one over the table's. */
export function throughView(row: ViewRow | null, expr: BoundExpr): BoundExpr {
  if (row === null || row.computed.size === 0) return expr;
  return replaceColumns(expr, column => row.computed.get(column.index)?.expr ?? null);
}

/** WITH CHECK OPTION of the views over the new row: CASCADED covers the views below, LOCAL the view itself. */
export function viewChecks(chain: ViewChain, row: ViewRow): DmlCheck[] {
  const checks: DmlCheck[] = [];
  let isCascaded = false;
  for (let i = chain.levels.length - 1; i >= 0; i--) {
    const {view} = chain.levels[i]!;
    const option = view.options['check_option'];
    if (option === 'cascaded') isCascaded = true;
    if (!isCascaded && option !== 'local') continue;
    const found = row.conditions.find(each => each.view === view);
    if (found !== undefined)
      checks.unshift({name: view.name, condition: found.condition, isView: true});
  }
  if (checks.length > 0 && row.subqueries.length > 0)
    throw featureNotSupported('WITH CHECK OPTION with a subquery is not supported');
  return checks;
}

/** Assignment targets with the names of the table's columns; notes the right to write them, of the invoker and of each view's owner. */
export function renameTargets(
  block: Block,
  chain: ViewChain,
  row: ViewRow,
  nodes: readonly Node[],
  verb: 'insert into' | 'update',
  privilege: 'a' | 'w' = verb === 'update' ? 'w' : 'a',
): Node[] {
  const {binding} = block;
  const uses = noteWrites(binding, chain, privilege);
  const outer = chain.levels[chain.levels.length - 1]!.view;
  return nodes.map((node): Node => {
    const target: ResTarget = 'ResTarget' in node ? node.ResTarget : {};
    const column = row.item.columns.find(each => each.name === target.name);
    if (column === undefined) {
      throw binding.error(
        SqlState.undefinedColumn,
        `column "${target.name}" of relation "${outer.name}" does not exist`,
        target.location ?? -1,
      );
    }
    const base = row.items[0]!.columns.find(each => each.id === column.id);
    if (base === undefined) {
      const at = row.items.findIndex(item => item.columns.some(each => each.id === column.id));
      const inner = chain.levels[at - 1]?.view ?? outer;
      const inView = row.items[at]!.columns.find(each => each.id === column.id)!.name;
      throw unwritable(binding, verb, inView, inner.name);
    }
    row.items.forEach((item, at) => {
      const attnum = item.columns.find(each => each.id === column.id)?.attnum;
      if (attnum !== undefined) uses[at]!.columns.add(attnum);
    });
    return {ResTarget: {...target, name: base.name}};
  });
}

/** 0A000 for a column of a view that is no column of its table. */
export function unwritable(
  binding: Binding,
  verb: 'insert into' | 'update',
  column: string,
  view: string,
): Error {
  return binding.error(
    SqlState.featureNotSupported,
    `cannot ${verb} column "${column}" of view "${view}"`,
    -1,
    {detail: 'View columns that are not columns of their base relation are not updatable.'},
  );
}

/**
 * Notes the right to change rows of the table and of each view: the outermost by the invoker, what lies below by the
 * owner of the view above.
 */
export function noteWrites(
  binding: Binding,
  chain: ViewChain,
  privilege: 'a' | 'w' | 'd',
): PrivilegeUse[] {
  const {levels, table} = chain;
  const relations = [table.oid, ...levels.map(each => each.view.oid)];
  return relations.map((relation, at) => {
    const above = levels[at]?.view;
    if (above === undefined) return noteUse(binding, relation, privilege);
    return withViewQuery(binding, above, () => noteUse(binding, relation, privilege));
  });
}

/** The column list that an INSERT without one means. */
export function allTargets(row: ViewRow): Node[] {
  return row.item.columns.map((column): Node => ({ResTarget: {name: column.name}}));
}
