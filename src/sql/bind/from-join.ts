import type {JoinExpr, Node} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import {oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {JoinType} from '../plan/plan.ts';
import {namesOf} from './ast.ts';
import type {Binding} from './binding.ts';
import type {Block, NullableSide, RangeItem, ScopeColumn} from './block.ts';
import {applySubqueries} from './block.ts';
import {coerceBoolean, coerceImplicit} from './coerce.ts';
import {commonType} from './common-type.ts';
import {splitAnd} from './conjuncts.ts';
import {collectColumns} from './expr-map.ts';
import {freeColumnsOfQuery, producedIds} from './logical-walk.ts';
import type {LogicalColumn, LogicalNode, SubqueryExpr} from './logical.ts';
import {useColumn} from './names.ts';
import {binaryOperator} from './operators.ts';
import {renameColumns} from './relations.ts';

interface Bound {
  readonly node: LogicalNode;
  readonly items: readonly RangeItem[];
}

type BindItem = (block: Block, node: Node, left: readonly RangeItem[]) => Bound;

/** Binds a JOIN with ON, USING or NATURAL (PostgreSQL transformFromClauseItem). */
export function bindJoin(
  block: Block,
  join: JoinExpr,
  outerLeft: readonly RangeItem[],
  bindItem: BindItem,
): Bound {
  const binding = block.binding;
  const left = bindItem(block, join.larg!, outerLeft);
  const joinType = typeOf(join);
  const isInReach = joinType === 'inner' || joinType === 'left';
  const seen = isInReach
    ? left.items
    : left.items.map(item => ({...item, outOfReach: 'join' as const}));
  const right = bindItem(block, join.rarg!, [...outerLeft, ...seen]);
  checkNames(binding, left.items, right.items);
  const names =
    join.isNatural === true ? commonNames(left.items, right.items) : namesOf(join.usingClause);
  if (join.isNatural !== true && names.length === 0)
    return joinOn(block, join, joinType, left, right);
  return joinUsing(block, join, joinType, left, right, names);
}

function typeOf(join: JoinExpr): JoinType {
  switch (join.jointype ?? 'JOIN_INNER') {
    case 'JOIN_LEFT':
      return 'left';
    case 'JOIN_RIGHT':
      return 'right';
    case 'JOIN_FULL':
      return 'full';
    default:
      return 'inner';
  }
}

function checkNames(
  binding: Binding,
  left: readonly RangeItem[],
  right: readonly RangeItem[],
): void {
  for (const item of left) {
    if (!item.isNamed || item.alias === '') continue;
    const rival = right.find(
      other =>
        other.isNamed &&
        other.alias === item.alias &&
        (other.schema === item.schema || other.schema === 0 || item.schema === 0),
    );
    if (rival !== undefined)
      throw binding.error(
        SqlState.duplicateAlias,
        `table name "${item.alias}" specified more than once`,
        -1,
      );
  }
}

function joinOn(
  block: Block,
  join: JoinExpr,
  joinType: JoinType,
  left: Bound,
  right: Bound,
): Bound {
  const {conditions, subqueries} = bindOn(block, join, [...left.items, ...right.items]);
  const node = joinWithSubqueries(joinType, left.node, right.node, conditions, subqueries);
  const items = nullableItems(block.binding, node, left.items, right.items);
  if (join.alias === undefined) return {node, items};
  const columns = items.flatMap(item => (item.showsColumns ? item.columns : []));
  return {node, items: [aliased(block, join, columns, items)]};
}

/** The items of both sides; those of a side for which the join puts NULLs know it. */
function nullableItems(
  binding: Binding,
  join: LogicalNode,
  left: readonly RangeItem[],
  right: readonly RangeItem[],
): RangeItem[] {
  if (join.kind !== 'join' || join.joinType === 'inner') return [...left, ...right];
  const marked = (items: readonly RangeItem[], side: 'left' | 'right'): readonly RangeItem[] => {
    const nullable: NullableSide = {join, side, column: null};
    return ownColumns(binding, items, nullable).map(item =>
      item.nullable === null ? {...item, nullable} : item,
    );
  };
  return [
    ...(join.joinType === 'left' ? left : marked(left, 'left')),
    ...(join.joinType === 'right' ? right : marked(right, 'right')),
  ];
}

/** A column that a LATERAL item shows as it is outside becomes one of its own: only so it is NULL where the join found no row. */
function ownColumns(
  binding: Binding,
  items: readonly RangeItem[],
  {join, side}: NullableSide,
): readonly RangeItem[] {
  const produced = producedIds(join[side]);
  const own = new Map<number, LogicalColumn>();
  const result = items.map(item => {
    if (item.columns.every(column => produced.has(column.id))) return item;
    const columns = item.columns.map(column => {
      if (produced.has(column.id)) return column;
      const made = own.get(column.id) ?? binding.newColumn(column.name, column.type, column.typmod);
      own.set(column.id, made);
      return {...column, id: made.id};
    });
    return {...item, columns};
  });
  if (own.size === 0) return items;
  const outputs = [...own].map(([id, column]) => ({
    column,
    expr: binding.columnExpr({...column, id}),
  }));
  join[side] = {kind: 'compute', input: join[side], outputs};
  return result;
}

function bindOn(
  block: Block,
  join: JoinExpr,
  items: readonly RangeItem[],
): {readonly conditions: BoundExpr[]; readonly subqueries: SubqueryExpr[]} {
  if (join.quals === undefined) return {conditions: [], subqueries: []};
  const outer = block.items;
  const pending = block.takeSubqueries();
  block.items = [...items];
  const condition = block.within('JOIN conditions', () =>
    coerceBoolean(block.binding, block.expr(join.quals!), 'JOIN/ON'),
  );
  block.items = outer;
  const subqueries = block.takeSubqueries();
  block.subqueries = pending;
  return {conditions: splitAnd(condition), subqueries};
}

/** Subqueries of ON run below the join: on the side that they need, or (left join) in a lateral right side. */
export function joinWithSubqueries(
  joinType: JoinType,
  left: LogicalNode,
  right: LogicalNode,
  on: readonly BoundExpr[],
  subqueries: readonly SubqueryExpr[],
): LogicalNode {
  if (subqueries.length === 0) return {kind: 'join', joinType, left, right, on, isNullAware: false};
  if (joinType === 'inner') {
    const cross: LogicalNode = {kind: 'join', joinType, left, right, on: [], isNullAware: false};
    return {kind: 'filter', input: applySubqueries(cross, subqueries), conditions: on};
  }
  const leftIds = producedIds(left);
  const needsOnly = (ids: ReadonlySet<number>, other: ReadonlySet<number>): boolean =>
    subqueries.every(subquery => {
      const used = freeColumnsOfQuery(subquery.query);
      if (subquery.test !== null) collectColumns(subquery.test, used);
      return ![...used].some(id => other.has(id) && !ids.has(id));
    });
  if (needsOnly(leftIds, producedIds(right))) {
    return {
      kind: 'join',
      joinType,
      left: applySubqueries(left, subqueries),
      right,
      on,
      isNullAware: false,
    };
  }
  if (needsOnly(producedIds(right), leftIds)) {
    return {
      kind: 'join',
      joinType,
      left,
      right: applySubqueries(right, subqueries),
      on,
      isNullAware: false,
    };
  }
  const lateral: LogicalNode = {
    kind: 'filter',
    input: applySubqueries(right, subqueries),
    conditions: on,
  };
  return {kind: 'join', joinType, left, right: lateral, on: [], isNullAware: false};
}

function commonNames(left: readonly RangeItem[], right: readonly RangeItem[]): string[] {
  const names = new Set(
    right.flatMap(item => (item.showsColumns ? item.columns.map(column => column.name) : [])),
  );
  return left
    .flatMap(item => (item.showsColumns ? item.columns : []))
    .map(column => column.name)
    .filter(name => names.has(name));
}

function mergeSide(
  binding: Binding,
  items: readonly RangeItem[],
  name: string,
  side: string,
): ScopeColumn {
  const found = items.flatMap(item =>
    item.showsColumns ? item.columns.filter(column => column.name === name) : [],
  );
  if (found.length === 0) {
    throw binding.error(
      SqlState.undefinedColumn,
      `column "${name}" specified in USING clause does not exist in ${side} table`,
      -1,
    );
  }
  if (found.length > 1)
    throw binding.error(
      SqlState.ambiguousColumn,
      `common column name "${name}" appears more than once in ${side} table`,
      -1,
    );
  return found[0]!;
}

function joinUsing(
  block: Block,
  join: JoinExpr,
  joinType: JoinType,
  left: Bound,
  right: Bound,
  names: readonly string[],
): Bound {
  const binding = block.binding;
  binding.trace?.usingNames(join, names);
  const on: BoundExpr[] = [];
  const merged: ScopeColumn[] = [];
  const computed: {column: LogicalColumn; expr: BoundExpr}[] = [];
  for (const name of names) {
    const leftColumn = mergeSide(binding, left.items, name, 'left');
    const rightColumn = mergeSide(binding, right.items, name, 'right');
    const leftExpr = useColumn(block, leftColumn, -1);
    const rightExpr = useColumn(block, rightColumn, -1);
    on.push(binaryOperator(binding, '=', leftExpr, rightExpr, -1));
    merged.push(
      mergedColumn(block, joinType, name, {leftColumn, rightColumn, leftExpr, rightExpr}, computed),
    );
  }
  const joined: LogicalNode = {
    kind: 'join',
    joinType,
    left: left.node,
    right: right.node,
    on,
    isNullAware: false,
  };
  const node: LogicalNode =
    computed.length === 0 ? joined : {kind: 'compute', input: joined, outputs: computed};
  const sides = nullableItems(binding, joined, left.items, right.items);
  const rest = sides.flatMap(item =>
    item.showsColumns ? item.columns.filter(column => !names.includes(column.name)) : [],
  );
  const columns = [...merged, ...rest];
  const hidden = sides.map(item => ({...item, showsColumns: false}));
  const items =
    join.alias === undefined
      ? [unnamed(columns), ...hidden]
      : [aliased(block, join, columns, hidden)];
  if (join.join_using_alias !== undefined && join.alias === undefined) {
    items.push({
      ...unnamed(merged),
      alias: join.join_using_alias.aliasname ?? '',
      isNamed: true,
      showsColumns: false,
    });
  }
  return {node, items};
}

interface MergePair {
  readonly leftColumn: ScopeColumn;
  readonly rightColumn: ScopeColumn;
  readonly leftExpr: BoundExpr;
  readonly rightExpr: BoundExpr;
}

/** The one column that USING makes of two (PostgreSQL buildMergedJoinVar). */
function mergedColumn(
  block: Block,
  joinType: JoinType,
  name: string,
  pair: MergePair,
  computed: {column: LogicalColumn; expr: BoundExpr}[],
): ScopeColumn {
  const binding = block.binding;
  const type = commonType(binding, [pair.leftExpr, pair.rightExpr], 'JOIN/USING');
  const leftExpr = coerceImplicit(binding, pair.leftExpr, type);
  const rightExpr = coerceImplicit(binding, pair.rightExpr, type);
  if (joinType !== 'full') {
    const preferRight =
      joinType === 'right' ||
      (joinType === 'inner' && leftExpr !== pair.leftExpr && rightExpr === pair.rightExpr);
    const [expr, column] = preferRight
      ? [rightExpr, pair.rightColumn]
      : [leftExpr, pair.leftColumn];
    if (expr.kind === 'column') return {...column, name};
    return computedColumn(block, name, expr, computed);
  }
  const expr: BoundExpr = {
    kind: 'coalesce',
    type,
    typmod: -1,
    location: -1,
    args: [leftExpr, rightExpr],
  };
  return computedColumn(block, name, expr, computed);
}

function computedColumn(
  block: Block,
  name: string,
  expr: BoundExpr,
  computed: {column: LogicalColumn; expr: BoundExpr}[],
): ScopeColumn {
  const column = block.binding.newColumn(name, expr.type, expr.typmod);
  computed.push({column, expr});
  return {...column, tableOid: oid(0), attnum: 0, use: null};
}

function unnamed(columns: readonly ScopeColumn[]): RangeItem {
  return {
    alias: '',
    schema: oid(0),
    columns,
    scan: null,
    rowType: null,
    use: null,
    isNamed: false,
    showsColumns: true,
    isTarget: false,
    isScalarFunction: false,
    nullable: null,
    outOfReach: null,
    unlockable: 'a join',
  };
}

/** (a JOIN b ...) AS alias: only the alias is visible. */
function aliased(
  block: Block,
  join: JoinExpr,
  columns: readonly ScopeColumn[],
  hidden: readonly RangeItem[],
): RangeItem {
  const alias = join.alias?.aliasname ?? '';
  const names = namesOf(join.alias?.colnames);
  if (names.length > columns.length) {
    throw block.binding.error(
      SqlState.invalidColumnReference,
      `join expression "${alias}" has ${columns.length} columns available but ${names.length} columns specified`,
      -1,
    );
  }
  block.unseen = [...block.unseen, ...hidden];
  return {
    ...unnamed(renameColumns(block.binding, alias, columns, names, -1)),
    alias,
    isNamed: true,
    nullable: 'never',
  };
}
