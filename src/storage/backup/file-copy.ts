import {createHash} from 'node:crypto';
import {constants} from 'node:fs';
import {copyFile, link, open, readdir, rename, rm, writeFile} from 'node:fs/promises';
import {crc32} from 'node:zlib';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

const CHUNK = 1 << 18;

/** Size and checksums of a file, read once. */
export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
  /** crc32 as eight hex digits. */
  readonly crc: string;
}

/** Reads a file and computes its checksums; its content is synced to disk when asked. */
export async function digestFile(path: string, syncs = false): Promise<FileDigest> {
  const file = await open(path, syncs ? 'r+' : 'r');
  try {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const hash = createHash('sha256');
    let crc = 0;
    let bytes = 0;
    for (;;) {
      const {bytesRead} = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      const part = buffer.subarray(0, bytesRead);
      hash.update(part);
      crc = crc32(part, crc);
      bytes += bytesRead;
    }
    if (syncs) await file.sync();
    return {bytes, sha256: hash.digest('hex'), crc: crc.toString(16).padStart(8, '0')};
  } finally {
    await file.close();
  }
}

/** Makes `to` a hard link of an immutable file, or a synced copy where links are not possible. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    await copyDurably(from, to);
  }
}

/** Copies a file and syncs the copy; the target must not exist. */
export async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL);
  const file = await open(to, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Writes a file whole or not at all. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const part = `${path}.part`;
  await writeFile(part, text, {mode: 0o600, flush: true});
  await rename(part, path);
}

/** Syncs the entries of a directory. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** 55000 unless the directory does not exist or has no entries. */
export async function assertEmpty(path: string): Promise<void> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new PgError(SqlState.ioError, `could not read "${path}": ${error.message}`);
  });
  if (names.length > 0)
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      `directory "${path}" exists but is not empty`,
    );
}

/** Removes everything in a directory that was made for a piece of work which failed. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, {recursive: true, force: true});
}
