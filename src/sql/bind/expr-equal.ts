import type {BoundExpr, ConstantExpr} from '../../expr/bound.ts';

/**
 * Whether two expressions are the same computation. Literals that are compared decide something, so `pin` is told of them when the
 * answer depends on their values.
 */
export function sameExpr(
  left: BoundExpr,
  right: BoundExpr,
  pin: (constant: ConstantExpr) => void,
): boolean {
  if (left === right) return true;
  if (left.kind !== right.kind || left.type.oid !== right.type.oid) return false;
  if (left.kind === 'constant' && right.kind === 'constant') {
    pin(left);
    pin(right);
    if (left.value === null || right.value === null) return left.value === right.value;
    try {
      return (
        left.type.equals(left.value, right.value) &&
        left.type.output(left.value, textSettings) === right.type.output(right.value, textSettings)
      );
    } catch {
      return false;
    }
  }
  if (left.kind === 'call' && left.volatility === 'v') return false;
  return sameFields(left, right, pin);
}

const textSettings = {
  dateStyle: 'ISO',
  dateOrder: 'MDY',
  intervalStyle: 'postgres',
  timeZone: 'UTC',
  extraFloatDigits: 1,
  byteaOutput: 'hex',
  transactionTimestamp: 0n,
  names: null,
} as const;

const ignored: ReadonlySet<string> = new Set([
  'location',
  'type',
  'operatorName',
  'functionName',
  'id',
]);

function sameFields(left: object, right: object, pin: (constant: ConstantExpr) => void): boolean {
  const a = left as Readonly<Record<string, unknown>>;
  const b = right as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(a)) {
    if (!ignored.has(key) && !sameValue(a[key], b[key], pin)) return false;
  }
  return true;
}

function sameValue(left: unknown, right: unknown, pin: (constant: ConstantExpr) => void): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return (
      left.length === right.length &&
      left.every((item, index) => sameValue(item, right[index], pin))
    );
  }
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object')
    return false;
  if (isExpr(left) && isExpr(right)) return sameExpr(left, right, pin);
  return sameFields(left, right, pin);
}

function isExpr(value: object): value is BoundExpr {
  return 'kind' in value && 'type' in value && 'location' in value;
}
