import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum} from '../../types/contract.ts';
import {defaultFormatSettings} from '../../types/format-settings.ts';
import {scanColumns} from '../cold-tables.ts';
import type {StorageIndex, TableStorage} from '../contract.ts';
import type {Engine} from '../engine.ts';
import {KeyCodec, type MapKey} from '../hot/key-codec.ts';
import type {TableWrites} from './write-set.ts';

/** Unique indexes that `after` has and `before` has not. */
export function newUniqueIndexes(
  before: TableStorage,
  after: TableStorage,
): readonly StorageIndex[] {
  return after.indexes.filter(
    index => index.isUnique && !before.indexes.some(old => old.oid === index.oid),
  );
}

/**
 * Raises 23505 when rows that a new unique index would hold have equal keys: hot and own rows.
 * Returns the keys seen.
 */
export function checkNewIndex(
  engine: Engine,
  table: TableStorage,
  index: StorageIndex,
  writes: TableWrites | null,
): Map<number, Set<MapKey>> {
  const codec = new KeyCodec(index);
  const seen = new Map<number, Set<MapKey>>();
  const image = engine.hot.image(table);
  for (const [rid, position] of image.byRid) {
    if (image.newestOf(rid) === undefined) continue;
    if (writes !== null && writes.current(rid) !== undefined) continue;
    note(seen, table, codec, image.chunkOf(position)!.owner, image.rowFor(table, position));
  }
  writes?.forEachVisible(Infinity, null, (_rid, owner, row) =>
    note(seen, table, codec, owner, row),
  );
  return seen;
}

/** The same for cold rows, against the keys of the hot ones. */
export async function checkNewIndexCold(
  engine: Engine,
  table: TableStorage,
  index: StorageIndex,
  writes: TableWrites | null,
  seen: Map<number, Set<MapKey>>,
): Promise<void> {
  const codec = new KeyCodec(index);
  const pending = writes === null ? [] : writes.pendingEntries(Infinity, null);
  for (const entry of [...engine.cold.manifest.segments(table.oid, null), ...pending]) {
    const changes = writes?.changesInSegment(entry.id);
    await engine.cold.forEachRow(entry, scanColumns(table.columns), (position, row) => {
      if (!entry.deletions.has(position) && changes?.has(position) !== true)
        note(seen, table, codec, entry.owner, row);
    });
  }
}

function note(
  seen: Map<number, Set<MapKey>>,
  table: TableStorage,
  codec: KeyCodec,
  owner: number,
  row: readonly Datum[],
): void {
  const key = codec.ofRow(row);
  if (key === null) return;
  let keys = seen.get(owner);
  if (keys === undefined) {
    keys = new Set();
    seen.set(owner, keys);
  }
  if (keys.has(key)) throw duplicateKey(table, codec.index, codec.values(row)!);
  keys.add(key);
}

function duplicateKey(table: TableStorage, index: StorageIndex, key: readonly Datum[]): PgError {
  const names = index.keyColumns
    .map(column => (column === -1 ? 'expression' : table.columns[column]!.name))
    .join(', ');
  const values = key
    .map((value, i) =>
      value === null ? 'null' : index.keyTypes[i]!.output(value, defaultFormatSettings),
    )
    .join(', ');
  return new PgError(SqlState.uniqueViolation, `could not create unique index "${index.name}"`, {
    detail: `Key (${names})=(${values}) is duplicated.`,
    schema: table.namespace,
    table: table.name,
    constraint: index.name,
  });
}
