import {internalError} from '../../common/errors.ts';
import {workerUrl} from '../hot/worker-url.ts';
import type {ColumnData, ColumnPlan} from './column-plan.ts';
import type {EncodeReply, EncodeRequest} from './encode-protocol.ts';
import {fileError} from './file-errors.ts';
import {IdleWorker} from './idle-worker.ts';
import type {EncodedSegment} from './segment-encoder.ts';

/** A file that takes row groups; exactly one of `finish` and `abort` ends it. */
export interface SegmentOutput {
  /** Resolves when the next group may be handed over. */
  group(columns: readonly ColumnData[]): Promise<void>;
  /** The file is fsynced when this resolves. */
  finish(): Promise<EncodedSegment>;
  /** Closes and removes the file. */
  abort(): Promise<void>;
}

interface Waiter {
  resolve(result: EncodedSegment | null): void;
  reject(error: Error): void;
}

/** One worker thread that encodes and writes segments; started on first use, ended when idle. */
export class EncodeThread {
  readonly #thread = new IdleWorker<EncodeRequest, EncodeReply>(
    workerUrl('encode-worker', import.meta.url),
    {answered: reply => this.#answered(reply), died: cause => this.#died(cause)},
  );
  #nextJob = 1;
  #busy = 0;
  readonly #waiters = new Map<number, Waiter[]>();
  readonly #paths = new Map<number, string>();

  open(
    path: string,
    plans: readonly ColumnPlan[],
    metadata: Readonly<Record<string, string>>,
  ): SegmentOutput {
    const job = this.#nextJob++;
    this.#busy++;
    this.#waiters.set(job, []);
    this.#paths.set(job, path);
    let isFailed = false;
    const request = (message: EncodeRequest, transfer: ArrayBuffer[] = []) => {
      const answer = this.#request(message, transfer);
      answer.catch(() => {
        isFailed = true;
      });
      return answer;
    };
    let pending = request({kind: 'open', job, path, plans, metadata});
    return {
      group: async columns => {
        await pending;
        pending = request({kind: 'group', job, columns}, transferables(columns));
      },
      finish: async () => {
        await pending;
        const result = await request({kind: 'finish', job});
        this.#end(job);
        if (result === null) throw internalError('the encoder thread returned no result');
        return result;
      },
      abort: async () => {
        await pending.catch(() => null);
        if (!isFailed) await request({kind: 'abort', job}).catch(() => null);
        this.#end(job);
      },
    };
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #request(message: EncodeRequest, transfer: ArrayBuffer[]): Promise<EncodedSegment | null> {
    return new Promise((resolve, reject) => {
      this.#waiters.get(message.job)?.push({resolve, reject});
      this.#thread.post(message, transfer);
    });
  }

  #answered(reply: EncodeReply): void {
    const waiter = this.#waiters.get(reply.job)?.shift();
    if (waiter === undefined) return;
    if (reply.kind === 'done') waiter.resolve(reply.result);
    else waiter.reject(fileError('write', this.#paths.get(reply.job) ?? '', reply));
  }

  #died(error: Error): void {
    for (const [job, waiters] of this.#waiters) {
      for (const {reject} of waiters.splice(0)) {
        reject(fileError('write', this.#paths.get(job) ?? '', error));
      }
    }
  }

  #end(job: number): void {
    if (!this.#waiters.delete(job)) return;
    this.#paths.delete(job);
    if (--this.#busy === 0) this.#thread.rest();
  }
}

function transferables(columns: readonly ColumnData[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const {nulls, values, arenas, offsets, keyHashes} of columns) {
    for (const part of [nulls, values, offsets, keyHashes, ...arenas]) {
      if (part !== null) buffers.add(part.buffer as ArrayBuffer);
    }
  }
  return [...buffers];
}
