// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {NestedLoopPlan} from '../../sql/plan/plan.ts';
import {ColumnStore} from '../column-store.ts';
import type {CompiledFilter} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {PairBuffer} from '../pair-buffer.ts';

/**
 * A join without bindings and without keys to hash: the right side is kept in columns, pairs are tried in batches over
 * several left rows.
 */
export class MaterialisedLoop implements Operator {
  readonly #plan: NestedLoopPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #condition: CompiledFilter | null;
  readonly #store: ColumnStore;
  readonly #pairs: PairBuffer;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #leftMatched = new Uint8Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  readonly #isExists: boolean;
  #run!: RunContext;
  #phase: 'materialise' | 'join' | 'unmatched' | 'end' = 'materialise';
  #batch: Batch | null = null;
  #row = 0;
  #rightAt = 0;
  /** Pairs that are being tried, and the first that was not yet. */
  #joined: Batch | null = null;
  #joinedAt = 0;
  #rightMatched = new Uint8Array(0);
  #unmatchedAt = 0;

  constructor(plan: NestedLoopPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#left = env.build(plan.left);
    this.#right = env.build(plan.right);
    this.#condition = plan.condition === null ? null : env.compiler.filter(plan.condition);
    this.#store = new ColumnStore(plan.right.columns.map(column => column.type));
    this.#pairs = new PairBuffer(this.#store, plan.left.columns.length);
    this.#isExists = plan.joinType === 'semi' || plan.joinType === 'anti';
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#phase = 'materialise';
    this.#batch = null;
    this.#joined = null;
    this.#store.reset();
    this.#unmatchedAt = 0;
    this.#left.open(run);
    this.#right.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const limit = Math.min(wanted, BATCH_CAPACITY);
    for (;;) {
      switch (this.#phase) {
        case 'materialise':
          if (!this.#materialise()) return PAUSE;
          break;
        case 'join': {
          const batch = this.#join(limit);
          if (batch !== END) return batch;
          this.#phase =
            this.#plan.joinType === 'right' || this.#plan.joinType === 'full' ? 'unmatched' : 'end';
          break;
        }
        case 'unmatched': {
          const batch = this.#emitUnmatched(limit);
          if (batch !== null) return batch;
          this.#phase = 'end';
          break;
        }
        case 'end':
          return END;
      }
    }
  }

  #materialise(): boolean {
    for (;;) {
      const batch = this.#right.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) break;
      this.#store.append(batch);
      if (this.#run.sliceUsed()) return false;
    }
    const size = this.#store.size;
    if (this.#rightMatched.length < size) this.#rightMatched = new Uint8Array(size);
    else this.#rightMatched.fill(0, 0, size);
    const {joinType} = this.#plan;
    // Nothing to join with: the left side is not even read.
    this.#phase =
      size === 0 && (joinType === 'inner' || joinType === 'right' || joinType === 'semi')
        ? 'end'
        : 'join';
    return true;
  }

  #join(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      if (this.#batch === null) {
        const batch = this.#left.next(wanted);
        if (batch === END || batch === PAUSE) return batch;
        this.#batch = batch;
        this.#row = 0;
        this.#rightAt = 0;
        this.#leftMatched.fill(0, 0, batch.count);
      }
      const out = this.#isExists ? this.#exists(this.#batch) : this.#pairsOf(this.#batch, wanted);
      if (out !== null) return out;
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  /** The next pairs that hold; when all were tried, left and full joins' rows without any; null = go on. */
  #pairsOf(batch: Batch, wanted: number): Batch | null {
    if (this.#joined === null) this.#joined = this.#nextPairs(batch, wanted);
    if (this.#joined !== null) return this.#check(this.#joined, wanted);
    const {joinType} = this.#plan;
    if (joinType !== 'left' && joinType !== 'full') {
      this.#batch = null;
      return null;
    }
    this.#pairs.start(batch);
    for (let i = 0; i < batch.count && this.#pairs.count < wanted; i++) {
      if (this.#leftMatched[i] === 1) continue;
      this.#leftMatched[i] = 1;
      this.#pairs.add(i, -1);
    }
    if (this.#pairs.count > 0) return this.#pairs.join(batch);
    this.#batch = null;
    return null;
  }

  #nextPairs(batch: Batch, wanted: number): Batch | null {
    const pairs = this.#pairs;
    const size = this.#store.size;
    const limit = this.#condition === null ? wanted : BATCH_CAPACITY;
    pairs.start(batch);
    if (size === 0) return null;
    while (this.#row < batch.count && pairs.count < limit) {
      const to = Math.min(size, this.#rightAt + limit - pairs.count);
      for (let right = this.#rightAt; right < to; right++) pairs.add(this.#row, right);
      this.#rightAt = to;
      if (to < size) continue;
      this.#rightAt = 0;
      this.#row++;
    }
    this.#joinedAt = 0;
    return pairs.count === 0 ? null : pairs.join(batch);
  }

  /** Tries pairs until `wanted` of them hold. */
  #check(joined: Batch, wanted: number): Batch | null {
    const out = this.#out;
    const pairs = this.#pairs;
    out.vectors = joined.vectors;
    out.selection = null;
    out.count = joined.count;
    if (this.#condition !== null) {
      out.selection = this.#selection;
      out.count = this.#condition.selectSome(
        this.#run,
        joined,
        this.#selection,
        this.#joinedAt,
        wanted,
      );
      this.#joinedAt = this.#condition.nextRow;
    } else this.#joinedAt = joined.count;
    if (this.#joinedAt >= joined.count) this.#joined = null;
    for (let i = 0; i < out.count; i++) {
      const pair = out.selection === null ? i : out.selection[i]!;
      this.#leftMatched[pairs.left[pair]!] = 1;
      this.#rightMatched[pairs.right[pair]!] = 1;
    }
    return out.count === 0 ? null : out;
  }

  /** semi and anti: each pass tries one right row with every left row that has no match yet; null = go on. */
  #exists(batch: Batch): Batch | null {
    const size = this.#store.size;
    if (this.#condition === null) {
      if (size > 0) this.#leftMatched.fill(1, 0, batch.count);
    } else if (this.#rightAt < size) {
      const pairs = this.#pairs;
      pairs.start(batch);
      for (let i = 0; i < batch.count; i++)
        if (this.#leftMatched[i] === 0) pairs.add(i, this.#rightAt);
      this.#rightAt = pairs.count === 0 ? size : this.#rightAt + 1;
      this.#joinedAt = 0;
      if (pairs.count > 0) this.#check(pairs.join(batch), BATCH_CAPACITY);
      if (this.#rightAt < size) return null;
    }
    const wanted = this.#plan.joinType === 'semi' ? 1 : 0;
    let count = 0;
    for (let i = 0; i < batch.count; i++) {
      if (this.#leftMatched[i] === wanted)
        this.#selection[count++] = batch.selection === null ? i : batch.selection[i]!;
    }
    this.#batch = null;
    this.#joined = null;
    if (count === 0) return null;
    this.#out.vectors = batch.vectors;
    this.#out.selection = this.#selection;
    this.#out.count = count;
    return this.#out;
  }

  #emitUnmatched(wanted: number): Batch | null {
    const {left} = this.#plan;
    const rest = this.#pairs.unmatched(this.#rightMatched, this.#unmatchedAt, wanted, left.columns);
    if (rest === null) return null;
    this.#unmatchedAt = rest.next;
    return rest.batch;
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#store.reset();
    this.#joined = null;
  }
}
