import type {Node, SelectStmt} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {SortKey} from '../plan/plan.ts';
import {applySubqueries, type Block} from './block.ts';
import {tryCoerce} from './coerce.ts';
import {errorType} from './display-type.ts';
import {collectColumns} from './expr-map.ts';
import type {LogicalNode} from './logical.ts';
import {TypeOid} from './type-oids.ts';

/** LIMIT, OFFSET, FETCH FIRST ... WITH TIES. */
export function limitNode(
  block: Block,
  statement: SelectStmt,
  input: LogicalNode,
  keys: readonly SortKey[],
): LogicalNode {
  const isTies = statement.limitOption === 'LIMIT_OPTION_WITH_TIES';
  const offset = bindCount(block, statement.limitOffset, 'OFFSET');
  const limit = bindCount(block, statement.limitCount, 'LIMIT');
  if (isTies && keys.length === 0) {
    throw block.binding.error(
      SqlState.syntaxError,
      'WITH TIES cannot be specified without ORDER BY clause',
      -1,
    );
  }
  if (limit === null && offset === null) return input;
  const subqueries = block.takeSubqueries();
  if (subqueries.length === 0)
    return {kind: 'limit', input, limit, offset, tieKeys: isTies ? keys : null};
  // A count that is a subquery is known before the input runs: it becomes an outer value of a lateral right side.
  const counts = applySubqueries({kind: 'values', rows: [[]], columns: []}, subqueries);
  const right: LogicalNode = {kind: 'limit', input, limit, offset, tieKeys: isTies ? keys : null};
  return {kind: 'join', joinType: 'inner', left: counts, right, on: [], isNullAware: false};
}

function bindCount(
  block: Block,
  node: Node | undefined,
  clause: 'LIMIT' | 'OFFSET',
): BoundExpr | null {
  if (node === undefined) return null;
  if ('A_Const' in node && node.A_Const.isnull === true) return null;
  const {binding} = block;
  const expr = block.within(clause, () => block.expr(node));
  const used = new Set<number>();
  collectColumns(expr, used);
  for (const id of used) {
    if (binding.owners.get(id) !== block) continue;
    throw binding.error(
      SqlState.invalidColumnReference,
      `argument of ${clause} must not contain variables`,
      expr.location,
    );
  }
  const cast = tryCoerce(binding, expr, binding.type(TypeOid.int8), {context: 'assignment'});
  if (cast !== null) return cast;
  throw binding.error(
    SqlState.datatypeMismatch,
    `argument of ${clause} must be type bigint, not type ${errorType(expr.type)}`,
    expr.location,
  );
}
