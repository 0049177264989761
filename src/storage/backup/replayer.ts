import type Database from 'better-sqlite3';
import type {Bindable, Statement} from 'better-sqlite3';
import {mkdir, open} from 'node:fs/promises';
import {dirname} from 'node:path';
import {crc32} from 'node:zlib';
import {ByteReader} from '../../common/byte-reader.ts';
import {PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeLookup} from '../../types/contract.ts';
import {createSegmentStore} from '../cold/segment-store.ts';
import {ColdTables} from '../cold-tables.ts';
import {
  FLAG_BULK,
  FLAG_JSON,
  FLAG_TRUNCATE,
  OP_DELETE,
  OP_INSERT,
  readChange,
  readPartHeader,
} from '../hot/change-log.ts';
import {generationName, type GenerationColumn} from '../hot/hot-table.ts';
import type {Manifest} from '../manifest.ts';
import type {ObjectStore} from '../objects/contract.ts';
import {loadManifest} from '../recovery.ts';
import {
  goneRids,
  type LoggedBulk,
  type LoggedJson,
  type LoggedSegment,
  type LoggedTable,
} from '../tx/log-json.ts';
import {archivedSegmentKey, type LogRow} from './archive-format.ts';

const CACHE_BYTES = 64 * 1024 * 1024;
const RID_RESERVE = 1 << 20;

/** What entries are replayed into. */
export interface ReplayState {
  readonly db: Database;
  readonly archive: ObjectStore;
  readonly info: {readonly incarnation: string};
  readonly types: TypeLookup;
  readonly segmentPath: (id: number) => string;
}

/**
 * Applies log entries to SQLite offline. Flush and compaction change no row and are passed over: rows stay where the backup has them,
 * or hot. Each entry is one SQLite transaction.
 */
export class Replayer {
  readonly #state: ReplayState;
  readonly #store = createSegmentStore({cacheBytes: CACHE_BYTES});
  readonly #cold: ColdTables;
  readonly #putPage: Statement;
  readonly #generations = new Map<
    number,
    {version: number; columns: readonly GenerationColumn[]}[]
  >();
  #manifest: Manifest;
  #maxRid = 0;
  #nextOid = 0;
  #nextSegment = 0;

  constructor(state: ReplayState) {
    const {db, types} = state;
    this.#state = state;
    this.#manifest = loadManifest(db, types);
    this.#cold = new ColdTables(
      this.#store,
      () => this.#manifest,
      () => types.typeByOid(oid(20))!,
    );
    this.#putPage = db.prepare(
      'INSERT OR REPLACE INTO deletions(segment, page, bits) VALUES (?, ?, ?)',
    );
    for (const row of db.prepare('SELECT tbl, version, columns FROM generations').raw().all()) {
      const [table, version, columns] = row as [bigint, bigint, string];
      this.#generationsOf(Number(table)).push({
        version: Number(version),
        columns: JSON.parse(columns) as GenerationColumn[],
      });
    }
  }

  /** Applies one entry; its parts in order. */
  async apply(seq: number, parts: readonly LogRow[]): Promise<void> {
    const {db} = this.#state;
    db.exec('BEGIN IMMEDIATE');
    try {
      const put = db.prepare('INSERT INTO log(id, tbl, owner, data) VALUES (?, ?, ?, ?)');
      for (const {id, table, owner, data} of parts) put.run(id, BigInt(table), BigInt(owner), data);
      this.#truncate(parts, seq);
      for (const part of parts) {
        const reader = new ByteReader(part.data);
        const {flags, schemaVersion, count, timestamp} = readPartHeader(reader);
        if ((flags & FLAG_JSON) !== 0) {
          const text = part.data.toString('utf8', part.data.length - reader.remaining);
          await this.#json(JSON.parse(text) as LoggedJson, seq, timestamp);
        } else if ((flags & FLAG_BULK) !== 0) {
          const text = part.data.toString('utf8', part.data.length - reader.remaining);
          await this.#gone(part.table, JSON.parse(text) as LoggedBulk, seq);
        } else {
          await this.#rows(part, reader, {schemaVersion, count, seq});
        }
      }
      db.exec('COMMIT');
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Stores counters that are past everything replayed, and closes what was opened. */
  async finish(): Promise<void> {
    const {db} = this.#state;
    const raise = db.prepare('UPDATE meta SET value = ? WHERE key = ? AND value < ?');
    const entries: readonly (readonly [string, number])[] = [
      ['next_rid', this.#maxRid === 0 ? 0 : this.#maxRid + RID_RESERVE],
      ['next_oid', this.#nextOid],
      ['next_segment', this.#nextSegment],
    ];
    for (const [key, value] of entries) raise.run(BigInt(value), key, BigInt(value));
    await this.#store.close();
  }

  /** TRUNCATE comes before the rows of its commit, in whichever part it is noted. */
  #truncate(parts: readonly LogRow[], seq: number): void {
    const tables = new Set<number>();
    for (const {table, data} of parts) {
      const {flags} = readPartHeader(new ByteReader(data));
      if ((flags & FLAG_TRUNCATE) !== 0 && (flags & FLAG_JSON) === 0) tables.add(table);
    }
    for (const table of tables) {
      for (const {version} of this.#generationsOf(table))
        this.#state.db.exec(`DELETE FROM ${generationName(table, version)}`);
      this.#removeSegments(table, seq);
    }
  }

  async #json(json: LoggedJson, seq: number, timestamp: bigint): Promise<void> {
    const {db} = this.#state;
    if (json.changes === undefined || json.bulk === undefined)
      throw new PgError(
        SqlState.featureNotSupported,
        `commit ${seq} was logged by an older server that cannot be replayed`,
      );
    for (const [key, text] of json.catalog) {
      if (text === null) db.prepare('DELETE FROM catalog WHERE key = ?').run(key);
      else db.prepare('INSERT OR REPLACE INTO catalog(key, json) VALUES (?, ?)').run(key, text);
    }
    for (const change of json.changes) this.#tableChange(change, seq, timestamp);
    for (const [id, state] of json.sequences) {
      if (state === null) db.prepare('DELETE FROM sequences WHERE oid = ?').run(BigInt(id));
      else
        db.prepare('INSERT OR REPLACE INTO sequences(oid, state) VALUES (?, ?)').run(
          BigInt(id),
          state,
        );
    }
    for (const segment of json.bulk) await this.#bulk(segment, seq);
    this.#maxRid = Math.max(this.#maxRid, json.nextRid ?? 0);
    this.#nextOid = Math.max(this.#nextOid, json.nextOid ?? 0);
    this.#nextSegment = Math.max(this.#nextSegment, json.nextSegment ?? 0);
  }

  #tableChange({kind, table, version, columns}: LoggedTable, seq: number, timestamp: bigint): void {
    const {db} = this.#state;
    const known = this.#generationsOf(table);
    if (kind === 'drop') {
      for (const generation of known)
        db.exec(`DROP TABLE IF EXISTS ${generationName(table, generation.version)}`);
      this.#generations.delete(table);
      for (const name of ['generations', 'shapes'])
        db.prepare(`DELETE FROM ${name} WHERE tbl = ?`).run(BigInt(table));
      this.#removeSegments(table, seq);
      return;
    }
    const list = columns.map(c => `, c${c.attnum} ${c.sqliteType}`).join('');
    db.exec(
      `CREATE TABLE ${generationName(table, version)}(_rid INTEGER PRIMARY KEY, _seq INTEGER NOT NULL, _owner INTEGER NOT NULL${list})`,
    );
    const stored = columns.map(({attnum, typeOid, typmod}) => ({attnum, typeOid, typmod}));
    db.prepare('INSERT INTO generations(tbl, version, columns) VALUES (?, ?, ?)').run(
      BigInt(table),
      BigInt(version),
      JSON.stringify(stored),
    );
    const shape = columns.map(({attnum, typeOid, typmod, name}) => ({
      attnum,
      typeOid,
      typmod,
      name,
    }));
    db.prepare(
      'INSERT OR REPLACE INTO shapes(tbl, version, seq, created, columns) VALUES (?, ?, ?, ?, ?)',
    ).run(BigInt(table), BigInt(version), BigInt(seq), timestamp, JSON.stringify(shape));
    known.push({version, columns: stored});
  }

  async #rows(
    part: LogRow,
    reader: ByteReader,
    {schemaVersion, count, seq}: {schemaVersion: number; count: number; seq: number},
  ): Promise<void> {
    const {table, owner} = part;
    const {db} = this.#state;
    const generations = this.#generationsOf(table);
    const target = generations.find(({version}) => version === schemaVersion);
    if (target === undefined) throw misfit(seq, `table ${table} has no version ${schemaVersion}`);
    const names = target.columns.map(c => `, c${c.attnum}`).join('');
    const marks = target.columns.map(() => ', ?').join('');
    const put = db.prepare(
      `INSERT INTO ${generationName(table, schemaVersion)}(_rid, _seq, _owner${names}) VALUES (?, ?, ?${marks})`,
    );
    const removals = generations.map(({version}) =>
      db.prepare(`DELETE FROM ${generationName(table, version)} WHERE _rid = ?`),
    );
    const cold: number[] = [];
    for (let i = 0; i < count; i++) {
      const {op, rid, row} = readChange(reader);
      this.#maxRid = Math.max(this.#maxRid, rid);
      if (op !== OP_INSERT) {
        let removed = 0;
        for (const remove of removals) removed += remove.run(BigInt(rid)).changes;
        if (removed === 0) cold.push(rid);
      }
      if (op === OP_DELETE) continue;
      if (row.length !== target.columns.length)
        throw misfit(seq, `a row of table ${table} has ${row.length} columns`);
      const values: Bindable[] = [BigInt(rid), BigInt(seq), BigInt(owner), ...row];
      put.run(values);
    }
    if (cold.length > 0) await this.#deleteCold(table, cold, seq);
  }

  /** Rows that a bulk part takes away; they may come back in a segment of the same entry. */
  async #gone(table: number, part: LoggedBulk, seq: number): Promise<void> {
    const {db} = this.#state;
    const removals = this.#generationsOf(table).map(({version}) =>
      db.prepare(`DELETE FROM ${generationName(table, version)} WHERE _rid = ?`),
    );
    const cold: number[] = [];
    for (const rid of goneRids(part)) {
      let removed = 0;
      for (const remove of removals) removed += remove.run(BigInt(rid)).changes;
      if (removed === 0) cold.push(rid);
    }
    if (cold.length > 0) await this.#deleteCold(table, cold, seq);
  }

  /** Rows that lie in segments get their bits in the deletion vectors. */
  async #deleteCold(table: number, rids: readonly number[], seq: number): Promise<void> {
    const bySegment = new Map<number, number[]>();
    for (const rid of rids) {
      let found = this.#cold.findRid(table, rid);
      while (found instanceof Promise) {
        await found;
        found = this.#cold.findRid(table, rid);
      }
      if (found === null) throw misfit(seq, `row ${rid} of table ${table} is not there`);
      const list = bySegment.get(found.entry.id);
      if (list === undefined) bySegment.set(found.entry.id, [found.position]);
      else list.push(found.position);
    }
    for (const [id, positions] of bySegment) {
      const entry = this.#manifest.table(table)!.byId.get(id)!;
      const {deletions, changed} = entry.deletions.with(positions);
      for (const page of changed)
        this.#putPage.run(BigInt(id), BigInt(page), deletions.pages[page]!);
      this.#manifest = this.#manifest.with([{...entry, deletions}], [], seq);
    }
  }

  /** Rows that a commit wrote to a segment: the archive has the file. */
  async #bulk(segment: LoggedSegment, seq: number): Promise<void> {
    const {db, archive, info, segmentPath, types} = this.#state;
    const key = archivedSegmentKey(info.incarnation, segment.id);
    const bytes = await archive.get(key);
    if (bytes === null) throw misfit(seq, `segment "${key}" is not in the archive`);
    if (crc32(bytes).toString(16).padStart(8, '0') !== segment.meta.checksum)
      throw new PgError(
        SqlState.dataCorrupted,
        `segment "${key}" of the archive is damaged: its checksum does not match`,
      );
    const path = segmentPath(segment.id);
    await writeFile(path, bytes);
    db.prepare(
      'INSERT INTO segments(id, tbl, owner, path, meta, schema, created, seq, sorted_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ).run(
      BigInt(segment.id),
      BigInt(segment.table),
      BigInt(segment.owner),
      path,
      JSON.stringify(segment.meta),
      JSON.stringify(segment.schema),
      BigInt(segment.createdAt),
      BigInt(seq),
      JSON.stringify(segment.sortedBy),
    );
    for (const [page, bits] of segment.deletions ?? [])
      this.#putPage.run(BigInt(segment.id), BigInt(page), Buffer.from(bits, 'base64'));
    this.#manifest = loadManifest(db, types);
    this.#nextSegment = Math.max(this.#nextSegment, segment.id + 1);
  }

  #removeSegments(table: number, seq: number): void {
    const {db} = this.#state;
    const entries = this.#manifest.segments(table, null);
    for (const {id, path} of entries) {
      db.prepare('DELETE FROM segments WHERE id = ?').run(BigInt(id));
      db.prepare('DELETE FROM deletions WHERE segment = ?').run(BigInt(id));
      db.prepare('INSERT OR REPLACE INTO unlinks(path) VALUES (?)').run(path);
    }
    this.#manifest = this.#manifest.with([], entries, seq);
  }

  #generationsOf(table: number): {version: number; columns: readonly GenerationColumn[]}[] {
    let known = this.#generations.get(table);
    if (known === undefined) {
      known = [];
      this.#generations.set(table, known);
    }
    return known;
  }
}

async function writeFile(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), {recursive: true});
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

function misfit(seq: number, what: string): PgError {
  return new PgError(
    SqlState.dataCorrupted,
    `commit ${seq} of the archive does not fit the backup: ${what}`,
  );
}
