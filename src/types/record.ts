import type {ByteReader} from '../common/byte-reader.ts';
import {ByteWriter} from '../common/byte-writer.ts';
import {featureNotSupported, PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {acceptsType, compareNullsLast, receiveField, sendField} from './array.ts';
import {BaseType, boxedLayout} from './base-type.ts';
import type {TypeRow} from './base-type.ts';
import type {Datum, FormatSettings, TypeInstance, TypeLookup, Value} from './contract.ts';
import {combineHash} from './hash.ts';
import {formatType} from './format-type.ts';
import {PgRecord} from './record-value.ts';
import {defaultFormatSettings} from './format-settings.ts';
import {lacksEquality, lacksOrder} from './orderless.ts';
import {invalidBinary, noComparison, noEquality} from './type-errors.ts';

/** record: rows of any shape; the types of fields are found by their OIDs. */
export class RecordType extends BaseType {
  readonly #lookup: TypeLookup;

  constructor(row: TypeRow, lookup: TypeLookup) {
    super(row, boxedLayout);
    this.#lookup = lookup;
  }

  /** Field type by OID, or as the row brings it. */
  protected typeOf(typeOid: Oid, row: PgRecord | null = null, at = 0): TypeInstance {
    const type =
      (row?.instances?.[at] as TypeInstance | undefined) ?? this.#lookup.typeByOid(typeOid);
    if (type === undefined) {
      throw new PgError(SqlState.undefinedObject, `type with OID ${typeOid} does not exist`);
    }
    return type;
  }

  input(_text: string, _typmod: number, _settings: FormatSettings): Value {
    throw featureNotSupported('input of anonymous composite types is not implemented');
  }

  output(value: Value, settings: FormatSettings): string {
    const row = value as PgRecord;
    const parts = row.fields.map((field, i) =>
      field === null ? '' : quoteField(this.#typeAt(row, i).output(field, settings)),
    );
    return `(${parts.join(',')})`;
  }

  receive(reader: ByteReader, _typmod: number, settings: FormatSettings): Value {
    const count = reader.int32();
    if (count < 0 || count * 8 > reader.remaining) throw invalidBinary('wrong number of columns');
    const types: Oid[] = [];
    const fields: Datum[] = [];
    for (let i = 0; i < count; i++) {
      types.push(oid(reader.uint32()));
      fields.push(
        receiveField(reader, this.typeOf(types[i]!), -1, settings, `record column ${i + 1}`),
      );
    }
    return new PgRecord(this.oid, types, fields);
  }

  send(value: Value, out: ByteWriter, settings: FormatSettings): void {
    const row = value as PgRecord;
    out.int32(row.fields.length);
    row.fields.forEach((field, i) => {
      out.int32(row.fieldTypes[i]! | 0);
      sendField(field, this.#typeAt(row, i), out, settings);
    });
  }

  override compare(a: Value, b: Value): number {
    const [left, right] = [a as PgRecord, b as PgRecord];
    const size = Math.min(left.fields.length, right.fields.length);
    for (let i = 0; i < size; i++) {
      const type = this.#sameType(left, right, i);
      if (lacksOrder(type)) throw noComparison(formatType(type, null));
      const order = compareNullsLast(left.fields[i]!, right.fields[i]!, type);
      if (order !== 0) return order;
    }
    checkSameCount(left, right);
    return 0;
  }

  /** By the fields' equality: some types have one without an order. */
  override equals(a: Value, b: Value): boolean {
    const [left, right] = [a as PgRecord, b as PgRecord];
    const size = Math.min(left.fields.length, right.fields.length);
    for (let i = 0; i < size; i++) {
      const type = this.#sameType(left, right, i);
      if (lacksEquality(type)) throw noEquality(formatType(type, null));
      const [one, other] = [left.fields[i]!, right.fields[i]!];
      if (one === null || other === null ? one !== other : !type.equals(one, other)) return false;
    }
    checkSameCount(left, right);
    return true;
  }

  /** Order by the bytes of the fields (record_image_cmp), for types of every kind. */
  compareImages(a: Value, b: Value): number {
    const [left, right] = [a as PgRecord, b as PgRecord];
    const size = Math.min(left.fields.length, right.fields.length);
    for (let i = 0; i < size; i++) {
      const type = this.#sameType(left, right, i);
      const [one, other] = [left.fields[i]!, right.fields[i]!];
      if (one === null && other === null) continue;
      if (one === null || other === null) return one === null ? 1 : -1;
      const order = Buffer.compare(image(type, one), image(type, other));
      if (order !== 0) return order;
    }
    checkSameCount(left, right);
    return 0;
  }

  #sameType(left: PgRecord, right: PgRecord, at: number): TypeInstance {
    const type = this.#typeAt(left, at);
    if (left.fieldTypes[at] !== right.fieldTypes[at])
      throw dissimilar(type, this.#typeAt(right, at), at + 1);
    return type;
  }

  #typeAt(row: PgRecord, at: number): TypeInstance {
    return this.typeOf(row.fieldTypes[at]!, row, at);
  }

  override hash(value: Value): number {
    const row = value as PgRecord;
    let h = 7;
    row.fields.forEach((field, i) => {
      h = combineHash(h, field === null ? 0 : this.#typeAt(row, i).hash(field));
    });
    return h;
  }

  override writeKey(value: Value, out: ByteWriter): void {
    const row = value as PgRecord;
    row.fields.forEach((field, i) => {
      out.byte(field === null ? 2 : 1);
      if (field !== null) this.#typeAt(row, i).writeKey(field, out);
    });
    out.byte(0);
  }
}

function checkSameCount(left: PgRecord, right: PgRecord): void {
  if (left.fields.length === right.fields.length) return;
  throw new PgError(
    SqlState.datatypeMismatch,
    'cannot compare record types with different numbers of columns',
  );
}

function image(type: TypeInstance, value: Value): Uint8Array {
  const out = new ByteWriter(32);
  type.send(value, out, defaultFormatSettings);
  return out.take();
}

function dissimilar(left: TypeInstance, right: TypeInstance, column: number): PgError {
  return new PgError(
    SqlState.datatypeMismatch,
    `cannot compare dissimilar column types ${formatType(left, null)} and ${formatType(right, null)} at record column ${column}`,
  );
}

function quoteField(text: string): string {
  if (text !== '' && !/["\\(),\t\n\v\f\r ]/.test(text)) return text;
  return `"${text.replace(/["\\]/g, '$&$&')}"`;
}

/** A field of a composite type. */
export interface CompositeField {
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
}

/** Composite types: records of known fields, readable from text. */
export class CompositeType extends RecordType {
  readonly compositeFields: readonly CompositeField[];
  readonly #fieldTypes: readonly Oid[];
  readonly #instances: readonly TypeInstance[];

  constructor(row: TypeRow, fields: readonly CompositeField[], lookup: TypeLookup) {
    super({...row, kind: 'c', category: 'C', length: -1}, lookup);
    this.compositeFields = fields;
    this.#instances = fields.map(field => field.type);
    this.#fieldTypes = this.#instances.map(type => type.oid);
  }

  protected override typeOf(typeOid: Oid, row: PgRecord | null = null, at = 0): TypeInstance {
    const own = this.#fieldTypes.indexOf(typeOid);
    return own === -1 ? super.typeOf(typeOid, row, at) : this.compositeFields[own]!.type;
  }

  override input(text: string, _typmod: number, settings: FormatSettings): Value {
    const parts = splitRecord(text, this.compositeFields.length);
    const fields = this.compositeFields.map(({type, typmod}, i) => {
      const part = parts[i]!;
      return part === null ? null : type.input(part, typmod, settings);
    });
    return new PgRecord(this.oid, this.#fieldTypes, fields, null, this.#instances);
  }

  override receive(reader: ByteReader, _typmod: number, settings: FormatSettings): Value {
    const count = reader.int32();
    if (count !== this.compositeFields.length) {
      throw new PgError(
        SqlState.datatypeMismatch,
        `wrong number of columns: ${count}, expected ${this.compositeFields.length}`,
      );
    }
    const fields = this.compositeFields.map(({type, typmod}, i) => {
      const given = reader.uint32();
      if (!acceptsType(given, type.oid)) {
        throw new PgError(
          SqlState.datatypeMismatch,
          `binary data has type ${given} instead of expected ${type.oid} (${type.name}) in record column ${i + 1}`,
        );
      }
      return receiveField(reader, type, typmod, settings, `record column ${i + 1}`);
    });
    return new PgRecord(this.oid, this.#fieldTypes, fields, null, this.#instances);
  }
}

/** Cuts `(a,"b c",)` into field texts; null is an empty unquoted field. */
function splitRecord(text: string, columns: number): (string | null)[] {
  const fail = (detail: string): PgError =>
    new PgError(SqlState.invalidTextRepresentation, `malformed record literal: "${text}"`, {
      detail,
    });
  let at = 0;
  while (/\s/.test(text[at] ?? '')) at++;
  if (text[at] !== '(') throw fail('Missing left parenthesis.');
  at++;
  const parts: (string | null)[] = [];
  if (columns === 0 && text[at] === ')') {
    at++;
  } else {
    for (;;) {
      const field = readField(text, at, fail);
      parts.push(field.value);
      at = field.end;
      const next = text[at++];
      if (next === ')') break;
      if (parts.length >= columns) throw fail('Too many columns.');
    }
  }
  if (parts.length < columns) throw fail('Too few columns.');
  if (parts.length > columns) throw fail('Too many columns.');
  if (!/^\s*$/.test(text.slice(at))) throw fail('Junk after right parenthesis.');
  return parts;
}

function readField(
  text: string,
  start: number,
  fail: (detail: string) => PgError,
): {readonly value: string | null; readonly end: number} {
  let at = start;
  let value = '';
  let isQuoted = false;
  if (text[at] === ',' || text[at] === ')') return {value: null, end: at};
  for (;;) {
    const character = text[at];
    if (character === undefined) throw fail('Unexpected end of input.');
    if (!isQuoted && (character === ',' || character === ')')) return {value, end: at};
    at++;
    if (character === '\\') {
      if (text[at] === undefined) throw fail('Unexpected end of input.');
      value += text[at++]!;
    } else if (character === '"') {
      if (!isQuoted) isQuoted = true;
      else if (text[at] === '"') value += text[at++]!;
      else isQuoted = false;
    } else {
      value += character;
    }
  }
}

/** A composite type of its fields. */
export function makeCompositeType(
  row: {readonly oid: number; readonly name: string; readonly arrayOid: number},
  fields: readonly CompositeField[],
  lookup: TypeLookup,
): CompositeType {
  return new CompositeType({...row, category: 'C', length: -1}, fields, lookup);
}
