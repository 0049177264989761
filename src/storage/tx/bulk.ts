import type {OwnerId, Rid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {SegmentRowSource} from '../cold/contract.ts';
import type {ChangePart, RowChange, TableStorage} from '../contract.ts';
import type {Engine} from '../engine.ts';
import {failpoint} from '../failpoint.ts';
import {compareNullsLast} from '../hot/sorted-index.ts';
import {isMemoryOnly} from '../hot/hot-store.ts';
import {DeletionPages, type SegmentEntry} from '../manifest.ts';
import {
  clusterColumns,
  segmentColumns,
  segmentPath,
  sortAttnums,
  writeOptions,
} from '../segment-plan.ts';
import {sortInSlices} from '../sliced-sort.ts';
import {type Pace, runInTurns, type Slices} from '../slices.ts';
import {giveUp, submit} from './submit.ts';
import type {TableWrites} from './write-set.ts';

const SOURCE_ROWS = 4096;
const ROWS_PER_LOOK = 256;
const PG_EPOCH_MS = 946_684_800_000;

/** New rows of one owner that a large transaction wrote to a segment before its commit. */
export interface BulkSegment {
  readonly table: TableStorage;
  readonly owner: number;
  readonly entry: SegmentEntry;
  /** Indexes of the rows among the write-set's inserts. */
  readonly inserts: readonly number[];
}

/**
 * The tables and owners of a transaction whose new rows are so many that they go to segments instead
 * of the hot side.
 */
export async function bulkInserts(
  engine: Engine,
  writes: TableWrites,
): Promise<ReadonlyMap<number, readonly number[]>> {
  if (writes.insertRids.length < engine.settings.bulkRows || isMemoryOnly(writes.table))
    return new Map();
  const found = await runInTurns(pace => insertsByOwner(writes, pace));
  for (const [owner, list] of found)
    if (list.length < engine.settings.bulkRows) found.delete(owner);
  return found;
}

function* insertsByOwner(writes: TableWrites, pace: Pace): Slices<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  for (let i = 0; i < writes.insertRids.length; i++) {
    if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    const row = writes.current(writes.insertRids[i]!);
    if (row === null || row === undefined) continue;
    const owner = writes.insertOwners[i]!;
    const list = found.get(owner);
    if (list === undefined) found.set(owner, [i]);
    else list.push(i);
  }
  return found;
}

/**
 * Writes the segments of a large transaction; they are published by its commit. Rows have no `_seq`
 * in the file: it is a constant of the manifest.
 */
export async function writeBulk(
  engine: Engine,
  writes: TableWrites,
  owners: ReadonlyMap<number, readonly number[]>,
): Promise<readonly BulkSegment[]> {
  const {counters, cold, segments} = engine;
  const {table} = writes;
  const columns = segmentColumns(table, cold.int8);
  const plans = [...owners].map(([owner, inserts]) => {
    const id = counters.nextSegment++;
    return {id, owner, inserts, path: segmentPath(engine, table, owner, id)};
  });
  await submit(engine, {newIntents: plans.map(({id, path}) => ({id, path}))});
  try {
    failpoint('bulk-after-intent');
    const items = [];
    for (const {owner, path, inserts} of plans) {
      const order = await sortInSlices([...inserts], clusterOrder(writes));
      items.push({
        options: writeOptions(engine, table, owner, path, columns),
        source: rowSource(writes, order),
      });
    }
    const metas = await segments.writeMany(items);
    failpoint('bulk-after-write');
    const createdAt = BigInt(Date.now() - PG_EPOCH_MS) * 1000n;
    return plans.map(({id, owner, path, inserts}, i) => {
      const entry: SegmentEntry = {
        id,
        table: table.oid,
        owner,
        path,
        meta: metas[i]!,
        schema: columns,
        createdAt,
        constantSeq: null,
        sortedBy: sortAttnums(table),
        deletions: DeletionPages.none,
        file: {segment: null},
      };
      return {table, owner, entry, inserts};
    });
  } catch (error) {
    await dropBulk(engine, plans);
    throw error;
  }
}

/** Removes files of a transaction that did not commit. */
export async function dropBulk(
  engine: Engine,
  files: readonly {readonly id: number; readonly path: string}[],
): Promise<void> {
  for (const {path} of files) engine.garbage.discard(path);
  await giveUp(
    engine,
    files.map(({id}) => id),
  );
}

/** The rows of a bulk segment as a part of the commit's event: listed only when a listener asks. */
export class BulkPart implements ChangePart {
  readonly table: TableStorage;
  readonly owner: OwnerId;
  readonly isTruncate = false;
  readonly #writes: TableWrites;
  readonly #inserts: readonly number[];
  #changes: readonly RowChange[] | null = null;

  constructor(
    table: TableStorage,
    owner: OwnerId,
    writes: TableWrites,
    inserts: readonly number[],
  ) {
    this.table = table;
    this.owner = owner;
    this.#writes = writes;
    this.#inserts = inserts;
  }

  get changes(): readonly RowChange[] {
    return (this.#changes ??= listChanges(this.#writes, this.#inserts));
  }
}

function listChanges(writes: TableWrites, inserts: readonly number[]): RowChange[] {
  return inserts.map(i => {
    const rid = writes.insertRids[i]!;
    return {
      op: 'insert',
      rid: BigInt(rid) as Rid,
      oldRow: null,
      newRow: writes.current(rid) ?? writes.insertRows[i]!,
    };
  });
}

function clusterOrder(writes: TableWrites): (a: number, b: number) => number {
  const columns = clusterColumns(writes.table);
  const types = columns.map(column => writes.table.columns[column]!.type);
  const rowOf = (i: number): readonly Datum[] => writes.current(writes.insertRids[i]!)!;
  return (a, b) => {
    const left = rowOf(a);
    const right = rowOf(b);
    for (let i = 0; i < columns.length; i++) {
      const order = compareNullsLast(types[i]!, left[columns[i]!]!, right[columns[i]!]!);
      if (order !== 0) return order;
    }
    return a - b;
  };
}

function rowSource(writes: TableWrites, order: readonly number[]): SegmentRowSource {
  const width = writes.table.columns.length;
  let at = 0;
  return () => {
    if (at >= order.length) return null;
    const end = Math.min(order.length, at + SOURCE_ROWS);
    const rids: Datum[] = [];
    const seqs: Datum[] = [];
    const columns: Datum[][] = Array.from({length: width}, () => []);
    for (; at < end; at++) {
      const rid = writes.insertRids[order[at]!]!;
      const row = writes.current(rid)!;
      rids.push(BigInt(rid));
      seqs.push(null);
      for (let i = 0; i < width; i++) columns[i]!.push(row[i]!);
    }
    return [rids, seqs, ...columns];
  };
}
