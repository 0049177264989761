import type {Datum} from '../types/contract.ts';
import type {BoundExpr, CallExpr} from './bound.ts';

const narrowRight = /^int8[24](eq|ne|lt|le|gt|ge)$/;
const narrowLeft = /^int[24]8(eq|ne|lt|le|gt|ge)$/;

/**
 * A comparison of int8 with a narrower value that no row changes, as one of int8 with int8: the value is widened once
 * instead of each row's being narrowed to a double.
 */
export function widenCall(expr: BoundExpr): BoundExpr {
  if (expr.kind !== 'call' || expr.args.length !== 2) return expr;
  const [left, right] = expr.args as [BoundExpr, BoundExpr];
  const operator = narrowRight.exec(expr.source)?.[1];
  if (operator !== undefined) return widened(expr, operator, left, wide(right, left));
  const mirrored = narrowLeft.exec(expr.source)?.[1];
  return mirrored === undefined ? expr : widened(expr, mirrored, wide(left, right), right);
}

function widened(
  expr: CallExpr,
  operator: string,
  left: BoundExpr | null,
  right: BoundExpr | null,
): BoundExpr {
  if (left === null || right === null) return expr;
  return {...expr, source: `int8${operator}`, args: [left, right]};
}

/** The narrow side with the type of the wide one; null when rows change it. */
function wide(narrow: BoundExpr, like: BoundExpr): BoundExpr | null {
  if (narrow.kind === 'constant') {
    const value: Datum = narrow.value === null ? null : BigInt(narrow.value as number);
    return {...narrow, value, type: like.type};
  }
  if (narrow.kind !== 'slot' && narrow.kind !== 'param') return null;
  return {
    kind: 'call',
    function: 0 as CallExpr['function'],
    source: 'int48',
    isStrict: true,
    volatility: 'i',
    args: [narrow],
    operatorName: '',
    functionName: 'int8',
    type: like.type,
    typmod: -1,
    location: -1,
  };
}
