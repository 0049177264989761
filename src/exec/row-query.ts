import type {Batch} from '../columns/batch.ts';
import {assert} from '../common/errors.ts';
import type {RowQueryPlan} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import {readRow} from './column-store.ts';
import type {ExecEnv} from './environment.ts';
import type {Operator, RunContext} from './operator.ts';
import {END, PAUSE} from './operator.ts';

/** A query of one row that is asked for rows of values, one at a time. It may pause; the same call is then repeated. */
export class RowQuery {
  readonly #plan: RowQueryPlan;
  readonly #operator: Operator;
  #isOpen = false;

  constructor(plan: RowQueryPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#operator = env.build(plan.plan);
  }

  /** The query's row for `row`, or PAUSE. */
  ask(run: RunContext, row: readonly Datum[]): readonly Datum[] | typeof PAUSE {
    const batch = this.#start(run, row);
    if (batch === PAUSE) return PAUSE;
    assert(batch !== END && batch.count === 1, 'a row query has one row');
    const values: Datum[] = [];
    readRow(batch, 0, values);
    this.reset();
    return values;
  }

  /** The query's row for `row`, null when it has none, or PAUSE. */
  find(run: RunContext, row: readonly Datum[]): readonly Datum[] | null | typeof PAUSE {
    const batch = this.#start(run, row);
    if (batch === PAUSE) return PAUSE;
    const values: Datum[] | null = batch === END || batch.count === 0 ? null : [];
    if (values !== null && batch !== END) readRow(batch, 0, values);
    this.reset();
    return values;
  }

  #start(run: RunContext, row: readonly Datum[]): Batch | typeof END | typeof PAUSE {
    for (const {slot, position} of this.#plan.bindings) run.outer[slot] = row[position]!;
    if (!this.#isOpen) {
      this.#operator.open(run);
      this.#isOpen = true;
    }
    return this.#operator.next(1);
  }

  /** Forgets what was under way. */
  reset(): void {
    if (this.#isOpen) this.#operator.close();
    this.#isOpen = false;
  }
}
