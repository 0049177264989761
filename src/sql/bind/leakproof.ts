import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {Oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {childrenOf} from '../../expr/children.ts';
import {collectColumns} from './expr-map.ts';

/** Place of proleakproof in the built-in rows of pg_proc. */
const LEAKPROOF = 11;

/**
 * Whether evaluating an expression may tell of the columns it reads by anything but its result (an error, a notice):
 * PostgreSQL contain_leaked_vars. Such an expression may only see rows that passed the security conditions below it.
 */
export function mayLeak(expr: BoundExpr, catalog: CatalogSnapshot): boolean {
  switch (expr.kind) {
    case 'constant':
    case 'column':
    case 'param':
    case 'slot':
    case 'outer':
    case 'letRef':
    case 'sessionValue':
      return false;
    case 'and':
    case 'or':
    case 'not':
    case 'nullTest':
    case 'booleanTest':
    case 'case':
    case 'coalesce':
    case 'relabel':
    case 'array':
    case 'row':
      return childrenOf(expr).some(child => mayLeak(child, catalog));
    case 'call':
      return isOpenCall(expr.function, expr, catalog);
    default:
      return readsColumns(expr) || childrenOf(expr).some(child => mayLeak(child, catalog));
  }
}

function isOpenCall(fn: Oid, expr: BoundExpr, catalog: CatalogSnapshot): boolean {
  if (!isLeakproof(fn, catalog) && readsColumns(expr)) return true;
  return childrenOf(expr).some(child => mayLeak(child, catalog));
}

function isLeakproof(fn: Oid, catalog: CatalogSnapshot): boolean {
  const table = catalog.builtin.data.table('pg_proc');
  const at = table.byKey(fn)[0];
  return at !== undefined && table.row(at)[LEAKPROOF] === true;
}

function readsColumns(expr: BoundExpr): boolean {
  const used = new Set<number>();
  collectColumns(expr, used);
  return used.size > 0;
}
