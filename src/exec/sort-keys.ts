import type {Batch} from '../columns/batch.ts';
import type {CompiledRow} from './compiler.ts';
import type {SortKey} from '../sql/plan/plan.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {readRow} from './column-store.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';

/** Evaluates sort keys of single rows. */
export class KeyEvaluator {
  readonly types: readonly TypeInstance[];
  readonly #keys: CompiledRow;
  readonly #row: Datum[] = [];

  constructor(keys: readonly SortKey[], env: ExecEnv) {
    this.types = keys.map(key => key.expr.type);
    this.#keys = env.compiler.row(keys.map(key => key.expr));
  }

  /** Key values of live row `index`; a fresh array. */
  evaluate(run: RunContext, batch: Batch, index: number): Datum[] {
    readRow(batch, index, this.#row);
    return this.#keys(run, this.#row);
  }
}

/** Whether two key rows are equal, NULLs being equal to each other. */
export function sameKeys(
  types: readonly TypeInstance[],
  left: readonly Datum[],
  right: readonly Datum[],
): boolean {
  for (let i = 0; i < types.length; i++) {
    const a = left[i]!;
    const b = right[i]!;
    if (a === null || b === null) {
      if (a !== b) return false;
    } else if (!types[i]!.equals(a, b)) return false;
  }
  return true;
}

/** Order of two NULL-able values of one key. */
export function compareDatums(
  type: TypeInstance,
  a: Datum,
  b: Datum,
  descending: boolean,
  nullsFirst: boolean,
): number {
  if (a === null) return b === null ? 0 : nullsFirst ? -1 : 1;
  if (b === null) return nullsFirst ? 1 : -1;
  const order = type.compare(a, b);
  return descending ? -order : order;
}
