import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from '../bind/binding.ts';
import {collectColumns} from '../bind/expr-map.ts';
import type {LogicalNode, ScanNode} from '../bind/logical.ts';

const systemRows = 400;
const functionRows = 100;

/** How many rows a node yields, roughly; only compared with other estimates. */
export class Estimator {
  readonly #binding: Binding;
  readonly #known = new WeakMap<LogicalNode, number>();

  constructor(binding: Binding) {
    this.#binding = binding;
  }

  rows(node: LogicalNode): number {
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    const rows = Math.max(1, this.#estimate(node));
    this.#known.set(node, rows);
    return rows;
  }

  #estimate(node: LogicalNode): number {
    switch (node.kind) {
      case 'scan':
        return this.scanRows(node);
      case 'values':
        return node.rows.length;
      case 'filter':
        return this.filtered(node.input, node.conditions);
      case 'join':
        return this.#join(node);
      case 'aggregate':
        return node.keys.length === 0 ? 1 : Math.ceil(this.rows(node.input) / 10);
      case 'limit':
        return node.limit === null ? this.rows(node.input) : Math.min(this.rows(node.input), 100);
      case 'distinct':
        return Math.ceil(this.rows(node.input) / 2);
      case 'append':
        return node.inputs.reduce((sum, input) => sum + this.rows(input.node), 0);
      case 'setOp':
        return this.rows(node.left.node);
      case 'projectSet':
        return this.rows(node.input) * 10;
      case 'functionScan':
        return node.functions.every(item => item.call.expr !== null) ? 1 : functionRows;
      case 'cteScan':
      case 'workTable':
        return 200;
      case 'recursive':
        return this.rows(node.initial.node) * 10;
      case 'with':
        return this.rows(node.body);
      default:
        return this.rows(node.input);
    }
  }

  scanRows(scan: ScanNode): number {
    return scan.relation.kind === 'table'
      ? Math.max(1, this.#binding.context.estimateRows(scan.relation.oid))
      : systemRows;
  }

  filtered(input: LogicalNode, conditions: readonly BoundExpr[]): number {
    const rows = this.rows(input);
    if (input.kind === 'scan' && this.#bindsUnique(input, conditions)) return 1;
    return rows * conditions.reduce((product, condition) => product * selectivity(condition), 1);
  }

  #join(node: LogicalNode & {readonly kind: 'join'}): number {
    const left = this.rows(node.left);
    const right = this.rows(node.right);
    if (node.joinType === 'semi' || node.joinType === 'anti') return Math.ceil(left / 2);
    const equals = node.on.filter(isEquality).length;
    const joined =
      equals > 0
        ? Math.max(left, right) / 3 ** (equals - 1)
        : left * right * (node.on.length > 0 ? 0.3 : 1);
    return node.joinType === 'left' || node.joinType === 'full' ? Math.max(left, joined) : joined;
  }

  /** Whether equalities bind all columns of a unique index to values that are not of the scan. */
  #bindsUnique(scan: ScanNode, conditions: readonly BoundExpr[]): boolean {
    const own = new Set(scan.columns.map(column => column.id));
    const bound = new Set<number>();
    for (const condition of conditions) {
      if (!isEquality(condition) || condition.kind !== 'call') continue;
      for (const [side, other] of [
        [condition.args[0]!, condition.args[1]!],
        [condition.args[1]!, condition.args[0]!],
      ] as const) {
        const used = new Set<number>();
        collectColumns(other, used);
        const column = side.kind === 'relabel' ? side.arg : side;
        if (column.kind !== 'column' || [...used].some(id => own.has(id))) continue;
        const source = scan.columns.find(candidate => candidate.id === column.index)?.source;
        if (typeof source === 'number') bound.add(source);
      }
    }
    if (bound.size === 0) return false;
    if (scan.relation.kind !== 'table')
      return scan.relation.columns.some(
        column => column.name === 'oid' && bound.has(column.attnum),
      );
    return this.#binding.context.catalog
      .indexesOf(scan.relation.oid)
      .some(
        index =>
          index.isUnique && index.keys.every(key => key.attnum !== 0 && bound.has(key.attnum)),
      );
  }
}

/** a = b. */
export function isEquality(expr: BoundExpr): boolean {
  return expr.kind === 'call' && expr.operatorName === '=' && expr.args.length === 2;
}

function selectivity(condition: BoundExpr): number {
  if (isEquality(condition)) return 0.01;
  switch (condition.kind) {
    case 'scalarArray':
      return 0.05;
    case 'nullTest':
      return condition.negated ? 0.9 : 0.05;
    case 'or':
      return Math.min(
        1,
        condition.args.reduce((sum, arg) => sum + selectivity(arg), 0),
      );
    case 'and':
      return condition.args.reduce((product, arg) => product * selectivity(arg), 1);
    default:
      return 0.33;
  }
}
