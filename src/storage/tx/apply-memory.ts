// Hot path: the memory side of Apply.
import {failpoint} from '../failpoint.ts';
import type {HotStore} from '../hot/hot-store.ts';
import type {HotImage} from '../hot/hot-image.ts';
import type {Pace, Slices} from '../slices.ts';
import type {CommitUnit, TableChanges} from './commit-unit.ts';

/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 32;

/**
 * Applies a commit to images and drains, after SQLite's COMMIT returned. Old versions end first,
 * then new ones begin, so that keys may be swapped.
 */
export function applyToMemory(hot: HotStore, unit: CommitUnit, seq: number, oldest: number): void {
  applyDdl(hot, unit, seq);
  const isDropped = droppedBy(unit);
  for (const changes of unit.tables) {
    if (isDropped === null || !isDropped(changes.table.oid))
      applyRows(hot.image(changes.table), changes, seq, oldest);
  }
  if (unit.manifest === null) return;
  for (const {image, rows} of unit.manifest.moved) image.endMoved(rows, seq);
  hot.drains.push(...unit.manifest.drains);
}

/**
 * The same in slices: until the snapshot of `seq` is there, everybody sees the versions before. The transaction still
 * holds its locks, and its write-sets keep the images in memory.
 */
export function* applyInSlices(
  hot: HotStore,
  unit: CommitUnit,
  seq: number,
  oldest: () => number,
  pace: Pace,
): Slices {
  applyDdl(hot, unit, seq);
  const isDropped = droppedBy(unit);
  for (const changes of unit.tables) {
    if (isDropped !== null && isDropped(changes.table.oid)) continue;
    const image = hot.image(changes.table);
    const {length} = changes.changes;
    if (changes.isTruncate) {
      let count = 0;
      for (const [rid, position] of image.byRid) {
        if (image.newestOf(rid) !== undefined) image.end(position, seq);
        if (++count % ROWS_PER_LOOK === 0 && pace.isOver) yield;
      }
      image.truncated(seq);
    }
    let ended = 0;
    for (const {hot} of changes.hidden)
      for (const position of hot.values()) {
        image.end(position, seq);
        if (++ended % ROWS_PER_LOOK === 0 && pace.isOver) yield;
      }
    for (let from = 0; from < length; from += ROWS_PER_LOOK) {
      endRows(image, changes, seq, from, Math.min(length, from + ROWS_PER_LOOK));
      if (pace.isOver) yield;
    }
    for (let from = 0; from < length; from += ROWS_PER_LOOK) {
      failpoint('large-in-memory');
      addRows(image, changes, seq, from, Math.min(length, from + ROWS_PER_LOOK));
      image.vacuum(oldest(), ROWS_PER_LOOK * 2);
      if (pace.isOver) yield;
    }
  }
}

function applyDdl(hot: HotStore, unit: CommitUnit, seq: number): void {
  for (const effect of unit.ddl) {
    if (effect.kind === 'alterTable') {
      hot.outdate(effect.after.oid);
      hot.loadedImage(effect.after.oid)?.reshape(effect.after, seq);
    } else if (effect.kind === 'rewriteTable') hot.loadedImage(effect.table.oid)?.rewritten(seq);
    else if (effect.kind === 'dropTable') hot.forget(effect.table.oid);
  }
}

function droppedBy(unit: CommitUnit): ((oid: number) => boolean) | null {
  if (unit.ddl.length === 0) return null;
  return oid => unit.ddl.some(effect => effect.kind === 'dropTable' && effect.table.oid === oid);
}

function applyRows(image: HotImage, changes: TableChanges, seq: number, oldest: number): void {
  const {length} = changes.changes;
  if (changes.isTruncate) image.endAll(seq);
  endRows(image, changes, seq, 0, length);
  addRows(image, changes, seq, 0, length);
  image.vacuum(oldest, length * 2 + 64);
}

function endRows(
  image: HotImage,
  {isTruncate, changes}: TableChanges,
  seq: number,
  from: number,
  to: number,
): void {
  if (isTruncate) return;
  for (let i = from; i < to; i++) {
    const {position} = changes[i]!;
    if (position !== -1) image.end(position, seq);
  }
}

function addRows(
  image: HotImage,
  {isTruncate, changes}: TableChanges,
  seq: number,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const {newRow, rid, owner, position} = changes[i]!;
    if (newRow !== null) image.add(Number(rid), owner, newRow, seq, isTruncate ? -1 : position);
  }
}
