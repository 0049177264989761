import {getHeapStatistics} from 'node:v8';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum} from '../../types/contract.ts';

/** Rows between two looks at the memory. */
const EVERY = 4096;
/** Share of the heap beyond which no transaction may grow: its commit, and the growth of arrays and maps, need the rest. */
const SHARE = 0.6;

/** 53200 before the rows that an open transaction keeps fill the memory of the process, which would end it for everybody. */
export function checkWriteRoom(rows: number): void {
  if (rows % EVERY !== 0) return;
  const {used_heap_size: used, heap_size_limit: limit} = getHeapStatistics();
  if (used < limit * SHARE) return;
  throw new PgError(SqlState.outOfMemory, 'out of memory', {
    detail: `A transaction of ${rows} rows and more does not fit into memory.`,
    hint: 'Load in several transactions, or start the server with a larger --max-old-space-size.',
  });
}

/** Bytes of new rows that open transactions keep in memory, all together. */
export interface HeldRows {
  bytes: number;
}

/** What may be kept: by one transaction until it first writes rows out, then in each step, and by all together. */
export interface RoomLimits {
  readonly first: number;
  readonly step: number;
  readonly all: number;
}

/** How many bytes of new rows one transaction keeps in memory, roughly. */
export class RowRoom {
  readonly #held: HeldRows;
  readonly #limits: RoomLimits;
  #bytes = 0;
  #limit: number;
  /** With less it writes nothing out because of others. */
  #small: number;

  constructor(held: HeldRows, limits: RoomLimits) {
    this.#held = held;
    this.#limits = limits;
    this.#limit = limits.first;
    this.#small = limits.step;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#held.bytes += bytes;
  }

  /** Whether rows should be written out before more come. */
  get isFull(): boolean {
    return (
      this.#bytes > this.#limit ||
      (this.#held.bytes > this.#limits.all && this.#bytes > this.#small)
    );
  }

  /** What could be written out was: the next time is when a step more has come. */
  settle(): void {
    this.#limit = this.#bytes + this.#limits.step;
    this.#small = this.#limit;
  }

  /** The transaction has ended. */
  clear(): void {
    this.add(-this.#bytes);
  }
}

/** Bytes of a row in memory, roughly. */
export function rowBytes(row: readonly Datum[]): number {
  let bytes = 96 + row.length * 8;
  for (let i = 0; i < row.length; i++) {
    const value = row[i]!;
    if (typeof value === 'string') bytes += 24 + value.length;
    else if (typeof value === 'bigint') bytes += 24;
    else if (value instanceof Uint8Array) bytes += 96 + value.length;
    else if (typeof value === 'object' && value !== null) bytes += 128;
  }
  return bytes;
}
