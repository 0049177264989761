import type {OwnerId, Rid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {SegmentSource, VectorRows} from '../cold/contract.ts';
import type {ChangePart, RowChange, TableStorage} from '../contract.ts';
import type {Engine} from '../engine.ts';
import {type Failpoint, failpoint} from '../failpoint.ts';
import {compareNullsLast} from '../hot/sorted-index.ts';
import {isMemoryOnly} from '../hot/hot-store.ts';
import {newEntry, type SegmentEntry} from '../manifest.ts';
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
import {type NewRow, RowBlock, rowOf, valueOf} from './row-block.ts';
import type {TableWrites} from './write-set.ts';

const SOURCE_ROWS = 4096;
const ROWS_PER_LOOK = 256;
/** Rows that follow each other in a block: fewer are written one by one. */
const LEAST_OF_BLOCK = 16;
/** Rows of an owner that follow others into a segment: fewer stay hot. */
const FOLLOWING_ROWS = 10_000;

/** New rows of one owner, in the order of their identities. */
export interface NewRows {
  readonly owner: number;
  readonly rids: number[];
  readonly rows: NewRow[];
}

/** The values of one of them. */
export function rowAt({rids, rows}: NewRows, place: number): readonly Datum[] {
  return rowOf(rows[place]!, rids[place]!);
}

/** New rows of one owner that a transaction wrote to a segment when it began to commit. */
export interface BulkSegment {
  readonly table: TableStorage;
  readonly rows: NewRows;
  readonly entry: SegmentEntry;
}

/**
 * The new rows in memory of owners that have so many of them, or many in segments already, that they go to segments instead of the hot
 * side.
 */
export async function bulkInserts(
  engine: Engine,
  writes: TableWrites,
): Promise<readonly NewRows[]> {
  const {bulkRows} = engine.settings;
  const {pending, table} = writes;
  const least = pending.length === 0 ? bulkRows : Math.min(bulkRows, FOLLOWING_ROWS);
  if (writes.insertRids.length < least || isMemoryOnly(table)) return [];
  const found = await runInTurns(pace => insertsByOwner(writes, pace));
  const owners = new Set(pending.map(run => run.owner));
  return [...found.values()].filter(
    ({owner, rids}) => rids.length >= (owners.has(owner) ? least : bulkRows),
  );
}

function* insertsByOwner(writes: TableWrites, pace: Pace): Slices<Map<number, NewRows>> {
  const found = new Map<number, NewRows>();
  for (let i = 0; i < writes.insertRids.length; i++) {
    if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    const rid = writes.insertRids[i]!;
    const row = newestOf(writes, rid, i);
    if (row === null || row === undefined) continue;
    const owner = writes.insertOwners[i]!;
    const list = found.get(owner);
    if (list === undefined) found.set(owner, {owner, rids: [rid], rows: [row]});
    else {
      list.rids.push(rid);
      list.rows.push(row);
    }
  }
  return found;
}

/** An insert as it is: in its block where nothing changed it. */
function newestOf(writes: TableWrites, rid: number, index: number): NewRow | null | undefined {
  const isAsInserted = !writes.changes.has(rid) && writes.truncations.length === 0;
  return isAsInserted ? writes.insertData[index]! : writes.current(rid);
}

/**
 * Writes new rows to segments, one per owner. They are published by the commit of the transaction; rows have no `_seq`
 * in the file: it is a constant of the manifest.
 */
export async function writeNewRows(
  engine: Engine,
  table: TableStorage,
  groups: readonly NewRows[],
  [afterIntent, afterWrite]: readonly [Failpoint, Failpoint],
): Promise<readonly SegmentEntry[]> {
  const {counters, cold, segments} = engine;
  const columns = segmentColumns(table, cold.int8);
  const plans = groups.map(({owner, rids, rows}) => {
    const id = counters.nextSegment++;
    return {id, owner, rids, rows, path: segmentPath(engine, table, owner, id)};
  });
  await submit(engine, {newIntents: plans.map(({id, path}) => ({id, path}))});
  try {
    failpoint(afterIntent);
    const items = [];
    for (const plan of plans) {
      const order = await inClusterOrder(table, plan);
      items.push({
        options: writeOptions(engine, table, plan.owner, plan.path, columns),
        source: rowSource(table, plan, order),
      });
    }
    const metas = await segments.writeMany(items);
    failpoint(afterWrite);
    const shared = {table: table.oid, schema: columns, sortedBy: sortAttnums(table)};
    return plans.map(({id, owner, path}, i) =>
      newEntry({...shared, id, owner, path, meta: metas[i]!}),
    );
  } catch (error) {
    await dropFiles(engine, plans);
    throw error;
  }
}

/** Removes files of a transaction that did not commit. */
export async function dropFiles(
  engine: Engine,
  files: readonly {readonly id: number; readonly path: string}[],
): Promise<void> {
  // After a stop the next start does it.
  if (files.length === 0 || !engine.db.open) return;
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
  readonly #rows: NewRows;
  #changes: readonly RowChange[] | null = null;

  constructor(table: TableStorage, rows: NewRows) {
    this.table = table;
    this.owner = rows.owner as OwnerId;
    this.#rows = rows;
  }

  get changes(): readonly RowChange[] {
    return (this.#changes ??= listChanges(this.#rows));
  }
}

function listChanges(rows: NewRows): RowChange[] {
  return rows.rids.map((rid, i) => ({
    op: 'insert',
    rid: BigInt(rid) as Rid,
    oldRow: null,
    newRow: rowAt(rows, i),
  }));
}

/** Places of new rows in the order in which they are written. */
export async function inClusterOrder(
  table: TableStorage,
  {rids, rows}: NewRows,
): Promise<readonly number[]> {
  const places = Array.from({length: rids.length}, (_, i) => i);
  return sortInSlices(places, clusterOrder(table, rids, rows));
}

/** The order in which a table's new rows are written; `rids` and `rows` by their places. */
export function clusterOrder(
  table: TableStorage,
  rids: readonly number[],
  rows: readonly NewRow[],
): (a: number, b: number) => number {
  const columns = clusterColumns(table);
  const types = columns.map(column => table.columns[column]!.type);
  return (a, b) => {
    for (let i = 0; i < columns.length; i++) {
      const left = valueOf(rows[a]!, rids[a]!, columns[i]!);
      const right = valueOf(rows[b]!, rids[b]!, columns[i]!);
      const order = compareNullsLast(types[i]!, left, right);
      if (order !== 0) return order;
    }
    return a - b;
  };
}

/** New rows as columns of a segment, in an order of their places. */
export function rowSource(
  table: TableStorage,
  {rids, rows}: NewRows,
  order: readonly number[],
): SegmentSource {
  const width = table.columns.length;
  let at = 0;
  return () => {
    if (at >= order.length) return null;
    const length = blockLength(rids, rows, order, at);
    if (length >= LEAST_OF_BLOCK) {
      const first = order[at]!;
      at += length;
      return blockRows(rows[first] as RowBlock, rids[first]!, length);
    }
    const end = Math.min(order.length, at + SOURCE_ROWS);
    const ridValues: Datum[] = [];
    const seqs: Datum[] = [];
    const columns: Datum[][] = Array.from({length: width}, () => []);
    for (; at < end; at++) {
      const row = rowOf(rows[order[at]!]!, rids[order[at]!]!);
      ridValues.push(BigInt(rids[order[at]!]!));
      seqs.push(null);
      for (let i = 0; i < width; i++) columns[i]!.push(row[i]!);
    }
    return [ridValues, seqs, ...columns];
  };
}

/** How many rows from a place in the order on follow each other in one block. */
function blockLength(
  rids: readonly number[],
  rows: readonly NewRow[],
  order: readonly number[],
  at: number,
): number {
  const first = order[at]!;
  const block = rows[first]!;
  if (!(block instanceof RowBlock)) return 0;
  let length = 1;
  while (
    at + length < order.length &&
    rows[order[at + length]!] === block &&
    rids[order[at + length]!] === rids[first]! + length
  )
    length++;
  return length;
}

/** Rows of a block from an identity on, as columns of a segment. */
function blockRows(block: RowBlock, first: number, length: number): VectorRows {
  const {firstRid, count} = block;
  const rids = new Float64Array(count);
  for (let slot = 0; slot < count; slot++) rids[slot] = firstRid + slot;
  const from = first - firstRid;
  const slots = new Int32Array(length);
  for (let i = 0; i < length; i++) slots[i] = from + i;
  const seqs = {kind: 'float64' as const, values: rids, nulls: new Uint8Array(count).fill(1)};
  const vectors = [{kind: 'float64' as const, values: rids, nulls: null}, seqs, ...block.vectors];
  return {slots, parts: [vectors], ends: [length]};
}
