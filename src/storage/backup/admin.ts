import type {Oid} from '../../common/ids.ts';
import type {Engine} from '../engine.ts';
import type {ObjectStore} from '../objects/contract.ts';
import {Archiver} from './archiver.ts';
import {checkDirectory, checkTable} from './check-directory.ts';
import type {
  AdminOptions,
  ArchiveResult,
  BackupInfo,
  CheckOptions,
  GenerationInfo,
  StorageAdmin,
} from './contract.ts';
import {purgeLog} from './purge-log.ts';
import {runBackup} from './run-backup.ts';

/** What operators ask of an open data directory. */
export class DirectoryAdmin implements StorageAdmin {
  readonly #engine: Engine;
  #archiver: {readonly store: ObjectStore; readonly archiver: Archiver} | null = null;
  #pass: Promise<ArchiveResult> | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get incarnation(): string {
    return this.#engine.incarnation;
  }

  get dataDir(): string {
    return this.#engine.dataDir;
  }

  get archivedSeq(): number | null {
    return this.#engine.holds.archivedSeq;
  }

  backup(target: string, options: AdminOptions = {}): Promise<BackupInfo> {
    return runBackup(this.#engine, target, options);
  }

  async archive(store: ObjectStore, options: AdminOptions = {}): Promise<ArchiveResult> {
    while (this.#pass !== null) await this.#pass.catch(() => null);
    if (this.#archiver?.store !== store)
      this.#archiver = {store, archiver: new Archiver(this.#engine, store)};
    this.#pass = this.#archiver.archiver.run(options);
    try {
      return await this.#pass;
    } finally {
      this.#pass = null;
    }
  }

  generations(): readonly GenerationInfo[] {
    const rows = this.#engine.db
      .prepare(
        `SELECT tbl, version, columns, seq, created FROM shapes WHERE seq <= ?
          UNION ALL SELECT tbl, version, columns, NULL, NULL FROM generations g
          WHERE NOT EXISTS (SELECT 1 FROM shapes s WHERE s.tbl = g.tbl AND s.version = g.version) ORDER BY 1, 2`,
      )
      .raw()
      .all(this.#engine.snapshots.current.seq) as [
      bigint,
      bigint,
      string,
      bigint | null,
      bigint | null,
    ][];
    return rows.map(([table, version, columns, seq, created]) => ({
      table: Number(table),
      version: Number(version),
      columns: JSON.parse(columns) as GenerationInfo['columns'],
      seq: seq === null ? null : Number(seq),
      createdAt: created,
    }));
  }

  jobs(): readonly (readonly [id: number, json: string])[] {
    const rows = this.#engine.db.prepare('SELECT id, json FROM jobs ORDER BY id').raw().all();
    return (rows as [bigint, string][]).map(([id, json]) => [Number(id), json] as const);
  }

  putJob(id: number, json: string): void {
    const {db, commits} = this.#engine;
    // The list is a record, not the work: that goes on, or fails for its own reasons.
    commits.beside(`job ${id} could not be recorded`, () =>
      db.prepare('INSERT OR REPLACE INTO jobs(id, json) VALUES (?, ?)').run(BigInt(id), json),
    );
  }

  deleteJobs(ids: readonly number[]): void {
    const {db, commits} = this.#engine;
    commits.beside('old jobs could not be removed from the list', () =>
      db
        .prepare('DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?))')
        .run(JSON.stringify(ids)),
    );
  }

  purgeLog(owner: number, upTo: number | null): Promise<number> {
    return purgeLog(this.#engine, owner, upTo);
  }

  beginErasure(): () => void {
    const {db} = this.#engine;
    db.pragma('secure_delete = ON');
    return () => {
      if (db.open) db.pragma('secure_delete = OFF');
    };
  }

  keepFiles(): void {
    this.#engine.holds.beginBackup();
  }

  check(options: CheckOptions = {}): Promise<readonly string[]> {
    return checkDirectory(this.#engine, options);
  }

  checkTable(table: Oid, options: AdminOptions = {}): Promise<readonly string[]> {
    return checkTable(this.#engine, table, options);
  }
}
