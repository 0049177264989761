// Hot path: key values of rows for maps in memory.
import type {Vector} from '../../columns/vector.ts';
import {ByteWriter} from '../../common/byte-writer.ts';
import type {Datum, TypeInstance, Value} from '../../types/contract.ts';
import type {StorageIndex, TableStorage} from '../contract.ts';
import {readCell} from './cells.ts';

/** A canonical key as a Map key: equal for keys that PostgreSQL holds equal. One index always uses one of the forms. */
export type MapKey = number | string | bigint;

const NUMBER_TYPES: ReadonlySet<number> = new Set([21, 23, 26, 1082]);
const BIGINT_TYPES: ReadonlySet<number> = new Set([20, 1083, 1114, 1184]);
const STRING_TYPES: ReadonlySet<number> = new Set([19, 25, 1043, 2950]);

/** How the keys of one index become Map keys. */
export class KeyCodec {
  readonly index: StorageIndex;
  readonly #form: 'number' | 'bigint' | 'string' | 'bytes';
  readonly #column: number;
  readonly #out = new ByteWriter(64);

  constructor(index: StorageIndex) {
    this.index = index;
    const single = index.keyTypes.length === 1 && index.keyOf === null && !index.nullsNotDistinct;
    this.#column = single ? index.keyColumns[0]! : -1;
    this.#form = single && this.#column >= 0 ? simpleForm(baseType(index.keyTypes[0]!)) : 'bytes';
  }

  /** The column that keys are, where these are numbers; else -1. */
  get numberColumn(): number {
    return this.#form === 'number' || this.#form === 'bigint' ? this.#column : -1;
  }

  /** The column that keys are; -1 where it takes more than one value to make a key. */
  get plainColumn(): number {
    return this.#form === 'bytes' ? -1 : this.#column;
  }

  /** The key of the value in `plainColumn`. */
  ofValue(value: Datum): MapKey | null {
    return value === null ? null : this.#simple(value);
  }

  /** The key values of a row, or null when the row is not in the index. */
  values(row: readonly Datum[]): readonly Datum[] | null {
    if (this.index.keyOf !== null) return this.index.keyOf(row);
    return this.index.keyColumns.map(column => row[column]!);
  }

  /** The key of a row, or null when the row is not in the index or (NULLs distinct) holds a NULL. */
  ofRow(row: readonly Datum[]): MapKey | null {
    if (this.#form !== 'bytes') {
      const value = row[this.#column]!;
      return value === null ? null : this.#simple(value);
    }
    const {keyOf, keyColumns} = this.index;
    if (keyOf !== null) {
      const key = keyOf(row);
      return key === null ? null : this.ofKey(key);
    }
    const out = this.#out;
    out.reset();
    for (let i = 0; i < keyColumns.length; i++) {
      if (!this.#append(row[keyColumns[i]!]!, i)) return null;
    }
    return out.buffer.latin1Slice(0, out.length);
  }

  /** The key of the row that lies at a place of vectors. */
  ofCells(vectors: readonly Vector[], at: number): MapKey | null {
    const column = this.plainColumn;
    if (column !== -1) return this.ofValue(readCell(vectors[column]!, at));
    const row: Datum[] = new Array<Datum>(vectors.length);
    for (let i = 0; i < vectors.length; i++) row[i] = readCell(vectors[i]!, at);
    return this.ofRow(row);
  }

  /** The key of given key values; null when it holds a NULL and NULLs are distinct. */
  ofKey(key: readonly Datum[]): MapKey | null {
    if (this.#form !== 'bytes') {
      const value = key[0]!;
      return value === null ? null : this.#simple(value);
    }
    const out = this.#out;
    out.reset();
    for (let i = 0; i < key.length; i++) {
      if (!this.#append(key[i]!, i)) return null;
    }
    return out.buffer.latin1Slice(0, out.length);
  }

  #simple(value: Value): MapKey {
    if (this.#form !== 'bigint') return value as number | string;
    const number = Number(value as bigint);
    return Number.isSafeInteger(number) ? number : (value as bigint);
  }

  #append(value: Datum, at: number): boolean {
    if (value === null) {
      if (!this.index.nullsNotDistinct) return false;
      this.#out.byte(0);
      return true;
    }
    if (this.index.nullsNotDistinct) this.#out.byte(1);
    this.index.keyTypes[at]!.writeKey(value, this.#out);
    return true;
  }
}

/** Whether an index writes the keys of stored rows as before, where its table has another shape now. */
export function hasSameKeys(
  before: TableStorage,
  known: StorageIndex,
  after: TableStorage,
  index: StorageIndex,
): boolean {
  if (known.keyOf !== null || index.keyOf !== null) return false;
  if (known.nullsNotDistinct !== index.nullsNotDistinct) return false;
  if (known.keyColumns.length !== index.keyColumns.length) return false;
  return known.keyColumns.every((column, at) => {
    const was = before.columns[column];
    const is = after.columns[index.keyColumns[at]!];
    return (
      was !== undefined &&
      is !== undefined &&
      was.attnum === is.attnum &&
      was.type.oid === is.type.oid
    );
  });
}

function baseType(type: TypeInstance): TypeInstance {
  let base = type;
  while (base.base !== null) base = base.base;
  return base;
}

function simpleForm(type: TypeInstance): 'number' | 'bigint' | 'string' | 'bytes' {
  if (NUMBER_TYPES.has(type.oid)) return 'number';
  if (BIGINT_TYPES.has(type.oid)) return 'bigint';
  if (STRING_TYPES.has(type.oid)) return 'string';
  return 'bytes';
}
