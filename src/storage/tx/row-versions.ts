// Hot path: single rows by key and rid.
import {internalError, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Oid, OwnerId, Rid, Seq} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {SegmentScanOptions} from '../cold/contract.ts';
import {
  type ColdTables,
  newScanStats,
  RID_ATTNUM,
  scanColumns,
  SEQ_ATTNUM,
} from '../cold-tables.ts';
import type {LockResult, RowVersion, ScanColumn, StorageIndex, TableStorage} from '../contract.ts';
import type {Engine} from '../engine.ts';
import type {HotImage} from '../hot/hot-image.ts';
import {
  locationOf,
  type Manifest,
  positionOf,
  type SegmentEntry,
  segmentOf,
  seqOf,
} from '../manifest.ts';
import type {SnapshotValue} from './snapshot.ts';
import {ownHolder} from './unique.ts';
import type {PendingRun} from './pending-run.ts';
import type {LocationHints} from './location-hints.ts';
import type {TableWrites} from './write-set.ts';
import {hidesBase, visibleVersion} from './own-version.ts';

const NO_SEQ = 0n as Seq;

/** The committed version at a position of the image. */
export function hotVersion(image: HotImage, table: TableStorage, position: number): RowVersion {
  const chunk = image.chunkOf(position)!;
  const slot = image.slotOf(position);
  return {
    rid: chunk.rids[slot]! as Rid,
    owner: chunk.owner as OwnerId,
    row: image.rowFor(table, position),
    location: 0,
    seq: BigInt(chunk.begin[slot]!) as Seq,
  };
}

/** What a key lookup reads as: snapshot, own write-set and command. */
export interface KeyView {
  readonly snapshot: SnapshotValue;
  readonly writes: TableWrites | null;
  readonly cid: number;
  /** Null: all of the row. Else what is read of it where that saves work: other columns can be missing, rid and seq be wrong. */
  readonly columns: readonly ScanColumn[] | null;
}

/** A row by unique key without waiting; undefined = a scan must do it. */
export function versionByKey(
  engine: Engine,
  table: TableStorage,
  index: StorageIndex,
  owner: number | null,
  values: readonly Datum[],
  view: KeyView,
): RowVersion | null | undefined {
  const image = engine.hot.image(table);
  const map = image.keyMap(index);
  if (map === undefined || (owner === null && table.kind !== 'shared')) return undefined;
  if (!image.fits(table, index)) return undefined;
  const rowOwner = owner ?? 0;
  const key = map.codec.ofKey(values);
  if (key === null) return null;
  const {writes, cid, snapshot, columns} = view;
  if (writes !== null) {
    if (writes.truncations.length > 0 || !writes.hasImageKeys) return undefined;
    if (writes.changed.hidden.length > 0) return undefined;
  }
  const position = image.findKey(map, rowOwner, key, snapshot.number);
  if (position !== -1) {
    const change =
      writes === null
        ? undefined
        : writes.changes.get(Number(image.chunkOf(position)!.rids[image.slotOf(position)]!));
    if (change === undefined || !hidesBase(change, cid)) return hotVersion(image, table, position);
    const version = visibleVersion(change, cid)!;
    if (version.row !== null && map.codec.ofRow(version.row) === key) {
      return {
        rid: BigInt(change.rid) as Rid,
        owner: change.owner as Oid,
        row: version.row,
        location: change.location,
        seq: NO_SEQ,
      };
    }
  }
  if (writes !== null) {
    const own = ownHolder(writes, writes.ownKeys[image.keyMaps.indexOf(map)]!, rowOwner, key);
    if (own !== undefined) return ownVersion(writes, own, cid);
    const pending = writes.pendingWithKey(index.oid, rowOwner, key);
    if (pending.length > 0) {
      if (pending.some(run => run.ready() !== null)) return undefined;
      const entries = pending.map(({entry}) => entry);
      const found = coldByKey(engine, table, index, values, {entries, writes, cid, columns});
      if (found !== null) return found;
    }
  }
  if (position !== -1) return null;
  const {manifest} = snapshot;
  if (manifest.tables.size === 0) return null;
  const entries = manifest.segments(table.oid, owner);
  return entries.length === 0
    ? null
    : coldByKey(engine, table, index, values, {entries, writes, cid, columns});
}

function ownVersion(writes: TableWrites, rid: number, cid: number): RowVersion | undefined {
  const change = writes.changes.get(rid);
  const insertIndex = writes.insertIndexOf(rid);
  const version = change === undefined ? null : visibleVersion(change, cid);
  const isLatest =
    change === undefined
      ? writes.insertCmin[insertIndex]! < cid
      : version === change.versions[change.versions.length - 1];
  if (!isLatest) return undefined;
  const row = version === null ? writes.insertRow(insertIndex) : version.row;
  if (row === null) return undefined;
  return {
    rid: BigInt(rid) as Rid,
    owner: writes.ownerOf(rid) as OwnerId,
    row,
    location: change?.location ?? 0,
    seq: NO_SEQ,
  };
}

/** Committed segments, or pending ones of the own write-set: whatever may hold the key. */
interface KeySegments {
  readonly entries: readonly SegmentEntry[];
  readonly writes: TableWrites | null;
  readonly cid: number;
  readonly columns: readonly ScanColumn[] | null;
}

function coldByKey(
  engine: Engine,
  table: TableStorage,
  index: StorageIndex,
  values: readonly Datum[],
  {entries, writes, cid, columns}: KeySegments,
): RowVersion | null | undefined {
  const {cold} = engine;
  // What an own change replaced is left to a scan.
  if (index.keyOf !== null || index.keyColumns.includes(-1)) return undefined;
  if (writes !== null && (writes.changes.size > 0 || writes.truncations.length > 0))
    return undefined;
  if (writes?.pending.some(segment => segment.cmin >= cid) === true) return undefined;
  const parts = index.keyColumns.map((column, i) => ({
    attnum: table.columns[column]!.attnum,
    type: index.keyTypes[i]!,
    value: values[i]!,
  }));
  for (const entry of entries) {
    const segment = cold.open(entry);
    const found = segment.find(parts, newScanStats());
    if (found instanceof Promise) return undefined;
    const position = found.find(candidate => !entry.deletions.has(candidate));
    if (position === undefined) continue;
    const row = readVersion(cold, table, entry, position, columns);
    return row instanceof Promise ? undefined : row;
  }
  return null;
}

/** A row at its place; only some of its columns where these are named. */
function readVersion(
  cold: ColdTables,
  table: TableStorage,
  entry: SegmentEntry,
  position: number,
  wanted: readonly ScanColumn[] | null,
): RowVersion | Promise<unknown> {
  const columns: SegmentScanOptions['columns'][number][] = [];
  const places: number[] = [];
  for (const [at, column] of scanColumns(table.columns).entries()) {
    if (wanted?.includes(at) === false) continue;
    columns.push(column);
    places.push(at);
  }
  const hasRid = wanted?.includes('rid') !== false;
  const hasSeq = wanted?.includes('seq') !== false;
  if (hasRid) columns.push(cold.systemColumn(RID_ATTNUM));
  if (hasSeq) columns.push(cold.systemColumn(SEQ_ATTNUM));
  const rows = cold.open(entry).read([position], columns);
  if (rows instanceof Promise) return rows;
  const values = rows[0]!;
  const row = new Array<Datum>(table.columns.length).fill(null);
  for (let i = 0; i < places.length; i++) row[places[i]!] = values[i]!;
  // No row of a segment is newer than its newest: what was seen is known well enough.
  const seq = hasSeq ? seqOf(entry, values[values.length - 1]) : newestSeq(entry);
  return {
    rid: (hasRid ? values[places.length] : 0n) as Rid,
    owner: entry.owner as OwnerId,
    row,
    location: locationOf(entry.id, position),
    seq: seq as Seq,
  };
}

function newestSeq({constantSeq, meta}: SegmentEntry): bigint {
  return constantSeq === null ? BigInt(meta.maxSeq) : BigInt(constantSeq);
}

/** Newest committed or own version of a row; `seen` itself when it still is the newest. */
export function newestByRid(
  engine: Engine,
  table: TableStorage,
  rid: number,
  writes: TableWrites | null,
  hints: LocationHints | null,
  seen: RowVersion | null,
): RowVersion | null | Promise<unknown> {
  if (writes !== null) {
    const own = writes.current(rid);
    if (own === null) return null;
    if (own !== undefined) {
      return {
        rid: BigInt(rid) as Rid,
        owner: writes.ownerOf(rid) as OwnerId,
        row: own,
        location: writes.changes.get(rid)?.location ?? 0,
        seq: NO_SEQ,
      };
    }
    const pending = writes.pendingOf(rid);
    if (pending !== undefined)
      return pending.ready() ?? pendingVersion(engine, table, rid, pending.entry, seen);
  }
  const image = engine.hot.image(table);
  const position = image.newestOf(rid);
  if (position !== undefined) {
    const begin = image.chunkOf(position)!.begin[image.slotOf(position)]!;
    return seen !== null && begin === Number(seen.seq) ? seen : hotVersion(image, table, position);
  }
  const {cold} = engine;
  if (!cold.isCold(table.oid)) return null;
  if (seen !== null && isLiveAt(cold.manifest, table.oid, seen.location)) return seen;
  const found = hints?.find(cold.manifest, table.oid, rid) ?? cold.findRid(table.oid, rid);
  if (found === null || found instanceof Promise) return found;
  const read = cold.readRow(table, found);
  if (read instanceof Promise) return read;
  return {
    rid: BigInt(rid) as Rid,
    owner: found.entry.owner as OwnerId,
    row: read.row,
    location: locationOf(found.entry.id, found.position),
    seq: read.seq as Seq,
  };
}

/** A row of a pending segment that the transaction did not change. */
function pendingVersion(
  engine: Engine,
  table: TableStorage,
  rid: number,
  entry: SegmentEntry,
  seen: RowVersion | null,
): RowVersion | null | Promise<unknown> {
  if (seen !== null && seen.location !== 0 && segmentOf(seen.location) === entry.id) return seen;
  const {cold} = engine;
  const position = cold.findRidIn(entry, rid);
  if (position === null || position instanceof Promise) return position;
  const read = cold.readRow(table, {entry, position});
  if (read instanceof Promise) return read;
  return {
    rid: BigInt(rid) as Rid,
    owner: entry.owner as OwnerId,
    row: read.row,
    location: locationOf(entry.id, position),
    seq: NO_SEQ,
  };
}

/**
 * Where the version that is replaced lies; own rows have no place. Raises when the caller's version
 * is not the newest.
 */
export function replacedLocation(
  engine: Engine,
  writes: TableWrites,
  rid: number,
  old: RowVersion,
): number | Promise<void> {
  if (writes.current(rid) !== undefined) return writes.changes.get(rid)?.location ?? 0;
  const pending = writes.pendingOf(rid);
  if (pending !== undefined) return pendingLocation(engine, rid, pending, old.location);
  if (old.location === 0) {
    const position = writes.image.newestOf(rid);
    if (position !== undefined) {
      const begin = writes.image.chunkOf(position)!.begin[writes.image.slotOf(position)]!;
      if (begin !== Number(old.seq))
        throw internalError(`stale version of row ${rid} of table "${writes.table.name}"`);
      return 0;
    }
  }
  const location = currentLocation(engine, writes.table, rid, old.location);
  return typeof location === 'number' ? location : location.then(() => {});
}

/** Where an own version lies that was written out, perhaps since the caller met it in memory or where it was before. */
function pendingLocation(
  engine: Engine,
  rid: number,
  run: PendingRun,
  location: number,
): number | Promise<void> {
  if (location > 0 && segmentOf(location) === run.id) return location;
  const sealing = run.ready();
  if (sealing !== null) return sealing;
  const position = engine.cold.findRidIn(run.entry, rid);
  if (position instanceof Promise) return position.then(() => {});
  if (position === null) throw internalError(`row ${rid} is not in its segment`);
  return locationOf(run.id, position);
}

/**
 * Where the committed version that a change replaces lies now: flush or compaction may have moved it
 * since the scan.
 */
function currentLocation(
  engine: Engine,
  table: TableStorage,
  rid: number,
  location: number,
): number | Promise<unknown> {
  const {cold} = engine;
  if (location > 0) {
    if (isLiveAt(cold.manifest, table.oid, location)) return location;
  }
  if (engine.hot.image(table).newestOf(rid) !== undefined) return 0;
  const found = cold.isCold(table.oid) ? cold.findRid(table.oid, rid) : null;
  if (found instanceof Promise) return found;
  if (found === null)
    throw internalError(`row ${rid} of table "${table.name}" is gone although it is locked`);
  return locationOf(found.entry.id, found.position);
}

/** 40001 of a transaction whose snapshot is older than the row's newest version. */
export function concurrentUpdate(what: 'update' | 'delete'): PgError {
  return new PgError(
    SqlState.serializationFailure,
    `could not serialize access due to concurrent ${what}`,
  );
}

/** REPEATABLE READ and stronger: a row changed since the snapshot (`seq`) cannot be locked. */
export function checkUnchanged(
  engine: Engine,
  table: TableStorage,
  rid: number,
  {writes, hints, seq}: {writes: TableWrites | null; hints: LocationHints | null; seq: number},
): LockResult {
  if (writes?.knows(rid) === true) return 'granted';
  const newest = newestByRid(engine, table, rid, null, hints, null);
  if (newest instanceof Promise) return newest.then(() => {});
  if (newest !== null && Number(newest.seq) > seq) throw concurrentUpdate('update');
  return 'granted';
}

/** Whether a cold place still holds a live row of the newest state. */
function isLiveAt(manifest: Manifest, table: number, location: number): boolean {
  if (location === 0) return false;
  const entry = manifest.table(table)?.byId.get(segmentOf(location));
  return entry !== undefined && !entry.deletions.has(positionOf(location));
}
