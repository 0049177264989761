import {ByteReader} from '../common/byte-reader.ts';
import {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeRow} from './base-type.ts';
import {asBuffer, BaseType, boxedLayout} from './base-type.ts';
import type {FormatSettings, SqliteValue, TypeInstance, Value} from './contract.ts';
import {float8ToText, parseFloat8} from './float-text.ts';
import {invalidBinary, invalidSyntax} from './type-errors.ts';

/** Names of the geometric types. */
export type GeometryKind = 'point' | 'lseg' | 'path' | 'box' | 'polygon' | 'line' | 'circle';

/** Coordinates of a geometric value; `isOpen` only of paths. */
export interface Geometry {
  readonly numbers: readonly number[];
  readonly isOpen: boolean;
}

/** Accepted shapes with every number written as n and blanks removed. */
const point = String.raw`(?:\(n,n\)|n,n)`;
const points = `${point}(?:,${point})*`;
const twoPoints = `${point},?${point}`;
const shapes: Readonly<Record<GeometryKind, RegExp>> = {
  point: new RegExp(`^${point}$`),
  lseg: new RegExp(String.raw`^(?:\[${twoPoints}\]|\(${twoPoints}\)|${twoPoints})$`),
  box: new RegExp(String.raw`^(?:\(${twoPoints}\)|${twoPoints})$`),
  path: new RegExp(String.raw`^(?:\[${points}\]|\(${points}\)|${points})$`),
  polygon: new RegExp(String.raw`^(?:\(${points}\)|${points})$`),
  circle: new RegExp(String.raw`^(?:<${point},n>|\(${point},n\)|${point},n)$`),
  line: new RegExp(String.raw`^(?:\{n,n,n\}|\[${twoPoints}\]|\(${twoPoints}\)|${twoPoints})$`),
};

/** Geometric types, held in their binary form; without btree or hash order, as in PostgreSQL. */
export class GeometryType extends BaseType {
  readonly #kind: GeometryKind;

  constructor(row: TypeRow, kind: GeometryKind, element: TypeInstance | null) {
    super(row, boxedLayout, element);
    this.#kind = kind;
  }

  input(text: string): Value {
    return this.encode(parseGeometry(text, this.#kind));
  }

  output(value: Value, settings: FormatSettings): string {
    return geometryText(this.decode(value), this.#kind, settings.extraFloatDigits);
  }

  /** The value of coordinates. */
  encode({numbers, isOpen}: Geometry): Buffer {
    const out = new ByteWriter(8 + numbers.length * 8);
    if (this.#kind === 'path') out.byte(isOpen ? 0 : 1);
    if (this.#kind === 'path' || this.#kind === 'polygon') out.int32(numbers.length / 2);
    for (const number of numbers) out.float64(number);
    return out.take();
  }

  /** Coordinates of a value. */
  decode(value: Value): Geometry {
    return readGeometry(new ByteReader(asBuffer(value as Uint8Array)), this.#kind);
  }

  receive(reader: ByteReader): Value {
    return this.encode(readGeometry(reader, this.#kind));
  }

  send(value: Value, out: ByteWriter): void {
    out.bytes(value as Uint8Array);
  }

  override toSqlite(value: Value): SqliteValue {
    return value as Uint8Array;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return this.receive(new ByteReader(asBuffer(stored as Uint8Array)));
  }
}

/** Reads a geometric literal. */
export function parseGeometry(text: string, kind: GeometryKind): Geometry {
  const compact = text.replace(/[ \t\n\v\f\r]*([,()[\]<>{}])[ \t\n\v\f\r]*/g, '$1').trim();
  const tokens = compact.match(/[^,()[\]<>{}]+/g) ?? [];
  const shape = compact.replace(/[^,()[\]<>{}]+/g, 'n');
  if (!shapes[kind].test(shape)) throw invalidSyntax(kind, text);
  const numbers = tokens.map(token => {
    try {
      return parseFloat8(token);
    } catch (error) {
      const isSyntax =
        error instanceof PgError && error.code === SqlState.invalidTextRepresentation;
      throw isSyntax ? invalidSyntax(kind, text) : error;
    }
  });
  if (kind === 'box') return orderedBox(numbers);
  if (kind === 'line') return {numbers: lineOf(numbers), isOpen: false};
  if (kind === 'circle' && numbers[2]! < 0) throw invalidSyntax(kind, text);
  return {numbers, isOpen: kind === 'path' && shape.startsWith('[')};
}

/** A box keeps its upper right corner first. */
function orderedBox(numbers: readonly number[]): Geometry {
  const [x1, y1, x2, y2] = numbers as [number, number, number, number];
  const high = [Math.max(x1, x2), Math.max(y1, y2)];
  return {numbers: [...high, Math.min(x1, x2), Math.min(y1, y2)], isOpen: false};
}

function lineOf(numbers: readonly number[]): number[] {
  const invalid = (why: string): PgError =>
    new PgError(SqlState.invalidTextRepresentation, `invalid line specification: ${why}`);
  if (numbers.length === 3) {
    if (numbers[0] === 0 && numbers[1] === 0) throw invalid('A and B cannot both be zero');
    return [...numbers];
  }
  const [x1, y1, x2, y2] = numbers as [number, number, number, number];
  if (x1 === x2 && y1 === y2) throw invalid('must be two distinct points');
  if (x1 === x2) return [-1, 0, x1];
  if (y1 === y2) return [0, -1, y1];
  const slope = (y1 - y2) / (x1 - x2);
  const offset = y1 - slope * x1;
  return [slope, -1, offset === 0 ? 0 : offset];
}

const counts = {point: 2, lseg: 4, box: 4, line: 3, circle: 3} as const;

function readGeometry(reader: ByteReader, kind: GeometryKind): Geometry {
  let isOpen = false;
  let count: number;
  if (kind === 'path' || kind === 'polygon') {
    if (kind === 'path') isOpen = reader.byte() === 0;
    const size = reader.int32();
    if (size <= 0 || size * 16 > reader.remaining) {
      throw invalidBinary(`invalid number of points in external "${kind}" value`);
    }
    count = size * 2;
  } else {
    count = counts[kind];
  }
  const numbers = Array.from({length: count}, () => reader.float64());
  return kind === 'box' ? orderedBox(numbers) : {numbers, isOpen};
}

/** A geometric literal as PostgreSQL prints it. */
export function geometryText(geometry: Geometry, kind: GeometryKind, digits: number): string {
  const shown = geometry.numbers.map(number => float8ToText(number, digits));
  if (kind === 'line') return `{${shown.join(',')}}`;
  if (kind === 'circle') return `<(${shown[0]},${shown[1]}),${shown[2]}>`;
  const pairs: string[] = [];
  for (let i = 0; i < shown.length; i += 2) pairs.push(`(${shown[i]},${shown[i + 1]})`);
  const body = pairs.join(',');
  if (kind === 'point' || kind === 'box') return body;
  return kind === 'lseg' || geometry.isOpen ? `[${body}]` : `(${body})`;
}

const rows: readonly (readonly [number, GeometryKind, number, number])[] = [
  [600, 'point', 1017, 16],
  [601, 'lseg', 1018, 32],
  [602, 'path', 1019, -1],
  [603, 'box', 1020, 32],
  [604, 'polygon', 1027, -1],
  [628, 'line', 629, 24],
  [718, 'circle', 719, 24],
];

/** The geometric types; `float8` is the element that point and line name. */
export function makeGeometryTypes(float8: TypeInstance): TypeInstance[] {
  const made: TypeInstance[] = [];
  for (const [oid, kind, arrayOid, length] of rows) {
    const delimiter = kind === 'box' ? ';' : ',';
    const isOfPoints = kind === 'lseg' || kind === 'box';
    const isOfNumbers = kind === 'point' || kind === 'line';
    const element = isOfPoints ? made[0]! : isOfNumbers ? float8 : null;
    const row = {oid, name: kind, arrayOid, length, delimiter, category: 'G'};
    made.push(new GeometryType(row, kind, element));
  }
  return made;
}
