import {BATCH_CAPACITY} from '../columns/vector.ts';
import type {CtePlan} from '../sql/plan/plan.ts';
import {ColumnStore} from './column-store.ts';
import type {Operator, RunContext} from './operator.ts';
import {END, PAUSE} from './operator.ts';

/** The rows of one WITH query: pulled from its operator when a reader needs more, kept for the other readers. */
export class CteBuffer {
  readonly store: ColumnStore;
  readonly isDataModifying: boolean;
  readonly #operator: Operator;
  readonly #isMain: boolean;
  #run!: RunContext;
  #isOpen = false;
  #isDone = false;

  constructor(plan: CtePlan, operator: Operator) {
    this.#operator = operator;
    this.isDataModifying = plan.isDataModifying;
    this.#isMain = plan.isMain;
    this.store = new ColumnStore(plan.plan.columns.map(column => column.type));
  }

  reset(run: RunContext): void {
    this.#run = run;
    this.store.reset();
    this.#isOpen = false;
    this.#isDone = false;
  }

  /** Makes at least `rows` rows available if there are so many; false = paused. */
  fill(rows: number, wanted: number): boolean {
    while (!this.#isDone && this.store.size < rows) {
      if (!this.#isOpen) {
        this.#operator.open(this.#run);
        this.#isOpen = true;
      }
      // The command tag counts the main statement's rows, not those of a WITH query.
      const affected = this.#run.affectedRows;
      const batch = this.#operator.next(
        this.isDataModifying ? BATCH_CAPACITY : Math.min(wanted, BATCH_CAPACITY),
      );
      if (!this.#isMain) this.#run.affectedRows = affected;
      if (batch === PAUSE) return false;
      if (batch === END) this.#isDone = true;
      else this.store.append(batch);
    }
    return true;
  }

  close(): void {
    this.#operator.close();
    this.store.reset();
  }
}
