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
  /** The row at hand before it was refreshed, where its query asks for that. */
  #before: readonly Datum[] | null = null;

  constructor(plan: RowRequeryPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#env = env;
  }

  /** Called before the row is given newer versions. */
  keep(row: readonly Datum[]): void {
    if (this.#plan.before.length > 0) this.#before ??= row.slice();
  }

  /** Refreshes the row; false when it does not fit any more. */
  refresh(run: RunContext, row: Datum[]): boolean | typeof PAUSE {
    this.isUnderWay = true;
    this.#query ??= new RowQuery(this.#plan, this.#env);
    const before = this.#before ?? row;
    for (const {slot, position} of this.#plan.before) run.outer[slot] = before[position]!;
    const found = this.#query.find(run, row);
    if (found === PAUSE) return PAUSE;
    this.isUnderWay = false;
    this.#before = null;
    if (found === null) return false;
    for (const {from, to} of this.#plan.targets) row[to] = found[from]!;
    return true;
  }

  /** Forgets what was under way. */
  reset(): void {
    this.isUnderWay = false;
    this.#before = null;
    this.#query?.reset();
  }
}
