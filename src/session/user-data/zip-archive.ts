import {createWriteStream} from 'node:fs';
import {open} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** A file that goes into a zip; Parquet is compressed already, so that nothing is compressed twice. */
export interface ZipSource {
  readonly name: string;
  readonly path: string;
}

/** Writes a zip file of stored entries and syncs it. */
export async function writeZip(path: string, sources: readonly ZipSource[]): Promise<void> {
  const {default: yazl} = await import('yazl');
  const zip = new yazl.ZipFile();
  for (const {name, path: from} of sources) zip.addFile(from, name, {compress: false});
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path, {flags: 'wx', mode: 0o600}));
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Reads the entries of a zip file, each into the file that `target` names; null = the entry is not wanted, and that is an error. */
export async function readZip(
  path: string,
  target: (name: string) => string | null,
): Promise<void> {
  const {default: yauzl} = await import('yauzl');
  const zip = await yauzl.openPromise(path).catch((error: unknown) => {
    throw damaged(path, error instanceof Error ? error.message : String(error));
  });
  try {
    for await (const entry of zip.eachEntry()) {
      const to = target(entry.fileName);
      if (to === null) throw damaged(path, `"${entry.fileName}" is not expected in it`);
      const content = await zip.openReadStreamPromise(entry);
      await pipeline(content, createWriteStream(to, {flags: 'wx', mode: 0o600}));
    }
  } catch (error) {
    if (error instanceof PgError) throw error;
    throw damaged(path, error instanceof Error ? error.message : String(error));
  } finally {
    zip.close();
  }
}

function damaged(path: string, what: string): PgError {
  return new PgError(SqlState.dataCorrupted, `"${path}" is no usable export: ${what}`);
}
