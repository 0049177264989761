import type {NullMask, Utf8Vector, Vector} from './vector.ts';

/** A compact vector of its own of the rows `selection[0 .. count-1]`, or of the first `count` rows when it is null. */
export function copySelected(vector: Vector, selection: Int32Array | null, count: number): Vector {
  const nulls = copyNulls(vector.nulls, selection, count);
  switch (vector.kind) {
    case 'int32':
      return {
        kind: 'int32',
        values: gather(vector.values, new Int32Array(count), selection),
        nulls,
      };
    case 'float64':
      return {
        kind: 'float64',
        values: gather(vector.values, new Float64Array(count), selection),
        nulls,
      };
    case 'int64':
      return {
        kind: 'int64',
        values: gatherBig(vector.values, new BigInt64Array(count), selection),
        nulls,
      };
    case 'bool':
      return {kind: 'bool', values: gather(vector.values, new Uint8Array(count), selection), nulls};
    case 'dict':
      return {
        kind: 'dict',
        values: gather(vector.values, new Int32Array(count), selection),
        dictionary: vector.dictionary,
        nulls,
      };
    case 'utf8':
      return copyUtf8(vector, selection, count, nulls);
    case 'string':
      return {kind: 'string', values: gatherItems(vector.values, selection, count), nulls};
    case 'boxed':
      return {kind: 'boxed', values: gatherItems(vector.values, selection, count), nulls};
  }
}

function gather<T extends Int32Array | Float64Array | Uint8Array>(
  from: T,
  to: T,
  selection: Int32Array | null,
): T {
  const count = to.length;
  if (selection === null) {
    to.set(from.subarray(0, count));
    return to;
  }
  for (let i = 0; i < count; i++) to[i] = from[selection[i]!]!;
  return to;
}

function gatherBig(
  from: BigInt64Array,
  to: BigInt64Array,
  selection: Int32Array | null,
): BigInt64Array {
  const count = to.length;
  if (selection === null) {
    to.set(from.subarray(0, count));
    return to;
  }
  for (let i = 0; i < count; i++) to[i] = from[selection[i]!]!;
  return to;
}

function gatherItems<T>(from: readonly T[], selection: Int32Array | null, count: number): T[] {
  if (selection === null) return from.slice(0, count);
  const to: T[] = [];
  for (let i = 0; i < count; i++) to.push(from[selection[i]!]!);
  return to;
}

function copyNulls(nulls: NullMask, selection: Int32Array | null, count: number): NullMask {
  if (nulls === null) return null;
  const copy = new Uint8Array(count);
  let isAny = false;
  for (let i = 0; i < count; i++) {
    if (nulls[selection === null ? i : selection[i]!] === 1) {
      copy[i] = 1;
      isAny = true;
    }
  }
  return isAny ? copy : null;
}

function copyUtf8(
  vector: Utf8Vector,
  selection: Int32Array | null,
  count: number,
  nulls: NullMask,
): Utf8Vector {
  const {bytes, offsets} = vector;
  const copied = new Int32Array(count + 1);
  let size = 0;
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    size += offsets[row + 1]! - offsets[row]!;
    copied[i + 1] = size;
  }
  const target = Buffer.allocUnsafeSlow(size);
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    bytes.copy(target, copied[i]!, offsets[row]!, offsets[row + 1]!);
  }
  return {kind: 'utf8', bytes: target, offsets: copied, nulls};
}
