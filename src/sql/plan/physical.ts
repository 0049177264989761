import {assertNever, internalError} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {isVolatile} from '../../expr/analyze.ts';
import {joinAnd} from '../bind/conjuncts.ts';
import {exprsOf, freeColumnsOfQuery, producedBy, producedIds} from '../bind/logical-walk.ts';
import type {BoundQuery, ColumnId, DmlQuery, LogicalColumn, LogicalNode} from '../bind/logical.ts';
import {planAggregate, planFunctionScan, planProjectSet, planWindow} from './physical-calls.ts';
import {planDml} from './physical-dml.ts';
import {planJoin} from './physical-join.ts';
import {planLock} from './physical-lock.ts';
import {planScan} from './physical-scan.ts';
import {applyGuards} from './guards.ts';
import {
  extend,
  ids,
  idsIn,
  layoutOf,
  noLayout,
  type OuterSlots,
  type PhysicalPlanner,
  type Planned,
  type PlanState,
  unique,
} from './planner.ts';
import {indexOrder} from './index-order.ts';
import type {CtePlan, Plan, PlanColumn, TableScanPlan} from './plan.ts';

/** Turns optimized logical nodes into plan nodes. */
export class Physical implements PhysicalPlanner {
  readonly state: PlanState;

  constructor(state: PlanState) {
    this.state = state;
  }

  outputs(query: BoundQuery, outer: OuterSlots): Plan {
    const wanted = query.columns.map(column => column.id);
    const planned = this.plan(query.node, unique(wanted), outer);
    return this.#exactly(planned, wanted, query.columns, outer);
  }

  #exactly(
    planned: Planned,
    wanted: readonly ColumnId[],
    columns: readonly LogicalColumn[],
    outer: OuterSlots,
  ): Plan {
    const shape = columns.map(
      (column): PlanColumn => ({name: column.name, type: column.type, typmod: column.typmod}),
    );
    const isSame =
      planned.layout.length === wanted.length &&
      planned.layout.every((id, index) => id === wanted[index]);
    if (isSame) return {...planned.plan, columns: shape};
    const layout = layoutOf(planned.layout);
    const exprs = columns.map(column =>
      this.state.expr(this.state.binding.columnExpr(column), layout, outer),
    );
    return {
      kind: 'project',
      ...this.state.base(shape, planned.plan.estimatedRows),
      input: planned.plan,
      exprs,
    };
  }

  dml(query: DmlQuery, outer: OuterSlots): Plan {
    return planDml(this, query, outer);
  }

  plan(node: LogicalNode, needed: readonly ColumnId[], outer: OuterSlots): Planned {
    this.state.know(producedBy(node));
    switch (node.kind) {
      case 'scan':
        return planScan(this, node, [], needed, outer);
      case 'filter':
        return this.#filter(node, needed, outer);
      case 'values':
        return this.#values(node, needed, outer);
      case 'compute':
        return this.#compute(node, needed, outer);
      case 'join':
        return planJoin(this, node, needed, outer);
      case 'apply':
        return this.#apply(node, needed, outer, []);
      case 'aggregate':
        return planAggregate(this, node, outer);
      case 'window':
        return planWindow(this, node, needed, outer);
      case 'sort':
        return this.#sort(node, needed, outer, null);
      case 'limit':
        return this.#limit(node, needed, outer);
      case 'distinct':
        return this.#distinct(node, needed, outer);
      case 'append': {
        const inputs = node.inputs.map(input => this.outputs(input, outer));
        return this.#made(
          {kind: 'append', ...this.#base(node, ids(node.columns)), inputs},
          ids(node.columns),
        );
      }
      case 'setOp': {
        const plan: Plan = {
          kind: 'setOp',
          ...this.#base(node, ids(node.columns)),
          op: node.op,
          all: node.all,
          left: this.outputs(node.left, outer),
          right: this.outputs(node.right, outer),
        };
        return this.#made(plan, ids(node.columns));
      }
      case 'projectSet':
        return planProjectSet(this, node, needed, outer);
      case 'functionScan':
        return planFunctionScan(this, node, outer);
      case 'with':
        return this.#with(node, needed, outer);
      case 'cteScan':
        return this.#made(
          {kind: 'cteScan', ...this.#base(node, ids(node.columns)), cte: node.cte, name: node.name},
          ids(node.columns),
        );
      case 'workTable':
        return this.#made(
          {kind: 'workTableScan', ...this.#base(node, ids(node.columns)), cte: node.cte},
          ids(node.columns),
        );
      case 'recursive': {
        const plan: Plan = {
          kind: 'recursiveUnion',
          ...this.#base(node, ids(node.columns)),
          cte: node.cte,
          initial: this.outputs(node.initial, outer),
          recursive: this.outputs(node.recursive, outer),
          isDistinct: node.isDistinct,
        };
        return this.#made(plan, ids(node.columns));
      }
      case 'lock':
        return planLock(this, node, needed, outer);
      default:
        return assertNever(node);
    }
  }

  #made(plan: Plan, layout: readonly ColumnId[]): Planned {
    return {plan, layout};
  }

  #base(node: LogicalNode, layout: readonly ColumnId[]): ReturnType<PlanState['base']> {
    return this.state.base(this.state.describe(layout), this.state.rows(node));
  }

  #filter(
    node: LogicalNode & {readonly kind: 'filter'},
    needed: readonly ColumnId[],
    outer: OuterSlots,
  ): Planned {
    if (node.input.kind === 'scan')
      return planScan(this, node.input, node.conditions, needed, outer);
    if (node.input.kind === 'apply') {
      const input = this.#apply(
        node.input,
        extend(needed, node.conditions),
        outer,
        node.conditions,
      );
      return this.#filterOver(node, input, outer);
    }
    const input = this.plan(node.input, extend(needed, node.conditions), outer);
    return this.#filterOver(node, input, outer);
  }

  #filterOver(
    node: LogicalNode & {readonly kind: 'filter'},
    input: Planned,
    outer: OuterSlots,
  ): Planned {
    const layout = layoutOf(input.layout);
    const condition = joinAnd(node.conditions.map(term => this.state.expr(term, layout, outer)))!;
    if (input.plan.kind === 'functionScan' && input.plan.filter === null) {
      return {plan: {...input.plan, filter: condition}, layout: input.layout};
    }
    return this.#made(
      {kind: 'filter', ...this.#base(node, input.layout), input: input.plan, condition},
      input.layout,
    );
  }

  #values(
    node: LogicalNode & {readonly kind: 'values'},
    needed: readonly ColumnId[],
    outer: OuterSlots,
  ): Planned {
    const all = ids(node.columns);
    const kept = node.rows.flat().some(isVolatile) ? all : all.filter(id => needed.includes(id));
    const positions = kept.map(id => all.indexOf(id));
    const rows = node.rows.map(row =>
      positions.map(index => this.state.expr(row[index]!, noLayout, outer)),
    );
    return this.#made({kind: 'values', ...this.#base(node, kept), rows}, kept);
  }

  #compute(
    node: LogicalNode & {readonly kind: 'compute'},
    needed: readonly ColumnId[],
    outer: OuterSlots,
  ): Planned {
    const outputs = node.outputs.filter(
      output => needed.includes(output.column.id) || isVolatile(output.expr),
    );
    const own = new Set(outputs.map(output => output.column.id));
    const passed = needed.filter(id => !own.has(id));
    const exprs = outputs.map(output => output.expr);
    const input =
      node.input.kind === 'apply'
        ? this.#apply(node.input, extend(passed, exprs), outer, exprs)
        : this.plan(node.input, extend(passed, exprs), outer);
    if (outputs.length === 0) return input;
    if (input.plan.kind === 'values' && input.layout.length === 0 && input.plan.rows.length === 1) {
      const row = outputs.map(output => this.state.expr(output.expr, noLayout, outer));
      return this.#made({...input.plan, columns: this.state.describe([...own]), rows: [row]}, [
        ...own,
      ]);
    }
    const layout = layoutOf(input.layout);
    const order = [...needed, ...[...own].filter(id => !needed.includes(id))].filter(
      id => own.has(id) || layout.has(id),
    );
    const byId = new Map(outputs.map(output => [output.column.id, output.expr]));
    const list = order.map(id => {
      const expr = byId.get(id);
      const column = this.state.columns.get(id)!;
      const source: BoundExpr = expr ?? {
        kind: 'column',
        type: column.type,
        typmod: column.typmod,
        location: -1,
        index: id,
      };
      return this.state.expr(source, layout, outer);
    });
    return this.#made(
      {kind: 'project', ...this.#base(node, order), input: input.plan, exprs: list},
      order,
    );
  }

  /** A chain of subqueries; `consumers` are the expressions above that decide when each must run. */
  #apply(
    node: LogicalNode & {readonly kind: 'apply'},
    needed: readonly ColumnId[],
    outer: OuterSlots,
    consumers: readonly BoundExpr[],
  ): Planned {
    const {subquery} = applyGuards(node, consumers, this.state.binding.boolType);
    if (!needed.includes(subquery.column.id)) return this.plan(node.input, needed, outer);
    const {query, test, guard} = subquery;
    const free = freeColumnsOfQuery(query);
    const inputIds = producedIds(node.input);
    const correlated = [...free].filter(id => inputIds.has(id));
    const own = producedIds(query.node);
    const testInput = test === null ? [] : idsIn([test]).filter(id => !own.has(id));
    const wanted = unique([
      ...needed.filter(id => id !== subquery.column.id),
      ...correlated,
      ...testInput,
      ...(guard === null ? [] : idsIn([guard])),
    ]);
    const input =
      node.input.kind === 'apply'
        ? this.#apply(node.input, wanted, outer, [...consumers, ...(test === null ? [] : [test])])
        : this.plan(
            node.input,
            wanted.filter(id => inputIds.has(id)),
            outer,
          );
    const layout = layoutOf(input.layout);
    const inner = new Map(outer);
    const bindings = correlated.map(id => {
      const slot = this.state.newOuter();
      inner.set(id, slot);
      const column = this.state.columns.get(id)!;
      return {
        slot,
        expr: this.state.expr(
          {kind: 'column', type: column.type, typmod: column.typmod, location: -1, index: id},
          layout,
          outer,
        ),
      };
    });
    const isExists = subquery.mode === 'exists';
    const subplan = this.outputs(isExists ? {node: query.node, columns: []} : query, inner);
    const testLayout = [...input.layout, ...query.columns.map(column => column.id)];
    this.state.know([subquery.column]);
    const output = [...input.layout, subquery.column.id];
    const plan: Plan = {
      kind: 'apply',
      ...this.#base(node, output),
      input: input.plan,
      subplan,
      mode: subquery.mode,
      test: test === null ? null : this.state.expr(test, layoutOf(testLayout), inner),
      guard: guard === null ? null : this.state.expr(guard, layout, outer),
      bindings,
      runOnce: bindings.length === 0 && !hasVolatile(query.node),
    };
    return this.#made(plan, output);
  }

  under(
    node: LogicalNode,
    needed: readonly ColumnId[],
    outer: OuterSlots,
    consumers: readonly BoundExpr[],
  ): Planned {
    return node.kind === 'apply'
      ? this.#apply(node, needed, outer, consumers)
      : this.plan(node, needed, outer);
  }

  #sort(
    node: LogicalNode & {readonly kind: 'sort'},
    needed: readonly ColumnId[],
    outer: OuterSlots,
    limit: BoundExpr | null,
  ): Planned {
    const input = this.plan(
      node.input,
      extend(
        needed,
        node.keys.map(key => key.expr),
      ),
      outer,
    );
    const keys = this.state.keys(node.keys, layoutOf(input.layout), outer);
    const {catalog} = this.state.binding.context;
    const order = limit === null ? null : indexOrder(catalog, input.plan, keys);
    const plan: Plan = {
      kind: 'sort',
      ...this.#base(node, input.layout),
      input: order === null ? input.plan : {...(input.plan as TableScanPlan), order},
      keys,
      limit,
    };
    return this.#made(plan, input.layout);
  }

  #limit(
    node: LogicalNode & {readonly kind: 'limit'},
    needed: readonly ColumnId[],
    outer: OuterSlots,
  ): Planned {
    const count = (of: BoundExpr | null): BoundExpr | null =>
      of === null ? null : this.state.expr(of, noLayout, outer);
    const limit = count(node.limit);
    const offset = count(node.offset);
    const all =
      node.tieKeys === null
        ? needed
        : extend(
            needed,
            node.tieKeys.map(key => key.expr),
          );
    const top = limit !== null && node.tieKeys === null ? this.#topCount(limit, offset) : null;
    const input = this.#limitInput(node.input, all, outer, top);
    const tieKeys =
      node.tieKeys === null ? null : this.state.keys(node.tieKeys, layoutOf(input.layout), outer);
    return this.#made(
      {kind: 'limit', ...this.#base(node, input.layout), input: input.plan, limit, offset, tieKeys},
      input.layout,
    );
  }

  /** A sort directly below (or below computed columns that do not change the number of rows) keeps only the first rows. */
  #limitInput(
    node: LogicalNode,
    needed: readonly ColumnId[],
    outer: OuterSlots,
    top: BoundExpr | null,
  ): Planned {
    return node.kind === 'sort'
      ? this.#sort(node, needed, outer, top)
      : this.plan(node, needed, outer);
  }

  #topCount(limit: BoundExpr, offset: BoundExpr | null): BoundExpr | null {
    if (offset === null) return limit;
    const plus = this.state.binding.context.catalog.builtin.functionByOid(463 as never);
    if (plus === undefined) throw internalError('int8pl is missing');
    const zero = this.state.binding.constant(limit.type, 0n);
    const skipped: BoundExpr = {
      kind: 'coalesce',
      type: limit.type,
      typmod: -1,
      location: -1,
      args: [offset, zero],
    };
    return {
      kind: 'call',
      type: limit.type,
      typmod: -1,
      location: -1,
      function: plus.oid,
      source: plus.source,
      isStrict: true,
      volatility: 'i',
      args: [limit, skipped],
      operatorName: '+',
      functionName: plus.name,
    };
  }

  #distinct(
    node: LogicalNode & {readonly kind: 'distinct'},
    needed: readonly ColumnId[],
    outer: OuterSlots,
  ): Planned {
    const wanted = ids(node.columns);
    if (node.on === null) {
      const input = this.plan(node.input, wanted, outer);
      const plan = this.#exactly(input, wanted, node.columns, outer);
      return this.#made(
        {kind: 'distinct', ...this.#base(node, wanted), input: plan, on: null},
        wanted,
      );
    }
    const input = this.plan(node.input, extend(unique([...needed, ...wanted]), node.on), outer);
    const layout = layoutOf(input.layout);
    const on = node.on.map(expr => this.state.expr(expr, layout, outer));
    return this.#made(
      {kind: 'distinct', ...this.#base(node, input.layout), input: input.plan, on},
      input.layout,
    );
  }

  #with(
    node: LogicalNode & {readonly kind: 'with'},
    needed: readonly ColumnId[],
    outer: OuterSlots,
  ): Planned {
    const ctes = node.ctes.map(
      (cte): CtePlan => ({
        id: cte.id,
        name: cte.name,
        isDataModifying: cte.isDataModifying,
        isMain: cte.isMain === true,
        plan: 'ctes' in cte.query ? this.dml(cte.query, outer) : this.outputs(cte.query, outer),
      }),
    );
    const body = this.plan(node.body, needed, outer);
    return this.#made(
      {kind: 'with', ...this.#base(node, body.layout), ctes, body: body.plan},
      body.layout,
    );
  }
}

/** Whether anything in a tree is volatile, so that its result must not be kept. */
export function hasVolatile(node: LogicalNode): boolean {
  if (exprsOf(node).some(isVolatile)) return true;
  if (
    node.kind === 'functionScan' &&
    node.functions.some(item => item.call.expr !== null && isVolatile(item.call.expr))
  )
    return true;
  const inputs = node.kind === 'apply' ? [node.input, node.subquery.query.node] : [];
  for (const input of inputs) if (hasVolatile(input)) return true;
  return childNodes(node).some(hasVolatile);
}

function childNodes(node: LogicalNode): readonly LogicalNode[] {
  switch (node.kind) {
    case 'join':
      return [node.left, node.right];
    case 'append':
      return node.inputs.map(input => input.node);
    case 'setOp':
      return [node.left.node, node.right.node];
    case 'with':
      return [node.body];
    case 'scan':
    case 'values':
    case 'functionScan':
    case 'cteScan':
    case 'workTable':
    case 'apply':
    case 'recursive':
      return [];
    default:
      return [node.input];
  }
}
