// Hot path: every commit is written to SQLite here.
import type Database from 'better-sqlite3';
import type {Statement} from 'better-sqlite3';
import type {ChangePart} from '../contract.ts';
import {failpoint} from '../failpoint.ts';
import type {LogIndex} from '../hot/log-index.ts';
import {FLAG_BULK, FLAG_JSON, LogPartWriter} from '../hot/change-log.ts';
import {type HotStore, isMemoryOnly} from '../hot/hot-store.ts';
import type {HotTable} from '../hot/hot-table.ts';
import {LOG_PART_BITS} from '../hot/schema.ts';
import type {Manifest} from '../manifest.ts';
import type {Pace, Slices} from '../slices.ts';
import type {CommitUnit, TableChanges} from './commit-unit.ts';
import {goneRows, logJson} from './log-json.ts';
import {ManifestWriter} from './manifest-writer.ts';
import {PartWriter, type PutPart, RowWriter} from './row-writer.ts';
import {ShapeRecorder} from './shape-recorder.ts';

/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 32;

/** A unit on its way through the group. */
export interface Member {
  readonly kind: 'commit';
  readonly unit: CommitUnit;
  seq: number;
  timestamp: bigint;
  parts: readonly ChangePart[];
}

/** Writes commits into SQLite, inside a transaction that the caller began: rows, DDL, manifest, log entry. */
export class UnitWriter {
  readonly #hot: HotStore;
  readonly #log = new LogPartWriter();
  readonly #putLog: Statement;
  readonly #putCatalog: Statement;
  readonly #deleteCatalog: Statement;
  readonly #putSequence: Statement;
  readonly #deleteSequence: Statement;
  readonly #manifestWriter: ManifestWriter;
  readonly #shapes: ShapeRecorder;
  readonly #counters: Parameters<typeof logJson>[1];
  readonly #index: LogIndex;
  /** Generations created by the running group: known to the hot store once it is committed. */
  created: HotTable[] = [];

  constructor(
    db: Database,
    hot: HotStore,
    counters: Parameters<typeof logJson>[1],
    index: LogIndex,
  ) {
    this.#hot = hot;
    this.#index = index;
    this.#putLog = db.prepare('INSERT INTO log(id, tbl, owner, data) VALUES (?, ?, ?, ?)');
    this.#putCatalog = db.prepare('INSERT OR REPLACE INTO catalog(key, json) VALUES (?, ?)');
    this.#deleteCatalog = db.prepare('DELETE FROM catalog WHERE key = ?');
    this.#putSequence = db.prepare('INSERT OR REPLACE INTO sequences(oid, state) VALUES (?, ?)');
    this.#deleteSequence = db.prepare('DELETE FROM sequences WHERE oid = ?');
    this.#manifestWriter = new ManifestWriter(db);
    this.#shapes = new ShapeRecorder(db);
    this.#counters = counters;
  }

  /** Writes a commit that has its seq, and gives the manifest that results. */
  write(member: Member, manifest: Manifest): Manifest {
    const locations: number[] = [];
    this.#writeDdl(member);
    for (const changes of member.unit.tables) {
      const rows = this.#rowWriter(changes, member.seq, locations);
      if (rows !== null) rows.write(0, changes.changes.length);
    }
    const result = this.#manifestWriter.apply(manifest, member.unit, locations, member.seq);
    const putPart = this.#partsOf(member.seq);
    this.#logHeads(member, putPart);
    for (const part of member.parts) {
      const writer = this.#partWriter(part, member.timestamp, putPart);
      if (writer === null) continue;
      writer.write(0, part.changes.length);
      writer.finish();
    }
    this.#index.writeIfDue();
    return result;
  }

  /** The same in slices; nobody else writes to SQLite meanwhile. */
  *writeInSlices(member: Member, manifest: Manifest, pace: Pace): Slices<Manifest> {
    const locations: number[] = [];
    this.#writeDdl(member);
    for (const changes of member.unit.tables) {
      const rows = this.#rowWriter(changes, member.seq, locations);
      yield* this.#removeHidden(changes, pace);
      if (rows !== null) yield* writeRange(rows, changes.changes.length, pace);
    }
    const result = this.#manifestWriter.apply(manifest, member.unit, locations, member.seq);
    const putPart = this.#partsOf(member.seq);
    this.#logHeads(member, putPart);
    for (const part of member.parts) {
      const writer = this.#partWriter(part, member.timestamp, putPart);
      if (writer === null) continue;
      yield* writeRange(writer, part.changes.length, pace);
      writer.finish();
      this.#index.writeIfDue();
    }
    return result;
  }

  #writeDdl({unit, seq, timestamp}: Member): void {
    for (const effect of unit.ddl) {
      this.#applyDdl(effect);
      this.#shapes.record(effect, seq, timestamp);
    }
    for (const [oid, json] of unit.sequences) {
      if (json === null) this.#deleteSequence.run(BigInt(oid));
      else this.#putSequence.run(BigInt(oid), json);
    }
  }

  #rowWriter(changes: TableChanges, seq: number, locations: number[]): RowWriter | null {
    if (isMemoryOnly(changes.table)) return null;
    const generations = this.#generationsOf(changes.table.oid);
    if (changes.isTruncate) for (const generation of generations) generation.clear();
    if (changes.changes.length === 0) return null;
    return new RowWriter(changes, generations, seq, locations);
  }

  /** Hot rows among those that are not listed. */
  *#removeHidden({table, hidden}: TableChanges, pace: Pace): Slices {
    const hot = hidden.filter(({base}) => base === 'hot');
    if (hot.length === 0) return;
    const generations = this.#generationsOf(table.oid);
    let count = 0;
    for (const {rids} of hot)
      for (const rid of rids.values()) {
        for (const generation of generations) generation.delete(rid);
        if (++count % ROWS_PER_LOOK === 0 && pace.isOver) {
          failpoint('large-in-rows');
          yield;
        }
      }
  }

  #partWriter(part: ChangePart, timestamp: bigint, putPart: PutPart): PartWriter | null {
    return isMemoryOnly(part.table) ? null : new PartWriter(this.#log, part, timestamp, putPart);
  }

  #partsOf(seq: number): PutPart {
    let part = 0n;
    return (table, owner) => {
      const id = (BigInt(seq) << LOG_PART_BITS) | part++;
      this.#putLog.run(id, BigInt(table), BigInt(owner), this.#log.finish());
      this.#index.add(id, table, owner);
    };
  }

  /** The parts without rows: what JSON tells, and references to bulk segments. */
  #logHeads({unit, timestamp}: Member, putPart: PutPart): void {
    // Before the segments: a row may come back in one of them.
    for (const {table, hidden} of unit.tables)
      for (const group of hidden)
        for (const json of goneRows(group)) {
          this.#log.begin(FLAG_BULK, table.schemaVersion, timestamp);
          this.#log.json(json);
          putPart(table.oid, group.owner);
        }
    if (
      unit.ddl.length > 0 ||
      unit.sequences.length > 0 ||
      unit.manifest !== null ||
      unit.bulk.length > 0
    ) {
      this.#log.begin(FLAG_JSON, 0, timestamp);
      this.#log.json(logJson(unit, this.#counters));
      putPart(0, 0);
    }
    for (const {entry, part} of unit.bulk) {
      this.#log.begin(FLAG_BULK, part.table.schemaVersion, timestamp);
      this.#log.json(JSON.stringify({segment: entry.id, rows: entry.meta.rows}));
      putPart(part.table.oid, part.owner);
    }
  }

  #applyDdl(effect: CommitUnit['ddl'][number]): void {
    const hot = this.#hot;
    switch (effect.kind) {
      case 'catalog':
        if (effect.json === null) this.#deleteCatalog.run(effect.key);
        else this.#putCatalog.run(effect.key, effect.json);
        return;
      case 'createTable':
        if (!isMemoryOnly(effect.table)) this.created.push(hot.createGeneration(effect.table));
        return;
      case 'alterTable':
        if (
          !isMemoryOnly(effect.after) &&
          effect.after.schemaVersion !== effect.before.schemaVersion
        ) {
          this.created.push(hot.createGeneration(effect.after));
        }
        return;
      case 'dropTable':
        hot.dropGenerations(
          effect.table.oid,
          this.created.filter(created => created.generation.table === effect.table.oid),
        );
        return;
      default:
    }
  }

  #generationsOf(oid: number): HotTable[] {
    const known = this.#hot.state(oid).generations;
    if (this.created.length === 0) return known;
    return [...known, ...this.created.filter(hot => hot.generation.table === oid)];
  }
}

function* writeRange(
  writer: {write(from: number, to: number): void},
  count: number,
  pace: Pace,
): Slices {
  for (let from = 0; from < count; from += ROWS_PER_LOOK) {
    writer.write(from, Math.min(count, from + ROWS_PER_LOOK));
    if (pace.isOver) {
      failpoint('large-in-rows');
      yield;
    }
  }
}

/** Whether a commit leaves nothing in SQLite. */
export function isMemoryUnit(unit: CommitUnit): boolean {
  if (
    unit.ddl.length > 0 ||
    unit.sequences.length > 0 ||
    unit.manifest !== null ||
    unit.bulk.length > 0
  )
    return false;
  return unit.tables.every(
    ({table, changes, hidden, isTruncate}) =>
      isMemoryOnly(table) || (changes.length === 0 && hidden.length === 0 && !isTruncate),
  );
}
