// Hot path: the hash key of every changed row, per shape.
import {ByteWriter} from '../../common/byte-writer.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';

/** A key under which subscriptions are found; equal (by Map) exactly for values that SQL's `=` holds equal. */
export type RowKey = string | number | bigint | boolean;

type KeyForm = 'direct' | 'integer' | 'bytes';

/** Makes keys of the values at some positions of a row. */
export class RowKeyMaker {
  readonly #positions: readonly number[];
  readonly #types: readonly TypeInstance[];
  readonly #form: KeyForm;
  readonly #writer = new ByteWriter(64);

  constructor(positions: readonly number[], types: readonly TypeInstance[]) {
    this.#positions = positions;
    this.#types = types;
    this.#form = positions.length === 1 ? formOf(types[0]!) : 'bytes';
  }

  /** Key of a row; undefined when a value is NULL (then `=` is never true). */
  ofRow(row: readonly Datum[]): RowKey | undefined {
    if (this.#form !== 'bytes') return this.#single(row[this.#positions[0]!]!);
    const writer = this.#writer;
    writer.length = 0;
    for (let i = 0; i < this.#positions.length; i++) {
      if (!this.#write(i, row[this.#positions[i]!]!)) return undefined;
    }
    return writer.buffer.latin1Slice(0, writer.length);
  }

  /** Key of values given in key order. */
  ofValues(values: readonly Datum[]): RowKey | undefined {
    if (this.#form !== 'bytes') return this.#single(values[0]!);
    const writer = this.#writer;
    writer.length = 0;
    for (let i = 0; i < values.length; i++) if (!this.#write(i, values[i]!)) return undefined;
    return writer.buffer.latin1Slice(0, writer.length);
  }

  #single(value: Datum): RowKey | undefined {
    if (value === null) return undefined;
    return this.#form === 'integer' ? integerKey(value as number | bigint) : (value as RowKey);
  }

  #write(at: number, value: Datum): boolean {
    if (value === null) return false;
    const type = this.#types[at]!;
    // Integers of all widths share one form, so that int8 = int4 finds its key.
    if (typeof value === 'bigint' && formOf(type) === 'integer') this.#writer.int64(value);
    else if (typeof value === 'number' && formOf(type) === 'integer')
      this.#writer.int64(BigInt(value));
    else type.writeKey(value, this.#writer);
    return true;
  }
}

function integerKey(value: number | bigint): RowKey {
  if (typeof value === 'number') return value;
  return value >= MIN_SAFE && value <= MAX_SAFE ? Number(value) : value;
}

const MIN_SAFE = BigInt(Number.MIN_SAFE_INTEGER);
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 26]);
/** Types whose equality is that of their JavaScript values: bool, text, varchar, name, uuid when it is text. */
const DIRECT: ReadonlySet<number> = new Set([16, 19, 25, 1043]);

function formOf(type: TypeInstance): KeyForm {
  if (INTEGERS.has(type.oid)) return 'integer';
  return DIRECT.has(type.oid) ? 'direct' : 'bytes';
}
