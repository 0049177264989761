import type {Batch} from '../columns/batch.ts';
import {emptyBatch} from '../columns/batch.ts';
import type {Vector, VectorKind} from '../columns/vector.ts';
import type {FunctionLibrary} from '../functions/contract.ts';
import type {PhysicalKind, TypeLookup} from '../types/contract.ts';
import {isPassThrough} from './analyze.ts';
import type {BoundExpr} from './bound.ts';
import type {
  CompileEnvironment,
  FilterCode,
  OutputColumn,
  ProjectionCode,
  RowCode,
  ScalarCode,
} from './compile.ts';
import {compileFilter, compileProjection, compileRow, compileScalar} from './compile.ts';
import type {FactoryCache} from './factory-cache.ts';
import type {ExprRun} from './run.ts';

/** Compiles bound expressions for one catalog snapshot's types; the factory cache outlives it. */
export class ExprCompiler {
  readonly #environment: CompileEnvironment;

  constructor(library: FunctionLibrary, lookup: TypeLookup, cache: FactoryCache) {
    this.#environment = {library, lookup, cache};
  }

  /** A conjunction of conditions over an operator's input. */
  filter(conditions: readonly BoundExpr[]): Filter {
    return new Filter(conditions, this.#environment);
  }

  /** A target list over an operator's input. */
  projection(exprs: readonly BoundExpr[]): Projection {
    return new Projection(exprs, this.#environment);
  }

  /** An expression without columns. */
  scalar(expr: BoundExpr): ScalarCode {
    return compileScalar(expr, this.#environment);
  }

  /** Expressions over a row of Datums. */
  row(exprs: readonly BoundExpr[]): RowCode {
    return compileRow(exprs, this.#environment);
  }
}

interface Variant<Code> {
  readonly kinds: readonly VectorKind[];
  readonly code: Code;
}

/** Compiled variants by layout; nearly every batch has the layout of the one before. */
class Variants<Code> {
  readonly #all: Variant<Code>[] = [];
  readonly #compile: (kinds: readonly VectorKind[]) => Code;
  #last: Variant<Code> | null = null;

  constructor(compile: (kinds: readonly VectorKind[]) => Code) {
    this.#compile = compile;
  }

  get(vectors: readonly Vector[]): Code {
    if (this.#last !== null && matches(this.#last.kinds, vectors)) return this.#last.code;
    let variant = this.#all.find(each => matches(each.kinds, vectors));
    if (variant === undefined) {
      const kinds = vectors.map(vector => vector.kind);
      variant = {kinds, code: this.#compile(kinds)};
      this.#all.push(variant);
    }
    this.#last = variant;
    return variant.code;
  }
}

function matches(kinds: readonly VectorKind[], vectors: readonly Vector[]): boolean {
  if (kinds.length !== vectors.length) return false;
  for (let index = 0; index < kinds.length; index++)
    if (kinds[index] !== vectors[index]!.kind) return false;
  return true;
}

/** A compiled WHERE: rows whose conditions are all true. */
export class Filter {
  readonly #variants: Variants<FilterCode>;
  readonly #position = {next: 0};

  constructor(conditions: readonly BoundExpr[], environment: CompileEnvironment) {
    this.#variants = new Variants(kinds =>
      compileFilter(conditions, kinds, environment, this.#position),
    );
  }

  /**
   * Writes the physical indexes of selected rows to `out` and returns their number. Evaluates live rows
   * from `from` on, none after the `limit`th hit;
   * `nextRow` then is the live row to go on with (input.count when all are done).
   */
  run(run: ExprRun, input: Batch, out: Int32Array, from = 0, limit = 0x7fffffff): number {
    return this.#variants.get(input.vectors)(run, input, out, from, limit);
  }

  get nextRow(): number {
    return this.#position.next;
  }
}

/** A compiled target list that owns its output vectors: its batch is valid until the next call. */
export class Projection {
  readonly #exprs: readonly BoundExpr[];
  readonly #computed: readonly BoundExpr[];
  readonly #variants: Variants<ProjectionCode>;
  readonly #batch: Batch = emptyBatch();
  #outputs: OutputColumn[] = [];
  #capacity = -1;

  constructor(exprs: readonly BoundExpr[], environment: CompileEnvironment) {
    this.#exprs = exprs;
    this.#computed = exprs.filter(expr => !isPassThrough(expr));
    this.#variants = new Variants(kinds => compileProjection(this.#computed, kinds, environment));
  }

  /**
   * The first `limit` live rows of the input through the target list. Plain columns are the input's own
   * vectors; when there are any,
   * the input's selection is handed on, else the result is dense.
   */
  run(run: ExprRun, input: Batch, limit: number): Batch {
    const count = Math.min(limit, input.count);
    const isDense = input.selection === null || this.#computed.length === this.#exprs.length;
    const batch = this.#batch;
    batch.count = count;
    batch.selection = isDense ? null : input.selection;
    if (this.#computed.length > 0) {
      this.#reserve(count === 0 ? 0 : isDense ? count : input.selection![count - 1]! + 1);
      this.#variants.get(input.vectors)(run, input, count, this.#outputs, isDense);
    }
    let computed = 0;
    for (let index = 0; index < this.#exprs.length; index++) {
      const expr = this.#exprs[index]!;
      batch.vectors[index] =
        expr.kind === 'column' ? input.vectors[expr.index]! : this.#outputs[computed++]!.vector;
    }
    return batch;
  }

  #reserve(rows: number): void {
    if (rows <= this.#capacity) return;
    this.#capacity = rows <= 1 ? 1 : rows <= 32 ? 32 : Math.max(1024, rows);
    this.#outputs = this.#computed.map(expr => makeOutput(expr.type.physical, this.#capacity));
  }
}

/** An empty vector of a physical kind that generated code can write. */
export function makeOutput(physical: PhysicalKind, capacity: number): OutputColumn {
  return {vector: makeVector(physical, capacity), mask: new Uint8Array(capacity)};
}

function makeVector(physical: PhysicalKind, capacity: number): Vector {
  switch (physical) {
    case 'bool':
      return {kind: 'bool', values: new Uint8Array(capacity), nulls: null};
    case 'int32':
      return {kind: 'int32', values: new Int32Array(capacity), nulls: null};
    case 'float64':
      return {kind: 'float64', values: new Float64Array(capacity), nulls: null};
    case 'int64':
      return {kind: 'int64', values: new BigInt64Array(capacity), nulls: null};
    case 'text':
      return {kind: 'string', values: new Array<string>(capacity).fill(''), nulls: null};
    case 'boxed':
      return {kind: 'boxed', values: new Array<null>(capacity).fill(null), nulls: null};
  }
}
