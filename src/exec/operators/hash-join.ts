// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {HashJoinPlan} from '../../sql/plan/plan.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {ColumnStore} from '../column-store.ts';
import type {CompiledFilter} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import {KeyTable} from '../key-table.ts';
import {ABSENT} from '../pair-keys.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {PairBuffer} from '../pair-buffer.ts';
import {hasNull, haveNulls, KeyColumns} from '../key-columns.ts';
import {MAX_LEVEL, PARTITIONS, SpillPartitions} from '../spill/partitions.ts';
import {SpilledBatches} from '../spill/spilled-batches.ts';

/** A pair of partitions of a join that spilled. */
interface JoinPart {
  readonly right: SpillPartitions;
  readonly left: SpillPartitions;
  readonly partition: number;
}

/** Where rows of a side come from: its operator, or a partition. */
interface RowSource {
  next(wanted: number): Batch | typeof END | typeof PAUSE;
}

/** Larger arrays are not kept for the next execution. */
const KEPT_ROWS = 4096;

type Phase =
  | 'build'
  | 'spillStore'
  | 'spillRight'
  | 'spillLeft'
  | 'probe'
  | 'unmatched'
  | 'nextPart'
  | 'end';

/**
 * Equi-join: the right side is materialised in columns and numbered by key, left batches probe. Rows of one key form a chain.
 * right and full joins emit unmatched build rows at the end; semi and anti emit left rows by selection.
 * A right side past work_mem: both sides are dealt out to partitions by their keys' hashes, joined one after the other
 * (and again, where one is still too large).
 */
export class HashJoin implements Operator {
  readonly #plan: HashJoinPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #leftKeys: KeyColumns;
  readonly #rightKeys: KeyColumns;
  readonly #condition: CompiledFilter | null;
  readonly #store: ColumnStore;
  readonly #keyTypes: readonly TypeInstance[];
  readonly #table: KeyTable;
  readonly #pairs: PairBuffer;
  readonly #groups = new Int32Array(BATCH_CAPACITY);
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #phase: Phase = 'build';
  #rightSource!: RowSource;
  #leftSource!: RowSource;
  #level = 0;
  #parts: JoinPart[] = [];
  #rightParts: SpillPartitions | null = null;
  #leftParts: SpillPartitions | null = null;
  #files: SpillPartitions[] = [];
  #spillAt = 0;
  /** Rows of the whole right side. */
  #rightRows = 0;
  /** First and next build row per key number and per row. */
  #heads = new Int32Array(64).fill(ABSENT);
  #chain = new Int32Array(64);
  #rightMatched = new Uint8Array(0);
  #rightHasNullKey = false;
  /** No two build rows have one key. */
  #isUnique = true;
  #batch: Batch | null = null;
  #row = 0;
  #candidate = ABSENT;
  #leftMatched = new Uint8Array(0);
  #unmatchedAt = 0;

  constructor(plan: HashJoinPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#left = env.build(plan.left);
    this.#right = env.build(plan.right);
    this.#leftKeys = new KeyColumns(plan.leftKeys, env);
    this.#rightKeys = new KeyColumns(plan.rightKeys, env);
    this.#condition = plan.condition === null ? null : env.compiler.filter(plan.condition);
    this.#store = new ColumnStore(plan.right.columns.map(column => column.type));
    this.#keyTypes = plan.rightKeys.map(key => key.type);
    this.#table = new KeyTable(this.#keyTypes);
    this.#pairs = new PairBuffer(this.#store, plan.left.columns.length);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#closeParts();
    this.#level = 0;
    this.#rightRows = 0;
    this.#rightHasNullKey = false;
    this.#rightSource = this.#right;
    this.#leftSource = this.#left;
    this.#startBuild();
    this.#right.open(run);
    this.#left.open(run);
  }

  #startBuild(): void {
    this.#phase = 'build';
    this.#store.reset();
    this.#heads.fill(ABSENT, 0, Math.min(this.#heads.length, this.#table.size));
    this.#table.clear();
    this.#batch = null;
    this.#unmatchedAt = 0;
    this.#isUnique = true;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const limit = Math.min(wanted, BATCH_CAPACITY);
    for (;;) {
      switch (this.#phase) {
        case 'build':
          if (!this.#build()) return PAUSE;
          break;
        case 'spillStore':
        case 'spillRight':
        case 'spillLeft':
          if (!this.#spill()) return PAUSE;
          break;
        case 'probe': {
          const batch = this.#probe(limit);
          if (batch !== END) return batch;
          this.#phase =
            this.#plan.joinType === 'right' || this.#plan.joinType === 'full'
              ? 'unmatched'
              : 'nextPart';
          break;
        }
        case 'unmatched': {
          const batch = this.#emitUnmatched(limit);
          if (batch !== null) return batch;
          this.#phase = 'nextPart';
          break;
        }
        case 'nextPart':
          this.#startNextPart();
          break;
        case 'end':
          return END;
      }
    }
  }

  #build(): boolean {
    for (;;) {
      const batch = this.#rightSource.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) break;
      this.#buildBatch(batch);
      if (
        this.#store.bytes + this.#table.bytes > 2 * this.#run.workMemBytes &&
        this.#level < MAX_LEVEL
      ) {
        this.#startSpill();
        return true;
      }
      if (this.#run.sliceUsed()) return false;
    }
    if (this.#rightMatched.length < this.#store.size)
      this.#rightMatched = new Uint8Array(this.#store.size);
    else this.#rightMatched.fill(0, 0, this.#store.size);
    const {joinType} = this.#plan;
    // Nothing to join with: the left side is not even read.
    const isVain =
      this.#store.size === 0 &&
      (joinType === 'inner' || joinType === 'right' || joinType === 'semi');
    this.#phase = isVain ? 'nextPart' : 'probe';
    return true;
  }

  #startSpill(): void {
    const {right, left, id} = this.#plan;
    this.#rightParts = new SpillPartitions(
      this.#run,
      right.columns.map(column => column.type),
      id,
      this.#level,
    );
    this.#leftParts = new SpillPartitions(
      this.#run,
      left.columns.map(column => column.type),
      id,
      this.#level,
    );
    this.#files.push(this.#rightParts, this.#leftParts);
    this.#spillAt = 0;
    this.#phase = 'spillStore';
  }

  /** Deals out what was built, the rest of the right side, then the left side; false = paused. */
  #spill(): boolean {
    for (;;) {
      const batch =
        this.#phase === 'spillStore'
          ? this.#storedBatch()
          : (this.#phase === 'spillRight' ? this.#rightSource : this.#leftSource).next(
              BATCH_CAPACITY,
            );
      if (batch === PAUSE) return false;
      if (batch === END) {
        if (this.#phase === 'spillStore') this.#phase = 'spillRight';
        else if (this.#phase === 'spillRight') this.#phase = 'spillLeft';
        else break;
        continue;
      }
      if (this.#phase === 'spillLeft') {
        this.#leftParts!.add(
          batch,
          this.#leftKeys.evaluate(this.#run, batch),
          this.#keyTypes,
          null,
        );
      } else {
        const keys = this.#rightKeys.evaluate(this.#run, batch);
        if (this.#phase === 'spillRight' && this.#level === 0) this.#noteRight(keys);
        this.#rightParts!.add(batch, keys, this.#keyTypes, null);
      }
      if (this.#run.sliceUsed()) return false;
    }
    this.#rightParts!.finish();
    this.#leftParts!.finish();
    for (let p = 0; p < PARTITIONS; p++)
      this.#parts.push({right: this.#rightParts!, left: this.#leftParts!, partition: p});
    this.#phase = 'nextPart';
    return true;
  }

  #storedBatch(): Batch | typeof END {
    const to = Math.min(this.#store.size, this.#spillAt + BATCH_CAPACITY);
    if (to === this.#spillAt) {
      this.#store.reset();
      return END;
    }
    const batch: Batch = {count: 0, selection: null, vectors: []};
    this.#store.fill(batch, null, this.#spillAt, to);
    this.#spillAt = to;
    return batch;
  }

  #noteRight(keys: Batch): void {
    this.#rightRows += keys.count;
    for (let i = 0; i < keys.count && !this.#rightHasNullKey; i++) {
      if (hasNull(keys.vectors, keys.selection === null ? i : keys.selection[i]!))
        this.#rightHasNullKey = true;
    }
  }

  #startNextPart(): void {
    const part = this.#parts.pop();
    if (part === undefined) {
      this.#closeParts();
      this.#phase = 'end';
      return;
    }
    this.#level = part.right.level + 1;
    this.#rightSource = part.right.reader(part.partition);
    this.#leftSource = new SpilledBatches(part.left.reader(part.partition));
    this.#startBuild();
  }

  #closeParts(): void {
    for (const file of this.#files) file.close();
    this.#files = [];
    this.#parts = [];
    this.#rightParts = null;
    this.#leftParts = null;
  }

  #buildBatch(batch: Batch): void {
    const {vectors: keys, selection} = this.#rightKeys.evaluate(this.#run, batch);
    if (this.#level === 0) this.#rightRows += batch.count;
    this.#table.assign(keys, selection, batch.count, this.#groups);
    const start = this.#store.size;
    this.#store.append(batch);
    this.#growChains();
    const mayBeNull = haveNulls(keys);
    for (let i = 0; i < batch.count; i++) {
      const row = start + i;
      if (mayBeNull && hasNull(keys, selection === null ? i : selection[i]!)) {
        this.#rightHasNullKey = true;
        continue;
      }
      const group = this.#groups[i]!;
      const head = this.#heads[group]!;
      if (head !== ABSENT) this.#isUnique = false;
      this.#chain[row] = head;
      this.#heads[group] = row;
    }
  }

  #growChains(): void {
    if (this.#chain.length < this.#store.size) {
      const chain = new Int32Array(Math.max(this.#store.size, this.#chain.length * 2));
      chain.set(this.#chain);
      this.#chain = chain;
    }
    if (this.#heads.length < this.#table.size) {
      const heads = new Int32Array(Math.max(this.#table.size, this.#heads.length * 2)).fill(ABSENT);
      heads.set(this.#heads);
      this.#heads = heads;
    }
  }

  #probe(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      if (this.#batch === null) {
        const batch = this.#leftSource.next(wanted);
        if (batch === END || batch === PAUSE) return batch;
        this.#startBatch(batch);
      }
      const {joinType} = this.#plan;
      if (joinType === 'semi' || joinType === 'anti') {
        if (this.#condition !== null && !this.#matchAll(this.#batch!)) return PAUSE;
        const out = this.#probeExists();
        if (out !== null) return out;
      } else {
        const out = this.#probePairs(wanted);
        if (out !== null) return out;
      }
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  /** The first candidate of each row; -2 = its key is NULL. */
  #findGroups(batch: Batch): void {
    const {vectors: keys, selection} = this.#leftKeys.evaluate(this.#run, batch);
    this.#table.assign(keys, selection, batch.count, this.#groups, false);
    const groups = this.#groups;
    const heads = this.#heads;
    for (let i = 0; i < batch.count; i++) {
      const group = groups[i]!;
      groups[i] = group === ABSENT ? ABSENT : heads[group]!;
    }
    if (haveNulls(keys)) {
      for (let i = 0; i < batch.count; i++)
        if (hasNull(keys, selection === null ? i : selection[i]!)) groups[i] = -2;
    }
  }

  #startBatch(batch: Batch): void {
    this.#batch = batch;
    this.#row = 0;
    // PostgreSQL does not evaluate the left side of NOT IN over no rows.
    if (this.#plan.isNullAware && this.#rightRows === 0) this.#groups.fill(ABSENT, 0, batch.count);
    else this.#findGroups(batch);
    if (this.#leftMatched.length < batch.count) this.#leftMatched = new Uint8Array(BATCH_CAPACITY);
    this.#leftMatched.fill(0, 0, batch.count);
    this.#candidate = batch.count > 0 ? Math.max(this.#groups[0]!, ABSENT) : ABSENT;
  }

  /** semi and anti: without a residual condition the chain head decides. */
  #probeExists(): Batch | null {
    const batch = this.#batch!;
    const isAnti = this.#plan.joinType === 'anti';
    if (this.#condition === null) {
      for (let i = 0; i < batch.count; i++) this.#leftMatched[i] = this.#groups[i]! >= 0 ? 1 : 0;
    }
    let count = 0;
    for (let i = 0; i < batch.count; i++) {
      if (isAnti ? !this.#staysInAnti(i) : this.#leftMatched[i] === 0) continue;
      this.#selection[count++] = batch.selection === null ? i : batch.selection[i]!;
    }
    this.#batch = null;
    if (count === 0) return null;
    this.#out.vectors = batch.vectors;
    this.#out.selection = count === batch.count ? batch.selection : this.#selection;
    this.#out.count = count;
    return this.#out;
  }

  /** NOT IN: an empty right side keeps every row, a NULL on either side keeps none that has no match. */
  #staysInAnti(row: number): boolean {
    if (this.#leftMatched[row] === 1) return false;
    if (!this.#plan.isNullAware || this.#rightRows === 0) return true;
    return !this.#rightHasNullKey && this.#groups[row] !== -2;
  }

  /** Tries the candidates of every row until one holds; false = paused. */
  #matchAll(batch: Batch): boolean {
    while (this.#row < batch.count) {
      this.#pairs.start(batch);
      this.#fillFirstPairs(batch);
      this.#checkPairs();
      if (this.#row < batch.count && this.#run.sliceUsed()) return false;
    }
    return true;
  }

  /** One candidate per row that has no match yet: PostgreSQL does not look beyond the first match. */
  #fillFirstPairs(batch: Batch): void {
    const groups = this.#groups;
    let isLeft = false;
    for (let i = 0; i < batch.count; i++) {
      if (groups[i]! < 0 || this.#leftMatched[i] === 1) continue;
      this.#pairs.add(i, groups[i]!);
      groups[i] = this.#chain[groups[i]!]!;
      if (groups[i]! >= 0) isLeft = true;
    }
    if (!isLeft) this.#row = batch.count;
  }

  /** Collects candidate pairs up to `wanted`; moves (row, candidate) on. */
  #fillPairs(wanted: number): void {
    const batch = this.#batch!;
    const pairs = this.#pairs;
    while (this.#row < batch.count && pairs.count < wanted) {
      if (this.#candidate >= 0) {
        pairs.add(this.#row, this.#candidate);
        const after = this.#chain[this.#candidate]!;
        this.#candidate = after;
        if (after >= 0) continue;
      }
      this.#row++;
      this.#candidate = this.#row < batch.count ? this.#groups[this.#row]! : ABSENT;
    }
  }

  /** Applies the residual condition to the pairs and marks both sides; returns the joined batch of those that hold, or null. */
  #checkPairs(): Batch | null {
    const pairs = this.#pairs;
    if (pairs.count === 0) return null;
    const joined = pairs.join(this.#batch!);
    let count = joined.count;
    let selection: Int32Array | null = null;
    if (this.#condition !== null) {
      count = this.#condition.select(this.#run, joined, this.#selection);
      selection = count === joined.count ? null : this.#selection;
    }
    for (let i = 0; i < count; i++) {
      const pair = selection === null ? i : selection[i]!;
      this.#leftMatched[pairs.left[pair]!] = 1;
      this.#rightMatched[pairs.right[pair]!] = 1;
    }
    if (count === 0) return null;
    this.#out.vectors = joined.vectors;
    this.#out.selection = selection;
    this.#out.count = count;
    return this.#out;
  }

  /** As fillPairs, where a left row has one candidate at most. */
  #fillUnique(batch: Batch, wanted: number): void {
    const groups = this.#groups;
    const {left, right} = this.#pairs;
    let row = this.#row;
    let count = 0;
    for (; row < batch.count && count < wanted; row++) {
      const candidate = groups[row]!;
      if (candidate < 0) continue;
      left[count] = row;
      right[count++] = candidate;
    }
    this.#pairs.count = count;
    this.#row = row;
  }

  #uniquePairs(batch: Batch): Batch | null {
    const pairs = this.#pairs;
    if (pairs.count === 0) return null;
    if (this.#plan.joinType !== 'inner') {
      for (let i = 0; i < pairs.count; i++) {
        this.#leftMatched[pairs.left[i]!] = 1;
        this.#rightMatched[pairs.right[i]!] = 1;
      }
    }
    return pairs.joinInPlace(batch);
  }

  #probePairs(wanted: number): Batch | null {
    const batch = this.#batch!;
    if (this.#row < batch.count) {
      this.#pairs.start(batch);
      if (this.#isUnique) this.#fillUnique(batch, wanted);
      else this.#fillPairs(wanted);
      const joined =
        this.#isUnique && this.#condition === null ? this.#uniquePairs(batch) : this.#checkPairs();
      if (joined !== null) return joined;
      if (this.#row < batch.count) return null;
    }
    // All candidates of this batch are through: left and full joins now emit its unmatched rows.
    let out: Batch | null = null;
    if (this.#plan.joinType === 'left' || this.#plan.joinType === 'full') {
      this.#pairs.start(batch);
      for (let i = 0; i < batch.count; i++)
        if (this.#leftMatched[i] === 0) this.#pairs.add(i, ABSENT);
      if (this.#pairs.count > wanted) return this.#partOfUnmatched(batch, wanted);
      if (this.#pairs.count > 0) out = this.#pairs.join(batch);
    }
    this.#batch = null;
    return out;
  }

  /** More unmatched rows than wanted: emit the first ones, mark them, come back for the rest. */
  #partOfUnmatched(batch: Batch, wanted: number): Batch {
    this.#pairs.count = wanted;
    for (let i = 0; i < wanted; i++) this.#leftMatched[this.#pairs.left[i]!] = 1;
    return this.#pairs.join(batch);
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
    this.#closeParts();
    this.#startBuild();
    this.#table.reset();
    if (this.#heads.length > KEPT_ROWS) this.#heads = new Int32Array(64).fill(ABSENT);
    if (this.#chain.length > KEPT_ROWS) this.#chain = new Int32Array(64);
    if (this.#rightMatched.length > KEPT_ROWS) this.#rightMatched = new Uint8Array(0);
  }
}
