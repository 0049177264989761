// Hot path.
import type {Batch} from '../columns/batch.ts';
import type {Vector} from '../columns/vector.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {CompiledProjection} from './compiler.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';

/** Evaluates key or argument expressions of a batch: plain columns are read in place, others are computed. */
export class KeyColumns {
  readonly #columns: readonly number[] | null;
  readonly #projection: CompiledProjection | null;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};

  constructor(exprs: readonly BoundExpr[], env: ExecEnv) {
    this.#columns = plainColumns(exprs);
    this.#projection = this.#columns === null ? env.compiler.projection(exprs) : null;
  }

  /** A batch of just these columns with the same live rows; valid until the next call. */
  evaluate(run: RunContext, batch: Batch): Batch {
    if (this.#columns === null) return this.#projection!.run(run, batch, batch.count);
    const out = this.#out;
    out.count = batch.count;
    out.selection = batch.selection;
    for (let i = 0; i < this.#columns.length; i++)
      out.vectors[i] = batch.vectors[this.#columns[i]!]!;
    return out;
  }
}

/** Input positions when every expression is a plain column (through relabels of the same layout), else null. */
export function plainColumns(exprs: readonly BoundExpr[]): readonly number[] | null {
  const columns: number[] = [];
  for (const expr of exprs) {
    let inner = expr;
    while (inner.kind === 'relabel' && inner.type.physical === inner.arg.type.physical)
      inner = inner.arg;
    if (inner.kind !== 'column') return null;
    columns.push(inner.index);
  }
  return columns;
}

/** Whether any of the vectors has NULLs at all. */
export function haveNulls(vectors: readonly Vector[]): boolean {
  for (let i = 0; i < vectors.length; i++) if (vectors[i]!.nulls !== null) return true;
  return false;
}

/** Whether a physical row is NULL in any of the vectors. */
export function hasNull(vectors: readonly Vector[], row: number): boolean {
  for (let i = 0; i < vectors.length; i++) {
    const nulls = vectors[i]!.nulls;
    if (nulls !== null && nulls[row] === 1) return true;
  }
  return false;
}
