import {crc32} from 'node:zlib';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** A part of the change log as SQLite has it. */
export interface LogRow {
  readonly id: bigint;
  readonly table: number;
  readonly owner: number;
  readonly data: Buffer;
}

/** What a file of the archive says of itself: it holds all entries with `from` < seq <= `to`. */
export interface ArchiveHeader {
  readonly format: 1;
  readonly incarnation: string;
  readonly from: number;
  readonly to: number;
  readonly parts: number;
  readonly bytes: number;
  /** crc32 of the body. */
  readonly crc: number;
}

const ROW_HEADER = 24;

/** Key of a file of the archive: keys sort as their seqs. */
export function archiveKey(incarnation: string, from: number, to: number): string {
  return `${incarnation}/log/${pad(from)}-${pad(to)}.wadilog`;
}

/** Key of a segment that the log refers to. */
export function archivedSegmentKey(incarnation: string, id: number): string {
  return `${incarnation}/segments/${id}.parquet`;
}

/** The range in a key; null when it is no file of the log. */
export function rangeOfKey(key: string): {readonly from: number; readonly to: number} | null {
  const match = /\/log\/(\d{16})-(\d{16})\.wadilog$/.exec(key);
  return match === null ? null : {from: Number(match[1]), to: Number(match[2])};
}

/** A row as bytes of the body. */
export function encodeRow(row: LogRow): Buffer {
  const out = Buffer.allocUnsafe(ROW_HEADER + row.data.length);
  out.writeBigInt64BE(row.id, 0);
  out.writeUIntBE(row.table, 8, 6);
  out.writeUIntBE(row.owner, 14, 6);
  out.writeUInt32BE(row.data.length, 20);
  row.data.copy(out, ROW_HEADER);
  return out;
}

/** A whole file in parts: a line of JSON, then the body. */
export function* encodeFile(
  header: Omit<ArchiveHeader, 'format'>,
  body: readonly Buffer[],
): Iterable<Buffer> {
  yield Buffer.from(`${JSON.stringify({format: 1, ...header})}\n`);
  yield* body;
}

/** Reads a file of the archive; damage is XX001. */
export function decodeFile(
  key: string,
  bytes: Buffer,
): {readonly header: ArchiveHeader; readonly rows: readonly LogRow[]} {
  const end = bytes.indexOf(10);
  let header: ArchiveHeader;
  try {
    header = JSON.parse(bytes.toString('utf8', 0, end)) as ArchiveHeader;
  } catch {
    throw damaged(key);
  }
  const body = bytes.subarray(end + 1);
  const range = rangeOfKey(key);
  const isWhole =
    Number(header.format) === 1 &&
    header.from === range?.from &&
    header.to === range.to &&
    body.length === header.bytes &&
    crc32(body) === header.crc;
  if (!isWhole) throw damaged(key);
  const rows: LogRow[] = [];
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at + 20);
    rows.push({
      id: body.readBigInt64BE(at),
      table: body.readUIntBE(at + 8, 6),
      owner: body.readUIntBE(at + 14, 6),
      data: body.subarray(at + ROW_HEADER, at + ROW_HEADER + length),
    });
    at += ROW_HEADER + length;
  }
  if (rows.length !== header.parts) throw damaged(key);
  return {header, rows};
}

function damaged(key: string): PgError {
  return new PgError(
    SqlState.dataCorrupted,
    `file "${key}" of the archive is damaged: it is not what its header says`,
  );
}

function pad(seq: number): string {
  return String(seq).padStart(16, '0');
}
