// Hot path: every inserted row's keys are checked here.
import type {Datum} from '../../types/contract.ts';
import type {Rid} from '../../common/ids.ts';
import type {StorageIndex, WriteResult} from '../contract.ts';
import type {TableWriter} from '../hot/hot-image.ts';
import type {KeyMap} from '../hot/key-map.ts';
import type {MapKey} from '../hot/key-codec.ts';
import type {ColdTables} from '../cold-tables.ts';
import type {OwnKeys} from './own-keys.ts';
import type {RowBlock} from './row-block.ts';
import type {TableWrites} from './write-set.ts';

/**
 * Checks unique keys against the newest committed state, the own write-set and those of others; the
 * own write-set guards a key from the moment it holds it.
 */
export class UniqueChecker {
  readonly #cold: ColdTables;

  constructor(cold: ColdTables) {
    this.#cold = cold;
  }

  /**
   * Checks the keys of a row that is written as `rid` (-1: a new row); of an update only keys that
   * differ from those of `oldRow`.
   */
  check(
    writes: TableWrites,
    owner: number,
    row: readonly Datum[],
    rid: number,
    oldRow: readonly Datum[] | null,
  ): WriteResult {
    const {ownKeys} = writes;
    for (let i = 0; i < ownKeys.length; i++) {
      const own = ownKeys[i]!;
      const {codec} = own;
      const key = codec.ofRow(row);
      if (key === null || (oldRow !== null && codec.ofRow(oldRow) === key)) continue;
      const result = this.#checkKey(writes, own, i, owner, key, row, rid);
      if (result instanceof Promise) return result;
      if (result !== 'done' && codec.index.isDeferrable !== true) return result;
    }
    return 'done';
  }

  /** Checks the keys of a new row in a block, which is made a row only where its keys may be there already. */
  checkSlot(writes: TableWrites, owner: number, block: RowBlock, slot: number): WriteResult {
    const {ownKeys} = writes;
    let row: readonly Datum[] | null = null;
    for (let i = 0; i < ownKeys.length; i++) {
      const own = ownKeys[i]!;
      const key = keyOfSlot(own, block, slot);
      if (key === null || this.#isFree(writes, own, i, owner, key)) continue;
      row ??= block.row(slot);
      const result = this.#checkKey(writes, own, i, owner, key, row, -1);
      if (result !== 'done') return result;
    }
    return 'done';
  }

  /** Enters the keys of a row in a block into the own write-set. */
  noteSlot(
    writes: TableWrites,
    owner: number,
    block: RowBlock,
    slot: number,
    rid: number,
    isJournaled: boolean,
  ): void {
    const {ownKeys} = writes;
    for (let i = 0; i < ownKeys.length; i++) {
      const key = keyOfSlot(ownKeys[i]!, block, slot);
      if (key !== null) writes.noteKey(i, owner, key, rid, isJournaled);
    }
  }

  /** Whether a first look finds a key nowhere. */
  #isFree(writes: TableWrites, own: OwnKeys, at: number, owner: number, key: MapKey): boolean {
    const {image} = writes;
    if (own.get(owner, key) !== undefined || image.writers.length > 1) return false;
    if (writes.pendingWithKey(own.codec.index.oid, owner, key).length > 0) return false;
    if (writes.committedKeys(at)?.get(owner, key) !== undefined) return false;
    return !this.#cold.isCold(image.table.oid);
  }

  /** Enters the keys of a written row into the own write-set. */
  note(
    writes: TableWrites,
    owner: number,
    row: readonly Datum[],
    rid: number,
    oldRow: readonly Datum[] | null,
    isJournaled: boolean,
  ): void {
    const {ownKeys} = writes;
    for (let i = 0; i < ownKeys.length; i++) {
      const key = ownKeys[i]!.codec.ofRow(row);
      if (key === null || (oldRow !== null && ownKeys[i]!.codec.ofRow(oldRow) === key)) continue;
      writes.noteKey(i, owner, key, rid, isJournaled);
      if (ownKeys[i]!.codec.index.isDeferrable === true)
        writes.unchecked.push({at: i, owner, key, rid});
    }
  }

  /** Checks the keys written into a deferrable index; those of rows that went on to another key no longer count. */
  checkDeferrable(writes: TableWrites, index: StorageIndex, isJournaled: boolean): WriteResult {
    const holders = new Map<MapKey, Map<number, number>>();
    for (const {at, owner, key, rid} of writes.unchecked) {
      const own = writes.ownKeys[at];
      if (own === undefined || own.codec.index.oid !== index.oid) continue;
      const row = writes.current(rid);
      if (row === undefined || row === null || own.codec.ofRow(row) !== key) continue;
      let byOwner = holders.get(key);
      if (byOwner === undefined) holders.set(key, (byOwner = new Map()));
      const other = byOwner.get(owner);
      if (other !== undefined && other !== rid) return conflict(own.codec.index, own, row, other);
      byOwner.set(owner, rid);
      // Another row may have held the key meanwhile.
      writes.noteKey(at, owner, key, rid, isJournaled);
      const result = this.#checkKey(writes, own, at, owner, key, row, rid);
      if (result !== 'done') return result;
    }
    // ROLLBACK TO may bring back what is gone now.
    if (!isJournaled) {
      writes.unchecked = writes.unchecked.filter(
        ({at}) => writes.ownKeys[at]?.codec.index.oid !== index.oid,
      );
    }
    return 'done';
  }

  #checkKey(
    writes: TableWrites,
    own: KeyMap,
    at: number,
    owner: number,
    key: MapKey,
    row: readonly Datum[],
    rid: number,
  ): WriteResult {
    const {image} = writes;
    const {index} = own.codec;
    const ownRid = ownHolder(writes, own, owner, key);
    if (ownRid !== undefined && ownRid !== rid) return conflict(index, own, row, ownRid);
    const pending = this.#pendingHolder(writes, writes, own, owner, key, row);
    if (pending instanceof Promise) return pending.then(ignore);
    if (pending !== undefined && pending !== rid) return conflict(index, own, row, pending);
    const others = image.writers;
    // Whose ALTER changed the keys holds the table alone.
    if (others.length > 1 && writes.hasImageKeys) {
      for (const other of others) {
        if (other === writes || other.ownKeys.length <= at) continue;
        const held =
          ownHolder(other, other.ownKeys[at]!, owner, key) ??
          this.#pendingHolder(other, writes, own, owner, key, row);
        if (held instanceof Promise) return held.then(ignore);
        if (held !== undefined) return other.tx.waitForEnd(writes.tx);
      }
    }
    const map = writes.committedKeys(at);
    const position = map === undefined ? -1 : image.findNewestKey(map, owner, key);
    if (position !== -1) {
      const found = Number(image.chunkOf(position)!.rids[image.slotOf(position)]!);
      const result = this.#checkFound(writes, own, row, rid, found);
      if (result !== 'done') return result;
    }
    return this.#cold.isCold(image.table.oid)
      ? this.#checkCold(writes, own, owner, key, row, rid)
      : 'done';
  }

  /** The row with a key in a pending segment of a write-set; a promise = read, then ask again. */
  #pendingHolder(
    holder: TableWriter,
    {table}: TableWrites,
    {codec}: KeyMap,
    owner: number,
    key: MapKey,
    row: readonly Datum[],
  ): number | undefined | Promise<unknown> {
    for (const run of holder.pendingWithKey(codec.index.oid, owner, key)) {
      const waiting = run.ready();
      if (waiting !== null) return waiting;
      const {entry} = run;
      const positions = this.#cold.positionsOf(table, codec, entry, key, codec.values(row));
      if (positions instanceof Promise) return positions;
      if (positions.length === 0) continue;
      const changed = holder.changesInSegment(entry.id);
      for (const position of positions) {
        if (holder.isHiddenAt(entry.id, position)) continue;
        const change = changed?.get(position);
        if (change !== undefined) {
          const current = holder.current(change.rid);
          if (current != null && codec.ofRow(current) === key) return change.rid;
          continue;
        }
        const rids = this.#cold.ridsAt(entry, [position]);
        return rids instanceof Promise ? rids : rids[0]!;
      }
    }
    return undefined;
  }

  /** A committed row has the key: a conflict, unless this transaction freed it, or another may still. */
  #checkFound(
    writes: TableWrites,
    own: KeyMap,
    row: readonly Datum[],
    rid: number,
    found: number,
  ): WriteResult {
    if (found === rid) return 'done';
    const current = writes.current(found);
    if (current !== undefined) {
      const {codec} = own;
      const holdsKey = current !== null && codec.ofRow(current) === codec.ofRow(row);
      return holdsKey ? conflict(codec.index, own, row, found) : 'done';
    }
    // Its new version, if there is one, lies in a pending segment, where the key was looked for.
    if (writes.touches(found)) return 'done';
    const others = writes.image.writers;
    if (others.length > 1) {
      for (const other of others) {
        if (other !== writes && other.touches(found)) return other.tx.waitForEnd(writes.tx);
      }
    }
    return conflict(own.codec.index, own, row, found);
  }

  #checkCold(
    writes: TableWrites,
    own: KeyMap,
    owner: number,
    key: MapKey,
    row: readonly Datum[],
    rid: number,
  ): WriteResult {
    if (writes.truncations.length > 0) return 'done';
    const found = this.#cold.findKey(writes.table, own.codec, owner, key, row);
    if (found instanceof Promise) return found.then(ignore);
    for (const coldRid of found) {
      const result = this.#checkFound(writes, own, row, rid, coldRid);
      if (result !== 'done') return result;
    }
    return 'done';
  }
}

function ignore(): void {}

function keyOfSlot({codec}: KeyMap, block: RowBlock, slot: number): MapKey | null {
  const column = codec.plainColumn;
  return column === -1 ? codec.ofRow(block.row(slot)) : codec.ofValue(block.value(slot, column));
}

/** The live own row with a key; entries whose row went on to another key are stale. */
export function ownHolder(
  writes: TableWriter,
  own: KeyMap,
  owner: number,
  key: MapKey,
): number | undefined {
  const rid = own.get(owner, key);
  if (rid === undefined) return undefined;
  const current = writes.current(rid);
  if (current === undefined || current === null) return undefined;
  return own.codec.ofRow(current) === key ? rid : undefined;
}

function conflict(
  index: StorageIndex,
  own: KeyMap,
  row: readonly Datum[],
  rid: number,
): WriteResult {
  return {kind: 'conflict', index, key: own.codec.values(row)!, rid: BigInt(rid) as Rid};
}
