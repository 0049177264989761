import {featureNotSupported} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import type {DmlNode, DmlQuery, InsertNode, ModifyNode, TargetRow} from '../bind/logical.ts';
import {joinAnd} from '../bind/conjuncts.ts';
import {keyColumnsOf} from '../bind/unique-keys.ts';
import {liveColumns} from '../bind/table-exprs.ts';
import {freeColumnsOfQuery, producedIds} from '../bind/logical-walk.ts';
import {
  idsIn,
  type PhysicalPlanner,
  unique,
  type Layout,
  layoutOf,
  noLayout,
  type OuterSlots,
} from './planner.ts';
import {planMerge} from './physical-merge.ts';
import {planChecks} from './physical-checks.ts';
import {planRequery, requeryColumns} from './physical-requery.ts';
import type {OnConflictPlan, Plan, PlanColumn} from './plan.ts';

/** INSERT, UPDATE, DELETE, MERGE as a plan node; its WITH queries around it. */
export function planDml(planner: PhysicalPlanner, query: DmlQuery, outer: OuterSlots): Plan {
  const ctes = query.ctes.map(cte => ({
    id: cte.id,
    name: cte.name,
    isDataModifying: cte.isDataModifying,
    isMain: false,
    plan: 'ctes' in cte.query ? planner.dml(cte.query, outer) : planner.outputs(cte.query, outer),
  }));
  const columns = query.columns.map(
    (column): PlanColumn => ({name: column.name, type: column.type, typmod: column.typmod}),
  );
  const plan = planChange(planner, query.node, columns, outer);
  if (ctes.length === 0) return plan;
  return {kind: 'with', ...planner.state.base(columns, plan.estimatedRows), ctes, body: plan};
}

function planChange(
  planner: PhysicalPlanner,
  node: DmlNode,
  columns: readonly PlanColumn[],
  outer: OuterSlots,
): Plan {
  switch (node.kind) {
    case 'insert':
      return planInsert(planner, node, columns, outer);
    case 'modify':
      return planModify(planner, node, columns, outer);
    case 'merge':
      return planMerge(planner, node, layoutOf(rowLayout(node.newRow)), outer);
  }
}

/** Live columns in order, then rid, seq, owner, userId: what RETURNING and CHECK see of a row. */
function rowLayout(row: TargetRow): number[] {
  const live = row.columns
    .filter(column => typeof column.source === 'number')
    .map(column => column.id);
  const pseudo = (['rid', 'seq', 'owner', 'userId'] as const).map(
    source => row.columns.find(column => column.source === source)!.id,
  );
  return [...live, ...pseudo];
}

function liveLayout(row: TargetRow): number[] {
  return row.columns.filter(column => typeof column.source === 'number').map(column => column.id);
}

/** RETURNING: tableoid is a constant; other system columns of a changed row are not kept. */
function returningExprs(
  planner: PhysicalPlanner,
  row: TargetRow,
  exprs: readonly BoundExpr[] | null,
  layout: Layout,
  outer: OuterSlots,
): BoundExpr[] | null {
  if (exprs === null) return null;
  const missing = row.columns.filter(column => !layout.has(column.id));
  return exprs.map(expr => {
    const replaced = replaceTableOid(planner, expr, missing, row);
    return planner.state.expr(replaced, layout, outer);
  });
}

function replaceTableOid(
  planner: PhysicalPlanner,
  expr: BoundExpr,
  missing: TargetRow['columns'],
  row: TargetRow,
): BoundExpr {
  if (missing.length === 0 || expr.kind !== 'column') return expr;
  const column = missing.find(candidate => candidate.id === expr.index);
  if (column === undefined) return expr;
  if (column.source === 'tableoid')
    return planner.state.binding.constant(column.type, row.relation.oid);
  throw featureNotSupported(`column "${column.name}" in RETURNING is not supported`);
}

function planInsert(
  planner: PhysicalPlanner,
  node: InsertNode,
  columns: readonly PlanColumn[],
  outer: OuterSlots,
): Plan {
  const {state} = planner;
  const row = layoutOf(rowLayout(node.newRow));
  const isOwner = (index: number): boolean => index === node.ownerColumn;
  const input = planner.outputs(node.source, outer);
  const targets: number[] = [];
  let next = 0;
  for (let index = 0; index < node.source.columns.length; index++)
    if (!isOwner(index)) targets.push(node.targets[next++]!);
  const conflict = node.onConflict;
  const pair =
    conflict === null
      ? noLayout
      : layoutOf([...liveLayout(conflict.existing), ...liveLayout(conflict.excluded)]);
  return {
    kind: 'insert',
    ...state.base(columns, input.estimatedRows),
    table: node.table.oid,
    input: ownerLast(planner, input, node.ownerColumn),
    targets,
    defaults: node.defaults.map(expr => (expr === null ? null : state.expr(expr, noLayout, outer))),
    generated: node.generated.map(item => ({
      position: item.position,
      expr: state.expr(item.expr, row, outer),
    })),
    ownerColumn: node.ownerColumn === null ? null : input.columns.length - 1,
    checks: planChecks(planner, node.checks, row, outer),
    onConflict:
      conflict === null
        ? null
        : {
            action: conflict.action,
            arbiters: conflict.arbiters,
            changesKey: setsKey(planner, node.table, conflict.set),
            ...planConflictUpdate(planner, conflict, pair, outer),
            existingChecks: planChecks(planner, conflict.existingChecks, row, outer),
            updateChecks: planChecks(planner, conflict.updateChecks, row, outer),
          },
    returning: returningExprs(planner, node.newRow, node.returning, row, outer),
  };
}

/** SET and WHERE of ON CONFLICT DO UPDATE over (existing, excluded), or the query that computes them. */
function planConflictUpdate(
  planner: PhysicalPlanner,
  {set, where, query}: NonNullable<InsertNode['onConflict']>,
  pair: Layout,
  outer: OuterSlots,
): Pick<OnConflictPlan, 'set' | 'where' | 'query'> {
  const {state} = planner;
  if (query === null) {
    const over = (expr: BoundExpr): BoundExpr => state.expr(expr, pair, outer);
    return {
      set: set.map(item => ({position: item.position, expr: over(item.expr)})),
      where: where === null ? null : over(where),
      query: null,
    };
  }
  const slots = new Map(outer);
  const bindings: {readonly slot: number; readonly position: number}[] = [];
  for (const id of freeColumnsOfQuery(query)) {
    const position = pair.get(id);
    if (position === undefined) continue;
    const slot = state.newOuter();
    slots.set(id, slot);
    bindings.push({slot, position});
  }
  const none = state.binding.constant(state.binding.boolType, null);
  return {
    set: set.map(({position}) => ({position, expr: none})),
    where: null,
    query: {plan: planner.outputs(query, slots), bindings},
  };
}

/** The `_user_id` column of the input moves behind the values of the targets. */
function ownerLast(planner: PhysicalPlanner, input: Plan, ownerColumn: number | null): Plan {
  if (ownerColumn === null || ownerColumn === input.columns.length - 1) return input;
  const order = input.columns.map((_column, index) => index).filter(index => index !== ownerColumn);
  order.push(ownerColumn);
  const columns = order.map(index => input.columns[index]!);
  const exprs = order.map((index): BoundExpr => {
    const column = input.columns[index]!;
    return {kind: 'column', type: column.type, typmod: column.typmod, location: -1, index};
  });
  return {kind: 'project', ...planner.state.base(columns, input.estimatedRows), input, exprs};
}

function planModify(
  planner: PhysicalPlanner,
  node: ModifyNode,
  columns: readonly PlanColumn[],
  outer: OuterSlots,
): Plan {
  const {state} = planner;
  const live = node.target.columns
    .filter(column => typeof column.source === 'number')
    .map(column => column.id);
  const hidden = (['rid', 'seq', 'owner', 'location'] as const).map(
    source => node.target.columns.find(column => column.source === source)!.id,
  );
  const produced = producedIds(node.input);
  const usedAbove = idsIn([
    ...node.set.map(item => item.expr),
    ...(node.returning ?? []),
    ...node.recheck,
  ]).filter(id => produced.has(id));
  const input = planner.plan(
    node.input,
    unique([...live, ...hidden, ...usedAbove, ...requeryColumns(node.requery, node.input)]),
    outer,
  );
  const layout = layoutOf(input.layout);
  const at = (id: number): number => layout.get(id)!;
  const [rid, seq, owner, location] = hidden.map(at) as [number, number, number, number];
  const recheck = joinAnd(
    node.recheck
      .filter(term => idsIn([term]).every(id => layout.has(id) || outer.has(id)))
      .map(term => state.expr(term, layout, outer)),
  );
  const requery = planRequery(planner, node.requery, layout, outer);
  const row = rowLayout(node.newRow);
  const returningLayout = layoutOf([...row, ...input.layout]);
  const returning = returningExprs(planner, node.newRow, node.returning, returningLayout, outer);
  const base = {
    ...state.base(columns, input.plan.estimatedRows),
    table: node.table.oid,
    input: input.plan,
    rid,
    seq,
    owner,
    location,
  };
  const oldColumns = live.map(at);
  if (node.action === 'delete')
    return {kind: 'delete', ...base, oldColumns, recheck, requery, returning};
  const newRow = layoutOf(row);
  return {
    kind: 'update',
    ...base,
    oldColumns,
    set: node.set.map(item => ({
      position: item.position,
      expr: state.expr(item.expr, layout, outer),
    })),
    generated: node.generated.map(item => ({
      position: item.position,
      expr: state.expr(item.expr, newRow, outer),
    })),
    recheck,
    requery,
    checks: planChecks(planner, node.checks, newRow, outer),
    returning,
    keyPositions: keyPositions(planner, node),
  };
}

/** Positions of columns of unique keys that an UPDATE sets or computes. */
function keyPositions(planner: PhysicalPlanner, node: ModifyNode): readonly number[] {
  return [...node.set, ...node.generated]
    .filter(item => setsKey(planner, node.table, [item]))
    .map(item => item.position);
}

function setsKey(
  planner: PhysicalPlanner,
  table: TableDescriptor,
  set: readonly {readonly position: number}[],
): boolean {
  const keys = keyColumnsOf(planner.state.binding.context.catalog, table.oid);
  const live = liveColumns(table);
  return set.some(({position}) => keys.includes(live[position]!.attnum));
}
