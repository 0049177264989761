/**
 * Integers that a type counts from another day than Parquet: stored = value + shift, extremes (the infinities) as they are. Past the top
 * a 64-bit sum wraps, with two more to keep off the extremes; the types' codecs do the same (types/datetime-types.ts).
 */

const MAX = 0x7fffffffffffffffn;
const MIN = -0x8000000000000000n;

/** Stored values of plain ones, in a new array. */
export function shifted<T extends ArrayLike<number> | ArrayLike<bigint>>(
  values: T,
  shift: bigint,
): BigInt64Array | Int32Array {
  if (values instanceof BigInt64Array) return shifted64(values, shift);
  const by = Number(shift);
  const out = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    out[i] = value === 0x7fffffff || value === -0x80000000 ? value : value + by;
  }
  return out;
}

function shifted64(values: BigInt64Array, shift: bigint): BigInt64Array {
  const out = new BigInt64Array(values.length);
  const top = MAX - shift;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < top) out[i] = value === MIN ? value : value + shift;
    else out[i] = value === MAX ? value : BigInt.asIntN(64, value + shift + 2n);
  }
  return out;
}

/** Plain values of 32-bit stored ones, in place. */
export function unshifted32(values: Int32Array, shift: number): Int32Array {
  if (shift === 0) return values;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value !== 0x7fffffff && value !== -0x80000000) values[i] = value - shift;
  }
  return values;
}

/** Plain values of 64-bit stored ones, in place. */
export function unshifted64(values: BigInt64Array, shift: bigint): BigInt64Array {
  if (shift === 0n) return values;
  const wrapped = MIN + shift;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value > wrapped) values[i] = value === MAX ? value : value - shift;
    else if (value !== MIN) values[i] = BigInt.asIntN(64, value - shift - 2n);
  }
  return values;
}

/** Whether one of these stored values has wrapped: their order is not that of the values. */
export function hasWrapped(stored: BigInt64Array, shift: bigint): boolean {
  if (shift === 0n) return false;
  const wrapped = MIN + shift;
  for (let i = 0; i < stored.length; i++) {
    if (stored[i]! <= wrapped && stored[i] !== MIN) return true;
  }
  return false;
}
