// Hot path: every page that is read goes through here.
import {crc32, zstdDecompressSync} from 'node:zlib';
import {corrupt} from './file-errors.ts';
import type {FileReader} from './file-reader.ts';
import {readPageHeader} from './page-header.ts';

/** What a page must be; a count of -1 accepts any. */
export interface ExpectedPage {
  readonly type: number;
  readonly encoding: number;
  readonly count: number;
}

/** Reads a page with its header, checks it and unpacks it. */
export function readPageBody(
  files: FileReader,
  path: string,
  [offset, size]: readonly [offset: number, size: number],
  expected: ExpectedPage,
): {readonly bytes: Buffer; readonly count: number} {
  const bytes = files.read(path, offset, size);
  const header = readPageHeader(bytes);
  const packed = bytes.subarray(header.length);
  if (packed.length !== header.packed || crc32(packed) !== header.checksum)
    throw corrupt(path, `the page at byte ${offset} does not match its checksum`);
  const {count} = header;
  const isExpected =
    header.type === expected.type &&
    header.encoding === expected.encoding &&
    (expected.count === -1 || expected.count === count);
  if (!isExpected) throw corrupt(path, `the page at byte ${offset} is of another kind`);
  const length = header.unpacked;
  const unpacked = zstdDecompressSync(packed, {
    chunkSize: Math.max(64, length + 1),
    maxOutputLength: length + 1,
  });
  if (unpacked.length !== length)
    throw corrupt(path, `the page at byte ${offset} has the wrong length`);
  return {bytes: unpacked, count};
}
