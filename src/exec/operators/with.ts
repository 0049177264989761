import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {assert} from '../../common/errors.ts';
import type {CteScanPlan, WithPlan} from '../../sql/plan/plan.ts';
import {CteBuffer} from '../cte-buffer.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';

/** WITH: data-modifying queries run to their end whether read or not; others only as far as they are read. */
export class With implements Operator {
  readonly #ctes: readonly CteBuffer[];
  readonly #body: Operator;
  #modified = 0;
  #drainAfter = false;

  constructor(plan: WithPlan, env: ExecEnv) {
    const ctes: CteBuffer[] = [];
    for (const cte of plan.ctes) {
      const buffer = new CteBuffer(cte, env.build(cte.plan));
      ctes.push(buffer);
      env.ctes.set(cte.id, buffer);
    }
    this.#ctes = ctes;
    this.#body = env.build(plan.body);
  }

  open(run: RunContext): void {
    this.#modified = 0;
    this.#drainAfter = false;
    for (const cte of this.#ctes) cte.reset(run);
    this.#body.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (!this.#drainAfter) {
      const batch = this.#body.next(wanted);
      if (batch !== END) return batch;
      this.#drainAfter = true;
    }
    for (; this.#modified < this.#ctes.length; this.#modified++) {
      const cte = this.#ctes[this.#modified]!;
      if (cte.isDataModifying && !cte.fill(Infinity, BATCH_CAPACITY)) return PAUSE;
    }
    return END;
  }

  close(): void {
    this.#body.close();
    for (const cte of this.#ctes) cte.close();
  }
}

/** Reads a WITH query's rows from the first. */
export class CteScan implements Operator {
  readonly #buffer: CteBuffer;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #position = 0;

  constructor(plan: CteScanPlan, env: ExecEnv) {
    const buffer = env.ctes.get(plan.cte);
    assert(buffer !== undefined, `WITH query ${plan.name} is built before it is read`);
    this.#buffer = buffer;
  }

  open(): void {
    this.#position = 0;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (!this.#buffer.fill(this.#position + 1, wanted)) return PAUSE;
    const to = Math.min(this.#buffer.store.size, this.#position + Math.min(wanted, BATCH_CAPACITY));
    if (to === this.#position) return END;
    this.#buffer.store.fill(this.#out, null, this.#position, to);
    this.#out.count = to - this.#position;
    this.#position = to;
    return this.#out;
  }

  close(): void {}
}
