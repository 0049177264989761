import {assert, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum} from '../../types/contract.ts';
import {defaultFormatSettings} from '../../types/format-settings.ts';
import {scanColumns} from '../cold-tables.ts';
import type {StorageIndex, TableStorage} from '../contract.ts';
import type {Engine} from '../engine.ts';
import {KeyCodec, type MapKey} from '../hot/key-codec.ts';
import {Pace, type Slices} from '../slices.ts';
import type {SegmentEntry} from '../manifest.ts';
import type {TableWrites} from './write-set.ts';

/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 256;

/** Unique indexes that `after` has and `before` has not. */
export function newUniqueIndexes(
  before: TableStorage,
  after: TableStorage,
): readonly StorageIndex[] {
  return after.indexes.filter(
    index => index.isUnique && !before.indexes.some(old => old.oid === index.oid),
  );
}

/** The keys of the rows that a new unique index will hold; `add` raises 23505 at the second row of one key. */
export class NewIndexKeys {
  readonly #table: TableStorage;
  readonly #codec: KeyCodec;
  readonly #seen = new Map<number, Set<MapKey>>();

  constructor(table: TableStorage, index: StorageIndex) {
    this.#table = table;
    this.#codec = new KeyCodec(index);
  }

  add(owner: number, row: readonly Datum[]): void {
    const key = this.#codec.ofRow(row);
    if (key === null) return;
    let keys = this.#seen.get(owner);
    if (keys === undefined) {
      keys = new Set();
      this.#seen.set(owner, keys);
    }
    if (keys.has(key)) throw duplicateKey(this.#table, this.#codec.index, this.#codec.values(row)!);
    keys.add(key);
  }
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
): NewIndexKeys {
  const whole = new Pace(Infinity);
  whole.begin();
  const step = checkNewIndexInSlices(engine, table, index, writes, whole).next();
  assert(step.done === true, 'a check without limit ends in its slice');
  return step.value;
}

/** The same in slices. The table is locked against changes. */
export function* checkNewIndexInSlices(
  engine: Engine,
  table: TableStorage,
  index: StorageIndex,
  writes: TableWrites | null,
  pace: Pace,
): Slices<NewIndexKeys> {
  const seen = new NewIndexKeys(table, index);
  const image = engine.hot.image(table);
  let count = 0;
  for (const [rid, position] of image.byRid) {
    if (++count % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    if (image.newestOf(rid) === undefined) continue;
    if (writes?.touches(rid) === true) continue;
    seen.add(image.chunkOf(position)!.owner, image.rowFor(table, position));
  }
  writes?.forEachVisible(Infinity, null, (_rid, owner, row) => seen.add(owner, row));
  return seen;
}

/** The same for cold rows, against the keys of the hot ones. */
export async function checkNewIndexCold(
  engine: Engine,
  table: TableStorage,
  writes: TableWrites | null,
  seen: NewIndexKeys,
): Promise<void> {
  const pending: SegmentEntry[] = [];
  for (const run of writes?.pendingFor(Infinity, null) ?? []) {
    await run.ready();
    pending.push(run.entry);
  }
  for (const entry of [...engine.cold.manifest.segments(table.oid, null), ...pending]) {
    const changes = writes?.changesInSegment(entry.id);
    await engine.cold.forEachRow(entry, scanColumns(table.columns), (position, row) => {
      if (entry.deletions.has(position) || changes?.has(position) === true) return;
      if (writes?.isHiddenAt(entry.id, position) !== true) seen.add(entry.owner, row);
    });
  }
}

function duplicateKey(table: TableStorage, index: StorageIndex, key: readonly Datum[]): PgError {
  const names = index.keyColumns
    .map((column, at) =>
      column === -1 ? (index.keyNames?.()[at] ?? 'expression') : table.columns[column]!.name,
    )
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
