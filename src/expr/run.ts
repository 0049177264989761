import type {EvalContext} from '../functions/contract.ts';
import type {Datum} from '../types/contract.ts';

/** What generated code reads besides its input: exec's run context extends it. */
export interface ExprRun {
  readonly params: readonly Datum[];
  /** Literals of the statement text, by slot number. */
  readonly slots: readonly Datum[];
  /** Values of enclosing query levels, filled by Apply before it opens its subplan. */
  readonly outer: Datum[];
  readonly context: EvalContext;
}
