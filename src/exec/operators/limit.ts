import type {Batch} from '../../columns/batch.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {CompiledScalar} from '../compiler.ts';
import type {LimitPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {KeyEvaluator, sameKeys} from '../sort-keys.ts';

/** LIMIT, OFFSET, FETCH ... WITH TIES: asks its input for no more rows than it still owes. */
export class Limit implements Operator {
  readonly #input: Operator;
  readonly #limitExpr: CompiledScalar | null;
  readonly #offsetExpr: CompiledScalar | null;
  readonly #ties: KeyEvaluator | null;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #selection = new Int32Array(0);
  #run!: RunContext;
  #toSkip = 0;
  #left = 0;
  #lastKeys: Datum[] | null = null;

  constructor(plan: LimitPlan, env: ExecEnv) {
    this.#input = env.build(plan.input);
    this.#limitExpr = plan.limit === null ? null : env.compiler.scalar(plan.limit);
    this.#offsetExpr = plan.offset === null ? null : env.compiler.scalar(plan.offset);
    this.#ties = plan.tieKeys === null ? null : new KeyEvaluator(plan.tieKeys, env);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#toSkip = count(
      this.#offsetExpr,
      run,
      0,
      SqlState.invalidRowCountInResultOffsetClause,
      'OFFSET must not be negative',
    );
    this.#left = count(
      this.#limitExpr,
      run,
      Infinity,
      SqlState.invalidRowCountInLimitClause,
      'LIMIT must not be negative',
    );
    this.#lastKeys = null;
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    while (this.#toSkip > 0) {
      if (this.#left === 0 && this.#ties === null) return END;
      const skipped = this.#input.next(Math.min(this.#toSkip, 1024));
      if (skipped === END || skipped === PAUSE) return skipped;
      this.#toSkip -= skipped.count;
      if (this.#run.sliceUsed()) return PAUSE;
    }
    if (this.#left <= 0) return this.#tied(wanted);
    const batch = this.#input.next(Math.min(wanted, this.#left));
    if (batch === END || batch === PAUSE) return batch;
    this.#left -= batch.count;
    if (this.#left <= 0 && this.#ties !== null)
      this.#lastKeys = this.#ties.evaluate(this.#run, batch, batch.count - 1);
    return batch;
  }

  #tied(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#ties === null || this.#lastKeys === null) return END;
    const batch = this.#input.next(wanted);
    if (batch === END || batch === PAUSE) return batch;
    if (this.#selection.length < batch.count) this.#selection = new Int32Array(batch.count);
    let kept = 0;
    while (kept < batch.count) {
      const keys = this.#ties.evaluate(this.#run, batch, kept);
      if (!sameKeys(this.#ties.types, keys, this.#lastKeys)) break;
      this.#selection[kept] = batch.selection === null ? kept : batch.selection[kept]!;
      kept++;
    }
    if (kept < batch.count) this.#lastKeys = null;
    if (kept === 0) return END;
    this.#out.vectors = batch.vectors;
    this.#out.selection = this.#selection;
    this.#out.count = kept;
    return this.#out;
  }

  close(): void {
    this.#input.close();
  }
}

function count(
  expr: CompiledScalar | null,
  run: RunContext,
  missing: number,
  code: string,
  text: string,
): number {
  if (expr === null) return missing;
  const value = expr(run);
  if (value === null) return missing;
  const number = Number(value);
  if (number < 0) throw new PgError(code, text);
  return number;
}
