import {rm} from 'node:fs/promises';
import {dirname} from 'node:path';
import type {SegmentCache} from '../objects/segment-cache.ts';
import {isRemote} from '../objects/storage-url.ts';

import type {SegmentMeta, SegmentRows, SegmentSink, WriteSegmentOptions} from './contract.ts';
import type {DurableDirectories} from './durable-directories.ts';
import type {EncodeThread} from './encode-thread.ts';
import {SegmentWriter} from './segment-writer.ts';

/** What an open segment file is written with; `copies` where segments may be remote. */
export interface SegmentFileParts {
  readonly thread: EncodeThread;
  readonly directories: DurableDirectories;
  readonly copies: SegmentCache | null;
}

/** A segment that is written in portions: a local file, or one that is stored in a remote storage when it is finished. */
export class SegmentFile implements SegmentSink {
  readonly #path: string;
  readonly #staged: string;
  readonly #parts: SegmentFileParts;
  readonly #writer: SegmentWriter;
  readonly #touched: ReadonlySet<string>;
  /** The writer has ended; only what follows can fail. */
  #isWritten = false;

  private constructor(
    path: string,
    staged: string,
    parts: SegmentFileParts,
    writer: SegmentWriter,
    touched: ReadonlySet<string>,
  ) {
    this.#path = path;
    this.#staged = staged;
    this.#parts = parts;
    this.#writer = writer;
    this.#touched = touched;
  }

  static async begin(options: WriteSegmentOptions, parts: SegmentFileParts): Promise<SegmentFile> {
    const {path} = options;
    const staged = isRemote(path) ? parts.copies!.stagingPath() : path;
    const directory = dirname(staged);
    const touched = new Set([...(await parts.directories.make(directory)), directory]);
    const writer = new SegmentWriter({...options, path: staged}, parts.thread);
    return new SegmentFile(path, staged, parts, writer, touched);
  }

  append(columns: SegmentRows): Promise<void> {
    return this.#writer.append(columns);
  }

  async finish(): Promise<SegmentMeta> {
    const {directories, copies} = this.#parts;
    const meta = await this.#writer.finish();
    this.#isWritten = true;
    await Promise.all([...this.#touched].map(directory => directories.sync(directory)));
    directories.confirm(dirname(this.#staged));
    if (isRemote(this.#path))
      await copies!.publish(this.#path, this.#staged, meta, new AbortController().signal);
    return meta;
  }

  abort(): Promise<void> {
    return this.#isWritten ? rm(this.#staged, {force: true}) : this.#writer.abort();
  }
}
