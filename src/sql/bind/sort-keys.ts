import type {Node, SortBy} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {SortKey} from '../plan/plan.ts';
import {namesOf} from './ast.ts';
import {type Binding, isUnknown} from './binding.ts';
import type {Block} from './block.ts';
import {coerceImplicit} from './coerce.ts';
import {typeOperator} from './resolve-operator.ts';
import {TypeOid} from './type-oids.ts';

/** ORDER BY of an aggregate or window: expressions only, no names or positions of outputs. */
export function bindSortKeys(block: Block, nodes: readonly Node[]): SortKey[] {
  return nodes.map(node => {
    const sort: SortBy = 'SortBy' in node ? node.SortBy : {node};
    return sortKey(block.binding, sort, block.expr(sort.node!));
  });
}

/** A sort key from its direction and the bound expression; the type must have an order. */
export function sortKey(binding: Binding, sort: SortBy, bound: BoundExpr): SortKey {
  const expr = isUnknown(bound)
    ? coerceImplicit(binding, bound, binding.type(TypeOid.text))
    : bound;
  const descending = isDescending(binding, sort);
  typeOperator(binding, '<', expr.type, expr.location);
  const nulls = sort.sortby_nulls ?? 'SORTBY_NULLS_DEFAULT';
  const nullsFirst = nulls === 'SORTBY_NULLS_DEFAULT' ? descending : nulls === 'SORTBY_NULLS_FIRST';
  return {expr, descending, nullsFirst};
}

function isDescending(binding: Binding, sort: SortBy): boolean {
  switch (sort.sortby_dir ?? 'SORTBY_DEFAULT') {
    case 'SORTBY_DESC':
      return true;
    case 'SORTBY_USING': {
      const name = namesOf(sort.useOp).at(-1);
      // ~<~ is the order of code points, which is Wadi's order of text.
      if (name === '<' || name === '~<~') return false;
      if (name === '>' || name === '~>~') return true;
      if (name === undefined) throw featureNotSupported('ORDER BY USING is not supported');
      throw binding.error(
        SqlState.wrongObjectType,
        `operator ${name} is not a valid ordering operator`,
        sort.location ?? -1,
        {
          hint: 'Ordering operators must be "<" or ">" members of btree operator families.',
        },
      );
    }
    default:
      return false;
  }
}
