// Hot path: the order of materialised rows.
import type {TextDictionary} from '../columns/vector.ts';
import type {TypeInstance} from '../types/contract.ts';
import type {ColumnStore} from './column-store.ts';
import {mergeSort} from './merge-sort.ts';
import {RadixSort} from './radix-sort.ts';
import {compareDatums} from './sort-keys.ts';
import {isByteOrdered} from './text-bytes.ts';

/** A sort key over a column of a store. */
export interface OrderKey {
  readonly column: number;
  readonly type: TypeInstance;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Below this many rows comparing is cheaper than counting digits. */
const RADIX_ROWS = 256;
/** 32-bit words of all keys up to which rows are sorted by digits. */
const RADIX_WORDS = 4;

/** Sorts the row numbers of a store by keys, stable, in pieces. */
export class RowOrder {
  readonly #work: Generator<void, Int32Array>;
  /** Sorted row numbers, once `step` returned true. */
  rows: Int32Array = new Int32Array(0);

  constructor(store: ColumnStore, keys: readonly OrderKey[]) {
    this.#work = sortRows(store, keys);
  }

  /** Works until done (true) or until told to pause (false). */
  step(shouldPause: () => boolean): boolean {
    for (;;) {
      const step = this.#work.next();
      if (step.done === true) {
        this.rows = step.value;
        return true;
      }
      if (shouldPause()) return false;
    }
  }
}

function* sortRows(store: ColumnStore, keys: readonly OrderKey[]): Generator<void, Int32Array> {
  const rows = new Int32Array(store.size);
  for (let i = 0; i < rows.length; i++) rows[i] = i;
  if (rows.length < 2) return rows;
  if (rows.length >= RADIX_ROWS && wordsOf(store, keys) <= RADIX_WORDS) {
    const radix = new RadixSort(rows);
    for (let k = keys.length - 1; k >= 0; k--) yield* sortByKey(radix, store, keys[k]!);
    return radix.rows;
  }
  return yield* mergeSort(rows, comparatorOf(store, keys));
}

function wordsOf(store: ColumnStore, keys: readonly OrderKey[]): number {
  let words = 0;
  for (const {column, type} of keys) {
    switch (type.physical) {
      case 'int32':
      case 'bool':
        words += 1;
        break;
      case 'float64':
      case 'int64':
        words += 2;
        break;
      case 'text': {
        const dictionary = store.dictionary(column);
        words += dictionary !== null && dictionary.size <= store.size ? 1 : Infinity;
        break;
      }
      default:
        return Infinity;
    }
  }
  return words;
}

function* sortByKey(radix: RadixSort, store: ColumnStore, key: OrderKey): Generator<void, void> {
  const flip = key.descending ? -1 : 0;
  const nulls = store.nulls(key.column);
  switch (key.type.physical) {
    case 'int32':
      yield* radix.byWord(
        new Uint32Array(store.ints(key.column)!.buffer),
        0x80000000 ^ flip,
        null,
        nulls,
      );
      break;
    case 'bool':
      yield* radix.byWord(
        Uint32Array.from(store.bools(key.column)!.subarray(0, store.size)),
        flip,
        null,
        nulls,
      );
      break;
    case 'int64': {
      const longs = store.longs(key.column)!;
      const halves = new Uint32Array(longs.buffer);
      yield* radix.byWord(everyOther(halves, 0, store.size), flip, null, nulls);
      yield* radix.byWord(everyOther(halves, 1, store.size), 0x80000000 ^ flip, null, nulls);
      break;
    }
    case 'float64': {
      const {low, high} = orderedHalves(store.floats(key.column)!, store.size);
      yield* radix.byWord(low, flip, null, nulls);
      yield* radix.byWord(high, flip, null, nulls);
      break;
    }
    default: {
      const codes = store.codes(key.column)!;
      const ranks = ranksOf(store.dictionary(key.column)!, codes, store.size, nulls, key.type);
      yield* radix.byWord(new Uint32Array(codes.buffer), flip, ranks, nulls);
    }
  }
  if (nulls !== null) radix.byFlag(nulls, key.nullsFirst);
}

function everyOther(words: Uint32Array, first: number, count: number): Uint32Array {
  const out = new Uint32Array(count);
  for (let i = 0; i < count; i++) out[i] = words[2 * i + first]!;
  return out;
}

/** Bits of doubles as unsigned numbers in PostgreSQL's order: -0 equals 0, NaN is greatest. */
function orderedHalves(floats: Float64Array, count: number): {low: Uint32Array; high: Uint32Array} {
  const low = new Uint32Array(count);
  const high = new Uint32Array(count);
  const value = new Float64Array(1);
  const bits = new Uint32Array(value.buffer);
  for (let i = 0; i < count; i++) {
    const float = floats[i]!;
    value[0] = float === 0 ? 0 : float;
    if (float !== float) {
      low[i] = 0xffffffff;
      high[i] = 0xffffffff;
    } else if (bits[1]! >>> 31 === 1) {
      low[i] = ~bits[0]!;
      high[i] = ~bits[1]!;
    } else {
      low[i] = bits[0]!;
      high[i] = bits[1]! | 0x80000000;
    }
  }
  return {low, high};
}

/** Place of each used dictionary code in the order of their strings; equal strings have one place. */
function ranksOf(
  dictionary: TextDictionary,
  codes: Int32Array,
  count: number,
  nulls: Uint8Array | null,
  type: TypeInstance,
): Uint32Array {
  const isUsed = new Uint8Array(dictionary.size);
  for (let i = 0; i < count; i++) if (nulls === null || nulls[i] === 0) isUsed[codes[i]!] = 1;
  const used: number[] = [];
  for (let code = 0; code < isUsed.length; code++) if (isUsed[code] === 1) used.push(code);
  const texts = new Map(used.map(code => [code, dictionary.get(code)]));
  used.sort((a, b) => type.compare(texts.get(a)!, texts.get(b)!));
  const ranks = new Uint32Array(dictionary.size);
  let rank = 0;
  for (let i = 0; i < used.length; i++) {
    if (i > 0 && type.compare(texts.get(used[i - 1]!)!, texts.get(used[i]!)!) !== 0) rank++;
    ranks[used[i]!] = rank;
  }
  return ranks;
}

type Compare = (a: number, b: number) => number;

function comparatorOf(store: ColumnStore, keys: readonly OrderKey[]): Compare {
  const compares = keys.map(key => columnComparator(store, key));
  if (compares.length === 1) return compares[0]!;
  if (compares.length === 2) {
    const [first, second] = compares as [Compare, Compare];
    return (a, b) => first(a, b) || second(a, b);
  }
  return (a, b) => {
    for (let i = 0; i < compares.length; i++) {
      const order = compares[i]!(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** Compares two rows of one column; typed loads where the column is typed and free of NULLs. */
function columnComparator(store: ColumnStore, key: OrderKey): Compare {
  const {column, type, descending, nullsFirst} = key;
  const sign = descending ? -1 : 1;
  if (store.nulls(column) === null) {
    const ints = store.ints(column);
    if (ints !== null) return (a, b) => sign * (ints[a]! - ints[b]!);
    const longs = store.longs(column);
    if (longs !== null)
      return (a, b) => (longs[a]! < longs[b]! ? -sign : longs[a]! > longs[b]! ? sign : 0);
    const floats = type.physical === 'float64' ? store.floats(column) : null;
    if (floats !== null) return (a, b) => sign * compareFloats(floats[a]!, floats[b]!);
    const strings = store.strings(column);
    if (strings !== null && isByteOrdered(type)) return textComparator(strings, type, sign);
  }
  return (a, b) =>
    compareDatums(type, store.at(a, column), store.at(b, column), descending, nullsFirst);
}

/** NaN is greatest and equal to itself. */
function compareFloats(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return a !== a ? (b !== b ? 0 : 1) : -1;
}

/** Text by the number of its first three code units, then in full. */
function textComparator(strings: readonly string[], type: TypeInstance, sign: number): Compare {
  const prefixes = new Float64Array(strings.length);
  for (let i = 0; i < prefixes.length; i++) prefixes[i] = prefixOf(strings[i]!);
  return (a, b) => {
    const order = prefixes[a]! - prefixes[b]!;
    return sign * (order !== 0 ? order : type.compare(strings[a]!, strings[b]!));
  };
}

function prefixOf(text: string): number {
  const {length} = text;
  const first = length > 0 ? orderedUnit(text.charCodeAt(0)) : 0;
  const second = length > 1 ? orderedUnit(text.charCodeAt(1)) : 0;
  const third = length > 2 ? orderedUnit(text.charCodeAt(2)) : 0;
  return (first * 65536 + second) * 65536 + third;
}

/** A code unit in UTF-8's order: surrogates come after U+E000..FFFF. */
function orderedUnit(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
