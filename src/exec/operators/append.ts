import type {Batch} from '../../columns/batch.ts';
import type {AppendPlan} from '../../sql/plan/plan.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, type PAUSE} from '../operator.ts';

/** UNION ALL: inputs one after the other; later ones are opened when reached. */
export class Append implements Operator {
  readonly #inputs: readonly Operator[];
  #run!: RunContext;
  #current = 0;
  #isOpen = false;

  constructor(plan: AppendPlan, env: ExecEnv) {
    this.#inputs = plan.inputs.map(input => env.build(input));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#current = 0;
    this.#isOpen = false;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    while (this.#current < this.#inputs.length) {
      const input = this.#inputs[this.#current]!;
      if (!this.#isOpen) {
        input.open(this.#run);
        this.#isOpen = true;
      }
      const batch = input.next(wanted);
      if (batch !== END) return batch;
      this.#current++;
      this.#isOpen = false;
    }
    return END;
  }

  close(): void {
    for (const input of this.#inputs) input.close();
  }
}
