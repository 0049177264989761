import {ByteReader} from '../../common/byte-reader.ts';
import type {OwnerId, Rid, Seq} from '../../common/ids.ts';
import {oid} from '../../common/ids.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ChangePart, CommitEvent, LogReader, RowChange, TableStorage} from '../contract.ts';
import type {Engine} from '../engine.ts';
import {
  FLAG_BULK,
  FLAG_JSON,
  FLAG_TRUNCATE,
  type LogPartHeader,
  OP_DELETE,
  OP_INSERT,
  readChange,
  readPartHeader,
} from './change-log.ts';
import type {GenerationColumn} from './hot-table.ts';
import {LOG_PART_BITS} from './schema.ts';

interface StoredPart {
  readonly seq: number;
  readonly owner: number;
  readonly data: Buffer;
}

/** Entries of the change log of one table, for one owner or all, decoded into the table's shape of today. */
export class TableLogReader implements LogReader {
  readonly #engine: Engine;
  readonly #table: TableStorage;
  readonly #owner: OwnerId | null;

  constructor(engine: Engine, table: TableStorage, owner: OwnerId | null) {
    this.#engine = engine;
    this.#table = table;
    this.#owner = owner;
  }

  read(
    since: Seq,
    limit: number,
  ): {readonly entries: readonly CommitEvent[]; readonly gap: boolean; readonly next: Seq} {
    const {db} = this.#engine;
    const floor = Number(
      (db.prepare(`SELECT value FROM meta WHERE key = 'log_floor'`).pluck().get() as
        | bigint
        | number
        | undefined) ?? 0,
    );
    if (Number(since) + 1 < floor) return {entries: [], gap: true, next: since};
    const parts = this.#parts(Number(since), limit);
    const entries: CommitEvent[] = [];
    for (let i = 0; i < parts.length; ) {
      const {seq} = parts[i]!;
      let end = i;
      while (end < parts.length && parts[end]!.seq === seq) end++;
      const ofCommit = parts.slice(i, end);
      if (ofCommit.some(({data}) => (data[1]! & FLAG_BULK) !== 0)) {
        // Rows of a bulk commit are not in the log: whoever is behind it reads the table anew.
        if (entries.length === 0) return {entries, gap: true, next: since};
        break;
      }
      entries.push(this.#entry(ofCommit));
      i = end;
    }
    const next = entries.length === 0 ? since : entries[entries.length - 1]!.seq;
    return {entries, gap: false, next};
  }

  /** Parts of at most `limit` commits; the last commit is always whole. */
  #parts(since: number, limit: number): StoredPart[] {
    const from = ((BigInt(since) + 1n) << LOG_PART_BITS) - 1n;
    // What a large commit has written so far is not committed.
    const {snapshots, logIndex} = this.#engine;
    const to = BigInt(snapshots.current.number + 1) << LOG_PART_BITS;
    const parts: StoredPart[] = [];
    let commits = 0;
    let last = -1;
    for (const [id, owner, data] of logIndex.read(this.#table.oid, this.#owner, from, to)) {
      const seq = Number(id >> LOG_PART_BITS);
      if (seq !== last && commits++ === limit) break;
      last = seq;
      parts.push({
        seq,
        owner: Number(owner),
        data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      });
    }
    return parts;
  }

  #entry(stored: readonly StoredPart[]): CommitEvent {
    const parts: ChangePart[] = [];
    let timestamp = 0n;
    for (const {owner, data} of stored) {
      const reader = new ByteReader(data);
      const header = readPartHeader(reader);
      timestamp = header.timestamp;
      if ((header.flags & FLAG_JSON) !== 0) continue;
      const changes = this.#changes(reader, header);
      const before = parts[parts.length - 1];
      if (before !== undefined && before.owner === owner)
        (before.changes as RowChange[]).push(...changes);
      else
        parts.push({
          table: this.#table,
          owner: oid(owner),
          isTruncate: (header.flags & FLAG_TRUNCATE) !== 0,
          changes,
        });
    }
    return {seq: BigInt(stored[0]!.seq) as Seq, timestamp, parts, catalogKeys: []};
  }

  #changes(reader: ByteReader, header: LogPartHeader): RowChange[] {
    const columns = this.#columnsOf(header.schemaVersion);
    const changes: RowChange[] = [];
    for (let i = 0; i < header.count; i++) {
      const {op, rid, row, oldRow} = readChange(reader);
      const decoded = this.#decode(columns, row);
      changes.push({
        op: op === OP_INSERT ? 'insert' : op === OP_DELETE ? 'delete' : 'update',
        rid: BigInt(rid) as Rid,
        oldRow: op === OP_DELETE ? decoded : oldRow === null ? null : this.#decode(columns, oldRow),
        newRow: op === OP_DELETE ? null : decoded,
      });
    }
    return changes;
  }

  /** attnum and type of each stored value of a generation. */
  #columnsOf(
    version: number,
  ): readonly {readonly attnum: number; readonly type: TypeInstance | undefined}[] {
    if (version === this.#table.schemaVersion) return this.#table.columns;
    const {db, types} = this.#engine;
    const json = db
      .prepare('SELECT columns FROM generations WHERE tbl = ? AND version = ?')
      .pluck()
      .get(BigInt(this.#table.oid), BigInt(version)) as string | undefined;
    if (json === undefined) return [];
    return (JSON.parse(json) as GenerationColumn[]).map(column => ({
      attnum: column.attnum,
      type: types.typeByOid(oid(column.typeOid)),
    }));
  }

  #decode(
    stored: readonly {readonly attnum: number; readonly type: TypeInstance | undefined}[],
    row: readonly (bigint | number | string | Uint8Array | null)[],
  ): Datum[] {
    return this.#table.columns.map(column => {
      const at = stored.findIndex(s => s.attnum === column.attnum);
      if (at === -1 || at >= row.length) return column.missingValue;
      const value = row[at]!;
      const type = stored[at]!.type;
      return value === null || type === undefined ? null : type.fromSqlite(value);
    });
  }
}
