import type {Batch} from '../../columns/batch.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {RunContext} from '../operator.ts';
import type {END} from '../operator.ts';
import {MAX_LEVEL, PARTITIONS, SpillPartitions} from './partitions.ts';
import {SpilledBatches} from './spilled-batches.ts';

/** A partition that waits to be read. */
interface Waiting {
  readonly partitions: SpillPartitions;
  readonly partition: number;
}

/**
 * Rows that a hash table had no room for, in partitions; each partition is later read like the input was, and may
 * overflow into partitions of its own.
 * The owner adds rows while it reads (the input or a partition), asks `startNext` at each END, and reads through `next` from then on.
 */
export class SpillQueue {
  readonly #types: readonly TypeInstance[];
  readonly #nodeId: number;
  #run!: RunContext;
  /** Where rows of the current level go; null before the first. */
  #target: SpillPartitions | null = null;
  #waiting: Waiting[] = [];
  #reader: SpilledBatches | null = null;
  #level = -1;
  #files: SpillPartitions[] = [];

  constructor(types: readonly TypeInstance[], nodeId: number) {
    this.#types = types;
    this.#nodeId = nodeId;
  }

  open(run: RunContext): void {
    this.close();
    this.#run = run;
  }

  /** Whether rows come from a partition now. */
  get isReading(): boolean {
    return this.#reader !== null;
  }

  /** False so deep that partitioning no longer helps: the table grows instead. */
  get canSpill(): boolean {
    return this.#level + 1 < MAX_LEVEL;
  }

  /** Sets aside the live rows of a batch whose group is negative. */
  add(batch: Batch, keys: Batch, keyTypes: readonly TypeInstance[], groups: Int32Array): void {
    if (this.#target === null) {
      this.#target = new SpillPartitions(this.#run, this.#types, this.#nodeId, this.#level + 1);
      this.#files.push(this.#target);
    }
    this.#target.add(batch, keys, keyTypes, groups);
  }

  /** Whether rows were set aside while the present input was read. */
  get hasSpilled(): boolean {
    return this.#target !== null;
  }

  /** Goes on to the next partition; false when all rows were read. */
  startNext(): boolean {
    if (this.#target !== null) {
      this.#target.finish();
      for (let p = 0; p < PARTITIONS; p++)
        if (this.#target.rows(p) > 0) this.#waiting.push({partitions: this.#target, partition: p});
      this.#target = null;
    }
    const next = this.#waiting.pop();
    if (next === undefined) {
      this.close();
      return false;
    }
    this.#level = next.partitions.level;
    this.#reader = new SpilledBatches(next.partitions.reader(next.partition));
    return true;
  }

  /** At most `wanted` rows of the current partition. */
  next(wanted: number): Batch | typeof END {
    return this.#reader!.next(wanted);
  }

  close(): void {
    for (const file of this.#files) file.close();
    this.#files = [];
    this.#waiting = [];
    this.#target = null;
    this.#reader = null;
    this.#level = -1;
  }
}
