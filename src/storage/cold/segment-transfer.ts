import {createReadStream} from 'node:fs';
import {open, rm} from 'node:fs/promises';
import {dirname} from 'node:path';
import {crc32} from 'node:zlib';
import {assert} from '../../common/errors.ts';
import type {SegmentCache} from '../objects/segment-cache.ts';
import {isRemote} from '../objects/storage-url.ts';
import type {SegmentMeta, SegmentSource, WriteSegmentOptions} from './contract.ts';
import type {DurableDirectories} from './durable-directories.ts';
import {corrupt, fileError, unreadable} from './file-errors.ts';
import {hex} from './segment-meta.ts';

const CHUNK_BYTES = 4 * 1024 * 1024;
const UPLOADS = 8;

interface Item {
  readonly options: WriteSegmentOptions;
  readonly source: SegmentSource;
}

/** Writes segments beside the copies of remote ones, then stores them. Nothing is left behind on an error, as far as it can be reached. */
export async function writeRemote(
  items: readonly Item[],
  copies: SegmentCache,
  write: (items: readonly Item[]) => Promise<readonly SegmentMeta[]>,
): Promise<readonly SegmentMeta[]> {
  const staged = items.map(({options}) =>
    isRemote(options.path) ? copies.stagingPath() : options.path,
  );
  const metas = await write(
    items.map(({options, source}, i) => ({options: {...options, path: staged[i]!}, source})),
  );
  const stop = new AbortController();
  let next = 0;
  let failure: unknown = null;
  const work = async (): Promise<void> => {
    while (next < items.length && failure === null) {
      const i = next++;
      const {path} = items[i]!.options;
      if (!isRemote(path)) continue;
      try {
        await copies.publish(path, staged[i]!, metas[i]!, stop.signal);
      } catch (error) {
        failure ??= error;
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({length: Math.min(UPLOADS, items.length)}, work));
  if (failure === null) return metas;
  // Files in remote storages are the caller's to remove: their intents stay until it has succeeded.
  await Promise.all(staged.map(path => rm(path, {force: true})));
  throw failure;
}

/** Copies a segment as it is from path to path, in the same storage or another. */
export async function copySegment(task: {
  readonly from: string;
  readonly to: string;
  readonly meta: SegmentMeta;
  readonly signal: AbortSignal | undefined;
  readonly copies: SegmentCache | null;
  readonly directories: DurableDirectories;
}): Promise<void> {
  const {from, to, meta, signal, copies, directories} = task;
  const {bytes, checksum} = meta;
  const source = isRemote(from)
    ? remote(copies).read(from, {bytes, checksum})
    : (createReadStream(from, {highWaterMark: CHUNK_BYTES}) as AsyncIterable<Uint8Array>);
  const path = isRemote(to) ? remote(copies).stagingPath() : to;
  if (!isRemote(to)) await directories.ensure(dirname(to));
  try {
    await writeChecked({from, path, meta, source, signal});
    if (isRemote(to)) await remote(copies).publish(to, path, {bytes, checksum}, signal);
    else await directories.sync(dirname(to));
  } catch (error) {
    await rm(path, {force: true});
    throw error;
  }
}

async function writeChecked({
  from,
  path,
  meta,
  source,
  signal,
}: {
  readonly from: string;
  readonly path: string;
  readonly meta: SegmentMeta;
  readonly source: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal | undefined;
}): Promise<void> {
  const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
    throw fileError('create', path, error);
  });
  const write = (chunk: Uint8Array, at: number): Promise<number> =>
    file.write(chunk, at).then(
      ({bytesWritten}) => bytesWritten,
      (error: NodeJS.ErrnoException) => {
        throw fileError('write', path, error);
      },
    );
  try {
    let crc = 0;
    let copied = 0;
    for await (const chunk of readable(from, source)) {
      signal?.throwIfAborted();
      crc = crc32(chunk, crc);
      copied += chunk.length;
      for (let at = 0; at < chunk.length; ) at += await write(chunk, at);
    }
    if (copied !== meta.bytes || hex(crc) !== meta.checksum)
      throw corrupt(from, 'it does not match its checksum');
    await file.sync().catch((error: NodeJS.ErrnoException) => {
      throw fileError('sync', path, error);
    });
  } finally {
    await file.close();
  }
}

async function* readable(
  from: string,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unreadable(from, error) : error;
  }
}

/** Removes a segment's file, wherever it lies. */
export async function removeSegment(path: string, copies: SegmentCache | null): Promise<void> {
  if (isRemote(path)) return remote(copies).remove(path);
  await rm(path, {force: true});
}

function remote(copies: SegmentCache | null): SegmentCache {
  assert(copies !== null, 'a remote segment is used where storages are configured');
  return copies;
}
