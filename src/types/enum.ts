import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {BaseType, stringForm} from './base-type.ts';
import type {SqliteValue, Value} from './contract.ts';
import {hashString} from './hash.ts';
import {writeKeyFloat64} from './key-bytes.ts';
import {decodeUtf8} from './text-compare.ts';

/** A label and its place (pg_enum.enumsortorder), which stays when labels are added between others. */
export interface EnumLabel {
  readonly label: string;
  readonly sortOrder: number;
}

/** Enums: labels as strings, ordered by their sort order. */
export class EnumType extends BaseType {
  readonly labels: readonly EnumLabel[];
  readonly #orders: ReadonlyMap<string, number>;

  constructor(oid: number, name: string, arrayOid: number, labels: readonly EnumLabel[]) {
    super(
      {oid, name, arrayOid, category: 'E', kind: 'e', length: 4},
      {physical: 'text', sqliteType: 'TEXT', parquet: {...stringForm, isOrdered: false}},
    );
    this.labels = [...labels].sort((a, b) => a.sortOrder - b.sortOrder);
    this.#orders = new Map(labels.map(({label, sortOrder}) => [label, sortOrder]));
  }

  #orderOf(label: Value): number {
    return this.#orders.get(label as string) ?? Infinity;
  }

  input(text: string): Value {
    if (this.#orders.has(text)) return text;
    throw new PgError(
      SqlState.invalidTextRepresentation,
      `invalid input value for enum ${this.name}: "${text}"`,
    );
  }

  output(value: Value): string {
    return value as string;
  }

  receive(reader: ByteReader): Value {
    const {buffer, offset, end} = reader;
    reader.offset = end;
    return this.input(decodeUtf8(buffer, offset, end));
  }

  send(value: Value, out: ByteWriter): void {
    out.utf8(value as string);
  }

  override compare(a: Value, b: Value): number {
    return a === b ? 0 : this.#orderOf(a) - this.#orderOf(b);
  }

  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return hashString(value as string);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyFloat64(this.#orderOf(value), out);
  }

  override toSqlite(value: Value): SqliteValue {
    return value as string;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return stored as string;
  }
}

/** An enum type of pg_type and pg_enum rows. */
export function makeEnumType(
  oid: number,
  name: string,
  arrayOid: number,
  labels: readonly EnumLabel[],
): EnumType {
  return new EnumType(oid, name, arrayOid, labels);
}
