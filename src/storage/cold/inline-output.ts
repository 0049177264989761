import type {FileHandle} from 'node:fs/promises';
import {open, unlink} from 'node:fs/promises';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {injectFault, writableBytes} from '../failpoint.ts';
import type {ColumnData, ColumnPlan} from './column-plan.ts';
import type {SegmentOutput} from './encode-thread.ts';
import {fileError} from './file-errors.ts';
import {PageSink} from './page-sink.ts';
import type {EncodedSegment} from './segment-encoder.ts';
import {SegmentEncoder} from './segment-encoder.ts';

const SLICE_MS = 2;

/** Encodes a small segment on this thread, in slices of a few milliseconds. */
export class InlineOutput implements SegmentOutput {
  readonly #path: string;
  readonly #encoder: SegmentEncoder;
  readonly #sink: PageSink;
  #parts: Uint8Array[] = [];
  #file: FileHandle | null = null;

  constructor(
    path: string,
    plans: readonly ColumnPlan[],
    metadata: Readonly<Record<string, string>>,
  ) {
    this.#path = path;
    this.#sink = new PageSink(parts => this.#parts.push(...parts));
    this.#encoder = new SegmentEncoder(plans, metadata, this.#sink);
  }

  async group(columns: readonly ColumnData[]): Promise<void> {
    let started = performance.now();
    for (const _page of this.#encoder.group(columns)) {
      if (performance.now() - started < SLICE_MS) continue;
      await nextTurn();
      started = performance.now();
    }
    this.#sink.flush();
    await this.#write();
  }

  async finish(): Promise<EncodedSegment> {
    const result = this.#encoder.finish();
    await this.#write();
    try {
      injectFault('segment-sync');
      await this.#file?.sync();
      await this.#file?.close();
    } catch (error) {
      throw fileError('sync', this.#path, error as NodeJS.ErrnoException);
    }
    this.#file = null;
    return result;
  }

  async abort(): Promise<void> {
    if (this.#file === null) return;
    await this.#file.close().catch(() => null);
    await unlink(this.#path).catch(() => null);
    this.#file = null;
  }

  async #write(): Promise<void> {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    try {
      this.#file ??= await open(this.#path, 'wx');
    } catch (error) {
      throw fileError('create', this.#path, error as NodeJS.ErrnoException);
    }
    try {
      let at = 0;
      while (at < bytes.length) {
        const length = writableBytes(bytes.length - at);
        at += (await this.#file.write(bytes, at, length)).bytesWritten;
      }
    } catch (error) {
      throw fileError('write', this.#path, error as NodeJS.ErrnoException);
    }
  }
}
