import type {TypeInstance} from '../../types/contract.ts';
import type {BoundExpr} from '../../expr/bound.ts';

/** Types whose text depends on settings or on the catalog in both directions: dates, timestamps, money, reg types. */
const STABLE: ReadonlySet<number> = new Set([
  ...[1082, 1114, 1184, 790, 24, 2202, 2203, 2204, 2205, 2206, 2249, 3734, 3769, 4089, 4096, 4191],
]);
/** Types that only read their text by settings: time, timetz, interval. */
const STABLE_INPUT: ReadonlySet<number> = new Set([1083, 1266, 1186]);

function hasStableText(type: TypeInstance, isInput: boolean): boolean {
  let base = type;
  while (base.base !== null && base.kind === 'd') base = base.base;
  if (base.element !== null && base.category === 'A') return true;
  if (base.kind !== 'b') return base.kind !== 'p';
  return STABLE.has(base.oid) || (isInput && STABLE_INPUT.has(base.oid));
}

/** Whether an expression calls only immutable functions and reads no session values. */
export function isImmutable(expr: BoundExpr): boolean {
  return isImmutableNode(expr);
}

function isImmutableNode(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isImmutableNode);
  if (
    typeof value !== 'object' ||
    value === null ||
    Object.getPrototypeOf(value) !== Object.prototype
  )
    return true;
  const node = value as BoundExpr & {readonly volatility?: string};
  if (node.kind === 'call' && isTextConcat(node.functionName)) {
    if (node.args.some(arg => hasStableText(arg.type, false))) return false;
  } else if (node.volatility !== undefined && node.volatility !== 'i') return false;
  if (node.kind === 'sessionValue' || node.kind === 'param') return false;
  if (
    node.kind === 'ioCast' &&
    (hasStableText(node.arg.type, false) || hasStableText(node.type, true))
  )
    return false;
  return Object.entries(value).every(([key, each]) => key === 'type' || isImmutableNode(each));
}

/** text || anything: as immutable as the text of the operand (PostgreSQL looks at the function's body). */
function isTextConcat(name: string): boolean {
  return name === 'textanycat' || name === 'anytextcat';
}
