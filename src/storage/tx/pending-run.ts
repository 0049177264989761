import {internalError} from '../../common/errors.ts';
import {IntSet} from '../../common/int-set.ts';
import type {Datum} from '../../types/contract.ts';
import type {SegmentColumn, SegmentMeta, SegmentRows, SegmentSink} from '../cold/contract.ts';
import type {TableStorage} from '../contract.ts';
import type {MapKey} from '../hot/key-codec.ts';
import {newEntry, type SegmentEntry} from '../manifest.ts';
import {KeyFilter} from './key-filter.ts';

/** What a run is made of. */
export interface RunParts {
  readonly id: number;
  readonly table: TableStorage;
  readonly owner: number;
  readonly path: string;
  readonly columns: readonly SegmentColumn[];
  /** attnums of the table's cluster columns. */
  readonly sortedBy: readonly number[];
  readonly sink: SegmentSink;
}

/**
 * New rows and new versions of rows of an open transaction, of one table and owner, in a segment that is written as they come, and can be
 * read once it is sealed. No statement sees some of them and others not: savepoints, TRUNCATEs and the command that runs never lie
 * between two of its rows.
 */
export class PendingRun {
  readonly id: number;
  readonly table: TableStorage;
  readonly owner: number;
  readonly path: string;
  readonly rids = new IntSet();
  /** The oldest and the newest command among those that wrote its rows. */
  firstCmin = Infinity;
  cmin = -1;
  rows = 0;
  /** Whether its rows lie in the order of the table's cluster columns; `lastRow` is the last one then. */
  isSorted = true;
  lastRow: readonly Datum[] | null = null;
  readonly #columns: readonly SegmentColumn[];
  readonly #sortedBy: readonly number[];
  readonly #sink: SegmentSink;
  /** By OID of the unique index; indexes made later are not among them. */
  readonly #filters = new Map<number, KeyFilter>();
  #work: Promise<void> = Promise.resolve();
  #sealing: Promise<void> | null = null;
  #entry: SegmentEntry | null = null;
  #failure: unknown = null;
  #isDropped = false;

  constructor({id, table, owner, path, columns, sortedBy, sink}: RunParts) {
    this.#sortedBy = sortedBy;
    this.id = id;
    this.table = table;
    this.owner = owner;
    this.path = path;
    this.#columns = columns;
    this.#sink = sink;
  }

  /** Whether more rows can be written. */
  get isOpen(): boolean {
    return this.#sealing === null && !this.#isDropped && this.#failure === null;
  }

  get isSealed(): boolean {
    return this.#entry !== null;
  }

  /** The segment, once `ready` gave null. */
  get entry(): SegmentEntry {
    if (this.#entry === null) throw internalError('a segment is read before it is written');
    return this.#entry;
  }

  /** Null when the segment can be read; else it is sealed, and the promise tells when. */
  ready(): Promise<void> | null {
    if (this.#entry !== null) return null;
    if (this.#sealing === null) {
      this.#sealing = this.#seal();
      this.#sealing.catch(() => {});
    }
    return this.#sealing;
  }

  /** Writes portions of rows; they count once the caller has noted their identities. */
  append(portions: Iterable<SegmentRows>): Promise<void> {
    const written = this.#work.then(async () => {
      for (const columns of portions) await this.#sink.append(columns);
    });
    this.#work = written.catch((error: unknown) => {
      this.#failure ??= error;
    });
    return written;
  }

  addKeys(index: number, keys: readonly MapKey[]): void {
    let filter = this.#filters.get(index);
    if (filter === undefined) this.#filters.set(index, (filter = new KeyFilter()));
    filter.add(keys);
  }

  /** Adds keys by their ends; false, and nothing done, unless they lie above all before them. */
  addRange(index: number, low: MapKey, high: MapKey): boolean {
    let filter = this.#filters.get(index);
    if (filter === undefined) this.#filters.set(index, (filter = new KeyFilter()));
    return filter.addRange(low, high);
  }

  /** Whether it may hold a key as large as this, or larger. */
  mayHoldFrom(index: number, low: MapKey): boolean {
    const filter = this.#filters.get(index);
    return filter === undefined || filter.mayContainFrom(low);
  }

  mayHoldKey(index: number, key: MapKey): boolean {
    const filter = this.#filters.get(index);
    return filter === undefined || filter.mayContain(key);
  }

  /** Nobody needs it: ends the writing, whatever became of it. */
  async drop(): Promise<void> {
    if (this.#isDropped) return;
    this.#isDropped = true;
    if (this.#sealing !== null) await this.#sealing.catch(() => null);
    else {
      await this.#work;
      await this.#sink.abort().catch(() => null);
    }
  }

  async #seal(): Promise<void> {
    await this.#work;
    try {
      if (this.#failure !== null) throw this.#failure;
      this.#entry = this.#entryOf(await this.#sink.finish());
      for (const filter of this.#filters.values()) filter.sealed();
      this.lastRow = null;
    } catch (error) {
      // What was written out is nowhere else: the transaction cannot go on with these rows.
      this.#failure ??= error;
      await this.#sink.abort().catch(() => null);
      throw error;
    }
  }

  #entryOf(meta: SegmentMeta): SegmentEntry {
    return newEntry({
      id: this.id,
      table: this.table.oid,
      owner: this.owner,
      path: this.path,
      meta,
      schema: this.#columns,
      sortedBy: this.isSorted ? this.#sortedBy : [],
    });
  }
}
