/**
 * Thrown by a function that must wait (pg_sleep, advisory locks): the operator that evaluates it pauses on `promise`
 * and repeats the same row.
 */
export class WaitSignal {
  readonly promise: Promise<unknown>;

  constructor(promise: Promise<unknown>) {
    this.promise = promise;
  }
}
