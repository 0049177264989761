// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {assert} from '../../common/errors.ts';
import type {NestedLoopPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import {ColumnStore, readRow} from '../column-store.ts';
import type {CompiledFilter, CompiledRow} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {PairBuffer} from '../pair-buffer.ts';

/** Joins each left row with the right side opened anew under its outer values (LATERAL, key lookups): inner, left, semi and anti. */
export class NestedLoop implements Operator {
  readonly #plan: NestedLoopPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #bindings: CompiledRow;
  readonly #condition: CompiledFilter | null;
  readonly #store: ColumnStore;
  readonly #pairs: PairBuffer;
  readonly #isExists: boolean;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  readonly #values: Datum[] = [];
  #run!: RunContext;
  #batch: Batch | null = null;
  #row = 0;
  #isRightOpen = false;
  #isMatched = false;

  constructor(plan: NestedLoopPlan, env: ExecEnv) {
    assert(
      plan.joinType !== 'right' && plan.joinType !== 'full',
      'a right or full join has no bindings',
    );
    this.#plan = plan;
    this.#left = env.build(plan.left);
    this.#right = env.build(plan.right);
    this.#bindings = env.compiler.row(plan.bindings.map(binding => binding.expr));
    this.#condition = plan.condition === null ? null : env.compiler.filter(plan.condition);
    this.#store = new ColumnStore(plan.right.columns.map(column => column.type));
    this.#pairs = new PairBuffer(this.#store, plan.left.columns.length);
    this.#isExists = plan.joinType === 'semi' || plan.joinType === 'anti';
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#batch = null;
    this.#isRightOpen = false;
    this.#store.reset();
    this.#left.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const limit = Math.min(wanted, BATCH_CAPACITY);
    for (;;) {
      if (this.#batch === null) {
        const batch = this.#left.next(limit);
        if (batch === END || batch === PAUSE) return batch;
        this.#batch = batch;
        this.#row = 0;
      }
      if (!this.#isRightOpen) this.#openRight(this.#batch);
      const out = this.#step(this.#batch, limit);
      if (out !== null) return out;
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  #openRight(batch: Batch): void {
    readRow(batch, this.#row, this.#values);
    const bound = this.#bindings(this.#run, this.#values);
    const {bindings} = this.#plan;
    for (let i = 0; i < bindings.length; i++) this.#run.outer[bindings[i]!.slot] = bound[i]!;
    this.#right.open(this.#run);
    this.#isRightOpen = true;
    this.#isMatched = false;
  }

  /** One batch of the right side joined with the current left row, or what the row gives at its end; null = go on. */
  #step(batch: Batch, wanted: number): Batch | null | typeof PAUSE {
    const right = this.#right.next(this.#isExists ? 1 : wanted);
    if (right === PAUSE) return PAUSE;
    if (right === END) return this.#finishRow(batch);
    if (this.#isExists && this.#condition === null) {
      this.#isMatched = true;
      return this.#finishRow(batch);
    }
    const joined = this.#check(batch, right);
    if (joined === null) return null;
    this.#isMatched = true;
    return this.#isExists ? this.#finishRow(batch) : joined;
  }

  #check(batch: Batch, right: Batch): Batch | null {
    const pairs = this.#pairs;
    pairs.start(batch);
    this.#store.reset();
    this.#store.append(right);
    for (let i = 0; i < right.count; i++) pairs.add(this.#row, i);
    const joined = pairs.join(batch);
    if (this.#condition === null) return joined;
    const count = this.#condition.select(this.#run, joined, this.#selection);
    if (count === 0) return null;
    this.#out.vectors = joined.vectors;
    this.#out.selection = count === joined.count ? null : this.#selection;
    this.#out.count = count;
    return this.#out;
  }

  /** Leaves the current left row; left joins give it with NULLs, semi and anti joins give it by itself. */
  #finishRow(batch: Batch): Batch | null {
    const {joinType} = this.#plan;
    const row = this.#row++;
    const isMatched = this.#isMatched;
    this.#isRightOpen = false;
    if (this.#row >= batch.count) this.#batch = null;
    if (joinType === 'left' && !isMatched) {
      this.#pairs.start(batch);
      this.#pairs.add(row, -1);
      return this.#pairs.join(batch);
    }
    if (!this.#isExists || isMatched !== (joinType === 'semi')) return null;
    this.#selection[0] = batch.selection === null ? row : batch.selection[row]!;
    this.#out.vectors = batch.vectors;
    this.#out.selection = this.#selection;
    this.#out.count = 1;
    return this.#out;
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#store.reset();
  }
}
