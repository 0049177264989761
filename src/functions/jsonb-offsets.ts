import {JsonbObject, type JsonbNode} from '../types/jsonb-value.ts';
import {Numeric} from '../types/numeric-value.ts';

/**
 * Where each array and object of a value would lie in PostgreSQL's binary form, in bytes from its root: what the ids of .keyvalue() are
 * made of.
 */
export function containerOffsets(root: JsonbNode): Map<object, number> {
  const offsets = new Map<object, number>();
  if (isContainer(root)) place(root, 0, offsets);
  return offsets;
}

/** A copy whose arrays and objects are others. */
export function copyContainers(node: JsonbNode): JsonbNode {
  if (node instanceof JsonbObject)
    return new JsonbObject(node.keys, node.values.map(copyContainers));
  return Array.isArray(node) ? (node as readonly JsonbNode[]).map(copyContainers) : node;
}

function isContainer(node: JsonbNode): node is JsonbObject | readonly JsonbNode[] {
  return node instanceof JsonbObject || Array.isArray(node);
}

/** Notes a container at an offset and those in it; answers its end: header, an entry for each part, then the parts. */
function place(
  node: JsonbObject | readonly JsonbNode[],
  start: number,
  offsets: Map<object, number>,
): number {
  offsets.set(node, start);
  const keys = node instanceof JsonbObject ? node.keys : [];
  const values = node instanceof JsonbObject ? node.values : node;
  let at = start + 4 + 4 * (keys.length + values.length);
  for (const key of keys) at += Buffer.byteLength(key);
  for (const value of values) {
    if (typeof value === 'string') at += Buffer.byteLength(value);
    else if (value instanceof Numeric) at = aligned(at) + numericBytes(value);
    else if (isContainer(value)) at = place(value, aligned(at), offsets);
  }
  return at;
}

function aligned(at: number): number {
  return (at + 3) & ~3;
}

/** Bytes of PostgreSQL's numeric: two per group of four digits, without zeros at the ends. */
function numericBytes({digits, scale}: Numeric): number {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  const whole = text.slice(0, text.length - scale);
  const fraction = text.slice(text.length - scale);
  const padded =
    whole.padStart(Math.ceil(whole.length / 4) * 4, '0') +
    fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
  const groups = padded.match(/.{4}/g) ?? [];
  const first = groups.findIndex(group => group !== '0000');
  if (first === -1) return 6;
  const last = groups.findLastIndex(group => group !== '0000');
  const weight = Math.ceil(whole.length / 4) - 1 - first;
  const isShort = scale <= 63 && weight >= -64 && weight <= 63;
  return (isShort ? 6 : 8) + 2 * (last - first + 1);
}
