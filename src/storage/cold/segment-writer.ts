import {unlink} from 'node:fs/promises';
import {dirname} from 'node:path';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {assert} from '../../common/errors.ts';
import type {Datum} from '../../types/contract.ts';
import {ColumnBuilder} from './column-builder.ts';
import type {ColumnPlan} from './column-plan.ts';
import {planColumn} from './column-plan.ts';
import type {
  SegmentMeta,
  SegmentRows,
  SegmentSource,
  VectorRows,
  WriteSegmentOptions,
} from './contract.ts';
import type {DurableDirectories} from './durable-directories.ts';
import type {EncodeThread, SegmentOutput} from './encode-thread.ts';
import {fileMetadata} from './file-metadata.ts';
import {InlineOutput} from './inline-output.ts';
import {segmentMeta} from './segment-meta.ts';

const CONCURRENT_FILES = 8;
/** Rows above which the encoder thread takes over. */
const INLINE_ROWS = 8192;
const MAX_GROUP_BYTES = 48 * 1024 * 1024;
const SLICE_ROWS = 512;
const SLICE_BYTES = 1024 * 1024;
const SLICE_MS = 1;

/** Writes one segment: gathers rows into columns here, encodes them inline or on the encoder thread. */
export class SegmentWriter {
  readonly #options: WriteSegmentOptions;
  readonly #thread: EncodeThread;
  readonly #plans: readonly ColumnPlan[];
  readonly #builders: readonly ColumnBuilder[];
  readonly #groupRows: number;
  readonly #groupBytes: number;
  #output: SegmentOutput | null = null;
  #rows = 0;
  #sliceRows = 32;
  #sliceStart = 0;

  constructor(options: WriteSegmentOptions, thread: EncodeThread) {
    assert(
      options.rowGroupRows > 0 && options.columns.length > 0,
      'a segment has columns and rows',
    );
    this.#options = options;
    this.#thread = thread;
    this.#plans = options.columns.map(planColumn);
    this.#builders = options.columns.map(
      (column, i) => new ColumnBuilder(this.#plans[i]!, column.type),
    );
    this.#groupRows = options.rowGroupRows;
    this.#groupBytes = options.rowGroupBytes ?? MAX_GROUP_BYTES;
  }

  /** The file's content is durable when this resolves; its directory entry is the caller's to sync. */
  async run(source: SegmentSource): Promise<SegmentMeta> {
    try {
      this.#sliceStart = performance.now();
      for (let rows = source(); rows !== null; rows = source()) {
        await this.append(rows);
        await this.#breathe();
      }
      return await this.finish();
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  /** Ends the file; its content is durable when this resolves. */
  async finish(): Promise<SegmentMeta> {
    if (this.#rows > 0) await this.#endGroup();
    this.#output ??= this.#inline();
    const encoded = await this.#output.finish();
    return segmentMeta(
      this.#plans,
      this.#options.columns.map(column => column.type),
      this.#builders.map(builder => builder.range),
      encoded,
      this.#options.schemaVersion,
    );
  }

  /** Closes and removes the file. */
  async abort(): Promise<void> {
    await this.#output?.abort();
  }

  /** Takes rows, a row group at a time in memory. */
  append(rows: SegmentRows): Promise<void> {
    return 'parts' in rows ? this.#appendVectors(rows) : this.#appendDatums(rows);
  }

  async #appendDatums(columns: readonly (readonly Datum[])[]): Promise<void> {
    const count = columns[0]!.length;
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + this.#sliceRows, from + this.#groupRows - this.#rows);
      let size = 0;
      for (let i = 0; i < columns.length; i++) {
        const builder = this.#builders[i]!;
        builder.append(columns[i]!, from, to);
        size += builder.size;
      }
      this.#rows += to - from;
      from = to;
      this.#setSlice(size);
      if (this.#rows >= this.#groupRows || size > this.#groupBytes) await this.#endGroup();
      else if (from < count) await this.#breathe();
    }
  }

  async #appendVectors({slots, parts, ends}: VectorRows): Promise<void> {
    let from = 0;
    for (let p = 0; p < parts.length; p++) {
      const vectors = parts[p]!;
      for (const end = ends[p]!; from < end; ) {
        const to = Math.min(end, from + this.#sliceRows, from + this.#groupRows - this.#rows);
        let size = 0;
        for (let i = 0; i < vectors.length; i++) {
          const builder = this.#builders[i]!;
          builder.appendVector(vectors[i]!, slots, from, to);
          size += builder.size;
        }
        this.#rows += to - from;
        from = to;
        this.#setSlice(size);
        if (this.#rows >= this.#groupRows || size > this.#groupBytes) await this.#endGroup();
        else if (this.#isOver) await this.#breathe();
      }
    }
  }

  /** Wide rows are taken a few at a time. */
  #setSlice(size: number): void {
    const rows = Math.floor((SLICE_BYTES * this.#rows) / size);
    this.#sliceRows = Math.max(1, Math.min(SLICE_ROWS, rows));
  }

  async #endGroup(): Promise<void> {
    this.#output ??= this.#chooseOutput();
    const columns = this.#builders.map(builder => builder.take());
    this.#rows = 0;
    await this.#output.group(columns);
    this.#sliceStart = performance.now();
  }

  #chooseOutput(): SegmentOutput {
    if (this.#rows <= INLINE_ROWS) return this.#inline();
    const {path} = this.#options;
    return this.#thread.open(path, this.#plans, fileMetadata(this.#options));
  }

  #inline(): SegmentOutput {
    return new InlineOutput(this.#options.path, this.#plans, fileMetadata(this.#options));
  }

  get #isOver(): boolean {
    return performance.now() - this.#sliceStart >= SLICE_MS;
  }

  async #breathe(): Promise<void> {
    if (!this.#isOver) return;
    const {rest} = this.#options;
    await (rest === undefined ? nextTurn() : rest());
    this.#sliceStart = performance.now();
  }
}

/** Writes many segments, several at a time, with one sync per directory. Nothing is left behind on an error. */
export async function writeSegments(
  items: readonly {readonly options: WriteSegmentOptions; readonly source: SegmentSource}[],
  thread: EncodeThread,
  directories: DurableDirectories,
): Promise<readonly SegmentMeta[]> {
  const metas: SegmentMeta[] = [];
  const written: string[] = [];
  const touched = new Set<string>();
  let next = 0;
  let failure: unknown = null;
  const work = async (): Promise<void> => {
    while (next < items.length && failure === null) {
      const index = next++;
      const {options, source} = items[index]!;
      try {
        const directory = dirname(options.path);
        for (const parent of await directories.make(directory)) touched.add(parent);
        touched.add(directory);
        metas[index] = await new SegmentWriter(options, thread).run(source);
        written.push(options.path);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({length: Math.min(CONCURRENT_FILES, items.length)}, work));
  if (failure === null) {
    try {
      await Promise.all([...touched].map(directory => directories.sync(directory)));
      for (const path of written) directories.confirm(dirname(path));
      return metas;
    } catch (error) {
      failure = error;
    }
  }
  await Promise.all(written.map(path => unlink(path).catch(() => null)));
  throw failure;
}
