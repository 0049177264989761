import type {Node, SelectStmt} from '@pgsql/types';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr, RowExpr} from '../../expr/bound.ts';
import type {SortKey} from '../plan/plan.ts';
import {isVolatile} from '../../expr/analyze.ts';
import {locationOf} from './ast.ts';
import type {Binding} from './binding.ts';
import {
  applySubqueries,
  Block,
  type BoundWindow,
  type Binders,
  type QueryOptions,
} from './block.ts';
import {coerceBoolean} from './coerce.ts';
import {splitAnd} from './conjuncts.ts';
import {collectColumns, mapChildren} from './expr-map.ts';
import {sameExpr} from './expr-equal.ts';
import {checkGroupedSets, projectSets, takeGroupedSets, usesSets} from './grouped-sets.ts';
import {bindFrom} from './from.ts';
import {bindGroupBy, Grouped} from './grouping.ts';
import {limitNode} from './limit.ts';
import {lockRows} from './locking.ts';
import type {
  BoundQuery,
  LogicalColumn,
  LogicalNode,
  OutputColumn,
  SubqueryExpr,
} from './logical.ts';
import {bindOrderBy, bindOutputRef, type TargetKey} from './order-by.ts';
import {typeOperator} from './resolve-operator.ts';
import {checkScopes} from './system-columns.ts';
import {TypeOid} from './type-oids.ts';
import {bindTargets, type Target} from './targets.ts';

/** MaxTupleAttributeNumber. */
const MAX_TARGETS = 1664;

/** Parts of a SELECT between binding its clauses and building its nodes. */
interface Parts {
  readonly block: Block;
  readonly statement: SelectStmt;
  targets: readonly Target[];
  order: readonly TargetKey[];
  having: BoundExpr | null;
  distinctOn: readonly BoundExpr[] | null;
  windows: readonly BoundWindow[];
}

/** Binds SELECT ... FROM ... of one level (PostgreSQL transformSelectStmt). */
export function bindSelect(
  binding: Binding,
  binders: Binders,
  statement: SelectStmt,
  options: QueryOptions,
): BoundQuery {
  const block = new Block(binding, binders, options.parent, options.ctes);
  block.unseen = options.unseen ?? [];
  block.locking = statement.lockingClause ?? [];
  for (const node of statement.windowClause ?? []) {
    if (!('WindowDef' in node) || node.WindowDef.name === undefined) continue;
    if (block.namedWindows.has(node.WindowDef.name)) {
      throw binding.error(
        SqlState.windowingError,
        `window "${node.WindowDef.name}" is already defined`,
        node.WindowDef.location ?? -1,
      );
    }
    block.namedWindows.set(node.WindowDef.name, {...node.WindowDef, name: undefined as never});
  }
  for (const definition of block.namedWindows.values()) delete (definition as {name?: string}).name;
  let node: LogicalNode = bindFrom(block, statement.fromClause ?? []) ?? {
    kind: 'values',
    rows: [[]],
    columns: [],
  };
  const targets = bindTargets(block, statement.targetList ?? [], options.resolveUnknown);
  if (targets.length > MAX_TARGETS) {
    throw new PgError(
      SqlState.tooManyColumns,
      `target lists can have at most ${MAX_TARGETS} entries`,
    );
  }
  binding.trace?.level(statement.targetList ?? statement.fromClause ?? statement, block, targets);
  const targetSubqueries = block.takeSubqueries();
  const inputSubqueries = block.inputSubqueries;
  block.inputSubqueries = [];
  if (statement.whereClause !== undefined) node = bindWhere(block, node, statement.whereClause);
  block.inputSubqueries = [...inputSubqueries, ...block.inputSubqueries];
  const having =
    statement.havingClause === undefined
      ? null
      : block.within('HAVING', () =>
          coerceBoolean(binding, block.expr(statement.havingClause!), 'HAVING'),
        );
  const havingSubqueries = block.takeSubqueries();
  const order = bindOrderBy(block, statement.sortClause ?? [], targets);
  const orderSubqueries = block.takeSubqueries();
  const group = bindGroupBy(block, statement, targets);
  block.inputSubqueries.push(...block.takeSubqueries());
  const distinctOn = bindDistinctOn(block, statement, targets);
  const parts: Parts = {
    block,
    statement,
    targets,
    order,
    having,
    distinctOn,
    windows: block.windows,
  };
  const above = [
    ...havingSubqueries,
    ...targetSubqueries,
    ...orderSubqueries,
    ...block.takeSubqueries(),
  ];
  if (
    group !== null ||
    block.aggregates.length > 0 ||
    having !== null ||
    block.groupings.length > 0
  ) {
    const keys = group?.keys ?? [];
    const grouped = takeGroupedSets(block, keys);
    const input = projectSets(block, node, grouped);
    node = aggregate(parts, new Grouped(block, group), input, above);
    checkGroupedSets(
      grouped,
      keys,
      parts.targets.map(target => target.expr),
    );
  } else node = applySubqueries(node, above);
  const query = finish(parts, node);
  checkScopes(block);
  return query;
}

/** WHERE over an input: subqueries that it needs, then a filter. */
export function bindWhere(block: Block, input: LogicalNode, where: Node): LogicalNode {
  const condition = block.within('WHERE', () =>
    coerceBoolean(block.binding, block.expr(where), 'WHERE'),
  );
  return {
    kind: 'filter',
    input: applySubqueries(input, block.takeSubqueries()),
    conditions: splitAnd(condition),
  };
}

function aggregate(
  parts: Parts,
  grouped: Grouped,
  input: LogicalNode,
  above: readonly SubqueryExpr[],
): LogicalNode {
  const {block} = parts;
  grouped.checkSubqueries(above);
  parts.targets = parts.targets.map((target, index) => ({
    ...target,
    expr: grouped.rewriteTarget(target.expr, index),
  }));
  parts.order = parts.order.map(item => ({
    ...item,
    key: {...item.key, expr: grouped.rewrite(item.key.expr)},
  }));
  if (parts.having !== null) parts.having = grouped.rewrite(parts.having);
  parts.distinctOn = parts.distinctOn?.map(expr => grouped.rewrite(expr)) ?? null;
  parts.windows = parts.windows.map(window => grouped.rewriteWindow(window));
  for (const {call} of block.setCalls)
    (call.call as {args: readonly BoundExpr[]}).args = call.call.args.map(arg =>
      grouped.rewrite(arg),
    );
  const tests = above.map(subquery => ({
    ...subquery,
    test: subquery.test === null ? null : rewriteTest(grouped, subquery),
  }));
  const node = applySubqueries(grouped.node(isDegenerate(parts) ? ONE_ROW : input), tests);
  return parts.having === null
    ? node
    : {kind: 'filter', input: node, conditions: splitAnd(parts.having)};
}

const ONE_ROW: LogicalNode = {kind: 'values', rows: [[]], columns: []};

/** HAVING without GROUP BY and aggregates is asked once, whatever the rows are: PostgreSQL does not read them. */
function isDegenerate({block, statement}: Parts): boolean {
  const {aggregates, groupings} = block;
  return statement.groupClause === undefined && aggregates.length === 0 && groupings.length === 0;
}

/** A subquery's comparison holds columns of the subquery too: those belong to another level and stay. */
function rewriteTest(grouped: Grouped, subquery: SubqueryExpr): BoundExpr {
  return grouped.rewrite(subquery.test!);
}

function bindDistinctOn(
  block: Block,
  statement: SelectStmt,
  targets: readonly Target[],
): BoundExpr[] | null {
  const clause = statement.distinctClause ?? [];
  const on = clause.filter(node => Object.keys(node).length > 0);
  return on.length === 0
    ? null
    : on.map(node => bindOutputRef(block, node, targets, 'DISTINCT ON').expr);
}

/** Calls from which on PostgreSQL holds an expression for costly (10 * cpu_operator_cost). */
const COSTLY_CALLS = 10;

function callCount(expr: BoundExpr): number {
  let count = expr.kind === 'call' || expr.kind === 'ioCast' || expr.kind === 'distinct' ? 1 : 0;
  mapChildren(expr, child => {
    count += callCount(child);
    return child;
  });
  return count;
}

/** Windows, set-returning functions, outputs, DISTINCT, ORDER BY, LIMIT. */
function finish(parts: Parts, start: LogicalNode): BoundQuery {
  const {block, statement} = parts;
  const {binding} = block;
  let node = start;
  for (const window of parts.windows) {
    node = {
      kind: 'window',
      input: node,
      partitionBy: window.partitionBy,
      orderBy: window.orderBy,
      frame: window.frame,
      calls: window.calls,
    };
    if (window.offsets.length === 0) continue;
    // Offsets that are subqueries are known before the window runs: outer values of a lateral right side.
    const left = applySubqueries({kind: 'values', rows: [[]], columns: []}, window.offsets);
    node = {kind: 'join', joinType: 'inner', left, right: node, on: [], isNullAware: false};
  }
  const lateSets =
    parts.distinctOn === null || statement.sortClause === undefined ? [] : setsAfterDistinct(parts);
  node = projectSets(
    block,
    node,
    block.setCalls.filter(item => !lateSets.includes(item)),
  );
  const isDistinct = (statement.distinctClause ?? []).length > 0;
  // Volatile outputs are computed after the sort, with LIMIT also costly ones (PostgreSQL make_sort_input_target).
  const isLate = (expr: BoundExpr): boolean =>
    isVolatile(expr) || (statement.limitCount !== undefined && callCount(expr) > COSTLY_CALLS);
  const postponed =
    statement.sortClause !== undefined && !isDistinct
      ? parts.targets.filter(
          (target, index) =>
            isLate(target.expr) && !parts.order.some(item => item.target === index),
        )
      : parts.targets.filter(target => usesSets(target.expr, lateSets));
  const outputs: {column: LogicalColumn; expr: BoundExpr}[] = [];
  const late: {column: LogicalColumn; expr: BoundExpr}[] = [];
  const columns = parts.targets.map((target): OutputColumn => {
    const origin = {tableOid: target.tableOid, attnum: target.attnum};
    if (target.expr.kind === 'column')
      return {...target.expr, ...origin, id: target.expr.index, name: target.name};
    const column = binding.newColumn(target.name, target.expr.type, target.expr.typmod);
    (postponed.includes(target) ? late : outputs).push({column, expr: target.expr});
    const fieldNames =
      target.expr.kind === 'row'
        ? (binding.rowNames.get(target.expr) ?? anonymousNames(target.expr))
        : undefined;
    if (fieldNames !== undefined && target.expr.kind === 'row') {
      const {fields} = target.expr;
      binding.recordFields.set(
        column.id,
        fieldNames.map((name, index) => ({
          name,
          type: fields[index]!.type,
          typmod: fields[index]!.typmod,
        })),
      );
    }
    return {...column, ...origin};
  });
  const keys = sortKeys(parts, columns, outputs, isDistinct);
  if (outputs.length > 0) node = {kind: 'compute', input: node, outputs};
  const kept = columns.filter((_column, at) => !usesSets(parts.targets[at]!.expr, lateSets));
  node = distinctAndSort(parts, node, columns, kept, keys);
  node = projectSets(block, node, lateSets);
  if (late.length > 0) node = {kind: 'compute', input: node, outputs: late};
  node = lockRows(block, statement, node);
  node = limitNode(block, statement, node, keys);
  return {
    node,
    columns: columns.map(column => ({
      id: column.id,
      name: column.name,
      type: column.type,
      typmod: column.typmod,
      tableOid: column.tableOid,
      attnum: column.attnum,
    })),
  };
}

/** Names of the fields of ROW(...): f1, f2, ... */
function anonymousNames(row: RowExpr): readonly string[] | undefined {
  return row.type.oid === TypeOid.record ? row.fields.map((_field, at) => `f${at + 1}`) : undefined;
}

/** Sort keys over output columns; expressions beside the outputs become computed columns. */
function sortKeys(
  parts: Parts,
  columns: readonly LogicalColumn[],
  outputs: {column: LogicalColumn; expr: BoundExpr}[],
  isDistinct: boolean,
): SortKey[] {
  const {block} = parts;
  const {binding} = block;
  // A constant orders nothing: without it an index may give the order.
  const isUseless = ({key}: (typeof parts.order)[number]): boolean =>
    !isDistinct &&
    parts.statement.limitOption !== 'LIMIT_OPTION_WITH_TIES' &&
    (key.expr.kind === 'constant' || key.expr.kind === 'slot');
  const order = parts.order.filter(item => !isUseless(item));
  return order.map(({target, key}) => {
    if (target !== -1)
      return {
        ...key,
        expr:
          key.expr.type.oid === columns[target]!.type.oid
            ? binding.columnExpr(columns[target]!)
            : key.expr,
      };
    if (isDistinct && parts.distinctOn === null) {
      throw binding.error(
        SqlState.invalidColumnReference,
        'for SELECT DISTINCT, ORDER BY expressions must appear in select list',
        key.expr.location,
      );
    }
    if (key.expr.kind === 'column') return key;
    const column = binding.newColumn('', key.expr.type, key.expr.typmod);
    outputs.push({column, expr: key.expr});
    return {...key, expr: binding.columnExpr(column)};
  });
}

function distinctAndSort(
  parts: Parts,
  input: LogicalNode,
  columns: readonly LogicalColumn[],
  kept: readonly LogicalColumn[],
  keys: readonly SortKey[],
): LogicalNode {
  const {block, statement} = parts;
  const sorted = (node: LogicalNode, by: readonly SortKey[]): LogicalNode =>
    by.length === 0 ? node : {kind: 'sort', input: node, keys: by};
  if ((statement.distinctClause ?? []).length === 0) return sorted(input, keys);
  if (parts.distinctOn === null) {
    columns.forEach((column, at) =>
      typeOperator(block.binding, '=', column.type, parts.targets[at]?.expr.location ?? -1),
    );
    return sorted({kind: 'distinct', input, columns: dedupe(columns), on: null}, keys);
  }
  parts.distinctOn.forEach((expr, at) =>
    typeOperator(block.binding, '=', expr.type, locationOf(statement.distinctClause?.[at])),
  );
  const on = parts.distinctOn.map(expr => outputOf(parts, columns, expr));
  const pin = (constant: Parameters<Parameters<typeof sameExpr>[2]>[0]): void =>
    block.binding.literals.pin(constant);
  const isOn = keys.map(key => on.findIndex(expr => sameExpr(expr, key.expr, pin)));
  const skipped = isOn.indexOf(-1);
  if (skipped !== -1) {
    const late = isOn.find((at, index) => at !== -1 && index > skipped);
    const wrong = late ?? on.findIndex((_, at) => !isOn.includes(at));
    if (wrong !== -1)
      throw block.binding.error(
        SqlState.invalidColumnReference,
        'SELECT DISTINCT ON expressions must match initial ORDER BY expressions',
        locationOf(statement.distinctClause?.[wrong]),
      );
  }
  const missing = on.filter(expr => !keys.some(key => sameExpr(key.expr, expr, pin)));
  const all = [...keys, ...missing.map(expr => ({expr, descending: false, nullsFirst: false}))];
  return {kind: 'distinct', input: sorted(input, all), columns: dedupe(kept), on};
}

/** Set-returning calls that neither DISTINCT ON nor ORDER BY reads: they run after both, as in PostgreSQL. */
function setsAfterDistinct(parts: Parts): Block['setCalls'] {
  const read = columnsIn([...parts.distinctOn!, ...parts.order.map(item => item.key.expr)]);
  const isRead = (item: Block['setCalls'][number]): boolean =>
    item.call.columns.some(column => read.has(column.id));
  return parts.block.setCalls.some(isRead) ? [] : parts.block.setCalls;
}

/** DISTINCT ON's expression as the output column that it is, where it is one. */
function outputOf(parts: Parts, columns: readonly LogicalColumn[], expr: BoundExpr): BoundExpr {
  const pin = (constant: Parameters<Parameters<typeof sameExpr>[2]>[0]): void =>
    parts.block.binding.literals.pin(constant);
  const at = parts.targets.findIndex(target => sameExpr(target.expr, expr, pin));
  return at === -1 ? expr : parts.block.binding.columnExpr(columns[at]!);
}

function dedupe(columns: readonly LogicalColumn[]): LogicalColumn[] {
  return columns.filter(
    (column, index) => columns.findIndex(other => other.id === column.id) === index,
  );
}

/** Ids of columns that an expression list reads. */
export function columnsIn(exprs: readonly BoundExpr[]): Set<number> {
  const ids = new Set<number>();
  for (const expr of exprs) collectColumns(expr, ids);
  return ids;
}
