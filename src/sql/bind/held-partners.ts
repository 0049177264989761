import type {BoundExpr} from '../../expr/bound.ts';
import {joinAnd, splitAnd} from './conjuncts.ts';
import {replaceColumns} from './expr-map.ts';
import {freeColumns, inputsOf} from './logical-walk.ts';
import type {ColumnId, LogicalNode, SubqueryExpr} from './logical.ts';

/**
 * EXISTS, IN and NOT EXISTS that are conditions by themselves are joins for PostgreSQL. When a locked row is asked for again, the
 * partner that EXISTS or IN had found is kept and only compared with the new version; NOT EXISTS had none, and is not asked again.
 */
export class HeldPartners {
  readonly #wanted = new Map<ColumnId, 'kept' | 'none'>();

  constructor(node: LogicalNode) {
    const applied = new Map<ColumnId, SubqueryExpr>();
    const conditions: BoundExpr[] = [];
    collect(node, applied, conditions);
    for (const condition of conditions.flatMap(splitAnd)) {
      const isNegated = condition.kind === 'not';
      const column = isNegated ? condition.arg : condition;
      if (column.kind !== 'column') continue;
      const subquery = applied.get(column.index);
      if (subquery === undefined || !isJoin(subquery, isNegated)) continue;
      this.#wanted.set(column.index, isNegated ? 'none' : 'kept');
    }
  }

  /** The conditions without those that are not asked again. */
  conditions(conditions: readonly BoundExpr[]): readonly BoundExpr[] {
    return conditions.flatMap(splitAnd).filter(condition => {
      if (condition.kind !== 'not' || condition.arg.kind !== 'column') return true;
      return this.#wanted.get(condition.arg.index) !== 'none';
    });
  }

  /** The subquery over partners of the row as it was found, too; `before` gives that row's columns. */
  subquery(
    subquery: SubqueryExpr,
    before: (column: ColumnId) => BoundExpr | null,
  ): SubqueryExpr | null {
    const wanted = this.#wanted.get(subquery.column.id);
    if (wanted === undefined) return {...subquery};
    if (wanted === 'none') return null;
    const asFound = (condition: BoundExpr): BoundExpr =>
      replaceColumns(condition, column => before(column.index));
    const test = subquery.test === null ? null : joinAnd([subquery.test, asFound(subquery.test)]);
    return {
      ...subquery,
      test,
      query: {...subquery.query, node: alsoAsFound(subquery.query.node, asFound)},
    };
  }
}

function collect(
  node: LogicalNode,
  applied: Map<ColumnId, SubqueryExpr>,
  conditions: BoundExpr[],
): void {
  switch (node.kind) {
    case 'filter':
      conditions.push(...node.conditions);
      collect(node.input, applied, conditions);
      return;
    case 'join':
      conditions.push(...node.on);
      collect(node.left, applied, conditions);
      collect(node.right, applied, conditions);
      return;
    case 'apply':
      applied.set(node.subquery.column.id, node.subquery);
      collect(node.input, applied, conditions);
      return;
    case 'compute':
    case 'sort':
      collect(node.input, applied, conditions);
      return;
    default:
  }
}

/** Whether PostgreSQL makes a join of the subquery: a plain EXISTS that mentions the row, an IN whose query does not. */
function isJoin({mode, query}: SubqueryExpr, isNegated: boolean): boolean {
  const isCorrelated = freeColumns(query.node).size > 0;
  if (mode === 'any') return !isNegated && !isCorrelated;
  return mode === 'exists' && isCorrelated && isSimple(query.node);
}

function isSimple(node: LogicalNode): boolean {
  switch (node.kind) {
    case 'aggregate':
    case 'append':
    case 'setOp':
    case 'with':
    case 'window':
    case 'projectSet':
    case 'recursive':
    case 'cteScan':
    case 'values':
      return false;
    case 'apply':
      return isSimple(node.input);
    case 'limit':
      return isOneOrMore(node.limit) && node.offset === null && isSimple(node.input);
    default:
      return inputsOf(node).every(isSimple);
  }
}

/** Whether EXISTS is the same without this LIMIT; LIMIT 0 is never a slot. */
function isOneOrMore(limit: BoundExpr | null): boolean {
  if (limit === null || limit.kind === 'slot') return true;
  // int4 as int8
  if (limit.kind === 'call' && limit.args.length === 1) return isOneOrMore(limit.args[0]!);
  return limit.kind === 'constant' && (limit.value === null || Number(limit.value) > 0);
}

/** Every condition of a subquery's joins and filters twice: over the new version of the row, and over the row as it was found. */
function alsoAsFound(node: LogicalNode, asFound: (condition: BoundExpr) => BoundExpr): LogicalNode {
  const both = (conditions: readonly BoundExpr[]): BoundExpr[] =>
    conditions.flatMap(condition => {
      const again = asFound(condition);
      return again === condition ? [condition] : [condition, again];
    });
  switch (node.kind) {
    case 'filter':
      return {
        ...node,
        input: alsoAsFound(node.input, asFound),
        conditions: both(node.conditions.flatMap(splitAnd)),
      };
    case 'compute':
    case 'sort':
    case 'distinct':
    case 'limit':
    case 'apply':
      return {...node, input: alsoAsFound(node.input, asFound)};
    case 'join':
      if (node.joinType !== 'inner') return node;
      return {
        ...node,
        left: alsoAsFound(node.left, asFound),
        right: alsoAsFound(node.right, asFound),
        on: both(node.on.flatMap(splitAnd)),
      };
    default:
      return node;
  }
}
