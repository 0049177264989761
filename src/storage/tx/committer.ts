import type {Engine} from '../engine.ts';
import {buildUnit} from './build-unit.ts';
import {bulkInserts, type BulkSegment, dropFiles, writeNewRows} from './bulk.ts';
import type {BulkRows} from './commit-unit.ts';
import type {DdlList} from './ddl-list.ts';
import {runInTurns} from '../slices.ts';
import {checkNewIndexCold, checkNewIndexInSlices} from './new-index.ts';
import {pendingRows, sealPending} from './pending-rows.ts';
import type {SerializableTransaction} from './serializable.ts';
import type {Spiller} from './spiller.ts';
import type {TableWrites} from './write-set.ts';

/** What a transaction did, when it wants to commit. */
export interface CommitWork {
  readonly tables: ReadonlyMap<number, TableWrites> | null;
  readonly ddl: DdlList;
  /** What a SERIALIZABLE transaction read, and as of when. */
  readonly serializable: SerializableTransaction | null;
  /** Wrote new rows to segments already; null = nothing was written. */
  readonly spiller: Spiller | null;
  readonly isUrgent: boolean;
}

const AFTER = ['bulk-after-intent', 'bulk-after-write'] as const;

/** Told of the end, once. */
export interface CommitEnds {
  applied(seq: number): void;
  failed(): void;
}

/** The way of one transaction to its commit: checks, bulk segments, validation, the queue. */
export class Committer {
  readonly #engine: Engine;
  readonly #work: CommitWork;
  readonly #ends: CommitEnds;

  constructor(engine: Engine, work: CommitWork, ends: CommitEnds) {
    this.#engine = engine;
    this.#work = work;
    this.#ends = ends;
  }

  /** Undefined = applied in this turn; throws or rejects when nothing of it was. */
  commit(): Promise<void> | undefined {
    const {ddl, tables} = this.#work;
    if (ddl.length > 0 && ddl.newIndexes().length > 0) return this.#commitWithChecks();
    if (tables !== null) {
      for (const writes of tables.values())
        if (writes.pending.length > 0 || writes.insertRids.length >= this.#engine.settings.bulkRows)
          return this.#commitBulk();
    }
    return this.#enqueue();
  }

  /** New unique indexes are checked once more over everything, cold rows too. */
  async #commitWithChecks(): Promise<void> {
    const engine = this.#engine;
    try {
      for (const {table, index} of this.#work.ddl.newIndexes()) {
        const writes = this.#work.tables?.get(table.oid) ?? null;
        const seen = await runInTurns(pace =>
          checkNewIndexInSlices(engine, table, index, writes, pace),
        );
        if (engine.cold.isCold(table.oid) || (writes?.pending.length ?? 0) > 0) {
          await checkNewIndexCold(engine, table, writes, seen);
        }
      }
    } catch (error) {
      this.#ends.failed();
      throw error;
    }
    await this.#commitPrepared();
  }

  /** The key maps of new indexes on large tables are made before the turn that applies the commit. */
  async #commitPrepared(): Promise<void> {
    const {hot, settings} = this.#engine;
    const indexes = this.#work.ddl.newIndexes();
    try {
      for (const {table, index} of indexes)
        await hot.image(table).prepareKeys(table, index, settings.sliceMs);
      await this.#commitBulk();
    } finally {
      for (const {table, index} of indexes) hot.loadedImage(table.oid)?.dropPrepared(index);
    }
  }

  /** Large sets of new rows are written to segments first; the commit then only refers to them. */
  async #commitBulk(): Promise<void> {
    const bulk: BulkSegment[] = [];
    const dropped = this.#work.ddl.dropped();
    try {
      for (const [oid, writes] of this.#work.tables ?? []) {
        if (dropped.has(oid)) continue;
        await sealPending(writes);
        const {table} = writes;
        const groups = await bulkInserts(this.#engine, writes);
        if (groups.length === 0) continue;
        const entries = await writeNewRows(this.#engine, table, groups, AFTER);
        bulk.push(...groups.map((rows, i) => ({table, rows, entry: entries[i]!})));
      }
      await this.#enqueue(bulk);
    } catch (error) {
      const files = bulk.map(({entry}) => entry);
      await dropFiles(this.#engine, files);
      this.#ends.failed();
      throw error;
    }
  }

  #enqueue(bulk: readonly BulkSegment[] = []): Promise<void> | undefined {
    const {commits, serializables, snapshots} = this.#engine;
    const {serializable, tables} = this.#work;
    if (serializable !== null) {
      // Nothing may come between the check and this commit.
      commits.flush();
      if (commits.isHeld) return commits.exclusive(() => this.#enqueue(bulk)).then(nothing);
      try {
        serializables.check(serializable, tables, snapshots.current.number);
      } catch (error) {
        this.#ends.failed();
        throw error;
      }
    }
    return serializable !== null || this.#engine.callers.isLone
      ? this.#applyNow(bulk)
      : this.#applyLater(bulk);
  }

  /** Waits for the others of this turn. */
  #applyLater(bulk: readonly BulkSegment[]): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#submit(bulk, resolve, reject);
    });
  }

  /** Nothing more is waited for, unless commits are held. */
  #applyNow(bulk: readonly BulkSegment[]): Promise<void> | undefined {
    const {commits} = this.#engine;
    let isDone = false;
    let failure: Error | null = null;
    let done = (): void => {};
    let failed: (error: Error) => void = () => {};
    this.#submit(
      bulk,
      () => {
        isDone = true;
        done();
      },
      error => {
        failure = error;
        failed(error);
      },
    );
    commits.flush();
    if (failure !== null) throw failure as Error;
    if (isDone) return undefined;
    return new Promise<void>((resolve, reject) => {
      done = resolve;
      failed = reject;
    });
  }

  #submit(bulk: readonly BulkSegment[], done: () => void, failed: (error: Error) => void): void {
    const pending = this.#pending();
    const unit = buildUnit(
      this.#work.tables,
      this.#work.ddl,
      bulk,
      pending,
      this.#engine.settings.largeCommitRows,
      seq => {
        this.#work.spiller?.published(pending.map(({entry}) => entry.id));
        this.#ends.applied(seq);
        done();
      },
      error => {
        this.#ends.failed();
        failed(error);
      },
    );
    this.#engine.commits.enqueue(unit, this.#work.isUrgent);
  }

  /** New rows that lie in segments since before the commit, but for those that went again. */
  #pending(): readonly BulkRows[] {
    const dropped = this.#work.ddl.dropped();
    const found: BulkRows[] = [];
    for (const [oid, writes] of this.#work.tables ?? [])
      if (writes.pending.length > 0 && !dropped.has(oid)) found.push(...pendingRows(writes));
    return found;
  }
}

function nothing(): void {}
