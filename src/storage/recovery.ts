import {closeSync, existsSync, fdatasyncSync, openSync, rmSync} from 'node:fs';
import type Database from 'better-sqlite3';
import type {TypeLookup} from '../types/contract.ts';
import {oid} from '../common/ids.ts';
import {internalError} from '../common/errors.ts';
import type {SegmentColumn, SegmentMeta} from './cold/contract.ts';
import {isRemote} from './objects/storage-url.ts';
import {generationName} from './hot/hot-table.ts';
import {DeletionPages, Manifest, type SegmentEntry} from './manifest.ts';
import type {StoredSegmentColumn} from './tx/manifest-writer.ts';

/**
 * Before the first connection: what a killed process left in the WAL must be on disk before anybody
 * reads it as committed.
 */
export function syncLeftWal(walPath: string): void {
  if (!existsSync(walPath)) return;
  const file = openSync(walPath, 'r+');
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Removes the files of intents that did not reach the manifest, and of segments that left it unless an archive may need
 * them; nothing else is ever removed at start.
 */
export function removeUnpublished(db: Database, keepsUnlinks = false): number {
  const intents = db
    .prepare(
      'SELECT i.path FROM intents i WHERE NOT EXISTS (SELECT 1 FROM segments s WHERE s.path = i.path)',
    )
    .pluck()
    .all() as string[];
  // What lies in remote storages stays listed until it can be removed there.
  const remember = db.prepare('INSERT OR REPLACE INTO unlinks(path) VALUES (?)');
  for (const path of intents) {
    if (isRemote(path)) remember.run(path);
    else rmSync(path, {force: true});
  }
  if (!keepsUnlinks) {
    const forget = db.prepare('DELETE FROM unlinks WHERE path = ?');
    for (const path of db.prepare('SELECT path FROM unlinks').pluck().all() as string[]) {
      if (isRemote(path)) continue;
      rmSync(path, {force: true});
      forget.run(path);
    }
  }
  if (db.prepare('SELECT 1 FROM intents LIMIT 1').get() !== undefined)
    db.exec('DELETE FROM intents');
  return intents.length;
}

/** Deletes the hot copies of rows that a flush had moved to segments when the process ended. */
export function finishDrains(db: Database): void {
  const drains = db
    .prepare('SELECT id, tbl, owner, seq, keep FROM drains ORDER BY id')
    .raw()
    .all() as [bigint, bigint, bigint, bigint, string][];
  if (drains.length === 0) return;
  db.exec('BEGIN IMMEDIATE');
  for (const [, table, owner, seq, keep] of drains) {
    const versions = db
      .prepare('SELECT version FROM generations WHERE tbl = ?')
      .pluck()
      .all(table) as bigint[];
    for (const version of versions) {
      db.prepare(
        `DELETE FROM ${generationName(Number(table), Number(version))}
          WHERE _owner = ? AND _seq <= ? AND _rid NOT IN (SELECT value FROM json_each(?))`,
      ).run(owner, seq, keep);
    }
  }
  db.exec('DELETE FROM drains');
  db.exec('COMMIT');
}

/**
 * The manifest as SQLite has it. Types that are not built in are looked up when the catalog is
 * there: `types` is asked lazily by column.
 */
export function loadManifest(db: Database, types: TypeLookup): Manifest {
  const pages = new Map<number, {page: number; bits: Uint8Array}[]>();
  for (const row of db.prepare('SELECT segment, page, bits FROM deletions').raw().iterate()) {
    const [segment, page, bits] = row as [bigint, bigint, Uint8Array];
    const list = pages.get(Number(segment)) ?? [];
    list.push({page: Number(page), bits: Uint8Array.from(bits)});
    pages.set(Number(segment), list);
  }
  const entries: SegmentEntry[] = [];
  for (const row of db
    .prepare(
      'SELECT id, tbl, owner, path, meta, schema, created, seq, sorted_by FROM segments ORDER BY id',
    )
    .raw()
    .iterate()) {
    const [id, table, owner, path, meta, schema, created, seq, sortedBy] = row as [
      bigint,
      bigint,
      bigint,
      string,
      string,
      string,
      bigint,
      bigint | null,
      string,
    ];
    const columns = JSON.parse(schema) as StoredSegmentColumn[];
    entries.push({
      id: Number(id),
      table: Number(table),
      owner: Number(owner),
      path,
      meta: JSON.parse(meta) as SegmentMeta,
      schema: columns.map(column => segmentColumn(column, types)),
      createdAt: created,
      constantSeq: seq === null ? null : Number(seq),
      sortedBy: JSON.parse(sortedBy) as number[],
      deletions: DeletionPages.of(pages.get(Number(id)) ?? []),
      file: {segment: null},
    });
  }
  return entries.length === 0 ? Manifest.empty : Manifest.empty.with(entries, [], 0);
}

/** A stored column; its type is resolved at first use, when the catalog of user-made types is open. */
function segmentColumn(stored: StoredSegmentColumn, types: TypeLookup): SegmentColumn {
  return {
    attnum: stored.attnum,
    name: stored.name,
    get type() {
      const type = types.typeByOid(oid(stored.typeOid));
      if (type === undefined)
        throw internalError(
          `type ${stored.typeOid} of a segment's column "${stored.name}" is not known`,
        );
      return type;
    },
    typmod: stored.typmod,
    isNullable: stored.isNullable,
    bloom: stored.bloom,
  };
}
