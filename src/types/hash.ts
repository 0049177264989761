// Hot path: hashes of hash joins, aggregates and unique-key sidecars.

/** A well-mixed 32-bit signed hash of a 32-bit integer. */
export function hashInt32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Combines the hash so far with the hash of the next part; order matters. */
export function combineHash(seed: number, next: number): number {
  return Math.imul(seed ^ hashInt32(next), 0x9e3779b1) ^ (seed >>> 15);
}

/** Hash of an integral or fractional number; -0 equals 0, all NaN are equal. */
export function hashNumber(value: number): number {
  if ((value | 0) === value) return hashInt32(value);
  if (value !== value) return 0x7ff80000;
  const high = Math.trunc(value / 0x100000000);
  const low = value - high * 0x100000000;
  if (Number.isInteger(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) {
    return combineHash(hashInt32(low >>> 0), high | 0);
  }
  return hashDoubleBits(value);
}

function hashDoubleBits(value: number): number {
  const exponent = value === 0 ? 0 : Math.floor(Math.log2(Math.abs(value)));
  if (!Number.isFinite(exponent)) return value > 0 ? 0x7ff00001 : 0x7ff00002;
  const mantissa = value / 2 ** Math.max(-1022, Math.min(exponent, 1023));
  const high = Math.trunc(mantissa * 0x10000000);
  const low = (mantissa * 0x10000000 - high) * 0x10000000;
  return combineHash(combineHash(hashInt32(high | 0), low | 0), exponent);
}

/** Hash of a 64-bit integer by halves; equals hashInt32 for values that fit 32 bits. */
export function hashInt64(value: bigint): number {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  if (high === low >> 31) return hashInt32(low);
  return combineHash(hashInt32(low), high);
}

/** FNV-like hash of a string's UTF-16 units. */
export function hashString(value: string): number {
  let h = 0x811c9dc5 ^ value.length;
  for (let i = 0; i < value.length; i++) h = Math.imul(h ^ value.charCodeAt(i), 0x01000193);
  return hashInt32(h);
}

/** Hash of a byte string. */
export function hashBytes(value: Uint8Array): number {
  let h = 0x811c9dc5 ^ value.length;
  for (let i = 0; i < value.length; i++) h = Math.imul(h ^ value[i]!, 0x01000193);
  return hashInt32(h);
}
