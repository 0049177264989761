import {isVolatile} from '../../expr/analyze.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {joinAnd} from '../bind/conjuncts.ts';
import {producedIds} from '../bind/logical-walk.ts';
import type {MergeAction, MergeNode} from '../bind/logical.ts';
import {planChecks} from './physical-checks.ts';
import {planRequery, requeryColumns} from './physical-requery.ts';
import {
  idsIn,
  type Layout,
  layoutOf,
  type OuterSlots,
  type PhysicalPlanner,
  unique,
} from './planner.ts';
import type {MergePlan} from './plan.ts';

/** MERGE; `newRow` are the positions of a new row for generated columns and CHECK. */
export function planMerge(
  planner: PhysicalPlanner,
  node: MergeNode,
  newRow: Layout,
  outer: OuterSlots,
): MergePlan {
  const {state} = planner;
  const {columns} = node.target;
  const live = columns.filter(column => typeof column.source === 'number').map(({id}) => id);
  const hidden = (['rid', 'seq', 'owner', 'location'] as const).map(
    source => columns.find(column => column.source === source)!.id,
  );
  const produced = producedIds(node.input);
  const used = idsIn([...node.actions.flatMap(actionExprs), ...node.recheck]);
  const input = planner.under(
    node.input,
    unique([
      ...live,
      ...hidden,
      ...used.filter(id => produced.has(id)),
      ...requeryColumns(node.requery, node.input),
    ]),
    outer,
    consumers(planner, node, hidden[0]!),
  );
  const layout = layoutOf(input.layout);
  const over = (expr: BoundExpr): BoundExpr => state.expr(expr, layout, outer);
  const onNewRow = (expr: BoundExpr): BoundExpr => state.expr(expr, newRow, outer);
  const recheck = node.recheck.filter(term =>
    idsIn([term]).every(id => layout.has(id) || outer.has(id)),
  );
  const [rid, seq, owner, location] = hidden.map(id => layout.get(id)!) as [
    number,
    number,
    number,
    number,
  ];
  return {
    kind: 'merge',
    ...state.base([], input.plan.estimatedRows),
    table: node.table.oid,
    alias: node.alias,
    input: input.plan,
    rid,
    seq,
    owner,
    location,
    oldColumns: live.map(id => layout.get(id)!),
    recheck: joinAnd(recheck.map(over)),
    requery: planRequery(planner, node.requery, layout, outer),
    actions: node.actions.map(({setGuard: _guard, ...action}) => ({
      ...action,
      condition: action.condition === null ? null : over(action.condition),
      set: action.set.map(item => ({position: item.position, expr: over(item.expr)})),
      owner: action.owner === null ? null : over(action.owner),
      existingChecks: planChecks(planner, action.existingChecks, newRow, outer),
      writtenChecks: planChecks(planner, action.writtenChecks, newRow, outer),
    })),
    generated: node.generated.map(item => ({
      position: item.position,
      expr: onNewRow(item.expr),
    })),
    checks: planChecks(planner, node.checks, newRow, outer),
  };
}

function actionExprs(action: MergeAction): BoundExpr[] {
  const condition = action.condition === null ? [] : [action.condition];
  return [...condition, ...actionValues(action)];
}

function actionValues({set, owner}: MergeAction): BoundExpr[] {
  const values = set.map(item => item.expr);
  return owner === null ? values : [...values, owner];
}

/**
 * The actions as one CASE, from which subqueries take their guards: they run only for the rows whose action needs them. A volatile
 * condition, which must not be evaluated twice, guards nothing.
 */
function consumers(planner: PhysicalPlanner, node: MergeNode, rid: number): BoundExpr[] {
  const {binding} = planner.state;
  const bool = binding.boolType;
  const none = binding.constant(bool, null);
  const ridColumn = node.target.columns.find(column => column.id === rid)!;
  const base = {type: bool, typmod: -1, location: -1} as const;
  const found: BoundExpr[] = [];
  const whens: {readonly condition: BoundExpr; readonly result: BoundExpr}[] = [];
  for (const action of node.actions) {
    const values: BoundExpr = {kind: 'row', ...base, fields: actionValues(action)};
    const {setGuard} = action;
    const result: BoundExpr =
      setGuard === null || isVolatile(setGuard)
        ? values
        : {
            kind: 'case',
            ...base,
            whens: [{condition: setGuard, result: values}],
            otherwise: none,
          };
    if (action.condition !== null && isVolatile(action.condition)) {
      found.push(action.condition, result);
      continue;
    }
    const fits: BoundExpr = {
      kind: 'nullTest',
      ...base,
      arg: binding.columnExpr(ridColumn),
      negated: action.isMatched,
      isRow: false,
    };
    const condition: BoundExpr =
      action.condition === null ? fits : {kind: 'and', ...base, args: [fits, action.condition]};
    whens.push({condition, result});
  }
  found.push({kind: 'case', ...base, whens, otherwise: none});
  return found;
}
