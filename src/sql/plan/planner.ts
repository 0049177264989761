import {internalError} from '../../common/errors.ts';
import type {BoundExpr, ConstantExpr, SlotExpr} from '../../expr/bound.ts';
import type {Binding} from '../bind/binding.ts';
import {collectColumns, mapChildren} from '../bind/expr-map.ts';
import type {BoundQuery, ColumnId, DmlQuery, LogicalColumn, LogicalNode} from '../bind/logical.ts';
import type {Estimator} from './estimate.ts';
import type {Plan, PlanColumn, SortKey} from './plan.ts';

/** A plan node with the ids of its output columns in order. */
export interface Planned {
  readonly plan: Plan;
  readonly layout: readonly ColumnId[];
}

/** Outer values in reach: id -> slot of run.outer. */
export type OuterSlots = ReadonlyMap<ColumnId, number>;

/** A literal that the plan reads as a slot. */
export interface PlannedSlot {
  /** Byte offset of the literal token (of the minus sign when negated). */
  readonly location: number;
  readonly isNegated: boolean;
  readonly type: ConstantExpr['type'];
  readonly typmod: number;
}

/** State of turning one logical tree into plan nodes: node ids, outer slots, literal slots. */
export class PlanState {
  readonly binding: Binding;
  readonly estimator: Estimator;
  readonly slots: PlannedSlot[] = [];
  readonly columns = new Map<ColumnId, PlanColumn>();
  #nextNode = 1;
  #nextOuter = 0;

  constructor(binding: Binding, estimator: Estimator) {
    this.binding = binding;
    this.estimator = estimator;
  }

  get outerCount(): number {
    return this.#nextOuter;
  }

  newOuter(): number {
    return this.#nextOuter++;
  }

  /** Fields that every node has. */
  base(
    columns: readonly PlanColumn[],
    estimatedRows: number,
  ): {id: number; columns: readonly PlanColumn[]; estimatedRows: number} {
    return {id: this.#nextNode++, columns, estimatedRows: Math.max(1, Math.round(estimatedRows))};
  }

  rows(node: LogicalNode): number {
    return this.estimator.rows(node);
  }

  /** Remembers what a column looks like. */
  know(columns: readonly LogicalColumn[]): void {
    for (const column of columns)
      this.columns.set(column.id, {name: column.name, type: column.type, typmod: column.typmod});
  }

  describe(layout: readonly ColumnId[]): PlanColumn[] {
    return layout.map(id => {
      const column = this.columns.get(id);
      if (column === undefined) throw internalError(`column ${id} has no description`);
      return column;
    });
  }

  /** An expression over ids as one over positions of a layout; ids of enclosing levels become outer values, open literals slots. */
  expr(expr: BoundExpr, layout: Layout, outer: OuterSlots): BoundExpr {
    switch (expr.kind) {
      case 'column': {
        const index = layout.get(expr.index);
        if (index !== undefined) return {...expr, index};
        const slot = outer.get(expr.index);
        if (slot === undefined) throw internalError(`column ${expr.index} is not available`);
        return {
          kind: 'outer',
          type: expr.type,
          typmod: expr.typmod,
          location: expr.location,
          index: slot,
        };
      }
      case 'constant':
        return this.#literal(expr);
      default:
        return mapChildren(expr, child => this.expr(child, layout, outer));
    }
  }

  keys(keys: readonly SortKey[], layout: Layout, outer: OuterSlots): SortKey[] {
    return keys.map(key => ({...key, expr: this.expr(key.expr, layout, outer)}));
  }

  #literal(constant: ConstantExpr): ConstantExpr | SlotExpr {
    const origin = this.binding.literals.originOf(constant);
    if (origin === undefined || this.binding.literals.isPinned(origin.location)) return constant;
    let index = this.slots.findIndex(
      slot =>
        slot.location === origin.location &&
        slot.type.oid === constant.type.oid &&
        slot.typmod === constant.typmod,
    );
    if (index === -1) {
      index = this.slots.length;
      this.slots.push({
        location: origin.location,
        isNegated: origin.isNegated,
        type: constant.type,
        typmod: constant.typmod,
      });
    }
    return {
      kind: 'slot',
      type: constant.type,
      typmod: constant.typmod,
      location: constant.location,
      index,
    };
  }
}

/** Positions of ids in a layout. */
export type Layout = ReadonlyMap<ColumnId, number>;

/** The positions of a layout; the first of equal ids counts. */
export function layoutOf(ids: readonly ColumnId[]): Layout {
  const layout = new Map<ColumnId, number>();
  ids.forEach((id, index) => {
    if (!layout.has(id)) layout.set(id, index);
  });
  return layout;
}

export const noLayout: Layout = new Map();

/** Plans nodes recursively; handed to the files that plan single kinds. */
export interface PhysicalPlanner {
  readonly state: PlanState;
  /** Columns `needed` (and maybe more), in that order where the node can choose. */
  plan(node: LogicalNode, needed: readonly ColumnId[], outer: OuterSlots): Planned;
  /** As plan; subqueries directly below run only where `consumers` need them. */
  under(
    node: LogicalNode,
    needed: readonly ColumnId[],
    outer: OuterSlots,
    consumers: readonly BoundExpr[],
  ): Planned;
  /** Exactly the wanted columns in order. */
  outputs(query: BoundQuery, outer: OuterSlots): Plan;
  dml(query: DmlQuery, outer: OuterSlots): Plan;
}

/** Ids of columns in order. */
export function ids(columns: readonly LogicalColumn[]): ColumnId[] {
  return columns.map(column => column.id);
}

/** Ids in expressions, each once. */
export function idsIn(exprs: readonly BoundExpr[]): ColumnId[] {
  const used = new Set<ColumnId>();
  for (const expr of exprs) collectColumns(expr, used);
  return [...used];
}

/** Needed ids and those of expressions, each once, the needed first. */
export function extend(needed: readonly ColumnId[], exprs: readonly BoundExpr[]): ColumnId[] {
  return unique([...needed, ...idsIn(exprs)]);
}

export function unique(list: readonly ColumnId[]): ColumnId[] {
  return [...new Set(list)];
}
