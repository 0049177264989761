import type {NullMask, Vector} from '../../columns/vector.ts';
import {assertNever} from '../../common/errors.ts';
import type {Datum} from '../../types/contract.ts';
import type {Reading, StoredScalar} from './column-forms.ts';
import type {SegmentDictionary} from './decoded-page.ts';
import {DecodedPage} from './decoded-page.ts';

/** Stored values of a page before conversion. */
export type StoredValues =
  | {readonly kind: 'numbers'; readonly values: Int32Array | Float64Array | BigInt64Array}
  | {readonly kind: 'booleans'; readonly values: Uint8Array}
  | {readonly kind: 'bytes'; readonly data: Buffer; readonly offsets: Int32Array}
  | {readonly kind: 'fixed'; readonly data: Buffer; readonly width: number}
  | {readonly kind: 'codes'; readonly codes: Int32Array; readonly dictionary: SegmentDictionary};

/** Values that need their type's decoder: converted a chunk, or a single value, at a time when asked for. */
export class LazyPage extends DecodedPage {
  readonly bytes: number;
  readonly #stored: StoredValues;
  readonly #reading: Reading;

  constructor(rows: number, stored: StoredValues, nulls: NullMask, reading: Reading) {
    super(rows, nulls);
    this.#stored = stored;
    this.#reading = reading;
    const raw = stored.kind === 'bytes' || stored.kind === 'fixed' ? stored.data.length : 0;
    this.bytes = raw + rows * 72 + 512;
  }

  protected vector(from: number, to: number, nulls: NullMask): Vector {
    const count = to - from;
    switch (this.#reading.type.physical) {
      case 'int32':
        return {kind: 'int32', values: this.#numbers(new Int32Array(count), from), nulls};
      case 'float64':
        return {kind: 'float64', values: this.#numbers(new Float64Array(count), from), nulls};
      case 'bool':
        return {kind: 'bool', values: this.#numbers(new Uint8Array(count), from), nulls};
      case 'int64': {
        const values = new BigInt64Array(count);
        for (let i = 0; i < count; i++) values[i] = (this.datum(from + i) ?? 0n) as bigint;
        return {kind: 'int64', values, nulls};
      }
      case 'text': {
        const values = new Array<string>(count);
        for (let i = 0; i < count; i++) values[i] = (this.datum(from + i) ?? '') as string;
        return {kind: 'string', values, nulls};
      }
      case 'boxed': {
        const values = new Array<Datum>(count);
        for (let i = 0; i < count; i++) values[i] = this.datum(from + i);
        return {kind: 'boxed', values, nulls};
      }
      default:
        return assertNever(this.#reading.type.physical);
    }
  }

  protected valueAt(row: number): Datum {
    const stored = this.#stored;
    if (stored.kind === 'codes') return stored.dictionary.value(stored.codes[row]!, this.#reading);
    return this.#reading.convert(storedAt(stored, row));
  }

  protected probe(value: NonNullable<Datum>): Datum {
    return value;
  }

  protected find(probe: NonNullable<Datum>, from: number, to: number): number {
    const {type} = this.#reading;
    for (let row = from; row < to; row++) {
      const value = this.datum(row);
      if (value !== null && type.equals(value, probe)) return row;
    }
    return -1;
  }

  #numbers<A extends Int32Array | Float64Array | Uint8Array>(values: A, from: number): A {
    for (let i = 0; i < values.length; i++) values[i] = Number(this.datum(from + i) ?? 0);
    return values;
  }
}

function storedAt(stored: Exclude<StoredValues, {kind: 'codes'}>, row: number): StoredScalar {
  switch (stored.kind) {
    case 'numbers':
      return stored.values[row]!;
    case 'booleans':
      return stored.values[row] === 1;
    case 'bytes':
      return stored.data.subarray(stored.offsets[row], stored.offsets[row + 1]);
    case 'fixed':
      return stored.data.subarray(row * stored.width, (row + 1) * stored.width);
    default:
      return assertNever(stored);
  }
}
