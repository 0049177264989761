import {Worker} from 'node:worker_threads';
import {internalError, PgError} from '../../../common/errors.ts';
import {SqlState} from '../../../common/sqlstate.ts';
import type {MergeJob, MergeOutcome} from './merge-job.ts';
import type {MergeReply, MergeRequest} from './merge-protocol.ts';
import type {TypeSpec} from './type-specs.ts';

const IDLE_MS = 20_000;
/** Its values lie in buffers: room for young objects would only be memory kept. */
const YOUNG_MB = 8;

interface Waiter {
  /** Null: it was told to stop. */
  resolve(outcome: MergeOutcome | null): void;
  reject(error: Error): void;
}

/** One worker thread that merges segments, one merge after the other; started on first use, ended when idle. */
export class MergeThread {
  #worker: Worker | null = null;
  #nextId = 1;
  #idle: NodeJS.Timeout | null = null;
  readonly #waiters = new Map<number, Waiter>();

  /** Null when the job's `stop` was set. The new file is durable otherwise. */
  run(job: MergeJob, types: readonly TypeSpec[]): Promise<MergeOutcome | null> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const id = this.#nextId++;
    return new Promise<MergeOutcome | null>((resolve, reject) => {
      this.#waiters.set(id, {resolve, reject});
      this.#worker ??= this.#start();
      this.#worker.ref();
      this.#worker.postMessage({id, job, types} satisfies MergeRequest);
    });
  }

  async close(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const worker = this.#worker;
    this.#worker = null;
    if (worker !== null) await worker.terminate();
  }

  #start(): Worker {
    const file = import.meta.url.endsWith('.ts') ? './merge-worker.ts' : './merge-worker.js';
    const worker = new Worker(new URL(file, import.meta.url), {
      resourceLimits: {maxYoungGenerationSizeMb: YOUNG_MB},
    });
    worker.on('message', (reply: MergeReply) => this.#answered(reply));
    worker.on('error', error => this.#died(worker, error));
    worker.on('exit', () => this.#died(worker, new Error('the thread has ended')));
    return worker;
  }

  #answered(reply: MergeReply): void {
    const waiter = this.#waiters.get(reply.id);
    if (waiter === undefined) return;
    this.#waiters.delete(reply.id);
    if (reply.kind === 'done') waiter.resolve(reply.outcome);
    else if (reply.kind === 'stopped') waiter.resolve(null);
    else waiter.reject(errorOf(reply));
    if (this.#waiters.size > 0) return;
    this.#worker?.unref();
    this.#idle = setTimeout(() => {
      this.close().catch(() => null);
    }, IDLE_MS);
    this.#idle.unref();
  }

  #died(worker: Worker, cause: Error): void {
    if (this.#worker !== worker && this.#worker !== null) return;
    this.#worker = null;
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const {reject} of waiters)
      reject(
        new PgError(SqlState.ioError, `segments could not be merged: ${cause.message}`, {cause}),
      );
  }
}

function errorOf({code, message}: MergeReply & {readonly kind: 'failed'}): Error {
  return code === null ? internalError(message) : new PgError(code, message);
}
