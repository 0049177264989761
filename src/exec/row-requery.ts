import type {RowRequeryPlan} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';
import {PAUSE} from './operator.ts';
import {RowQuery} from './row-query.ts';

/** The query of a row, asked again when a locked part of it was changed meanwhile (EvalPlanQual). Built at the first need. */
export class RowRequery {
  readonly #plan: RowRequeryPlan;
  readonly #env: ExecEnv;
  #query: RowQuery | null = null;
  /** Whether the row at hand is being asked for: it paused, and its call is repeated. */
  isUnderWay = false;

  constructor(plan: RowRequeryPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#env = env;
  }

  /** Refreshes the row; false when it does not fit any more. */
  refresh(run: RunContext, row: Datum[]): boolean | typeof PAUSE {
    this.isUnderWay = true;
    this.#query ??= new RowQuery(this.#plan, this.#env);
    const found = this.#query.find(run, row);
    if (found === PAUSE) return PAUSE;
    this.isUnderWay = false;
    if (found === null) return false;
    for (const {from, to} of this.#plan.targets) row[to] = found[from]!;
    return true;
  }

  /** Forgets what was under way. */
  reset(): void {
    this.isUnderWay = false;
    this.#query?.reset();
  }
}
