import type {BoundExpr} from '../../expr/bound.ts';
import {isVolatile} from '../../expr/analyze.ts';
import type {Binding} from '../bind/binding.ts';
import {splitAnd} from '../bind/conjuncts.ts';
import {collectColumns, replaceColumns} from '../bind/expr-map.ts';
import {mayLeak} from '../bind/leakproof.ts';
import {producedBy, producedIds} from '../bind/logical-walk.ts';
import type {BoundQuery, ColumnId, JoinNode, LogicalNode} from '../bind/logical.ts';
import {decorrelate} from './decorrelate.ts';
import type {Estimator} from './estimate.ts';
import {orderJoins} from './join-order.ts';
import {mapNode} from './logical-map.ts';

/** Moves conditions down to where they can be decided first, turns subqueries into joins, orders inner joins. */
export class PushDown {
  readonly #binding: Binding;
  readonly #estimator: Estimator;

  constructor(binding: Binding, estimator: Estimator) {
    this.#binding = binding;
    this.#estimator = estimator;
  }

  /** The optimized form of a node without conditions above it. */
  optimize = (node: LogicalNode): LogicalNode => this.push(node, []);

  /** A node equal to `node` filtered by `conditions`. */
  push(node: LogicalNode, conditions: readonly BoundExpr[]): LogicalNode {
    switch (node.kind) {
      case 'filter':
        return node.isBarrier === true
          ? this.#barrier(node, conditions)
          : this.#filter(node, conditions);
      case 'compute':
        return this.#compute(node, conditions);
      case 'join':
        return this.#join(node, conditions);
      case 'apply': {
        const [below, above] = split(
          conditions,
          condition => !isVolatile(condition) && !uses(condition, node.subquery.column.id),
        );
        const query = {...node.subquery.query, node: this.optimize(node.subquery.query.node)};
        return filtered(
          {kind: 'apply', input: this.push(node.input, below), subquery: {...node.subquery, query}},
          above,
        );
      }
      case 'sort':
        return {...node, input: this.push(node.input, conditions)};
      case 'lock': {
        const {requery} = node;
        const again =
          requery === null ? null : {...requery, node: this.push(requery.node, conditions)};
        return {...node, input: this.push(node.input, conditions), requery: again};
      }
      case 'with':
        return {
          ...(mapNode(node, this.optimize, expr => expr) as typeof node),
          body: this.push(node.body, conditions),
        };
      case 'aggregate':
        return this.#aggregate(node, conditions);
      case 'distinct': {
        if (node.on !== null)
          return filtered({...node, input: this.optimize(node.input)}, conditions);
        const [below, above] = split(conditions, condition => !isVolatile(condition));
        return filtered({...node, input: this.push(node.input, below)}, above);
      }
      case 'projectSet': {
        const made = new Set(node.functions.flatMap(item => item.columns.map(column => column.id)));
        const [below, above] = split(
          conditions,
          condition => !isVolatile(condition) && !usesAny(condition, made),
        );
        return filtered({...node, input: this.push(node.input, below)}, above);
      }
      case 'append':
        return this.#append(node, conditions);
      case 'setOp': {
        const [below, above] = split(conditions, condition => !isVolatile(condition));
        const side = (query: BoundQuery): BoundQuery => ({
          ...query,
          node: this.push(query.node, renamed(below, node.columns, query)),
        });
        return filtered({...node, left: side(node.left), right: side(node.right)}, above);
      }
      default:
        return filtered(
          mapNode(node, this.optimize, expr => expr),
          conditions,
        );
    }
  }

  #filter(
    node: LogicalNode & {readonly kind: 'filter'},
    conditions: readonly BoundExpr[],
  ): LogicalNode {
    const all = [...node.conditions, ...conditions].flatMap(splitAnd);
    const decorrelated = decorrelate(this.#binding, node.input, all);
    const kept = decorrelated.conditions.filter(condition => !isTrue(condition));
    const never = kept.find(condition => condition.kind === 'constant');
    if (never !== undefined && kept.every(condition => !isVolatile(condition))) {
      return {kind: 'values', rows: [], columns: producedBy(node.input)};
    }
    return this.push(decorrelated.node, kept);
  }

  /** Policies of a table: below them goes what cannot leak the rows that they hide, the rest is decided on the rows they keep. */
  #barrier(
    node: LogicalNode & {readonly kind: 'filter'},
    conditions: readonly BoundExpr[],
  ): LogicalNode {
    const {catalog} = this.#binding.context;
    const [above, below] = split(
      conditions.flatMap(splitAnd),
      condition => isVolatile(condition) || mayLeak(condition, catalog),
    );
    return filtered(this.#filter({...node, isBarrier: false}, below), above);
  }

  #compute(
    node: LogicalNode & {readonly kind: 'compute'},
    conditions: readonly BoundExpr[],
  ): LogicalNode {
    const exprs = new Map(node.outputs.map(output => [output.column.id, output.expr]));
    const below: BoundExpr[] = [];
    const above: BoundExpr[] = [];
    for (const condition of conditions) {
      const moved = replaceColumns(condition, column => exprs.get(column.index) ?? null);
      if (isVolatile(moved) || isVolatile(condition)) above.push(condition);
      else below.push(moved);
    }
    const input = this.push(node.input, below);
    return filtered({...node, input}, above);
  }

  #aggregate(
    node: LogicalNode & {readonly kind: 'aggregate'},
    conditions: readonly BoundExpr[],
  ): LogicalNode {
    const keys = new Map(node.keys.map(key => [key.column.id, key.expr]));
    const canMove = (condition: BoundExpr): boolean => {
      if (node.keys.length === 0 || node.groupingSets !== null || isVolatile(condition))
        return false;
      const made = new Set([...node.aggregates, ...node.groupings].map(item => item.column.id));
      return !usesAny(condition, made);
    };
    const [below, above] = split(conditions, canMove);
    const moved = below.map(condition =>
      replaceColumns(condition, column => keys.get(column.index) ?? null),
    );
    return filtered({...node, input: this.push(node.input, moved)}, above);
  }

  #append(
    node: LogicalNode & {readonly kind: 'append'},
    conditions: readonly BoundExpr[],
  ): LogicalNode {
    const [below, above] = split(conditions, condition => !isVolatile(condition));
    const inputs = node.inputs.map(query => ({
      ...query,
      node: this.push(query.node, renamed(below, node.columns, query)),
    }));
    return filtered({...node, inputs}, above);
  }

  #join(node: JoinNode, conditions: readonly BoundExpr[]): LogicalNode {
    if (node.joinType === 'right')
      return this.#join(
        {...node, joinType: 'left', left: node.right, right: node.left},
        conditions,
      );
    if (node.joinType === 'inner') return this.#innerJoins(node, conditions);
    const leftIds = producedIds(node.left);
    const rightIds = producedIds(node.right);
    const onlyLeft = (condition: BoundExpr): boolean =>
      !isVolatile(condition) && !usesAny(condition, rightIds);
    const onlyRight = (condition: BoundExpr): boolean =>
      !isVolatile(condition) && !usesAny(condition, leftIds);
    if (node.joinType === 'full') {
      return filtered(
        {...node, left: this.optimize(node.left), right: this.optimize(node.right)},
        conditions,
      );
    }
    if (
      node.joinType === 'left' &&
      conditions.some(condition => rejectsNull(condition, rightIds))
    ) {
      return this.#innerJoins({...node, joinType: 'inner'}, conditions);
    }
    const [leftConditions, above] = split(conditions, onlyLeft);
    const terms = node.on.flatMap(splitAnd);
    const [rightOn, restOn] = split(
      node.joinType === 'left' ? terms.filter(term => !isTrue(term)) : terms,
      onlyRight,
    );
    const [semiLeft, on] = node.joinType === 'semi' ? split(restOn, onlyLeft) : [[], restOn];
    const left = this.push(node.left, [...leftConditions, ...semiLeft]);
    const right = this.push(node.right, node.isNullAware ? [] : rightOn);
    return filtered({...node, left, right, on: node.isNullAware ? node.on : on}, above);
  }

  /** Flattens nested inner joins and orders them anew. */
  #innerJoins(node: JoinNode, conditions: readonly BoundExpr[]): LogicalNode {
    const leaves: LogicalNode[] = [];
    const pool: BoundExpr[] = [...conditions];
    const flatten = (current: LogicalNode): void => {
      if (current.kind === 'join' && current.joinType === 'inner') {
        pool.push(...current.on.flatMap(splitAnd));
        flatten(current.left);
        flatten(current.right);
      } else if (
        current.kind === 'filter' &&
        current.input.kind === 'join' &&
        current.input.joinType === 'inner'
      ) {
        pool.push(...current.conditions);
        flatten(current.input);
      } else leaves.push(current);
    };
    flatten(node);
    const [movable, fixed] = split(pool, condition => !isVolatile(condition));
    const pushed = leaves.map((leaf): {node: LogicalNode; ids: Set<ColumnId>} => ({
      node: leaf,
      ids: producedIds(leaf),
    }));
    const rest: BoundExpr[] = [];
    const perLeaf: BoundExpr[][] = leaves.map(() => []);
    for (const condition of movable) {
      const used = columnsOf(condition);
      const homes = pushed
        .map((leaf, index) => ({index, isUsed: [...used].some(id => leaf.ids.has(id))}))
        .filter(home => home.isUsed);
      if (homes.length === 1) perLeaf[homes[0]!.index]!.push(condition);
      else if (homes.length === 0) perLeaf[0]!.push(condition);
      else rest.push(condition);
    }
    const optimized = leaves.map((leaf, index) => this.push(leaf, perLeaf[index]!));
    return filtered(orderJoins(optimized, rest, this.#estimator), fixed);
  }
}

/** A filter node, or the node itself without conditions. */
export function filtered(node: LogicalNode, conditions: readonly BoundExpr[]): LogicalNode {
  if (conditions.length === 0) return node;
  if (node.kind === 'filter') return {...node, conditions: [...node.conditions, ...conditions]};
  return {kind: 'filter', input: node, conditions};
}

function isTrue(condition: BoundExpr): boolean {
  return condition.kind === 'constant' && condition.value === true;
}

function split(
  conditions: readonly BoundExpr[],
  test: (condition: BoundExpr) => boolean,
): [BoundExpr[], BoundExpr[]] {
  const yes: BoundExpr[] = [];
  const no: BoundExpr[] = [];
  for (const condition of conditions) (test(condition) ? yes : no).push(condition);
  return [yes, no];
}

function columnsOf(expr: BoundExpr): Set<number> {
  const used = new Set<number>();
  collectColumns(expr, used);
  return used;
}

function uses(expr: BoundExpr, id: number): boolean {
  return columnsOf(expr).has(id);
}

function usesAny(expr: BoundExpr, ids: ReadonlySet<number>): boolean {
  for (const id of columnsOf(expr)) if (ids.has(id)) return true;
  return false;
}

function renamed(
  conditions: readonly BoundExpr[],
  columns: readonly {readonly id: number}[],
  query: BoundQuery,
): BoundExpr[] {
  return conditions.map(condition =>
    replaceColumns(condition, column => {
      const index = columns.findIndex(candidate => candidate.id === column.index);
      return index === -1 ? null : {...column, index: query.columns[index]!.id};
    }),
  );
}

/** Whether a condition cannot be true when all columns of `ids` are NULL. */
export function rejectsNull(condition: BoundExpr, ids: ReadonlySet<number>): boolean {
  switch (condition.kind) {
    case 'call':
      return condition.isStrict && condition.args.some(arg => isNullWith(arg, ids));
    case 'column':
      return ids.has(condition.index);
    case 'nullTest':
      return condition.negated && !condition.isRow && isNullWith(condition.arg, ids);
    case 'and':
      return condition.args.some(arg => rejectsNull(arg, ids));
    case 'or':
      return condition.args.every(arg => rejectsNull(arg, ids));
    case 'scalarArray':
      return isNullWith(condition.left, ids) && !condition.isAll;
    default:
      return false;
  }
}

/** Whether an expression is NULL when all columns of `ids` are. */
function isNullWith(expr: BoundExpr, ids: ReadonlySet<number>): boolean {
  switch (expr.kind) {
    case 'column':
      return ids.has(expr.index);
    case 'call':
      return expr.isStrict && expr.args.some(arg => isNullWith(arg, ids));
    case 'relabel':
    case 'ioCast':
    case 'not':
      return isNullWith(expr.arg, ids);
    default:
      return false;
  }
}
