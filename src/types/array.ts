import {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {arrayToText, parseArray} from './array-text.ts';
import {PgArray} from './array-value.ts';
import {BaseType, boxedLayout} from './base-type.ts';
import type {TypeRow} from './base-type.ts';
import type {Datum, FormatSettings, TypeInstance, Value} from './contract.ts';
import {combineHash} from './hash.ts';
import {parseInt2, parseOid} from './int-parse.ts';
import {formatType} from './format-type.ts';
import {lacksEquality, lacksOrder} from './orderless.ts';
import {insufficientData, invalidBinary, noComparison, noEquality} from './type-errors.ts';

/** OIDs from here on are not built in by hand (FirstGenbkiObjectId). */
const FIRST_OWN_OID = 10_000;

/** Arrays of any element type. */
export class ArrayType extends BaseType {
  readonly #element: TypeInstance;
  /** Whether elements can be compared; undefined until it is asked. */
  #hasEquality: boolean | undefined = undefined;
  #hasOrder: boolean | undefined = undefined;

  constructor(row: TypeRow, element: TypeInstance) {
    super(row, boxedLayout, element);
    this.#element = element;
  }

  input(text: string, typmod: number, settings: FormatSettings): Value {
    return parseArray(text, this.#element, typmod, settings);
  }

  output(value: Value, settings: FormatSettings): string {
    return arrayToText(value as PgArray, this.#element, settings);
  }

  receive(reader: ByteReader, typmod: number, settings: FormatSettings): Value {
    return receiveArray(reader, this.#element, typmod, settings);
  }

  send(value: Value, out: ByteWriter, settings: FormatSettings): void {
    sendArray(value as PgArray, this.#element, out, settings);
  }

  /** By the elements' equality: some types have one without an order. */
  override equals(a: Value, b: Value): boolean {
    const [left, right] = [a as PgArray, b as PgArray];
    if (!sameShape(left, right)) return false;
    if ((this.#hasEquality ??= !lacksEquality(this.#element)) === false)
      throw noEquality(formatType(this.#element, null));
    return equalElements(left, right, this.#element);
  }

  override compare(a: Value, b: Value): number {
    if ((this.#hasOrder ??= !lacksOrder(this.#element)) === false)
      throw noComparison(formatType(this.#element, null));
    return compareArrays(a as PgArray, b as PgArray, this.#element);
  }

  override hash(value: Value): number {
    let h = 1;
    for (const item of (value as PgArray).elements) {
      h = combineHash(h, item === null ? 0 : this.#element.hash(item));
    }
    return h;
  }

  override writeKey(value: Value, out: ByteWriter): void {
    const {elements, dims, lowerBounds} = value as PgArray;
    for (const item of elements) {
      out.byte(item === null ? 2 : 1);
      if (item !== null) this.#element.writeKey(item, out);
    }
    out.byte(0);
    out.byte(dims.length);
    for (const size of dims) out.int32(size);
    for (const bound of lowerBounds) out.int32(bound ^ 0x80000000);
  }
}

/** Btree order: elements (NULL last), count, dimensions, lower bounds. */
export function compareArrays(a: PgArray, b: PgArray, element: TypeInstance): number {
  const size = Math.min(a.elements.length, b.elements.length);
  for (let i = 0; i < size; i++) {
    const order = compareNullsLast(a.elements[i]!, b.elements[i]!, element);
    if (order !== 0) return order;
  }
  return (
    a.elements.length - b.elements.length ||
    a.dims.length - b.dims.length ||
    compareNumbers(a.dims, b.dims) ||
    compareNumbers(a.lowerBounds, b.lowerBounds)
  );
}

function sameShape(a: PgArray, b: PgArray): boolean {
  return (
    a.dims.length === b.dims.length &&
    compareNumbers(a.dims, b.dims) === 0 &&
    compareNumbers(a.lowerBounds, b.lowerBounds) === 0
  );
}

function equalElements(a: PgArray, b: PgArray, element: TypeInstance): boolean {
  for (let i = 0; i < a.elements.length; i++) {
    const left = a.elements[i]!;
    const right = b.elements[i]!;
    if (left === null || right === null ? left !== right : !element.equals(left, right))
      return false;
  }
  return true;
}

/** Order within containers: NULL equals NULL and is larger than all. */
export function compareNullsLast(a: Datum, b: Datum, type: TypeInstance): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return type.compare(a, b);
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return 0;
}

function sendArray(
  array: PgArray,
  element: TypeInstance,
  out: ByteWriter,
  settings: FormatSettings,
): void {
  out.int32(array.dims.length);
  out.int32(array.elements.includes(null) ? 1 : 0);
  out.int32(element.oid | 0);
  array.dims.forEach((size, i) => {
    out.int32(size);
    out.int32(array.lowerBounds[i]!);
  });
  for (const item of array.elements) sendField(item, element, out, settings);
}

/** A length-prefixed binary value; -1 for NULL. */
export function sendField(
  item: Datum,
  type: TypeInstance,
  out: ByteWriter,
  settings: FormatSettings,
): void {
  if (item === null) {
    out.int32(-1);
    return;
  }
  const lengthAt = out.length;
  out.int32(0);
  type.send(item, out, settings);
  out.setInt32(lengthAt, out.length - lengthAt - 4);
}

/** Reads what sendField wrote; `where` words the error of a value with bytes left. */
export function receiveField(
  reader: ByteReader,
  type: TypeInstance,
  typmod: number,
  settings: FormatSettings,
  where: string,
): Datum {
  const size = reader.int32();
  if (size === -1) return null;
  if (size < 0 || size > reader.remaining) throw invalidBinary('insufficient data left in message');
  const part = new ByteReader(reader.buffer, reader.offset, reader.offset + size);
  reader.offset += size;
  const value = type.receive(part, typmod, settings);
  if (part.remaining !== 0) throw invalidBinary(`improper binary format in ${where}`);
  return value;
}

function receiveArray(
  reader: ByteReader,
  element: TypeInstance,
  typmod: number,
  settings: FormatSettings,
): PgArray {
  const dimensions = reader.int32();
  if (dimensions < 0 || dimensions > 6)
    throw invalidBinary(`invalid number of dimensions: ${dimensions}`);
  const flags = reader.int32();
  if (flags !== 0 && flags !== 1) throw invalidBinary('invalid array flags');
  const elementOid = reader.uint32();
  if (!acceptsType(elementOid, element.oid)) throw wrongElement(elementOid, element);
  const dims: number[] = [];
  const lowerBounds: number[] = [];
  let count = dimensions === 0 ? 0 : 1;
  for (let i = 0; i < dimensions; i++) {
    dims.push(reader.int32());
    lowerBounds.push(reader.int32());
    count *= dims[i]!;
    // Checked before the loop: nothing is made of a count that the message cannot hold.
    if (dims[i]! < 0 || count * 4 > reader.remaining) throw insufficientData();
  }
  const elements: Datum[] = [];
  for (let i = 0; i < count; i++) {
    elements.push(receiveField(reader, element, typmod, settings, `array element ${i + 1}`));
  }
  return count === 0 ? new PgArray([], [], []) : new PgArray(elements, dims, lowerBounds);
}

/** Whether a value sent as one type may be read as another: only two built-in ones must agree. */
export function acceptsType(given: number, expected: number): boolean {
  return given === expected || given >= FIRST_OWN_OID || expected >= FIRST_OWN_OID;
}

function wrongElement(given: number, element: TypeInstance): PgError {
  return new PgError(
    SqlState.datatypeMismatch,
    `binary data has array element type ${given} instead of expected ${element.oid} (${element.name})`,
  );
}

/** The array type of an element type, under the element's arrayOid. */
export function makeArrayType(element: TypeInstance): ArrayType {
  return new ArrayType(
    {
      oid: element.arrayOid,
      name: `_${element.name}`,
      arrayOid: 0,
      category: element.oid === oid(2249) ? 'P' : 'A',
      kind: element.oid === oid(2249) ? 'p' : 'b',
      length: -1,
      delimiter: element.delimiter,
      isCollatable: element.isCollatable,
    },
    element,
  );
}

/** int2vector and oidvector: numbers parted by blanks, lower bound 0. */
export class VectorType extends ArrayType {
  override input(text: string): Value {
    const parts = text.match(/[^ \t\n\v\f\r]+/g) ?? [];
    const parse = this.oid === oid(22) ? parseInt2 : parseOid;
    return zeroBased(parts.map(part => parse(part)));
  }

  override output(value: Value): string {
    return (value as PgArray).elements.join(' ');
  }

  override receive(reader: ByteReader, typmod: number, settings: FormatSettings): Value {
    return zeroBased((super.receive(reader, typmod, settings) as PgArray).elements);
  }

  override compare(a: Value, b: Value): number {
    const [left, right] = [a as PgArray, b as PgArray];
    return left.elements.length - right.elements.length || super.compare(a, b);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    out.int32((value as PgArray).elements.length);
    super.writeKey(value, out);
  }
}

/** A one-dimensional array with lower bound 0, as int2vector and oidvector are. */
export function zeroBased(elements: readonly Datum[]): PgArray {
  return new PgArray(elements, [elements.length], [0]);
}
