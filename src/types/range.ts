import type {ByteReader} from '../common/byte-reader.ts';
import {ByteReader as Reader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {sendField} from './array.ts';
import type {TypeRow} from './base-type.ts';
import {BaseType, boxedLayout} from './base-type.ts';
import type {Datum, FormatSettings, TypeInstance, Value} from './contract.ts';
import {DATE_END, DATE_INFINITY, DATE_MINUS_INFINITY} from './datetime-calendar.ts';
import {combineHash} from './hash.ts';
import type {RangeParts} from './range-text.ts';
import {quoteBound, splitMultirange, splitRange} from './range-text.ts';
import {RangeValue} from './range-value.ts';
import {
  datetimeOutOfRange,
  insufficientData,
  invalidMessageFormat,
  typeOutOfRange,
} from './type-errors.ts';

/** The empty range. */
export const emptyRange: RangeValue = new RangeValue(true, null, null, {
  lowerInclusive: false,
  upperInclusive: false,
});

/** The value after a bound of a discrete subtype (null: the bound stays as it is); null for continuous subtypes. */
export type NextValue = ((value: Value) => Value | null) | null;

/** Successors of the discrete built-in subtypes by pg_type.typname. */
export const nextValues: Readonly<Record<string, NextValue>> = {
  int4: value => {
    if (value === 2147483647) throw typeOutOfRange('integer');
    return (value as number) + 1;
  },
  int8: value => {
    if (value === 2n ** 63n - 1n) throw typeOutOfRange('bigint');
    return (value as bigint) + 1n;
  },
  date: value => {
    if (value === DATE_INFINITY || value === DATE_MINUS_INFINITY) return null;
    if ((value as number) + 1 >= DATE_END) throw datetimeOutOfRange('date');
    return (value as number) + 1;
  },
};

/** Bounds as given; a null bound is infinite. */
export interface RangeBounds {
  readonly lower: Datum;
  readonly upper: Datum;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
}

/** Ranges over a subtype. */
export class RangeType extends BaseType {
  readonly subtype: TypeInstance;
  /** OID of its multirange type. */
  readonly multirange: number;
  readonly #next: NextValue;

  constructor(row: TypeRow, subtype: TypeInstance, next: NextValue, multirange: number) {
    super({...row, kind: 'r', category: 'R', length: -1}, boxedLayout);
    this.subtype = subtype;
    this.multirange = multirange;
    this.#next = next;
  }

  /** A canonical range of bounds; 22000 when they are in the wrong order. */
  make({lower, upper, lowerInclusive, upperInclusive}: RangeBounds): RangeValue {
    if (lower !== null && upper !== null && this.subtype.compare(lower, upper) > 0) {
      throw new PgError(
        SqlState.dataException,
        'range lower bound must be less than or equal to range upper bound',
      );
    }
    let from = lower;
    let to = upper;
    let hasFrom = lowerInclusive && lower !== null;
    let hasTo = upperInclusive && upper !== null;
    const isPoint = from !== null && to !== null && this.subtype.compare(from, to) === 0;
    if (isPoint && !(hasFrom && hasTo)) return emptyRange;
    if (this.#next !== null) {
      const movedFrom = from !== null && !hasFrom ? this.#next(from) : null;
      if (movedFrom !== null) {
        from = movedFrom;
        hasFrom = true;
      }
      const movedTo = to !== null && hasTo ? this.#next(to) : null;
      if (movedTo !== null) {
        to = movedTo;
        hasTo = false;
      }
      if (from !== null && to !== null) {
        const order = this.subtype.compare(from, to);
        if (order > 0 || (order === 0 && !(hasFrom && hasTo))) return emptyRange;
      }
    }
    return new RangeValue(false, from, to, {lowerInclusive: hasFrom, upperInclusive: hasTo});
  }

  /** The range of text parts. */
  read(parts: RangeParts, settings: FormatSettings): RangeValue {
    if (parts.isEmpty) return emptyRange;
    const bound = (text: string | null): Datum =>
      text === null ? null : this.subtype.input(text, -1, settings);
    return this.make({
      lower: bound(parts.lower),
      upper: bound(parts.upper),
      lowerInclusive: parts.lowerInclusive,
      upperInclusive: parts.upperInclusive,
    });
  }

  input(text: string, _typmod: number, settings: FormatSettings): Value {
    return this.read(splitRange(text), settings);
  }

  output(value: Value, settings: FormatSettings): string {
    const range = value as RangeValue;
    if (range.isEmpty) return 'empty';
    const bound = (datum: Datum): string =>
      datum === null ? '' : quoteBound(this.subtype.output(datum, settings));
    const open = range.lowerInclusive ? '[' : '(';
    const close = range.upperInclusive ? ']' : ')';
    return `${open}${bound(range.lower)},${bound(range.upper)}${close}`;
  }

  receive(reader: ByteReader, _typmod: number, settings: FormatSettings): Value {
    const flags = reader.byte();
    const isEmpty = (flags & 1) !== 0;
    const lower = isEmpty || (flags & 8) !== 0 ? null : receivePart(reader, this.subtype, settings);
    const upper =
      isEmpty || (flags & 16) !== 0 ? null : receivePart(reader, this.subtype, settings);
    if (reader.remaining > 0) throw invalidMessageFormat();
    if (isEmpty) return emptyRange;
    return this.make({
      lower,
      upper,
      lowerInclusive: (flags & 2) !== 0,
      upperInclusive: (flags & 4) !== 0,
    });
  }

  send(value: Value, out: ByteWriter, settings: FormatSettings): void {
    const {isEmpty, lower, upper, lowerInclusive, upperInclusive} = value as RangeValue;
    if (isEmpty) {
      out.byte(1);
      return;
    }
    out.byte(
      (lowerInclusive ? 2 : 0) |
        (upperInclusive ? 4 : 0) |
        (lower === null ? 8 : 0) |
        (upper === null ? 16 : 0),
    );
    if (lower !== null) sendField(lower, this.subtype, out, settings);
    if (upper !== null) sendField(upper, this.subtype, out, settings);
  }

  override compare(a: Value, b: Value): number {
    const [left, right] = [a as RangeValue, b as RangeValue];
    if (left.isEmpty || right.isEmpty) return Number(right.isEmpty) - Number(left.isEmpty);
    return this.compareLower(left, right) || this.compareUpper(left, right);
  }

  /** Order of lower bounds. */
  compareLower(a: RangeValue, b: RangeValue): number {
    if (a.lower === null || b.lower === null) {
      return a.lower === b.lower ? 0 : a.lower === null ? -1 : 1;
    }
    return (
      this.subtype.compare(a.lower, b.lower) || Number(b.lowerInclusive) - Number(a.lowerInclusive)
    );
  }

  /** Order of upper bounds. */
  compareUpper(a: RangeValue, b: RangeValue): number {
    if (a.upper === null || b.upper === null) {
      return a.upper === b.upper ? 0 : a.upper === null ? 1 : -1;
    }
    return (
      this.subtype.compare(a.upper, b.upper) || Number(a.upperInclusive) - Number(b.upperInclusive)
    );
  }

  override hash(value: Value): number {
    const range = value as RangeValue;
    if (range.isEmpty) return 11;
    const h = (datum: Datum): number => (datum === null ? 0 : this.subtype.hash(datum));
    const flags = (range.lowerInclusive ? 1 : 0) | (range.upperInclusive ? 2 : 0);
    return combineHash(combineHash(h(range.lower), h(range.upper)), flags);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    const range = value as RangeValue;
    if (range.isEmpty) {
      out.byte(0);
      return;
    }
    out.byte(1);
    out.byte(range.lower === null ? 0 : 1);
    if (range.lower !== null) {
      this.subtype.writeKey(range.lower, out);
      out.byte(range.lowerInclusive ? 0 : 1);
    }
    out.byte(range.upper === null ? 2 : 1);
    if (range.upper !== null) {
      this.subtype.writeKey(range.upper, out);
      out.byte(range.upperInclusive ? 1 : 0);
    }
  }
}

/** Multiranges over a range type. */
export class MultirangeType extends BaseType {
  readonly rangeType: RangeType;

  constructor(row: TypeRow, rangeType: RangeType) {
    super({...row, kind: 'm', category: 'R', length: -1}, boxedLayout);
    this.rangeType = rangeType;
  }

  /** A multirange of ranges in any order: sorted, merged, without empty ones. */
  make(ranges: readonly RangeValue[]): RangeValue {
    const type = this.rangeType;
    const sorted = ranges.filter(range => !range.isEmpty).sort((a, b) => type.compare(a, b));
    const merged: RangeValue[] = [];
    for (const range of sorted) {
      const last = merged[merged.length - 1];
      if (last !== undefined && this.#touches(last, range)) {
        const upper = type.compareUpper(last, range) >= 0 ? last : range;
        merged[merged.length - 1] = new RangeValue(false, last.lower, upper.upper, {
          lowerInclusive: last.lowerInclusive,
          upperInclusive: upper.upperInclusive,
        });
      } else {
        merged.push(range);
      }
    }
    return new RangeValue(merged.length === 0, null, null, {
      lowerInclusive: false,
      upperInclusive: false,
      ranges: merged,
    });
  }

  /** Whether `b`, which does not start before `a`, overlaps or adjoins it. */
  #touches(a: RangeValue, b: RangeValue): boolean {
    if (a.upper === null || b.lower === null) return true;
    const order = this.rangeType.subtype.compare(b.lower, a.upper);
    return order < 0 || (order === 0 && (a.upperInclusive || b.lowerInclusive));
  }

  input(text: string, _typmod: number, settings: FormatSettings): Value {
    return this.make(splitMultirange(text).map(parts => this.rangeType.read(parts, settings)));
  }

  output(value: Value, settings: FormatSettings): string {
    const ranges = (value as RangeValue).ranges ?? [];
    return `{${ranges.map(range => this.rangeType.output(range, settings)).join(',')}}`;
  }

  receive(reader: ByteReader, _typmod: number, settings: FormatSettings): Value {
    const count = reader.int32();
    if (count < 0 || count * 5 > reader.remaining) throw insufficientData();
    const ranges: RangeValue[] = [];
    for (let i = 0; i < count; i++) {
      ranges.push(receivePart(reader, this.rangeType, settings) as RangeValue);
    }
    if (reader.remaining > 0) throw invalidMessageFormat();
    return this.make(ranges);
  }

  send(value: Value, out: ByteWriter, settings: FormatSettings): void {
    const ranges = (value as RangeValue).ranges ?? [];
    out.int32(ranges.length);
    for (const range of ranges) sendField(range, this.rangeType, out, settings);
  }

  override compare(a: Value, b: Value): number {
    const left = (a as RangeValue).ranges ?? [];
    const right = (b as RangeValue).ranges ?? [];
    const size = Math.min(left.length, right.length);
    for (let i = 0; i < size; i++) {
      const order = this.rangeType.compare(left[i]!, right[i]!);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }

  override hash(value: Value): number {
    let h = 13;
    for (const range of (value as RangeValue).ranges ?? [])
      h = combineHash(h, this.rangeType.hash(range));
    return h;
  }

  override writeKey(value: Value, out: ByteWriter): void {
    for (const range of (value as RangeValue).ranges ?? []) {
      out.byte(1);
      this.rangeType.writeKey(range, out);
    }
    out.byte(0);
  }
}

/** A length and a value that is never NULL: a bound, or a range of a multirange. */
function receivePart(reader: ByteReader, type: TypeInstance, settings: FormatSettings): Value {
  const size = reader.int32();
  if (size < 0 || size > reader.remaining) throw insufficientData();
  const part = new Reader(reader.buffer, reader.offset, reader.offset + size);
  reader.offset += size;
  return type.receive(part, -1, settings);
}

/** Built-in ranges: OID, name, array OID, subtype; then multirange OID, name, array OID. */
export const rangeRows: readonly (readonly [
  number,
  string,
  number,
  string,
  number,
  string,
  number,
])[] = [
  [3904, 'int4range', 3905, 'int4', 4451, 'int4multirange', 6150],
  [3926, 'int8range', 3927, 'int8', 4536, 'int8multirange', 6157],
  [3906, 'numrange', 3907, 'numeric', 4532, 'nummultirange', 6151],
  [3912, 'daterange', 3913, 'date', 4535, 'datemultirange', 6155],
  [3908, 'tsrange', 3909, 'timestamp', 4533, 'tsmultirange', 6152],
  [3910, 'tstzrange', 3911, 'timestamptz', 4534, 'tstzmultirange', 6153],
];

/** A built-in range type: canonical over the discrete subtypes. */
export function makeRangeType(
  row: {readonly oid: number; readonly name: string; readonly arrayOid: number},
  subtype: TypeInstance,
  multirange: number,
): RangeType {
  return new RangeType(
    {...row, category: 'R', length: -1},
    subtype,
    nextValues[subtype.name] ?? null,
    multirange,
  );
}

/** A range type without CANONICAL over any ordered subtype: its bounds stay as they are given. */
export function makeContinuousRange(
  row: {readonly oid: number; readonly name: string; readonly arrayOid: number},
  subtype: TypeInstance,
  multirange: number,
): RangeType {
  return new RangeType({...row, category: 'R', length: -1}, subtype, null, multirange);
}

/** The multirange type of a range type. */
export function makeMultirangeType(
  row: {readonly oid: number; readonly name: string; readonly arrayOid: number},
  rangeType: RangeType,
): MultirangeType {
  return new MultirangeType({...row, category: 'R', length: -1}, rangeType);
}
