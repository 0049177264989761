import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {collectColumns, mapChildren} from '../bind/expr-map.ts';
import type {ApplyNode} from '../bind/logical.ts';

/**
 * Gives a subquery the condition under which PostgreSQL would evaluate it: its place inside AND, OR, CASE, COALESCE of the expressions
 * that use it. Used under more than one condition, or at the top: no guard.
 */
export function applyGuards(
  node: ApplyNode,
  consumers: readonly BoundExpr[],
  bool: TypeInstance,
): ApplyNode {
  const id = node.subquery.column.id;
  const found: Conditions[] = [];
  for (const consumer of consumers) find(consumer, id, [], found, bool);
  // Fields of one subquery in neighbouring places, as in SET (a, b) = (...), have the same list.
  const [conditions] = found;
  if (conditions === undefined || found.some(each => each !== conditions)) return node;
  return {...node, subquery: {...node.subquery, guard: guardOf(conditions, id)}};
}

/** Never changed once made: two uses are under the same condition when they have the same list. */
type Conditions = readonly BoundExpr[];

function find(
  expr: BoundExpr,
  id: number,
  conditions: Conditions,
  found: Conditions[],
  bool: TypeInstance,
): void {
  if (expr.kind === 'column') {
    if (expr.index === id) found.push(conditions);
    return;
  }
  if (!mentions(expr, id)) return;
  switch (expr.kind) {
    case 'and':
    case 'or': {
      let before = conditions;
      for (const arg of expr.args) {
        find(arg, id, before, found, bool);
        before = [...before, isNot(arg, expr.kind === 'and' ? 'false' : 'true')];
      }
      return;
    }
    case 'case': {
      let before = conditions;
      for (const when of expr.whens) {
        find(when.condition, id, before, found, bool);
        find(when.result, id, [...before, when.condition], found, bool);
        before = [...before, isNot(when.condition, 'true')];
      }
      find(expr.otherwise, id, before, found, bool);
      return;
    }
    case 'coalesce': {
      let before = conditions;
      for (const arg of expr.args) {
        find(arg, id, before, found, bool);
        const isNull: BoundExpr = {
          kind: 'nullTest',
          type: bool,
          typmod: -1,
          location: -1,
          arg,
          negated: false,
          isRow: false,
        };
        before = [...before, isNull];
      }
      return;
    }
    case 'let':
      find(expr.value, id, conditions, found, bool);
      // Inside the body letRefs have no meaning outside of it: no guard is taken from there.
      if (mentions(expr.body, id)) found.push([], []);
      return;
    default:
      mapChildren(expr, child => {
        find(child, id, conditions, found, bool);
        return child;
      });
  }
}

function mentions(expr: BoundExpr, id: number): boolean {
  const used = new Set<number>();
  collectColumns(expr, used);
  return used.has(id);
}

function isNot(arg: BoundExpr, test: 'true' | 'false'): BoundExpr {
  return {kind: 'booleanTest', type: arg.type, typmod: -1, location: -1, arg, test, negated: true};
}

/** The conjunction of the conditions on the way; none that uses the subquery itself. */
function guardOf(conditions: readonly BoundExpr[], id: number): BoundExpr | null {
  const usable = conditions.filter(condition => !mentions(condition, id));
  const first = usable[0];
  if (first === undefined) return null;
  if (usable.length === 1) return first;
  return {kind: 'and', type: first.type, typmod: -1, location: -1, args: usable};
}
