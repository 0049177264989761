import {closeSync, openSync, readFileSync, readSync} from 'node:fs';
import {rename, rm, writeFile} from 'node:fs/promises';
import {crc32} from 'node:zlib';

const MAGIC = 0x31424457;
const HEADER_BYTES = 16;

/** A block of an object as it lies on the disk: with the version of the object that it is of. */
export interface BlockContent {
  readonly etag: string;
  readonly payload: Buffer;
}

/**
 * Writes a block: magic, crc32, lengths, ETag, bytes. It appears by a rename; what a power cut leaves of it is found out by its checksum,
 * which covers its number, too.
 */
export async function writeBlock(
  path: string,
  number: number,
  {etag, payload}: BlockContent,
): Promise<void> {
  const tag = Buffer.from(etag);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(checksum(number, tag, payload), 4);
  header.writeUInt32LE(payload.length, 8);
  header.writeUInt32LE(tag.length, 12);
  const staged = `${path}.new`;
  try {
    await writeFile(staged, Buffer.concat([header, tag, payload]));
    await rename(staged, path);
  } catch (error) {
    await rm(staged, {force: true});
    throw error;
  }
}

/** Reads a block and checks it; null when it is not what was written. */
export function readBlock(path: string, number: number): BlockContent | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return null;
  }
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return null;
  const payloadAt = HEADER_BYTES + bytes.readUInt32LE(12);
  if (bytes.length !== payloadAt + bytes.readUInt32LE(8)) return null;
  const tag = bytes.subarray(HEADER_BYTES, payloadAt);
  const payload = bytes.subarray(payloadAt);
  if (checksum(number, tag, payload) !== bytes.readUInt32LE(4)) return null;
  return {etag: tag.toString(), payload};
}

/** Copies bytes of a block that was checked before; false when its file is gone. */
export function copyBlock(
  path: string,
  etag: string,
  from: number,
  into: Buffer,
  at: number,
  length: number,
): boolean {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    const start = HEADER_BYTES + Buffer.byteLength(etag) + from;
    return readSync(file, into, at, length, start) === length;
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}

function checksum(number: number, tag: Buffer, payload: Buffer): number {
  return crc32(payload, crc32(tag, number));
}
