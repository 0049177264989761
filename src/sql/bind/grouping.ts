import type {GroupingSet, Node, SelectStmt} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {SortKey} from '../plan/plan.ts';
import {locationOf} from './ast.ts';
import {isUnknown} from './binding.ts';
import {applySubqueries, type Block, type BoundWindow, type RangeItem} from './block.ts';
import {coerceImplicit} from './coerce.ts';
import {sameExpr} from './expr-equal.ts';
import {collectColumns, mapChildren} from './expr-map.ts';
import {sharedSetCall} from './grouped-sets.ts';
import {freeColumnsOfQuery} from './logical-walk.ts';
import type {LogicalColumn, LogicalNode, SubqueryExpr} from './logical.ts';
import {bindOutputRef} from './order-by.ts';
import {typeOperator} from './resolve-operator.ts';
import type {Target} from './targets.ts';
import {TypeOid} from './type-oids.ts';

/** The keys of GROUP BY and the sets over them; null sets = one set of all keys. */
export interface GroupClause {
  readonly keys: BoundExpr[];
  readonly sets: readonly (readonly number[])[] | null;
  /** Targets whose key equals an earlier one, with their key: each is NULL in its own sets. */
  readonly targets: ReadonlyMap<number, number>;
}

/** Binds GROUP BY with ROLLUP, CUBE and GROUPING SETS. */
export function bindGroupBy(
  block: Block,
  statement: SelectStmt,
  targets: readonly Target[],
): GroupClause | null {
  const nodes = statement.groupClause ?? [];
  if (nodes.length === 0) return null;
  const keys: BoundExpr[] = [];
  const keyTargets: number[] = [];
  const hasSets = nodes.some(node => 'GroupingSet' in node);
  const pin = (constant: Parameters<Parameters<typeof sameExpr>[2]>[0]): void =>
    block.binding.literals.pin(constant);
  const add = (node: Node): number => {
    const output = bindOutputRef(block, node, targets, 'GROUP BY');
    const bound = sharedSetCall(block, output.expr);
    const expr = isUnknown(bound)
      ? coerceImplicit(block.binding, bound, block.binding.type(TypeOid.text))
      : bound;
    rejectAggregates(block, expr);
    const known = keys.findIndex(
      (key, index) => sameExpr(key, expr, pin) && (!hasSets || keyTargets[index] === output.target),
    );
    if (known !== -1) return known;
    typeOperator(block.binding, '=', expr.type, locationOf(node));
    keyTargets.push(output.target);
    return keys.push(expr) - 1;
  };
  if (!hasSets) {
    for (const node of nodes) for (const part of rowParts(node)) add(part);
    return {keys, sets: null, targets: new Map()};
  }
  let sets: number[][] = [[]];
  for (const node of nodes) {
    const parts =
      'GroupingSet' in node ? expandSet(node.GroupingSet, add) : [rowParts(node).map(add)];
    sets = sets.flatMap(left => parts.map(right => [...new Set([...left, ...right])]));
  }
  if (statement.groupDistinct === true) {
    const seen = new Set<string>();
    sets = sets.filter(set => {
      const text = [...set].sort((a, b) => a - b).join();
      return !seen.has(text) && seen.add(text) !== undefined;
    });
  }
  const again = keyTargets.flatMap((target, index) =>
    target !== -1 && keys.findIndex(key => sameExpr(key, keys[index]!, pin)) < index
      ? [[target, index] as const]
      : [],
  );
  return {keys, sets, targets: new Map(again)};
}

/** 42803 for GROUP BY of an output that is an aggregate. */
function rejectAggregates(block: Block, expr: BoundExpr): void {
  const used = new Set<number>();
  collectColumns(expr, used);
  const aggregate = block.aggregates.find(item => used.has(item.column.id));
  if (aggregate !== undefined) {
    throw block.binding.error(
      SqlState.groupingError,
      'aggregate functions are not allowed in GROUP BY',
      aggregate.location,
    );
  }
  if (block.windows.some(window => window.calls.some(call => used.has(call.column.id)))) {
    throw block.binding.error(
      SqlState.windowingError,
      'window functions are not allowed in GROUP BY',
      expr.location,
    );
  }
}

function rowParts(node: Node): Node[] {
  return 'RowExpr' in node && node.RowExpr.row_format === 'COERCE_IMPLICIT_CAST'
    ? (node.RowExpr.args ?? [])
    : [node];
}

function expandSet(set: GroupingSet, add: (node: Node) => number): number[][] {
  const content = set.content ?? [];
  switch (set.kind ?? 'GROUPING_SET_EMPTY') {
    case 'GROUPING_SET_EMPTY':
      return [[]];
    case 'GROUPING_SET_ROLLUP': {
      const items = content.map(node => rowParts(node).map(add));
      return Array.from({length: items.length + 1}, (_, index) =>
        items.slice(0, items.length - index).flat(),
      );
    }
    case 'GROUPING_SET_CUBE': {
      const items = content.map(node => rowParts(node).map(add));
      const subsets: number[][] = [];
      for (let mask = (1 << items.length) - 1; mask >= 0; mask--) {
        subsets.push(
          items.filter((_item, index) => (mask & (1 << (items.length - 1 - index))) !== 0).flat(),
        );
      }
      return subsets;
    }
    case 'GROUPING_SET_SETS':
      return content.flatMap(node =>
        'GroupingSet' in node ? expandSet(node.GroupingSet, add) : [rowParts(node).map(add)],
      );
    default:
      return [content.flatMap(rowParts).map(add)];
  }
}

/** What stands above the Aggregate node: expressions in terms of its outputs. */
export class Grouped {
  readonly #block: Block;
  readonly #keys: {column: LogicalColumn; expr: BoundExpr}[];
  #sets: GroupClause['sets'];
  readonly #targets: GroupClause['targets'];
  /** Keys that GROUP BY names; those that a primary key determines come after them. */
  readonly #namedCount: number;
  readonly #plain = new Set<number>();
  readonly #produced: ReadonlySet<number>;

  constructor(block: Block, clause: GroupClause | null) {
    this.#block = block;
    const binding = block.binding;
    this.#sets = clause?.sets ?? null;
    this.#targets = clause?.targets ?? new Map();
    this.#namedCount = clause?.keys.length ?? 0;
    this.#keys = (clause?.keys ?? []).map(expr => {
      if (expr.kind === 'column' && !this.#plain.has(expr.index)) {
        this.#plain.add(expr.index);
        return {column: {id: expr.index, name: '', type: expr.type, typmod: expr.typmod}, expr};
      }
      const column = binding.newColumn('', expr.type, expr.typmod);
      binding.owners.set(column.id, block);
      return {column, expr};
    });
    this.#produced = new Set([
      ...block.aggregates.map(aggregate => aggregate.column.id),
      ...block.groupings.map(grouping => grouping.column.id),
      ...block.windows.flatMap(window => window.calls.map(call => call.column.id)),
      ...block.setCalls.flatMap(({call}) => call.columns.map(column => column.id)),
    ]);
  }

  /** The expression over the aggregate's outputs; 42803 for a column that is neither grouped nor aggregated. */
  rewrite(expr: BoundExpr): BoundExpr {
    for (const key of this.#keys) {
      if (
        key.expr.kind !== 'column' &&
        sameExpr(key.expr, expr, constant => this.#block.binding.literals.pin(constant))
      ) {
        return this.#block.binding.columnExpr(key.column, expr.location);
      }
    }
    if (expr.kind === 'column') {
      this.#check(expr.index, expr.location, false);
      return expr;
    }
    return mapChildren(expr, child => this.rewrite(child));
  }

  /** As rewrite, for an entry of the target list: one that is grouped by itself is its own key. */
  rewriteTarget(expr: BoundExpr, index: number): BoundExpr {
    const key = this.#targets.get(index);
    return key === undefined
      ? this.rewrite(expr)
      : this.#block.binding.columnExpr(this.#keys[key]!.column, expr.location);
  }

  rewriteKeys(keys: readonly SortKey[]): SortKey[] {
    return keys.map(key => ({...key, expr: this.rewrite(key.expr)}));
  }

  rewriteWindow(window: BoundWindow): BoundWindow {
    return {
      partitionBy: window.partitionBy.map(expr => this.rewrite(expr)),
      orderBy: this.rewriteKeys(window.orderBy),
      frame: window.frame,
      offsets: window.offsets,
      calls: window.calls.map(({column, call}) => ({
        column,
        call: {
          ...call,
          args: call.args.map(arg => this.rewrite(arg)),
          filter: call.filter === null ? null : this.rewrite(call.filter),
        },
      })),
    };
  }

  /** Checks what subqueries above the aggregate use of this level. */
  checkSubqueries(subqueries: readonly SubqueryExpr[]): void {
    for (const subquery of subqueries)
      for (const id of freeColumnsOfQuery(subquery.query)) this.#check(id, -1, true);
  }

  /** 42803 for a direct argument of an ordered-set aggregate that is not the same for the whole group. */
  #checkDirect(arg: BoundExpr): void {
    const pin = (constant: Parameters<Parameters<typeof sameExpr>[2]>[0]): void =>
      this.#block.binding.literals.pin(constant);
    if (this.#keys.some(key => sameExpr(key.expr, arg, pin))) return;
    if (arg.kind === 'column')
      this.#check(arg.index, arg.location, false, {
        detail: 'Direct arguments of an ordered-set aggregate must use only grouped columns.',
      });
    else
      mapChildren(arg, child => {
        this.#checkDirect(child);
        return child;
      });
  }

  #check(id: number, location: number, isSubquery: boolean, more: {detail?: string} = {}): void {
    const block = this.#block;
    const owner = block.binding.owners.get(id);
    if (owner !== block || this.#plain.has(id) || this.#produced.has(id)) return;
    for (const item of block.items) {
      const column =
        item.columns.find(candidate => candidate.id === id) ??
        item.scan?.columns.find(candidate => candidate.id === id) ??
        presenceColumn(item, id);
      if (column === undefined || !(item.isNamed || item.showsColumns)) continue;
      if (this.#isDetermined(id)) {
        this.#plain.add(id);
        const added = {id, name: column.name, type: column.type, typmod: column.typmod};
        const at = this.#keys.push({column: added, expr: block.binding.columnExpr(added)}) - 1;
        this.#sets = this.#sets?.map(set => [...set, at]) ?? null;
        return;
      }
      const owner2 =
        block.items.find(
          candidate => candidate.isNamed && candidate.columns.some(entry => entry.id === id),
        ) ?? item;
      const name = owner2.alias === '' ? column.name : `${owner2.alias}.${column.name}`;
      const message = isSubquery
        ? `subquery uses ungrouped column "${name}" from outer query`
        : `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`;
      throw block.binding.error(SqlState.groupingError, message, location, more);
    }
  }

  /** Whether the column's table has its whole primary key among the plain keys (functional dependency). */
  #isDetermined(id: number): boolean {
    const scan = this.#block.items.find(item =>
      item.scan?.columns.some(column => column.id === id),
    )?.scan;
    if (scan === null || scan === undefined || scan.relation.kind !== 'table') return false;
    const primary = this.#block.binding.context.catalog
      .constraintsOf(scan.relation.oid)
      .find(constraint => constraint.type === 'p');
    if (primary === undefined) return false;
    return primary.columns.every(attnum => {
      const key = scan.columns.find(column => column.source === attnum);
      return key !== undefined && this.#plain.has(key.id) && this.#isInAllSets(key.id);
    });
  }

  #isInAllSets(id: number): boolean {
    const at = this.#keys.findIndex(key => key.column.id === id);
    return this.#sets === null || this.#sets.every(set => set.includes(at));
  }

  /** The Aggregate node over the input, after everything above has been rewritten. */
  node(input: LogicalNode): LogicalNode {
    const block = this.#block;
    for (const {call} of block.aggregates)
      if (call.kind !== 'n')
        for (const arg of call.args.slice(0, call.directArgCount)) this.#checkDirect(arg);
    const groupings = block.groupings.map(({column, args}) => ({
      column,
      keys: args.map(arg => {
        const index = this.#keys.findIndex(key =>
          sameExpr(key.expr, arg, constant => block.binding.literals.pin(constant)),
        );
        if (index !== -1 && index < this.#namedCount) return index;
        throw block.binding.error(
          SqlState.groupingError,
          'arguments to GROUPING must be grouping expressions of the associated query level',
          arg.location,
        );
      }),
    }));
    const keyed: LogicalNode = {
      kind: 'aggregate',
      input: applySubqueries(input, block.inputSubqueries),
      keys: this.#keys,
      aggregates: block.aggregates.map(({column, call}) => ({column, call})),
      groupingSets: this.#sets,
      groupings,
    };
    return keyed;
  }
}

/** The column that tells whether an outer join found a row of the item: it stands for the whole row. */
function presenceColumn(item: RangeItem, id: number): LogicalColumn | undefined {
  const side = item.nullable;
  return side !== null && side !== 'never' && side.column?.id === id ? side.column : undefined;
}
