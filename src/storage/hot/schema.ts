import {randomUUID} from 'node:crypto';
import type Database from 'better-sqlite3';

/** Version of the directory's format; a newer one is refused. */
export const FORMAT_VERSION = 1;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS catalog(key TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequences(oid INTEGER PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS generations(tbl INTEGER NOT NULL, version INTEGER NOT NULL, columns TEXT NOT NULL,
  PRIMARY KEY(tbl, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log(id INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, owner INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_tables(tbl INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY(tbl, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_owners(tbl INTEGER NOT NULL, owner INTEGER NOT NULL, id INTEGER NOT NULL,
  PRIMARY KEY(tbl, owner, id)) WITHOUT ROWID;
DROP INDEX IF EXISTS log_by_table;
CREATE TABLE IF NOT EXISTS segments(id INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, owner INTEGER NOT NULL, path TEXT NOT NULL,
  meta TEXT NOT NULL, schema TEXT NOT NULL, created INTEGER NOT NULL, seq INTEGER, sorted_by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deletions(segment INTEGER NOT NULL, page INTEGER NOT NULL, bits BLOB NOT NULL,
  PRIMARY KEY(segment, page)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intents(id INTEGER PRIMARY KEY, path TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS drains(id INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, owner INTEGER NOT NULL,
  seq INTEGER NOT NULL, keep TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS unlinks(path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs(id INTEGER PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shapes(tbl INTEGER NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, created INTEGER NOT NULL,
  columns TEXT NOT NULL, PRIMARY KEY(tbl, version)) WITHOUT ROWID;
`;

/** Identity and counters of a data directory. */
export interface DirectoryMeta {
  readonly incarnation: string;
  readonly nextOid: number;
  readonly nextRid: number;
  readonly nextSegment: number;
  readonly lastSeq: number;
  readonly logFloor: number;
}

/** Makes the tables of a new directory, or checks those of an old one. */
export function openSchema(db: Database, firstOid: number): DirectoryMeta {
  const isNew = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'meta'`).get() === undefined;
  if (!isNew) {
    const found = Number(metaValue(db, 'format_version') ?? 0);
    if (found > FORMAT_VERSION) {
      throw new Error(
        `the data directory has format version ${found}, this server reads up to ${FORMAT_VERSION}`,
      );
    }
  }
  db.exec('BEGIN IMMEDIATE');
  db.exec(SCHEMA);
  if (isNew) {
    const put = db.prepare('INSERT INTO meta(key, value) VALUES (?, ?)');
    put.run('format_version', FORMAT_VERSION);
    put.run('incarnation', randomUUID());
    put.run('next_oid', firstOid);
    put.run('next_rid', 1);
    put.run('next_segment', 1);
    put.run('log_floor', 0);
    put.run('last_seq', 0);
  }
  db.exec('COMMIT');
  const newestId = (db.prepare('SELECT max(id) FROM log').pluck().get() as bigint | null) ?? 0n;
  return {
    incarnation: String(metaValue(db, 'incarnation')),
    nextOid: Number(metaValue(db, 'next_oid')),
    nextRid: Number(metaValue(db, 'next_rid')),
    nextSegment: Number(metaValue(db, 'next_segment')),
    lastSeq: Math.max(Number(newestId >> LOG_PART_BITS), Number(metaValue(db, 'last_seq') ?? 0)),
    logFloor: Number(metaValue(db, 'log_floor')),
  };
}

/** Log rows have id = seq * 2^20 + part. */
export const LOG_PART_BITS = 20n;

function metaValue(db: Database, key: string): unknown {
  return db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key);
}
