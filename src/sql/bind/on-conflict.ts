import type {InferClause, Node, OnConflictClause} from '@pgsql/types';
import type {IndexDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {featureNotSupported} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {isVolatile} from '../../expr/analyze.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {applySubqueries, type Block} from './block.ts';
import {coerceBoolean} from './coerce.ts';
import {sameExpr} from './expr-equal.ts';
import type {BoundQuery, InsertNode, PositionExpr, SubqueryExpr, TargetRow} from './logical.ts';
import {expressionAst} from './parsed-text.ts';
import {makeScan, noteUse, scanItem} from './relations.ts';
import {bindSetClause} from './set-clause.ts';
import {liveColumns} from './table-exprs.ts';
import {
  renameTargets,
  rowThroughViews,
  throughView,
  type ViewChain,
  type ViewRow,
} from './updatable-view.ts';
import {viewDefaults} from './view-defaults.ts';

/** What is inserted into: a table, or views over it, under a name. */
export interface ConflictTarget {
  readonly table: TableDescriptor;
  readonly views: ViewChain | null;
  readonly alias: string;
}

/** ON CONFLICT: the arbiter indexes and the UPDATE over (existing, excluded). */
export function bindOnConflict(
  block: Block,
  clause: OnConflictClause,
  target: ConflictTarget,
): NonNullable<InsertNode['onConflict']> {
  const {binding} = block;
  const {table, views, alias} = target;
  const isUpdate = clause.action === 'ONCONFLICT_UPDATE';
  if (isUpdate && clause.infer === undefined) {
    throw binding.error(
      SqlState.syntaxError,
      'ON CONFLICT DO UPDATE requires inference specification or constraint name',
      clause.location ?? -1,
      {
        hint: 'For example, ON CONFLICT (column_name).',
      },
    );
  }
  const existing = makeScan(binding, table, alias);
  const excluded = makeScan(binding, table, 'excluded');
  const seen =
    views === null ? null : rowThroughViews(block, views, existing, alias, 'insert into');
  const arbiters =
    clause.infer === undefined ? [] : inferArbiters(block, clause.infer, target, existing, seen);
  const checks = {query: null, existingChecks: [], updateChecks: []};
  if (!isUpdate)
    return {action: 'nothing', arbiters, existing, excluded, set: [], where: null, ...checks};
  const outer = block.items;
  const given =
    views === null ? null : rowThroughViews(block, views, excluded, 'excluded', 'insert into');
  block.items =
    seen === null || given === null
      ? [
          scanItem(block, existing, alias, noteUse(binding, table.oid, 'r', true), true),
          scanItem(block, excluded, 'excluded', null),
        ]
      : [seen.item, given.item];
  const through = (expr: BoundExpr): BoundExpr => throughView(given, throughView(seen, expr));
  const set = bindSet(block, clause.targetList ?? [], target, seen).map(each => ({
    ...each,
    expr: through(each.expr),
  }));
  const setSubqueries = block.takeSubqueries();
  const where =
    clause.whereClause === undefined
      ? null
      : block.within('WHERE', () =>
          through(coerceBoolean(binding, block.expr(clause.whereClause!), 'WHERE')),
        );
  // Those of WHERE first: the others are asked only where it is true.
  const subqueries = [...block.takeSubqueries(), ...setSubqueries];
  block.items = outer;
  const isComputed = seen !== null && seen.computed.size > 0;
  if ((isComputed && subqueries.length > 0) || (seen !== null && seen.subqueries.length > 0))
    throw featureNotSupported(
      'ON CONFLICT DO UPDATE with subqueries through a view that has computed columns, or subqueries, is not supported',
    );
  const query = subqueries.length === 0 ? null : conflictQuery(block, set, where, subqueries);
  return {action: 'update', arbiters, existing, excluded, set, where, ...checks, query};
}

function bindSet(
  block: Block,
  nodes: readonly Node[],
  {table, views}: ConflictTarget,
  seen: ViewRow | null,
): PositionExpr[] {
  const {binding} = block;
  if (views !== null && seen !== null) {
    const named = renameTargets(block, views, seen, nodes, 'insert into', 'w');
    return block.within('UPDATE', () =>
      bindSetClause(block, named, table, viewDefaults(views, seen)),
    );
  }
  const write = noteUse(binding, table.oid, 'w');
  const set = block.within('UPDATE', () => bindSetClause(block, nodes, table));
  const live = liveColumns(table);
  for (const each of set) write.columns.add(live[each.position]!.attnum);
  return set;
}

/** WHERE and SET as one row over (existing, excluded): the condition, then the values, which are computed only where it is true. */
function conflictQuery(
  block: Block,
  set: readonly PositionExpr[],
  where: BoundExpr | null,
  subqueries: readonly SubqueryExpr[],
): BoundQuery {
  const {binding} = block;
  const bool = binding.boolType;
  const condition = where ?? binding.constant(bool, true);
  const guarded = (expr: BoundExpr): BoundExpr => {
    if (where === null || isVolatile(where)) return expr;
    const {type, typmod} = expr;
    const otherwise = binding.constant(type, null);
    const whens = [{condition: where, result: expr}];
    return {kind: 'case', type, typmod, location: -1, whens, otherwise};
  };
  const outputs = [condition, ...set.map(item => guarded(item.expr))].map(expr => ({
    column: binding.newColumn('value', expr.type, expr.typmod),
    expr,
  }));
  const input = applySubqueries({kind: 'values', rows: [[]], columns: []}, subqueries);
  return {
    node: {kind: 'compute', input, outputs},
    columns: outputs.map(({column}) => ({...column, tableOid: oid(0), attnum: 0})),
  };
}

function inferArbiters(
  block: Block,
  infer: InferClause,
  {table, views}: ConflictTarget,
  row: TargetRow,
  seen: ViewRow | null,
): Oid[] {
  const {binding} = block;
  const {catalog} = binding.context;
  if (infer.conname !== undefined) {
    const constraint = catalog
      .constraintsOf(table.oid)
      .find(candidate => views === null && candidate.name === infer.conname);
    if (constraint === undefined) {
      const {name} = views?.levels.at(-1)?.view ?? table;
      throw binding.error(
        SqlState.undefinedObject,
        `constraint "${infer.conname}" for table "${name}" does not exist`,
        -1,
      );
    }
    if (constraint.index === 0)
      throw binding.error(
        SqlState.wrongObjectType,
        'constraint in ON CONFLICT clause has no associated index',
        -1,
      );
    const use = noteUse(binding, table.oid, 'r', true);
    for (const attnum of constraint.columns) use.columns.add(attnum);
    return [constraint.index];
  }
  const outer = block.items;
  const use = seen?.item.use ?? noteUse(binding, table.oid, 'r', true);
  block.items = [seen === null ? scanItem(block, row, table.name, use) : seen.item];
  const keys = (infer.indexElems ?? []).map(node =>
    seen === null ? inferenceKey(block, node, table) : keyThrough(block, node, seen),
  );
  if (seen === null) for (const key of keys) if (key.attnum !== 0) use.columns.add(key.attnum);
  const where =
    infer.whereClause === undefined
      ? null
      : block.within('index predicates', () => throughView(seen, block.expr(infer.whereClause!)));
  block.items = outer;
  const found = catalog
    .indexesOf(table.oid)
    .filter(index => index.isUnique && matches(block, index, keys, where, row, table));
  if (found.length > 0) return found.map(index => index.oid);
  throw binding.error(
    SqlState.invalidColumnReference,
    'there is no unique or exclusion constraint matching the ON CONFLICT specification',
    -1,
  );
}

interface InferenceKey {
  readonly attnum: number;
  readonly expr: BoundExpr | null;
}

/** A key in terms of a view's columns. */
function keyThrough(block: Block, node: Node, seen: ViewRow): InferenceKey {
  if (!('IndexElem' in node)) throw featureNotSupported('this ON CONFLICT target is not supported');
  const {name, expr} = node.IndexElem;
  const bound = block.within('index expressions', () =>
    throughView(seen, block.expr(expr ?? {ColumnRef: {fields: [{String: {sval: name!}}]}})),
  );
  const base =
    bound.kind === 'column'
      ? seen.items[0]!.columns.find(column => column.id === bound.index)
      : undefined;
  return base === undefined ? {attnum: 0, expr: bound} : {attnum: base.attnum, expr: null};
}

function inferenceKey(block: Block, node: Node, table: TableDescriptor): InferenceKey {
  if (!('IndexElem' in node)) throw featureNotSupported('this ON CONFLICT target is not supported');
  const element = node.IndexElem;
  if (element.name === undefined)
    return {attnum: 0, expr: block.within('index expressions', () => block.expr(element.expr!))};
  const column = table.columns.find(
    candidate => candidate.name === element.name && !candidate.isDropped,
  );
  if (column === undefined) {
    throw block.binding.error(
      SqlState.undefinedColumn,
      `column "${element.name}" does not exist`,
      -1,
    );
  }
  return {attnum: column.attnum, expr: null};
}

function matches(
  block: Block,
  index: IndexDescriptor,
  keys: readonly InferenceKey[],
  where: BoundExpr | null,
  row: TargetRow,
  table: TableDescriptor,
): boolean {
  const bind = (text: string): BoundExpr =>
    block.binding.withoutPositions(() =>
      block.binding.hooks.scalar(block.binding, expressionAst(block.binding, text), {
        columns: row.columns.map(column => ({
          name: column.name,
          expr: block.binding.columnExpr(column),
        })),
        domainValue: null,
        clause: 'index expressions',
        relationName: table.name,
      }),
    );
  const pin = (constant: Parameters<Parameters<typeof sameExpr>[2]>[0]): void =>
    block.binding.literals.pin(constant);
  if (
    index.predicateText !== null &&
    (where === null || !sameExpr(bind(index.predicateText), where, pin))
  )
    return false;
  const isSame = (key: InferenceKey, of: IndexDescriptor['keys'][number]): boolean =>
    of.attnum !== 0
      ? of.attnum === key.attnum
      : key.expr !== null &&
        of.expressionText !== null &&
        sameExpr(bind(of.expressionText), key.expr, pin);
  return (
    index.keys.every(of => keys.some(key => isSame(key, of))) &&
    keys.every(key => index.keys.some(of => isSame(key, of)))
  );
}
