import type {BoundExpr, ColumnExpr} from './bound.ts';
import {childrenOf, walkExpr} from './children.ts';

/** Whether an expression is a plain column that a projection hands on without evaluating anything. */
export function isPassThrough(expr: BoundExpr): expr is ColumnExpr {
  return expr.kind === 'column';
}

/** Indexes of the input columns that an expression reads, ascending. */
export function columnsOf(exprs: readonly BoundExpr[]): number[] {
  const found = new Set<number>();
  for (const expr of exprs) {
    walkExpr(expr, node => {
      if (node.kind === 'column') found.add(node.index);
    });
  }
  return [...found].sort((left, right) => left - right);
}

/** Whether an expression calls a volatile function anywhere. */
export function isVolatile(expr: BoundExpr): boolean {
  if (expr.kind === 'call' && expr.volatility === 'v') return true;
  return childrenOf(expr).some(isVolatile);
}

/** Same value for every row of one execution: no columns, no volatile calls, no names bound outside of it. */
export function isRunConstant(expr: BoundExpr): boolean {
  switch (expr.kind) {
    case 'column':
    case 'let':
    case 'letRef':
    case 'arrayCast':
    case 'domainCast':
      return false;
    case 'call':
      return expr.volatility !== 'v' && expr.args.every(isRunConstant);
    default:
      return childrenOf(expr).every(isRunConstant);
  }
}

/** Nodes that read nothing but their operands: their results may be kept per dictionary code. */
const memoKinds: ReadonlySet<BoundExpr['kind']> = new Set([
  'constant',
  'slot',
  'param',
  'column',
  'call',
  'and',
  'or',
  'not',
  'nullTest',
  'booleanTest',
  'distinct',
  'case',
  'coalesce',
  'minMax',
  'nullIf',
  'scalarArray',
  'array',
  'relabel',
]);

function isMemoNode(expr: BoundExpr): boolean {
  if (!memoKinds.has(expr.kind)) return false;
  if (expr.kind === 'call' && expr.volatility !== 'i') return false;
  return childrenOf(expr).every(isMemoNode);
}

/** The one column of an immutable expression that is worth remembering per dictionary code, or -1. */
export function memoColumn(expr: BoundExpr): number {
  if (expr.kind === 'column' || expr.kind === 'relabel' || expr.kind === 'nullTest') return -1;
  if (!isMemoNode(expr)) return -1;
  const columns = columnsOf([expr]);
  return columns.length === 1 ? columns[0]! : -1;
}
