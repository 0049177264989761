// Hot path: the memory side of Apply.
import type {HotStore} from '../hot/hot-store.ts';
import type {HotImage} from '../hot/hot-image.ts';
import type {CommitUnit, TableChanges} from './commit-unit.ts';

/**
 * Applies a commit to images and drains, after SQLite's COMMIT returned. Old versions end first,
 * then new ones begin, so that keys may be swapped.
 */
export function applyToMemory(hot: HotStore, unit: CommitUnit, seq: number, oldest: number): void {
  for (const effect of unit.ddl) {
    if (effect.kind === 'alterTable') hot.loadedImage(effect.after.oid)?.reshape(effect.after, seq);
    else if (effect.kind === 'dropTable') hot.forget(effect.table.oid);
  }
  const isDropped = (oid: number): boolean =>
    unit.ddl.some(effect => effect.kind === 'dropTable' && effect.table.oid === oid);
  for (const changes of unit.tables) {
    if (unit.ddl.length === 0 || !isDropped(changes.table.oid))
      applyRows(hot.image(changes.table), changes, seq, oldest);
  }
  if (unit.manifest === null) return;
  for (const {table, positions} of unit.manifest.moved) {
    const image = hot.loadedImage(table);
    if (image === null) continue;
    for (const position of positions) image.end(position, seq);
    // The rest is freed in slices, beside the deletion of the hot copies.
    image.vacuum(oldest, 4096);
  }
  hot.drains.push(...unit.manifest.drains);
}

function applyRows(
  image: HotImage,
  {isTruncate, changes}: TableChanges,
  seq: number,
  oldest: number,
): void {
  if (isTruncate) image.endAll(seq);
  for (let i = 0; i < changes.length; i++) {
    const {position} = changes[i]!;
    if (position !== -1 && !isTruncate) image.end(position, seq);
  }
  for (let i = 0; i < changes.length; i++) {
    const {newRow, rid, owner, position} = changes[i]!;
    if (newRow !== null) image.add(Number(rid), owner, newRow, seq, isTruncate ? -1 : position);
  }
  image.vacuum(oldest, changes.length * 2 + 64);
}
