import type {BoundExpr} from '../../expr/bound.ts';
import {collectColumns, mapChildren} from '../bind/expr-map.ts';
import type {ApplyNode} from '../bind/logical.ts';

/**
 * Gives a subquery the condition under which PostgreSQL would evaluate it: its place inside AND, OR, CASE, COALESCE of the expressions
 * that use it. Used in more than one place, or at the top: no guard.
 */
export function applyGuards(node: ApplyNode, consumers: readonly BoundExpr[]): ApplyNode {
  const id = node.subquery.column.id;
  const found: (BoundExpr | null)[] = [];
  let previous: BoundExpr[] = [];
  for (const consumer of consumers) {
    const before = previous;
    find(consumer, id, before, found);
    if (consumer.type.name === 'bool' && isConjunct(consumers)) previous = [...previous, isNot(consumer, 'false')];
  }
  if (found.length !== 1) return node;
  return {...node, subquery: {...node.subquery, guard: found[0]!}};
}

/** Conjuncts of a filter: a later one is evaluated only where the earlier ones are not false. Kept simple: never assumed. */
function isConjunct(_consumers: readonly BoundExpr[]): boolean {
  return false;
}

function find(expr: BoundExpr, id: number, conditions: readonly BoundExpr[], found: (BoundExpr | null)[]): void {
  if (expr.kind === 'column') {
    if (expr.index === id) found.push(guardOf(conditions, id));
    return;
  }
  if (!mentions(expr, id)) return;
  switch (expr.kind) {
    case 'and':
    case 'or': {
      const before = [...conditions];
      for (const arg of expr.args) {
        find(arg, id, before, found);
        before.push(isNot(arg, expr.kind === 'and' ? 'false' : 'true'));
      }
      return;
    }
    case 'case': {
      const before = [...conditions];
      for (const when of expr.whens) {
        find(when.condition, id, before, found);
        find(when.result, id, [...before, when.condition], found);
        before.push(isNot(when.condition, 'true'));
      }
      find(expr.otherwise, id, before, found);
      return;
    }
    case 'coalesce': {
      const before = [...conditions];
      for (const arg of expr.args) {
        find(arg, id, before, found);
        before.push({kind: 'nullTest', type: boolOf(expr, arg), typmod: -1, location: -1, arg, negated: false, isRow: false});
      }
      return;
    }
    case 'let':
      find(expr.value, id, conditions, found);
      // Inside the body letRefs have no meaning outside of it: no guard is taken from there.
      if (mentions(expr.body, id)) found.push(null, null);
      return;
    default:
      mapChildren(expr, child => {
        find(child, id, conditions, found);
        return child;
      });
  }
}

function mentions(expr: BoundExpr, id: number): boolean {
  const used = new Set<number>();
  collectColumns(expr, used);
  return used.has(id);
}

function boolOf(_expr: BoundExpr, arg: BoundExpr): BoundExpr['type'] {
  return arg.type;
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
