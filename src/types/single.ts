const bits = new DataView(new ArrayBuffer(8));

/**
 * The single-precision number (IEEE 754 binary32) nearest to a value whose nearest double is `wide`. Rounding twice is wrong
 * where `wide` lies halfway between two of them: only then `side` is asked, whether the value lies below (negative), at (0)
 * or above (positive) `wide`.
 */
export function nearestSingle(wide: number, side: () => number): number {
  const near = Math.fround(wide);
  if (!isHalfwaySingle(wide)) return near;
  const other = 2 * wide - near;
  const where = side();
  if (where === 0) return near;
  return where > 0 ? Math.max(near, other) : Math.min(near, other);
}

/** Whether a double lies halfway between two single-precision numbers. */
export function isHalfwaySingle(wide: number): boolean {
  const near = Math.fround(wide);
  if (near === wide || !Number.isFinite(near)) return false;
  const other = 2 * wide - near;
  return Math.fround(other) === other;
}

/** Where the value that a decimal number writes lies, seen from a finite double that is not 0. */
export function sideOfDecimal(text: string, wide: number): number {
  const parts = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text);
  if (parts === null) return 0;
  const [, sign, whole, fraction, exponent] = parts;
  const digits = BigInt(`${whole}${fraction}`);
  const ten = Number(exponent ?? 0) - fraction!.length;
  bits.setFloat64(0, Math.abs(wide));
  const raw = bits.getBigUint64(0);
  const biased = Number(raw >> 52n);
  const mantissa = (raw & 0xfffffffffffffn) | (biased === 0 ? 0n : 0x10000000000000n);
  const two = Math.max(biased, 1) - 1075;
  const value = digits * power(10n, ten) * power(2n, -two);
  const double = mantissa * power(2n, two) * power(10n, -ten);
  const order = value === double ? 0 : value > double ? 1 : -1;
  return sign === '-' ? -order : order;
}

function power(base: bigint, exponent: number): bigint {
  return exponent > 0 ? base ** BigInt(exponent) : 1n;
}
