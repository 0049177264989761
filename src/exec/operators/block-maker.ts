// Hot path: many new rows stay columns on their way into storage.
import type {Batch} from '../../columns/batch.ts';
import type {Vector} from '../../columns/vector.ts';
import {createVectorBuilder} from '../../columns/vector-builder.ts';
import type {InsertPlan} from '../../sql/plan/plan.ts';
import type {TableStorage} from '../../storage/contract.ts';
import {ownColumn, RowBlock} from '../../storage/tx/row-block.ts';
import type {CompiledScalar} from '../compiler.ts';
import type {RunContext} from '../operator.ts';
import type {RowConstraints} from '../row-errors.ts';

/** Makes the rows of an INSERT from the columns of a batch: with defaults, and checked. */
export class BlockMaker {
  readonly #targets: readonly number[];
  readonly #defaults: readonly (CompiledScalar | null)[];
  readonly #constraints: RowConstraints;
  /** The row of the batch that is being made or checked; null = none. */
  at: number | null = null;

  /** `defaults` by column, null for those in `targets`. */
  constructor(
    {targets}: InsertPlan,
    defaults: readonly (CompiledScalar | null)[],
    constraints: RowConstraints,
  ) {
    this.#targets = targets;
    this.#defaults = defaults;
    this.#constraints = constraints;
  }

  make(run: RunContext, table: TableStorage, batch: Batch): RowBlock {
    const {count, selection} = batch;
    this.at = 0;
    const vectors = this.#defaultColumns(run, table, count);
    for (let i = 0; i < this.#targets.length; i++)
      vectors[this.#targets[i]!] = ownColumn(batch.vectors[i]!, selection, count);
    const block = new RowBlock(vectors, count);
    this.#verify(run, table, block);
    this.at = null;
    return block;
  }

  /** The columns that no value was given for, row by row: defaults may draw from one sequence. */
  #defaultColumns(run: RunContext, table: TableStorage, count: number): Vector[] {
    const vectors: Vector[] = new Array<Vector>(this.#defaults.length);
    const given = new Set(this.#targets);
    const made = [...this.#defaults.keys()].filter(column => !given.has(column));
    const builders = made.map(column => createVectorBuilder(table.columns[column]!.type.physical));
    if (made.length > 0) {
      for (let row = 0; row < count; row++) {
        this.at = row;
        for (let i = 0; i < made.length; i++) {
          const make = this.#defaults[made[i]!]!;
          builders[i]!.append(make === null ? null : make(run));
        }
      }
    }
    for (let i = 0; i < made.length; i++) vectors[made[i]!] = builders[i]!.take();
    return vectors;
  }

  #verify(run: RunContext, table: TableStorage, block: RowBlock): void {
    const {columns} = table;
    const mayBeWrong =
      this.#constraints.hasConditions ||
      block.vectors.some(({nulls}, i) => columns[i]!.isNotNull && nulls !== null);
    if (!mayBeWrong) return;
    for (let row = 0; row < block.count; row++) {
      this.at = row;
      this.#constraints.verify(run, table, block.row(row));
    }
  }
}
