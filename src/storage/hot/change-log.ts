// Hot path: every committed row is encoded here once.
import type {Bindable} from 'better-sqlite3';
import type {ByteReader} from '../../common/byte-reader.ts';
import {ByteWriter} from '../../common/byte-writer.ts';
import {internalError} from '../../common/errors.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';

/** Bytes of a part of a log entry; one row may pass it. */
export const LOG_PART_BYTES = 256 * 1024;
export const OP_INSERT = 1;
export const OP_UPDATE = 2;
export const OP_DELETE = 3;
export const FLAG_TRUNCATE = 1;
/** The part's rows lie in a segment, which the JSON names: readers get a gap. */
export const FLAG_BULK = 4;
/** The part holds JSON: catalog records, sequences, manifest. */
export const FLAG_JSON = 2;

const TAG_NULL = 0;
const TAG_INT32 = 1;
const TAG_INT64 = 2;
const TAG_DOUBLE = 3;
const TAG_TEXT = 4;
const TAG_BLOB = 5;
const HEADER_COUNT_AT = 14;

/** Writes the parts of log entries: a header, then row changes in SQLite's forms. */
export class LogPartWriter {
  readonly #out = new ByteWriter(4096);
  #count = 0;

  begin(flags: number, schemaVersion: number, timestamp: bigint): void {
    const out = this.#out;
    out.reset();
    this.#count = 0;
    out.byte(1);
    out.byte(flags);
    out.int32(schemaVersion);
    out.int64(timestamp);
    out.int32(0);
  }

  get length(): number {
    return this.#out.length;
  }

  get count(): number {
    return this.#count;
  }

  insert(rid: number, row: readonly Bindable[], from: number): void {
    this.#change(OP_INSERT, rid);
    this.#row(row, from);
  }

  delete(rid: number, row: readonly Bindable[], from: number): void {
    this.#change(OP_DELETE, rid);
    this.#row(row, from);
  }

  /** The new row, then position and old value of each changed column. */
  update(
    rid: number,
    row: readonly Bindable[],
    from: number,
    types: readonly TypeInstance[],
    before: readonly Datum[],
    after: readonly Datum[],
  ): void {
    this.#change(OP_UPDATE, rid);
    this.#row(row, from);
    const out = this.#out;
    const countAt = out.length;
    out.int16(0);
    let changed = 0;
    for (let i = 0; i < types.length; i++) {
      const old = before[i]!;
      if (old === after[i]) continue;
      const stored = old === null ? null : (types[i]!.toSqlite(old) as Bindable);
      if (sameValue(stored, row[from + i]!)) continue;
      out.int16(i);
      this.#value(stored);
      changed++;
    }
    out.buffer.writeUInt16BE(changed, countAt);
  }

  json(text: string): void {
    this.#out.utf8(text);
  }

  /** The part as written so far. */
  finish(): Buffer {
    this.#out.setInt32(HEADER_COUNT_AT, this.#count);
    return this.#out.take();
  }

  #change(op: number, rid: number): void {
    this.#count++;
    this.#out.byte(op);
    this.#out.float64(rid);
  }

  #row(row: readonly Bindable[], from: number): void {
    this.#out.int16(row.length - from);
    for (let i = from; i < row.length; i++) this.#value(row[i]!);
  }

  #value(value: Bindable): void {
    const out = this.#out;
    if (value === null) {
      out.byte(TAG_NULL);
    } else if (typeof value === 'bigint') {
      if (value >= -2147483648n && value <= 2147483647n) {
        out.byte(TAG_INT32);
        out.int32(Number(value));
      } else {
        out.byte(TAG_INT64);
        out.int64(value);
      }
    } else if (typeof value === 'number') {
      out.byte(TAG_DOUBLE);
      out.float64(value);
    } else if (typeof value === 'string') {
      out.byte(TAG_TEXT);
      const at = out.length;
      out.int32(0);
      out.utf8(value);
      out.setInt32(at, out.length - at - 4);
    } else {
      out.byte(TAG_BLOB);
      out.int32(value.length);
      out.bytes(value);
    }
  }
}

/** Header of a part. */
export interface LogPartHeader {
  readonly flags: number;
  readonly schemaVersion: number;
  readonly timestamp: bigint;
  readonly count: number;
}

/** Reads the header of a part; the reader then stands at its first change (or its JSON). */
export function readPartHeader(reader: ByteReader): LogPartHeader {
  const version = reader.byte();
  if (version !== 1) throw internalError(`unknown change log version ${version}`);
  return {
    flags: reader.byte(),
    schemaVersion: reader.int32(),
    timestamp: reader.int64(),
    count: reader.int32(),
  };
}

/** A change as stored; rows are in SQLite's forms. */
export interface StoredChange {
  readonly op: number;
  readonly rid: number;
  readonly row: readonly Bindable[];
  /** UPDATE: the whole old row; else null. */
  readonly oldRow: readonly Bindable[] | null;
}

/** Reads the next change of a part. */
export function readChange(reader: ByteReader): StoredChange {
  const op = reader.byte();
  const rid = reader.float64();
  const row = readRow(reader);
  if (op !== OP_UPDATE) return {op, rid, row, oldRow: null};
  const oldRow = row.slice();
  const changed = reader.uint16();
  for (let i = 0; i < changed; i++) {
    const at = reader.uint16();
    oldRow[at] = readValue(reader);
  }
  return {op, rid, row, oldRow};
}

function readRow(reader: ByteReader): Bindable[] {
  const count = reader.uint16();
  const row: Bindable[] = [];
  for (let i = 0; i < count; i++) row.push(readValue(reader));
  return row;
}

function readValue(reader: ByteReader): Bindable {
  const tag = reader.byte();
  switch (tag) {
    case TAG_NULL:
      return null;
    case TAG_INT32:
      return BigInt(reader.int32());
    case TAG_INT64:
      return reader.int64();
    case TAG_DOUBLE:
      return reader.float64();
    case TAG_TEXT:
      return reader.utf8(reader.int32());
    case TAG_BLOB:
      return Uint8Array.from(reader.bytes(reader.int32()));
    default:
      throw internalError(`unknown value tag ${tag} in the change log`);
  }
}

function sameValue(a: Bindable, b: Bindable): boolean {
  if (a === b) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return typeof a === 'number' && Object.is(a, b);
}
