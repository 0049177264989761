import type {Batch} from '../columns/batch.ts';
import type {NodeCounters, Operator, RunContext} from './operator.ts';
import {END, PAUSE} from './operator.ts';

/** Counts what a node does, for EXPLAIN ANALYZE. */
export class Instrument implements Operator {
  readonly #inner: Operator;
  readonly #id: number;
  #counters: NodeCounters | null = null;

  constructor(inner: Operator, id: number) {
    this.#inner = inner;
    this.#id = id;
  }

  open(run: RunContext): void {
    const all = run.counters;
    if (all !== null) {
      let counters = all.get(this.#id);
      if (counters === undefined) {
        counters = {rows: 0, loops: 0, timeMs: 0, pauses: 0, spilledBytes: 0, extra: {}};
        all.set(this.#id, counters);
      }
      counters.loops++;
      this.#counters = counters;
    }
    this.#inner.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const counters = this.#counters;
    if (counters === null) return this.#inner.next(wanted);
    const start = performance.now();
    const batch = this.#inner.next(wanted);
    counters.timeMs += performance.now() - start;
    if (batch === PAUSE) counters.pauses++;
    else if (batch !== END) counters.rows += batch.count;
    return batch;
  }

  close(): void {
    this.#inner.close();
  }
}

/** Test mode: answers PAUSE before every real `next`, so that each operator proves that its state survives one. */
export class PauseInjector implements Operator {
  readonly #inner: Operator;
  #hasPaused = false;

  constructor(inner: Operator) {
    this.#inner = inner;
  }

  open(run: RunContext): void {
    this.#hasPaused = false;
    this.#inner.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (!this.#hasPaused) {
      this.#hasPaused = true;
      return PAUSE;
    }
    const batch = this.#inner.next(wanted);
    this.#hasPaused = batch === PAUSE;
    return batch;
  }

  close(): void {
    this.#inner.close();
  }
}
