import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum, FormatSettings, TypeInstance} from '../types/contract.ts';
import type {CopyTarget} from './copy-options.ts';
import {JoinedBytes} from './joined-bytes.ts';

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');

function badFormat(message: string): PgError {
  return new PgError(SqlState.badCopyFileFormat, message);
}

/** One row of binary input: payloads of fields, null for NULL. Views into the input. */
export interface CopyBinaryRow {
  readonly fields: readonly (Buffer | null)[];
  readonly line: number;
}

/** Reads COPY's binary format. */
export class CopyBinaryReader {
  readonly #target: CopyTarget;
  readonly #bytes = new JoinedBytes();
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #hasHeader = false;
  #isDone = false;
  #isEnded = false;
  line = 0;

  constructor(target: CopyTarget) {
    this.#target = target;
  }

  push(chunk: Buffer): void {
    if (this.#isDone) {
      if (chunk.length > 0) throw badFormat('received copy data after EOF marker');
      return;
    }
    this.#buffer = this.#bytes.join(this.#buffer, this.#at, chunk);
    this.#at = 0;
  }

  end(): void {
    this.#isEnded = true;
  }

  next(): CopyBinaryRow | null {
    if (this.#isDone) return null;
    if (!this.#hasHeader && !this.#readHeader()) return null;
    return this.#readRow();
  }

  #needs(size: number, message: string): boolean {
    if (this.#buffer.length - this.#at >= size) return true;
    if (this.#isEnded) throw badFormat(message);
    return false;
  }

  #readHeader(): boolean {
    const {length} = signature;
    if (!this.#needs(length, 'COPY file signature not recognized')) return false;
    if (this.#buffer.compare(signature, 0, length, this.#at, this.#at + length) !== 0) {
      throw badFormat('COPY file signature not recognized');
    }
    if (!this.#needs(length + 4, 'invalid COPY file header (missing flags)')) return false;
    const flags = this.#buffer.readInt32BE(this.#at + 11);
    if ((flags & 0x10000) !== 0) throw badFormat('invalid COPY file header (WITH OIDS)');
    if (flags >> 16 !== 0) throw badFormat('unrecognized critical flags in COPY file header');
    if (!this.#needs(length + 8, 'invalid COPY file header (missing length)')) return false;
    const extension = this.#buffer.readInt32BE(this.#at + 15);
    if (extension < 0) throw badFormat('invalid COPY file header (missing length)');
    if (!this.#needs(19 + extension, 'invalid COPY file header (wrong length)')) return false;
    this.#at += 19 + extension;
    this.#hasHeader = true;
    return true;
  }

  #readRow(): CopyBinaryRow | null {
    const buffer = this.#buffer;
    let at = this.#at;
    if (buffer.length - at < 2) {
      if (this.#isEnded && buffer.length > at) throw badFormat('unexpected EOF in COPY data');
      return null;
    }
    const count = buffer.readInt16BE(at);
    at += 2;
    if (count === -1) {
      this.#isDone = true;
      if (buffer.length > at) throw badFormat('received copy data after EOF marker');
      return null;
    }
    const expected = this.#target.columns.length;
    if (count !== expected) {
      throw badFormat(`row field count is ${count}, expected ${expected}`);
    }
    const fields: (Buffer | null)[] = [];
    for (let i = 0; i < count; i++) {
      if (!this.#needs(at + 4 - this.#at, 'unexpected EOF in COPY data')) return null;
      const size = buffer.readInt32BE(at);
      at += 4;
      if (size === -1) {
        fields.push(null);
        continue;
      }
      if (size < 0) throw badFormat('invalid field size');
      if (!this.#needs(at + size - this.#at, 'unexpected EOF in COPY data')) return null;
      fields.push(buffer.subarray(at, at + size));
      at += size;
    }
    this.#at = at;
    this.line++;
    return {fields, line: this.line};
  }
}

/** Appends the header of a binary COPY. */
export function writeBinaryHeader(out: ByteWriter): void {
  out.bytes(signature);
  out.int32(0);
  out.int32(0);
}

/** Appends the trailer of a binary COPY. */
export function writeBinaryTrailer(out: ByteWriter): void {
  out.int16(-1);
}

/** Appends one row of a binary COPY. */
export function writeBinaryRow(
  values: readonly Datum[],
  types: readonly TypeInstance[],
  settings: FormatSettings,
  out: ByteWriter,
): void {
  out.int16(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value === null) {
      out.int32(-1);
      continue;
    }
    const lengthAt = out.length;
    out.int32(0);
    types[i]!.send(value, out, settings);
    out.setInt32(lengthAt, out.length - lengthAt - 4);
  }
}
