import {assert} from '../../common/errors.ts';
import type {IntSet} from '../../common/int-set.ts';
import type Database from 'better-sqlite3';
import type {Statement} from 'better-sqlite3';
import {type Manifest, positionOf, type SegmentEntry, segmentOf} from '../manifest.ts';
import type {SegmentColumn} from '../cold/contract.ts';
import type {CommitUnit} from './commit-unit.ts';

/** Writes a commit's changes of the manifest into SQLite and gives the manifest that results. */
export class ManifestWriter {
  readonly #putSegment: Statement;
  readonly #deleteSegment: Statement;
  readonly #putPage: Statement;
  readonly #deletePages: Statement;
  readonly #deleteIntent: Statement;
  readonly #putDrain: Statement;
  readonly #putIntent: Statement;
  readonly #putUnlink: Statement;

  constructor(db: Database) {
    this.#putSegment = db.prepare(
      'INSERT OR REPLACE INTO segments(id, tbl, owner, path, meta, schema, created, seq, sorted_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#deleteSegment = db.prepare('DELETE FROM segments WHERE id = ?');
    this.#putPage = db.prepare(
      'INSERT OR REPLACE INTO deletions(segment, page, bits) VALUES (?, ?, ?)',
    );
    this.#deletePages = db.prepare('DELETE FROM deletions WHERE segment = ?');
    this.#deleteIntent = db.prepare('DELETE FROM intents WHERE id = ?');
    this.#putIntent = db.prepare('INSERT INTO intents(id, path) VALUES (?, ?)');
    this.#putUnlink = db.prepare('INSERT OR REPLACE INTO unlinks(path) VALUES (?)');
    this.#putDrain = db.prepare(
      'INSERT INTO drains(id, tbl, owner, seq, keep) VALUES (?, ?, ?, ?, ?)',
    );
  }

  /** `locations`: cold rows that the commit updates or deletes. */
  apply(manifest: Manifest, unit: CommitUnit, locations: readonly number[], seq: number): Manifest {
    let result = manifest;
    const removed = this.#removedSegments(manifest, unit);
    if (removed.length > 0) {
      for (const entry of removed) {
        this.#deleteSegment.run(BigInt(entry.id));
        this.#deletePages.run(BigInt(entry.id));
        this.#putUnlink.run(entry.path);
      }
      result = result.with([], removed, seq);
    }
    if (unit.manifest !== null) {
      for (const entry of unit.manifest.put) this.#put(entry);
      for (const intent of unit.manifest.newIntents)
        this.#putIntent.run(BigInt(intent.id), intent.path);
      for (const path of unit.manifest.left) this.#putUnlink.run(path);
      for (const intent of unit.manifest.doneIntents) this.#deleteIntent.run(BigInt(intent));
      for (const drain of unit.manifest.drains) {
        this.#putDrain.run(
          BigInt(drain.id),
          BigInt(drain.table),
          BigInt(drain.owner),
          BigInt(drain.seq),
          JSON.stringify([...drain.keep]),
        );
      }
      result = result.with(unit.manifest.put, [], seq);
    }
    if (unit.bulk.length > 0) {
      const entries = unit.bulk.map(({entry}) => ({...entry, constantSeq: seq}));
      for (const entry of entries) {
        this.#put(entry);
        this.#deleteIntent.run(BigInt(entry.id));
      }
      result = result.with(entries, [], seq);
    }
    const isMarked = unit.tables.some(({hidden}) => hidden.some(({cold}) => cold.size > 0));
    return locations.length === 0 && !isMarked
      ? result
      : this.#markDeleted(result, unit, locations, seq);
  }

  #removedSegments(manifest: Manifest, unit: CommitUnit): SegmentEntry[] {
    const removed: SegmentEntry[] = unit.manifest === null ? [] : [...unit.manifest.removed];
    for (const changes of unit.tables)
      if (changes.isTruncate) removed.push(...manifest.segments(changes.table.oid, null));
    for (const effect of unit.ddl)
      if (effect.kind === 'dropTable') removed.push(...manifest.segments(effect.table.oid, null));
    return removed;
  }

  #put(entry: SegmentEntry): void {
    const schema = JSON.stringify(entry.schema.map(storedColumn));
    this.#putSegment.run(
      BigInt(entry.id),
      BigInt(entry.table),
      BigInt(entry.owner),
      entry.path,
      JSON.stringify(entry.meta),
      schema,
      entry.createdAt,
      entry.constantSeq === null ? null : BigInt(entry.constantSeq),
      JSON.stringify(entry.sortedBy),
    );
    entry.deletions.pages.forEach((bits, page) => {
      if (bits !== undefined) this.#putPage.run(BigInt(entry.id), BigInt(page), bits);
    });
  }

  #markDeleted(
    manifest: Manifest,
    unit: CommitUnit,
    locations: readonly number[],
    seq: number,
  ): Manifest {
    const bySegment = new Map<number, number[]>();
    for (const location of locations) {
      const id = segmentOf(location);
      const list = bySegment.get(id);
      if (list === undefined) bySegment.set(id, [positionOf(location)]);
      else list.push(positionOf(location));
    }
    const sets = new Map<number, IntSet[]>();
    for (const {hidden} of unit.tables)
      for (const {cold} of hidden)
        for (const [id, positions] of cold) {
          sets.set(id, [...(sets.get(id) ?? []), positions]);
          if (!bySegment.has(id)) bySegment.set(id, []);
        }
    const put: SegmentEntry[] = [];
    for (const {table} of unit.tables) {
      const known = manifest.table(table.oid);
      if (known === undefined) continue;
      for (const [id, positions] of bySegment) {
        const entry = known.byId.get(id);
        if (entry === undefined) continue;
        const {deletions, changed} = entry.deletions.with(positions, sets.get(id) ?? []);
        for (const page of changed)
          this.#putPage.run(BigInt(id), BigInt(page), deletions.pages[page]!);
        put.push({...entry, deletions});
        bySegment.delete(id);
      }
    }
    // A commit that cannot say where its rows lie must not pass for one that removed them.
    assert(bySegment.size === 0, 'segments of changed rows are in the manifest');
    return manifest.with(put, [], seq);
  }
}

/** A segment's column as the manifest stores it. */
export interface StoredSegmentColumn {
  readonly attnum: number;
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  readonly isNullable: boolean;
  readonly bloom: SegmentColumn['bloom'];
}

/** A segment's column as it is stored. */
export function storedColumn(column: SegmentColumn): StoredSegmentColumn {
  return {
    attnum: column.attnum,
    name: column.name,
    typeOid: column.type.oid,
    typmod: column.typmod,
    isNullable: column.isNullable,
    bloom: column.bloom,
  };
}
