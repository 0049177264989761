import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {NestedLoopPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import {ColumnStore, readRow} from '../column-store.ts';
import type {CompiledFilter, CompiledRow} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {PairBuffer} from '../pair-buffer.ts';

/**
 * Joins each left row with the right side: re-opened with outer values when there are bindings (LATERAL, key lookups), else materialised once.
 * The right rows of one left row pass through the pair buffer in batches.
 */
export class NestedLoop implements Operator {
  readonly #plan: NestedLoopPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #bindings: CompiledRow;
  readonly #condition: CompiledFilter | null;
  readonly #store: ColumnStore;
  readonly #pairs: PairBuffer;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  readonly #values: Datum[] = [];
  #run!: RunContext;
  #batch: Batch | null = null;
  #row = 0;
  #rightAt = 0;
  #isRightDone = false;
  #isRightOpen = false;
  #isMatched = false;
  #rightMatched = new Uint8Array(0);
  #phase: 'materialise' | 'join' | 'unmatched' | 'end' = 'materialise';
  #unmatchedAt = 0;

  constructor(plan: NestedLoopPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#left = env.build(plan.left);
    this.#right = env.build(plan.right);
    this.#bindings = env.compiler.row(plan.bindings.map(binding => binding.expr));
    this.#condition = plan.condition === null ? null : env.compiler.filter(plan.condition);
    this.#store = new ColumnStore(plan.right.columns.map(column => column.type));
    this.#pairs = new PairBuffer(this.#store, plan.left.columns.length);
  }

  get #isParameterised(): boolean {
    return this.#plan.bindings.length > 0;
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#batch = null;
    this.#store.reset();
    this.#unmatchedAt = 0;
    this.#phase = this.#isParameterised ? 'join' : 'materialise';
    this.#isRightOpen = false;
    this.#left.open(run);
    if (!this.#isParameterised) this.#right.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#phase === 'materialise' && !this.#materialise()) return PAUSE;
    if (this.#phase === 'join') {
      const batch = this.#join(Math.min(wanted, BATCH_CAPACITY));
      if (batch !== END) return batch;
      const {joinType} = this.#plan;
      this.#phase = joinType === 'right' || joinType === 'full' ? 'unmatched' : 'end';
    }
    if (this.#phase === 'unmatched') {
      const batch = this.#emitUnmatched(Math.min(wanted, BATCH_CAPACITY));
      if (batch !== null) return batch;
      this.#phase = 'end';
    }
    return END;
  }

  #materialise(): boolean {
    for (;;) {
      const batch = this.#right.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) break;
      this.#store.append(batch);
      if (this.#run.sliceUsed()) return false;
    }
    this.#rightMatched = new Uint8Array(this.#store.size);
    this.#phase = 'join';
    return true;
  }

  #join(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      if (this.#batch === null) {
        const batch = this.#left.next(wanted);
        if (batch === END || batch === PAUSE) return batch;
        this.#batch = batch;
        this.#row = 0;
        this.#startRow();
      }
      const step = this.#step(this.#batch, wanted);
      if (step === PAUSE) return PAUSE;
      if (step !== null) return step;
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  #startRow(): void {
    this.#rightAt = 0;
    this.#isRightDone = false;
    this.#isMatched = false;
    this.#isRightOpen = false;
  }

  #openRight(batch: Batch): void {
    readRow(batch, this.#row, this.#values);
    const bound = this.#bindings(this.#run, this.#values);
    const {bindings} = this.#plan;
    for (let i = 0; i < bindings.length; i++) this.#run.outer[bindings[i]!.slot] = bound[i]!;
    this.#right.open(this.#run);
    this.#isRightOpen = true;
  }

  /** One portion of the current left row's work: a joined batch, null to go on, or PAUSE. */
  #step(batch: Batch, wanted: number): Batch | null | typeof PAUSE {
    if (!this.#isRightDone) {
      const isPaused = this.#fill(batch, wanted);
      if (isPaused) return PAUSE;
      const joined = this.#check(batch);
      if (joined !== null) return joined;
      if (!this.#isRightDone) return null;
    }
    const result = this.#finishRow(batch);
    this.#row++;
    if (this.#row >= batch.count) this.#batch = null;
    else this.#startRow();
    return result;
  }

  /** Collects the next right rows of the current left row; true = paused. */
  #fill(batch: Batch, wanted: number): boolean {
    this.#pairs.start(batch);
    if (this.#isParameterised) return this.#fillFromOperator(batch, wanted);
    const to = Math.min(this.#store.size, this.#rightAt + Math.min(BATCH_CAPACITY, this.#condition === null ? wanted : BATCH_CAPACITY));
    for (let right = this.#rightAt; right < to; right++) this.#pairs.add(this.#row, right);
    this.#rightAt = to;
    if (to === this.#store.size) this.#isRightDone = true;
    return false;
  }

  #fillFromOperator(batch: Batch, wanted: number): boolean {
    if (!this.#isRightOpen) this.#openRight(batch);
    const right = this.#right.next(wanted);
    if (right === PAUSE) return true;
    if (right === END) {
      this.#isRightDone = true;
      return false;
    }
    this.#store.reset();
    this.#store.append(right);
    for (let i = 0; i < right.count; i++) this.#pairs.add(this.#row, i);
    return false;
  }

  #check(batch: Batch): Batch | null {
    const pairs = this.#pairs;
    if (pairs.count === 0) return null;
    const joined = pairs.join(batch);
    let count = joined.count;
    let selection: Int32Array | null = null;
    if (this.#condition !== null) {
      count = this.#condition.select(this.#run, joined, this.#selection);
      selection = count === joined.count ? null : this.#selection;
    }
    if (count === 0) return null;
    this.#isMatched = true;
    const {joinType} = this.#plan;
    if (joinType === 'semi' || joinType === 'anti') {
      this.#isRightDone = true;
      return null;
    }
    if (!this.#isParameterised) {
      for (let i = 0; i < count; i++) this.#rightMatched[pairs.right[selection === null ? i : selection[i]!]!] = 1;
    }
    this.#out.vectors = joined.vectors;
    this.#out.selection = selection;
    this.#out.count = count;
    return this.#out;
  }

  #finishRow(batch: Batch): Batch | null {
    const {joinType} = this.#plan;
    if (joinType === 'semi' ? this.#isMatched : joinType === 'anti' && !this.#isMatched) {
      this.#selection[0] = batch.selection === null ? this.#row : batch.selection[this.#row]!;
      this.#out.vectors = batch.vectors;
      this.#out.selection = this.#selection;
      this.#out.count = 1;
      return this.#out;
    }
    if ((joinType === 'left' || joinType === 'full') && !this.#isMatched) {
      this.#pairs.start(batch);
      this.#pairs.add(this.#row, -1);
      return this.#pairs.join(batch);
    }
    return null;
  }

  #emitUnmatched(wanted: number): Batch | null {
    const rows = new Int32Array(wanted);
    let count = 0;
    while (this.#unmatchedAt < this.#store.size && count < wanted) {
      if (this.#rightMatched[this.#unmatchedAt] === 0) rows[count++] = this.#unmatchedAt;
      this.#unmatchedAt++;
    }
    if (count === 0) return null;
    this.#out.vectors = this.#pairs.rightOnly(rows, count, this.#plan.left.columns);
    this.#out.selection = null;
    this.#out.count = count;
    return this.#out;
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#store.reset();
  }
}
