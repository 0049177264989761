// Hot path: every read notes how new what it shows is.
import type {OwnerId} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {KeyLookup, RowVersion, TableStorage, WriteResult} from '../contract.ts';
import type {Engine} from '../engine.ts';
import type {HotImage} from '../hot/hot-image.ts';
import type {Manifest} from '../manifest.ts';
import type {SerializableTransaction} from './serializable.ts';
import type {SnapshotValue} from './snapshot.ts';

/** The newest commit that the reads of a transaction showed. */
export class SeenSeq {
  readonly #engine: Engine;
  seq = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A table was read, for one owner or all: its newest change, at most that of the snapshot. */
  table(image: HotImage, manifest: Manifest, owner: number | null, seq: number): void {
    const rows = owner === null ? undefined : image.owners.get(owner);
    const hot = rows === undefined ? image.lastChangeSeq : rows.lastChangeSeq;
    const cold = manifest.tables.size === 0 ? undefined : manifest.tables.get(image.table.oid);
    const newest = cold === undefined ? hot : Math.max(hot, cold.lastChangeSeq);
    this.#saw(newest < seq ? newest : seq);
  }

  /** Unique hot keys were looked up: the rows found; a key that is not found shows the table. */
  lookup(
    image: HotImage,
    manifest: Manifest,
    lookup: KeyLookup,
    owner: number | null,
    seq: number,
  ): void {
    const map = image.keyMap(lookup.index);
    const isKnown = map?.codec.index.keyTypes.every(
      (type, at) => type === lookup.index.keyTypes[at],
    );
    if (
      map === undefined ||
      isKnown !== true ||
      (owner === null && image.table.kind !== 'shared')
    ) {
      this.table(image, manifest, owner, seq);
      return;
    }
    for (const values of lookup.keys) {
      const key = map.codec.ofKey(values);
      const position = key === null ? -1 : image.findKey(map, owner ?? 0, key, seq);
      if (position === -1) this.table(image, manifest, owner, seq);
      else this.#saw(image.chunkOf(position)!.begin[image.slotOf(position)]!);
    }
  }

  /** A table was found empty because of a commit. */
  truncation(image: HotImage): void {
    this.#saw(image.truncateSeq);
  }

  /** One row was read, or that there is none. */
  version(table: TableStorage, version: RowVersion | null, snapshot: SnapshotValue): void {
    if (version !== null) this.#saw(Number(version.seq));
    else this.table(this.#engine.hot.image(table), snapshot.manifest, null, snapshot.number);
  }

  /** A conflict shows that a row is there. */
  conflict(table: TableStorage, result: WriteResult): WriteResult {
    if (!(result instanceof Promise)) this.version(table, null, this.#engine.snapshots.current);
    return result;
  }

  /** The same of a row that is written; for a SERIALIZABLE transaction it may be a lost race (40001). */
  keyConflict(
    own: SerializableTransaction | null,
    table: TableStorage,
    owner: OwnerId,
    row: readonly Datum[],
    result: WriteResult,
  ): WriteResult {
    if (own !== null && !(result instanceof Promise))
      this.#engine.serializables.checkKey(own, table.oid, owner, row);
    return this.conflict(table, result);
  }

  #saw(seq: number): void {
    if (seq > this.seq) this.seq = seq;
  }
}
