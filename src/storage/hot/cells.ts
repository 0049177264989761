// Hot path: every value of a hot row is written and read here.
import type {BoxedVector, TextDictionary} from '../../columns/vector.ts';
import type {NullMask, Vector} from '../../columns/vector.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';

/** Distinct strings that a dictionary takes before its column turns to plain strings, beside one eighth of the rows. */
const DICTIONARY_FREE_ENTRIES = 2048;
const DICTIONARY_MAX_TEXT = 256;

/**
 * An append-only dictionary shared by all chunks of one text column; it stops growing when values
 * turn out to be mostly distinct.
 */
export class GrowingDictionary implements TextDictionary {
  readonly #codes = new Map<string, number>();
  readonly #texts: string[] = [];
  #rows = 0;
  /** True once the column went over to plain strings. */
  isClosed = false;

  get size(): number {
    return this.#texts.length;
  }

  get(code: number): string {
    return this.#texts[code]!;
  }

  /** The code of a text, added when new; -1 when the dictionary is closed. */
  add(text: string): number {
    this.#rows++;
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    if (this.isClosed) return -1;
    const size = this.#texts.length;
    if (text.length > DICTIONARY_MAX_TEXT || size >= DICTIONARY_FREE_ENTRIES + (this.#rows >> 3)) {
      this.isClosed = true;
      return -1;
    }
    this.#codes.set(text, size);
    this.#texts.push(text);
    return size;
  }
}

/**
 * A vector of `capacity` empty rows for values of a type; text starts as dictionary codes when a
 * dictionary is given.
 */
export function newVector(
  type: TypeInstance,
  capacity: number,
  dictionary: TextDictionary | null,
): Vector {
  switch (type.physical) {
    case 'bool':
      return {kind: 'bool', values: new Uint8Array(capacity), nulls: null};
    case 'int32':
      return {kind: 'int32', values: new Int32Array(capacity), nulls: null};
    case 'float64':
      return {kind: 'float64', values: new Float64Array(capacity), nulls: null};
    case 'int64':
      return {kind: 'int64', values: new BigInt64Array(capacity), nulls: null};
    case 'text':
      if (dictionary !== null)
        return {kind: 'dict', values: new Int32Array(capacity), dictionary, nulls: null};
      return {kind: 'string', values: [], nulls: null};
    case 'boxed':
      return {kind: 'boxed', values: [], nulls: null};
  }
}

/** Room for `capacity` rows; contents stay. Readers that hold the old arrays keep valid ones. */
export function growVector(vector: Vector, capacity: number): void {
  vector.nulls = growMask(vector.nulls, capacity);
  switch (vector.kind) {
    case 'bool': {
      const grown = new Uint8Array(capacity);
      grown.set(vector.values);
      vector.values = grown;
      return;
    }
    case 'dict':
    case 'int32': {
      const grown = new Int32Array(capacity);
      grown.set(vector.values);
      vector.values = grown;
      return;
    }
    case 'float64': {
      const grown = new Float64Array(capacity);
      grown.set(vector.values);
      vector.values = grown;
      return;
    }
    case 'int64': {
      const grown = new BigInt64Array(capacity);
      grown.set(vector.values);
      vector.values = grown;
      return;
    }
    default:
  }
}

function growMask(mask: NullMask, capacity: number): NullMask {
  if (mask === null) return null;
  const grown = new Uint8Array(capacity);
  grown.set(mask);
  return grown;
}

/**
 * Writes a value at a row below the vector's capacity. False when a dictionary vector cannot take
 * the text: turn it into strings first.
 */
export function writeCell(vector: Vector, at: number, value: Datum, capacity: number): boolean {
  if (value === null) {
    let nulls = vector.nulls;
    if (nulls === null) {
      nulls = new Uint8Array(capacity);
      vector.nulls = nulls;
    }
    nulls[at] = 1;
    if (vector.kind === 'boxed') vector.values[at] = null;
    else if (vector.kind === 'string') vector.values[at] = '';
    return true;
  }
  if (vector.nulls !== null) vector.nulls[at] = 0;
  switch (vector.kind) {
    case 'int32':
    case 'float64':
      vector.values[at] = value as number;
      return true;
    case 'int64':
      vector.values[at] = value as bigint;
      return true;
    case 'bool':
      vector.values[at] = value === true ? 1 : 0;
      return true;
    case 'dict': {
      const code = (vector.dictionary as GrowingDictionary).add(value as string);
      if (code === -1) return false;
      vector.values[at] = code;
      return true;
    }
    case 'string':
      vector.values[at] = value as string;
      return true;
    case 'boxed':
      vector.values[at] = value;
      return true;
    case 'utf8':
      return false;
  }
}

/** The value of one row; storage's own vectors are never UTF-8 ones but those of segments are. */
export function readCell(vector: Vector, at: number): Datum {
  if (vector.nulls !== null && vector.nulls[at] === 1) return null;
  switch (vector.kind) {
    case 'bool':
      return vector.values[at] === 1;
    case 'dict':
      return vector.dictionary.get(vector.values[at]!);
    case 'utf8':
      return vector.bytes.utf8Slice(vector.offsets[at]!, vector.offsets[at + 1]!);
    default:
      return vector.values[at]!;
  }
}

/** A dictionary vector's first `count` rows as plain strings. */
export function dictToStrings(vector: Vector, count: number): Vector {
  if (vector.kind !== 'dict') return vector;
  const values: string[] = [];
  for (let i = 0; i < count; i++) {
    values.push(
      vector.nulls !== null && vector.nulls[i] === 1
        ? ''
        : vector.dictionary.get(vector.values[i]!),
    );
  }
  return {kind: 'string', values, nulls: vector.nulls};
}

/** A vector of `count` rows that all hold one value. */
export function constantVector(type: TypeInstance, value: Datum, count: number): Vector {
  const vector = newVector(type, count, null);
  if (value === null) {
    vector.nulls = new Uint8Array(count).fill(1);
    if (vector.kind === 'boxed') vector.values = new Array<null>(count).fill(null);
    else if (vector.kind === 'string') vector.values = new Array<string>(count).fill('');
    return vector;
  }
  switch (vector.kind) {
    case 'bool':
      vector.values.fill(value === true ? 1 : 0);
      return vector;
    case 'int32':
    case 'float64':
      vector.values.fill(value as number);
      return vector;
    case 'int64':
      vector.values.fill(value as bigint);
      return vector;
    case 'string':
      vector.values = new Array<string>(count).fill(value as string);
      return vector;
    default:
      (vector as BoxedVector).values = new Array<Datum>(count).fill(value);
      return vector;
  }
}

/** Copies rows `positions[from..to)` of a vector into rows `at`.. of a target of the same or a plain kind. */
export function gatherCells(
  source: Vector,
  positions: ArrayLike<number>,
  from: number,
  to: number,
  target: Vector,
  at: number,
  capacity: number,
): void {
  for (let i = from; i < to; i++)
    writeCell(target, at++, readCell(source, positions[i]!), capacity);
}

/** A fresh vector with one value per row, in order. */
export function vectorOf(
  type: TypeInstance,
  rows: readonly (readonly Datum[])[],
  column: number,
): Vector {
  const count = rows.length;
  const vector = newVector(type, count, null);
  for (let i = 0; i < count; i++) writeCell(vector, i, rows[i]![column]!, count);
  return vector;
}
