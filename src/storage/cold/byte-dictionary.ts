// Hot path: every text and uuid value of a flush is looked up here.

const MAX_ENTRIES = 1 << 17;
const MAX_BYTES = 8 * 1024 * 1024;
const PROBE_ROWS = 16_384;

/** Distinct byte strings of a column in order of first appearance. */
export interface ByteDictionary {
  /** Code of each row; 0 where NULL. */
  readonly codes: Int32Array;
  /** Row in which each entry first appears. */
  readonly rowOf: Int32Array;
  readonly count: number;
  readonly byteLength: number;
}

/** Builds a dictionary, or gives up (null) when values hardly repeat. */
export function buildDictionary(
  bytes: Uint8Array,
  offsets: Int32Array,
  nulls: Uint8Array | null,
  rows: number,
): ByteDictionary | null {
  const codes = new Int32Array(rows);
  let rowOf = new Int32Array(Math.min(1024, rows + 1));
  let hashes = new Int32Array(rowOf.length);
  let table = new Int32Array(rows < 64 ? 256 : 4096).fill(-1);
  let mask = table.length - 1;
  let count = 0;
  let byteLength = 0;
  let probes = 0;
  for (let row = 0; row < rows; row++) {
    if (nulls !== null && nulls[row] === 1) continue;
    const from = offsets[row]!;
    const to = offsets[row + 1]!;
    const hash = hashOf(bytes, from, to);
    let slot = hash & mask;
    let code = table[slot]!;
    while (code !== -1) {
      const other = rowOf[code]!;
      if (hashes[code] === hash && isSame(bytes, from, to, offsets[other]!, offsets[other + 1]!))
        break;
      slot = (slot + 1) & mask;
      code = table[slot]!;
      probes++;
    }
    if (code === -1) {
      byteLength += to - from;
      if (isHopeless(row, count, byteLength, probes)) return null;
      if (count === rowOf.length) {
        rowOf = doubled(rowOf);
        hashes = doubled(hashes);
      }
      code = count++;
      rowOf[code] = row;
      hashes[code] = hash;
      table[slot] = code;
      if (count * 2 > mask) {
        table = rehash(hashes, count, mask * 2 + 1);
        mask = table.length - 1;
      }
    }
    codes[row] = code;
  }
  return count * 2 > rows ? null : {codes, rowOf, count, byteLength};
}

function isHopeless(row: number, count: number, byteLength: number, probes: number): boolean {
  if (count === MAX_ENTRIES || byteLength > MAX_BYTES || probes > 64 * (row + 1024)) return true;
  if (row < 2048) return false;
  const average = byteLength / (count + 1);
  if (average > 96) return count > row * 0.7;
  return row >= PROBE_ROWS && count > row * 0.85;
}

function doubled(from: Int32Array): Int32Array<ArrayBuffer> {
  const to = new Int32Array(from.length * 2);
  to.set(from);
  return to;
}

function rehash(hashes: Int32Array, count: number, mask: number): Int32Array<ArrayBuffer> {
  const table = new Int32Array(mask + 1).fill(-1);
  for (let code = 0; code < count; code++) {
    let slot = hashes[code]! & mask;
    while (table[slot] !== -1) slot = (slot + 1) & mask;
    table[slot] = code;
  }
  return table;
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = (to - from) | 0;
  const head = to - from > 64 ? from + 48 : to;
  for (let i = from; i < head; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  if (head !== to)
    for (let i = to - 16; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function isSame(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false;
  for (let i = a, j = b; i < aEnd; i++, j++) if (bytes[i] !== bytes[j]) return false;
  return true;
}
