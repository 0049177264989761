import {internalError, PgError} from '../../../common/errors.ts';
import {SqlState} from '../../../common/sqlstate.ts';
import {workerUrl} from '../../hot/worker-url.ts';
import {IdleWorker} from '../idle-worker.ts';
import type {MergeJob, MergeOutcome} from './merge-job.ts';
import type {MergeReply, MergeRequest} from './merge-protocol.ts';
import type {TypeSpec} from './type-specs.ts';

interface Waiter {
  /** Null: it was told to stop. */
  resolve(outcome: MergeOutcome | null): void;
  reject(error: Error): void;
}

/** One worker thread that merges segments, one merge after the other; started on first use, ended when idle. */
export class MergeThread {
  readonly #thread = new IdleWorker<MergeRequest, MergeReply>(
    workerUrl('merge-worker', import.meta.url),
    {answered: reply => this.#answered(reply), died: cause => this.#died(cause)},
  );
  #nextId = 1;
  readonly #waiters = new Map<number, Waiter>();

  /** Null when the job's `stop` was set. The new file is durable otherwise. */
  run(job: MergeJob, types: readonly TypeSpec[]): Promise<MergeOutcome | null> {
    const id = this.#nextId++;
    return new Promise<MergeOutcome | null>((resolve, reject) => {
      this.#waiters.set(id, {resolve, reject});
      this.#thread.post({id, job, types});
    });
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #answered(reply: MergeReply): void {
    const waiter = this.#waiters.get(reply.id);
    if (waiter === undefined) return;
    this.#waiters.delete(reply.id);
    if (reply.kind === 'done') waiter.resolve(reply.outcome);
    else if (reply.kind === 'stopped') waiter.resolve(null);
    else waiter.reject(errorOf(reply));
    if (this.#waiters.size === 0) this.#thread.rest();
  }

  #died(cause: Error): void {
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
