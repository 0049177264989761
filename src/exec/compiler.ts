import type {Batch} from '../columns/batch.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {RowCode, ScalarCode} from '../expr/compile.ts';
import {ExprCompiler, type Projection} from '../expr/compiler.ts';
import type {FactoryCache} from '../expr/factory-cache.ts';
import type {ExprRun} from '../expr/run.ts';
import type {FunctionLibrary} from '../functions/contract.ts';
import type {TypeLookup} from '../types/contract.ts';

/** Writes the physical indices of live rows whose condition is true into `out`; returns how many. */
export interface CompiledFilter {
  select(run: ExprRun, batch: Batch, out: Int32Array): number;
  /** As select, from live row `from` on and not beyond the `limit`th hit; `nextRow` then is the live row to go on with. */
  selectSome(run: ExprRun, batch: Batch, out: Int32Array, from: number, limit: number): number;
  readonly nextRow: number;
}

/** Evaluates a target list; the batch it returns is valid until the next call. */
export type CompiledProjection = Projection;

/** An expression without columns. */
export type CompiledScalar = ScalarCode;

/** Expressions over one row of Datums; a fresh array each call. */
export type CompiledRow = RowCode;

/** The door to the emitter as operators use it. */
export class PlanCompiler {
  readonly #compiler: ExprCompiler;

  constructor(library: FunctionLibrary, types: TypeLookup, cache: FactoryCache) {
    this.#compiler = new ExprCompiler(library, types, cache);
  }

  filter(condition: BoundExpr): CompiledFilter {
    const filter = this.#compiler.filter(condition.kind === 'and' ? condition.args : [condition]);
    return {
      select: (run, batch, out) => filter.run(run, batch, out),
      selectSome: (run, batch, out, from, limit) => filter.run(run, batch, out, from, limit),
      get nextRow() {
        return filter.nextRow;
      },
    };
  }

  projection(exprs: readonly BoundExpr[]): CompiledProjection {
    return this.#compiler.projection(exprs);
  }

  scalar(expr: BoundExpr): CompiledScalar {
    return this.#compiler.scalar(expr);
  }

  row(exprs: readonly BoundExpr[]): CompiledRow {
    return this.#compiler.row(exprs);
  }
}
