import type {FlushResult, MaintenanceOptions, TableStorage} from './contract.ts';
import type {Engine} from './engine.ts';
import {failpoint} from './failpoint.ts';
import type {SegmentEntry} from './manifest.ts';
import {segmentPath} from './segment-plan.ts';
import {giveUp, submit} from './tx/submit.ts';

/** Segments of a table that do not lie in its storage. */
export function misplaced(engine: Engine, table: TableStorage): readonly SegmentEntry[] {
  const newest = engine.resolveTable(table.oid) ?? table;
  return engine.cold.manifest
    .segments(table.oid, null)
    .filter(entry => !engine.places.isPlaced(newest, entry.path));
}

/**
 * Brings the segments of a table into its storage, one after another: copied as they are, published under the new path, the old file
 * removed when nobody reads it any more. Between two segments others may flush, compact and alter the table; whatever ends the work
 * leaves each segment in exactly one place.
 */
export async function moveSegments(
  engine: Engine,
  table: TableStorage,
  options: MaintenanceOptions,
  locked: <T>(run: () => Promise<T>) => Promise<T>,
): Promise<FlushResult> {
  const {signal, onProgress} = options;
  let rows = 0;
  let segments = 0;
  let bytes = 0;
  const skipped = new Set<number>();
  for (;;) {
    signal?.throwIfAborted();
    const left = misplaced(engine, table).filter(({id}) => !skipped.has(id));
    const [entry] = left;
    if (entry === undefined) return {rows, segments, bytes};
    onProgress?.(segments / (segments + left.length));
    const isMoved = await locked(() => moveOne(engine, table, entry, signal));
    if (!isMoved) {
      skipped.add(entry.id);
      continue;
    }
    rows += entry.meta.rows - entry.deletions.count;
    segments++;
    bytes += entry.meta.bytes;
  }
}

/** False when the segment is gone meanwhile. */
async function moveOne(
  engine: Engine,
  table: TableStorage,
  entry: SegmentEntry,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const newest = (): SegmentEntry | undefined =>
    engine.cold.manifest.table(table.oid)?.byId.get(entry.id);
  if (newest()?.path !== entry.path) return false;
  // A number of its own: the path is new even when the segment comes back to where it was.
  const id = engine.counters.nextSegment++;
  const path = segmentPath(engine, table, entry.owner, id);
  await submit(engine, {newIntents: [{id, path}]});
  try {
    failpoint('move-after-intent');
    await engine.segments.copy(entry.path, path, entry.meta, signal);
    failpoint('move-after-copy');
    signal?.throwIfAborted();
    const published = await engine.commits.exclusive(() => {
      const now = newest();
      if (now?.path !== entry.path) return null;
      const done = submit(engine, {
        put: [{...now, path, file: {segment: null}}],
        left: [entry.path],
        doneIntents: [id],
      });
      engine.commits.flush();
      return {done};
    });
    if (published === null) {
      engine.garbage.discard(path);
      await submit(engine, {doneIntents: [id]});
      return false;
    }
    await published.done;
    failpoint('move-after-publish');
    return true;
  } catch (error) {
    if (newest()?.path !== path) {
      engine.garbage.discard(path);
      await giveUp(engine, [id]);
    }
    throw error;
  }
}
