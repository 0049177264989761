// Hot path: the rows of a bulk load.
import type {Vector} from '../../columns/vector.ts';
import {type Engine, nextRid} from '../engine.ts';
import type {WriteResult} from '../contract.ts';
import type {RowBlock} from './row-block.ts';
import type {TableWrites} from './write-set.ts';

/** How many rows were inserted, and what stopped it. */
export interface Inserted {
  readonly taken: number;
  readonly result: WriteResult;
}

/** Where a block goes. */
export interface BlockPlace {
  readonly writes: TableWrites;
  readonly owner: number;
  /** The running command. */
  readonly cid: number;
  readonly isJournaled: boolean;
}

/** Inserts rows of a block from one on; stops at the first conflict or wait and says how many were taken. */
export function insertBlock(
  engine: Engine,
  place: BlockPlace,
  block: RowBlock,
  from: number,
): Inserted {
  const {writes, owner, cid, isJournaled} = place;
  block.firstRid = engine.counters.nextRid - from;
  const keys = ascendingKeys(engine, place, block, from);
  if (keys !== null) {
    for (let i = 0; i < keys.length; i++) {
      const own = writes.ownKeys[i]!;
      own.addRun(owner, keys[i]!, engine.counters.nextRid);
      block.ranges.set(own.codec.index.oid, {low: keys[i]![0]!, high: keys[i]!.at(-1)!});
    }
    for (let slot = from; slot < block.count; slot++) {
      block.at = slot;
      writes.addInsert(nextRid(engine), owner, block, cid);
    }
    return {taken: block.count - from, result: 'done'};
  }
  // Keys that are checked later are listed by row.
  if (writes.ownKeys.some(({codec}) => codec.index.isDeferrable === true))
    return insertRows(engine, place, block, from);
  for (let slot = from; slot < block.count; slot++) {
    block.at = slot;
    const result = engine.unique.checkSlot(writes, owner, block, slot);
    if (result !== 'done') return {taken: slot - from, result};
    const rid = nextRid(engine);
    engine.unique.noteSlot(writes, owner, block, slot, rid, isJournaled);
    writes.addInsert(rid, owner, block, cid);
  }
  return {taken: block.count - from, result: 'done'};
}

function insertRows(
  engine: Engine,
  {writes, owner, cid, isJournaled}: BlockPlace,
  block: RowBlock,
  from: number,
): Inserted {
  for (let slot = from; slot < block.count; slot++) {
    block.at = slot;
    const row = block.row(slot);
    const result = engine.unique.check(writes, owner, row, -1, null);
    if (result !== 'done') return {taken: slot - from, result};
    const rid = nextRid(engine);
    engine.unique.note(writes, owner, row, rid, null, isJournaled);
    writes.addInsert(rid, owner, row, cid);
  }
  return {taken: block.count - from, result: 'done'};
}

/** The keys of each unique index where all of them ascend and none can be there already; else null. */
function ascendingKeys(
  engine: Engine,
  {writes, owner}: BlockPlace,
  block: RowBlock,
  from: number,
): Float64Array[] | null {
  const {image, ownKeys} = writes;
  const found: Float64Array[] = [];
  if (ownKeys.length === 0) return found;
  if (image.writers.length > 1) return null;
  if (engine.cold.isCold(image.table.oid) && writes.truncations.length === 0) return null;
  for (let i = 0; i < ownKeys.length; i++) {
    const own = ownKeys[i]!;
    const {numberColumn, index} = own.codec;
    if (numberColumn === -1 || index.isDeferrable === true) return null;
    const keys = numbersOf(block.vectors[numberColumn]!, from, block.count);
    if (keys === null || !own.canRun(owner, keys[0]!)) return null;
    if (writes.pending.some(run => run.mayHoldFrom(index.oid, keys[0]!))) return null;
    const committed = writes.committedKeys(i);
    if (committed !== undefined && committed.has(owner))
      for (const key of keys) if (committed.get(owner, key) !== undefined) return null;
    found.push(keys);
  }
  return found;
}

/** Numbers that ascend, each once; null for anything else. */
function numbersOf(vector: Vector, from: number, to: number): Float64Array | null {
  if (vector.nulls !== null) return null;
  const numbers = new Float64Array(to - from);
  if (vector.kind === 'int64') {
    const {values} = vector;
    const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    for (let i = from; i < to; i++)
      numbers[i - from] = halves[2 * i + 1]! * 4294967296 + (halves[2 * i]! >>> 0);
  } else if (vector.kind === 'int32' || vector.kind === 'float64') {
    numbers.set(vector.values.subarray(from, to));
  } else return null;
  const {length} = numbers;
  if (!Number.isSafeInteger(numbers[0]) || !Number.isSafeInteger(numbers[length - 1])) return null;
  for (let i = 1; i < length; i++) if (!(numbers[i - 1]! < numbers[i]!)) return null;
  return numbers;
}
