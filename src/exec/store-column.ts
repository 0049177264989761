// Hot path: one column of materialised rows.
import type {Int32Vector, TextDictionary, Vector} from '../columns/vector.ts';
import type {Datum, PhysicalKind, Value} from '../types/contract.ts';
import type {TextBytes} from './text-bytes.ts';

/** A growing column: typed where the type allows it, dictionary codes while every batch came with one and the same dictionary. */
export class StoreColumn {
  readonly physical: PhysicalKind;
  ints: Int32Array | null = null;
  floats: Float64Array | null = null;
  longs: BigInt64Array | null = null;
  bools: Uint8Array | null = null;
  boxed: (Value | null)[] = [];
  strings: string[] = [];
  dictionary: TextDictionary | null = null;
  nulls: Uint8Array | null = null;
  capacity = 0;
  size = 0;
  /** All values as UTF-8, where they are kept so. */
  readonly texts: TextBytes | null;
  /** Code units of `strings`. */
  #textLength = 0;

  constructor(physical: PhysicalKind, texts: TextBytes | null = null) {
    this.physical = physical;
    this.texts = texts;
  }

  /** Rough bytes of the texts, for work_mem. */
  get textBytes(): number {
    return this.texts === null ? 2 * this.#textLength : this.texts.byteLength;
  }

  reset(): void {
    this.size = 0;
    if (this.boxed.length > 0) this.boxed = [];
    if (this.strings.length > 0) this.strings = [];
    this.#textLength = 0;
    this.texts?.reset();
    if (this.physical === 'text') {
      this.dictionary = null;
      this.ints = null;
      this.capacity = 0;
    }
    this.nulls = null;
  }

  #grow(needed: number): void {
    if (needed <= this.capacity) return;
    let capacity = this.capacity === 0 ? 16 : this.capacity * 2;
    while (capacity < needed) capacity *= 2;
    switch (this.physical) {
      case 'int32':
        this.ints = grownInts(this.ints, capacity);
        break;
      case 'float64': {
        const next = new Float64Array(capacity);
        if (this.floats !== null) next.set(this.floats);
        this.floats = next;
        break;
      }
      case 'int64': {
        const next = new BigInt64Array(capacity);
        if (this.longs !== null) next.set(this.longs);
        this.longs = next;
        break;
      }
      case 'bool': {
        const next = new Uint8Array(capacity);
        if (this.bools !== null) next.set(this.bools);
        this.bools = next;
        break;
      }
      case 'text':
        if (this.dictionary !== null) this.ints = grownInts(this.ints, capacity);
        break;
      case 'boxed':
        break;
    }
    if (this.nulls !== null) {
      const next = new Uint8Array(capacity);
      next.set(this.nulls);
      this.nulls = next;
    }
    this.capacity = capacity;
  }

  append(vector: Vector, selection: Int32Array | null, from: number, to: number): void {
    const at = this.size;
    this.#grow(at + (to - from));
    if (vector.nulls !== null) this.#appendNulls(vector.nulls, selection, from, to);
    this.#appendValues(vector, selection, from, to);
    this.size = at + (to - from);
  }

  #appendNulls(nulls: Uint8Array, selection: Int32Array | null, from: number, to: number): void {
    this.nulls ??= new Uint8Array(this.capacity);
    const target = this.nulls;
    let at = this.size;
    for (let i = from; i < to; i++) target[at++] = nulls[selection === null ? i : selection[i]!]!;
  }

  #appendValues(vector: Vector, selection: Int32Array | null, from: number, to: number): void {
    let at = this.size;
    switch (vector.kind) {
      case 'int32': {
        const target = this.ints!;
        const source = vector.values;
        for (let i = from; i < to; i++)
          target[at++] = source[selection === null ? i : selection[i]!]!;
        return;
      }
      case 'float64': {
        const target = this.floats!;
        const source = vector.values;
        for (let i = from; i < to; i++)
          target[at++] = source[selection === null ? i : selection[i]!]!;
        return;
      }
      case 'int64': {
        const target = this.longs!;
        const source = vector.values;
        for (let i = from; i < to; i++)
          target[at++] = source[selection === null ? i : selection[i]!]!;
        return;
      }
      case 'bool': {
        const target = this.bools!;
        const source = vector.values;
        for (let i = from; i < to; i++)
          target[at++] = source[selection === null ? i : selection[i]!]!;
        return;
      }
      case 'boxed': {
        const source = vector.values;
        for (let i = from; i < to; i++)
          this.boxed.push(source[selection === null ? i : selection[i]!]!);
        return;
      }
      default:
        this.#appendText(vector, selection, from, to);
    }
  }

  /** One more value of a column that keeps UTF-8. */
  appendBytes(bytes: Buffer, from: number, to: number): void {
    this.#grow(this.size + 1);
    this.texts!.append(bytes, from, to);
    this.size++;
  }

  #appendText(vector: Vector, selection: Int32Array | null, from: number, to: number): void {
    if (
      this.texts === null &&
      vector.kind === 'dict' &&
      (this.size === 0 || this.dictionary === vector.dictionary)
    ) {
      if (this.dictionary !== vector.dictionary) {
        this.dictionary = vector.dictionary;
        this.ints ??= new Int32Array(this.capacity);
      }
      const target = this.ints!;
      const source = vector.values;
      let at = this.size;
      for (let i = from; i < to; i++)
        target[at++] = source[selection === null ? i : selection[i]!]!;
      return;
    }
    if (this.dictionary !== null) this.#decode();
    for (let i = from; i < to; i++)
      this.#pushText(textAt(vector, selection === null ? i : selection[i]!));
  }

  #pushText(text: string): void {
    if (this.texts !== null) {
      this.texts.appendText(text);
      return;
    }
    this.strings.push(text);
    this.#textLength += text.length;
  }

  #decode(): void {
    const {dictionary, ints, nulls, size} = this;
    for (let i = 0; i < size; i++) {
      this.#pushText(nulls !== null && nulls[i] === 1 ? '' : dictionary!.get(ints![i]!));
    }
    this.dictionary = null;
    this.ints = null;
  }

  appendDatum(value: Datum): void {
    const at = this.size;
    this.#grow(at + 1);
    if (value === null) {
      this.nulls ??= new Uint8Array(this.capacity);
      this.nulls[at] = 1;
    }
    switch (this.physical) {
      case 'int32':
        this.ints![at] = (value as number | null) ?? 0;
        break;
      case 'float64':
        this.floats![at] = (value as number | null) ?? 0;
        break;
      case 'int64':
        this.longs![at] = (value as bigint | null) ?? 0n;
        break;
      case 'bool':
        this.bools![at] = value === true ? 1 : 0;
        break;
      case 'text':
        if (this.dictionary !== null) this.#decode();
        this.#pushText((value as string | null) ?? '');
        break;
      case 'boxed':
        this.boxed.push(value);
        break;
    }
    this.size = at + 1;
  }

  at(row: number): Datum {
    if (this.nulls !== null && this.nulls[row] === 1) return null;
    switch (this.physical) {
      case 'int32':
        return this.ints![row]!;
      case 'float64':
        return this.floats![row]!;
      case 'int64':
        return this.longs![row]!;
      case 'bool':
        return this.bools![row] === 1;
      case 'text':
        if (this.texts !== null) return this.texts.at(row);
        return this.dictionary === null
          ? this.strings[row]!
          : this.dictionary.get(this.ints![row]!);
      case 'boxed':
        return this.boxed[row]!;
    }
  }

  /**
   * The column's rows at rows[from..to), or at from..to when `rows` is null (then typed values are views of the store);
   * an entry of -1 is NULL.
   * `reuse`: a vector of an earlier call with rows, to be overwritten.
   */
  gather(rows: Int32Array | null, from: number, to: number, reuse: Vector | null): Vector {
    const count = to - from;
    const nulls = this.#gatherNulls(rows, from, to);
    switch (this.physical) {
      case 'int32': {
        const source = this.ints ?? EMPTY_INTS;
        if (rows === null) return {kind: 'int32', values: source.subarray(from, to), nulls};
        const out =
          reuse !== null && reuse.kind === 'int32' && reuse.values.length >= count
            ? reuse
            : newInts(count);
        gatherInts(source, rows, from, count, out.values);
        out.nulls = nulls;
        return out;
      }
      case 'float64': {
        const source = this.floats ?? EMPTY_FLOATS;
        if (rows === null) return {kind: 'float64', values: source.subarray(from, to), nulls};
        const out: Vector =
          reuse !== null && reuse.kind === 'float64' && reuse.values.length >= count
            ? reuse
            : {kind: 'float64', values: new Float64Array(count), nulls};
        for (let i = 0; i < count; i++)
          out.values[i] = rows[from + i]! < 0 ? 0 : source[rows[from + i]!]!;
        out.nulls = nulls;
        return out;
      }
      case 'int64': {
        const source = this.longs ?? EMPTY_LONGS;
        if (rows === null) return {kind: 'int64', values: source.subarray(from, to), nulls};
        const out: Vector =
          reuse !== null && reuse.kind === 'int64' && reuse.values.length >= count
            ? reuse
            : {kind: 'int64', values: new BigInt64Array(count), nulls};
        for (let i = 0; i < count; i++)
          out.values[i] = rows[from + i]! < 0 ? 0n : source[rows[from + i]!]!;
        out.nulls = nulls;
        return out;
      }
      case 'bool': {
        const source = this.bools ?? EMPTY_BOOLS;
        if (rows === null) return {kind: 'bool', values: source.subarray(from, to), nulls};
        const values = new Uint8Array(count);
        for (let i = 0; i < count; i++)
          values[i] = rows[from + i]! < 0 ? 0 : source[rows[from + i]!]!;
        return {kind: 'bool', values, nulls};
      }
      case 'text': {
        const {dictionary, texts} = this;
        if (texts !== null) return gatherTexts(texts, rows, from, to, nulls);
        if (dictionary === null)
          return {kind: 'string', values: gatherList(this.strings, rows, from, to, ''), nulls};
        if (rows === null)
          return {kind: 'dict', values: this.ints!.subarray(from, to), dictionary, nulls};
        const out: Vector =
          reuse !== null && reuse.kind === 'dict' && reuse.values.length >= count
            ? reuse
            : {kind: 'dict', values: new Int32Array(count), dictionary, nulls};
        gatherInts(this.ints!, rows, from, count, out.values);
        out.dictionary = dictionary;
        out.nulls = nulls;
        return out;
      }
      case 'boxed':
        return {
          kind: 'boxed',
          values: gatherList<Value | null>(this.boxed, rows, from, to, null),
          nulls,
        };
    }
  }

  #gatherNulls(rows: Int32Array | null, from: number, to: number): Uint8Array | null {
    const source = this.nulls;
    if (rows === null) return source === null ? null : source.subarray(from, to);
    let out: Uint8Array | null = null;
    for (let i = from; i < to; i++) {
      const row = rows[i]!;
      if (row < 0 || (source !== null && source[row] === 1)) {
        out ??= new Uint8Array(to - from);
        out[i - from] = 1;
      }
    }
    return out;
  }
}

const EMPTY_INTS = new Int32Array(0);
const EMPTY_FLOATS = new Float64Array(0);
const EMPTY_LONGS = new BigInt64Array(0);
const EMPTY_BOOLS = new Uint8Array(0);

function grownInts(old: Int32Array | null, capacity: number): Int32Array {
  const next = new Int32Array(capacity);
  if (old !== null) next.set(old);
  return next;
}

function newInts(count: number): Int32Vector {
  return {kind: 'int32', values: new Int32Array(count), nulls: null};
}

function gatherInts(
  source: Int32Array,
  rows: Int32Array,
  from: number,
  count: number,
  target: Int32Array,
): void {
  for (let i = 0; i < count; i++) {
    const row = rows[from + i]!;
    target[i] = row < 0 ? 0 : source[row]!;
  }
}

function gatherList<T>(
  source: readonly T[],
  rows: Int32Array | null,
  from: number,
  to: number,
  missing: T,
): T[] {
  if (rows === null) return source.slice(from, to);
  const values: T[] = new Array<T>(to - from);
  for (let i = from; i < to; i++) {
    const row = rows[i]!;
    values[i - from] = row < 0 ? missing : source[row]!;
  }
  return values;
}

function gatherTexts(
  texts: TextBytes,
  rows: Int32Array | null,
  from: number,
  to: number,
  nulls: Uint8Array | null,
): Vector {
  if (rows === null) return texts.vector(from, to, nulls);
  const values: string[] = new Array<string>(to - from);
  for (let i = from; i < to; i++) values[i - from] = rows[i]! < 0 ? '' : texts.at(rows[i]!);
  return {kind: 'string', values, nulls};
}

/** The string of a text vector's row, which must not be NULL (NULL rows give any string). */
export function textAt(vector: Vector, row: number): string {
  if (vector.nulls !== null && vector.nulls[row] === 1) return '';
  switch (vector.kind) {
    case 'dict':
      return vector.dictionary.get(vector.values[row]!);
    case 'utf8':
      return vector.bytes.utf8Slice(vector.offsets[row]!, vector.offsets[row + 1]!);
    case 'string':
      return vector.values[row]!;
    default:
      return String(vector.kind === 'boxed' ? vector.values[row] : vector.values[row]);
  }
}
