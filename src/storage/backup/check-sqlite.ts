import type Database from 'better-sqlite3';
import {ByteReader} from '../../common/byte-reader.ts';
import {DELETION_PAGE_BYTES} from '../manifest.ts';
import {FLAG_BULK, FLAG_JSON, readChange, readPartHeader} from '../hot/change-log.ts';

/** The largest findings of one kind that are listed one by one. */
const MOST = 100;

/** Checks what lies in SQLite, as of one read transaction; one line per finding. Takes long: for a thread of its own. */
export function checkSqlite(db: Database): readonly string[] {
  const findings: string[] = [];
  db.exec('BEGIN');
  try {
    for (const row of db.pragma('integrity_check') as {integrity_check: string}[])
      if (row.integrity_check !== 'ok') findings.push(`wadi.db: ${row.integrity_check}`);
    if (findings.length > 0) return findings;
    checkHotRows(db, checkGenerations(db, findings), findings);
    checkVectors(db, findings);
    checkLog(db, findings);
    checkLogIndex(db, findings);
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
  }
  return findings;
}

/** The hot tables that are there. */
function checkGenerations(db: Database, findings: string[]): ReadonlySet<string> {
  const listed = new Set(
    db.prepare(`SELECT 't_' || tbl || '_' || version FROM generations`).pluck().all() as string[],
  );
  const stored = new Set(
    db
      .prepare(
        `SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 't_[0-9]*_[0-9]*'`,
      )
      .pluck()
      .all() as string[],
  );
  for (const name of listed)
    if (!stored.has(name)) findings.push(`wadi.db: hot table ${name} is listed but missing`);
  for (const name of stored)
    if (!listed.has(name)) findings.push(`wadi.db: hot table ${name} belongs to no table`);
  return stored;
}

/** A row must be in one generation only, with a seq and a rid that were given out. */
function checkHotRows(db: Database, stored: ReadonlySet<string>, findings: string[]): void {
  const number = (key: string): number =>
    Number(db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key) ?? 0);
  const nextRid = number('next_rid');
  const newest = Math.max(
    Number(db.prepare('SELECT max(id) >> 20 FROM log').pluck().get() ?? 0),
    number('last_seq'),
    number('log_floor') - 1,
  );
  const tables = new Map<string, string[]>();
  for (const row of db.prepare('SELECT tbl, version FROM generations').raw().all()) {
    const [table, version] = row as [bigint, bigint];
    const names = tables.get(String(table)) ?? [];
    const name = `t_${table}_${version}`;
    if (stored.has(name)) names.push(name);
    tables.set(String(table), names);
  }
  for (const [table, names] of tables) {
    for (const name of names) {
      const wrong = db
        .prepare(`SELECT count(*) FROM ${name} WHERE _rid >= ? OR _seq > ?`)
        .pluck()
        .get(BigInt(nextRid), BigInt(newest)) as bigint;
      if (wrong > 0n)
        findings.push(
          `wadi.db: ${wrong} rows of ${name} have a row id or seq that was never given out`,
        );
    }
    if (names.length < 2) continue;
    const union = names.map(name => `SELECT _rid FROM ${name}`).join(' UNION ALL ');
    const twice = db
      .prepare(`SELECT _rid FROM (${union}) GROUP BY _rid HAVING count(*) > 1 LIMIT ${MOST}`)
      .pluck()
      .all() as bigint[];
    for (const rid of twice)
      findings.push(`table ${table}: row ${rid} is stored hot more than once`);
  }
}

function checkVectors(db: Database, findings: string[]): void {
  const rows = db
    .prepare(
      'SELECT d.segment, s.id, count(*) FROM deletions d LEFT JOIN segments s ON s.id = d.segment GROUP BY 1 HAVING s.id IS NULL',
    )
    .raw()
    .all() as [bigint, null, bigint][];
  for (const [segment, , pages] of rows)
    findings.push(
      `wadi.db: ${pages} pages of deletions are of segment ${segment}, which does not exist`,
    );
  const odd = db
    .prepare(
      `SELECT segment, page FROM deletions WHERE page < 0 OR typeof(bits) <> 'blob' OR length(bits) <> ? LIMIT ${MOST}`,
    )
    .raw()
    .all(BigInt(DELETION_PAGE_BYTES)) as [bigint, bigint][];
  for (const [segment, page] of odd)
    findings.push(`wadi.db: page ${page} of the deletions of segment ${segment} is no such page`);
}

/** Every entry has all its parts, each part can be read, and nothing lies below the floor but entries about to be dropped. */
function checkLog(db: Database, findings: string[]): void {
  let seq = -1n;
  let expected = 0n;
  let bad = 0;
  for (const row of db.prepare('SELECT id, data FROM log ORDER BY id').raw().iterate()) {
    const [id, data] = row as [bigint, Uint8Array];
    const of = id >> 20n;
    const part = id & 0xfffffn;
    if (of !== seq) expected = 0n;
    seq = of;
    if (part !== expected && bad++ < MOST)
      findings.push(`change log: commit ${of} lacks part ${expected}`);
    expected = part + 1n;
    const problem = problemOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    if (problem !== null && bad++ < MOST)
      findings.push(`change log: part ${part} of commit ${of} cannot be read: ${problem}`);
  }
}

/** The index of the change log has each part up to the newest one in it, and no other. */
function checkLogIndex(db: Database, findings: string[]): void {
  const indexed = db.prepare(`SELECT value FROM meta WHERE key = 'log_indexed'`).pluck().get();
  if (indexed === undefined) return;
  for (const [index, key] of [
    ['log_tables', 'p.tbl = l.tbl'],
    ['log_owners', 'p.tbl = l.tbl AND p.owner = l.owner'],
  ] as const) {
    const missing = db
      .prepare(
        `SELECT count(*) FROM log l LEFT JOIN ${index} p ON p.id = l.id AND ${key} WHERE l.id <= ? AND l.tbl <> 0 AND p.id IS NULL`,
      )
      .pluck()
      .get(indexed as bigint) as bigint;
    if (missing > 0n) findings.push(`change log: ${missing} parts are missing in ${index}`);
    const odd = db
      .prepare(
        `SELECT count(*) FROM ${index} p LEFT JOIN log l ON l.id = p.id AND ${key} WHERE l.id IS NULL`,
      )
      .pluck()
      .get() as bigint;
    if (odd > 0n) findings.push(`change log: ${odd} parts in ${index} are not there`);
  }
}

function problemOf(data: Buffer): string | null {
  try {
    const reader = new ByteReader(data);
    const {flags, count} = readPartHeader(reader);
    if ((flags & (FLAG_JSON | FLAG_BULK)) !== 0) {
      JSON.parse(data.toString('utf8', data.length - reader.remaining));
      return null;
    }
    for (let i = 0; i < count; i++) readChange(reader);
    return reader.remaining === 0 ? null : `${reader.remaining} bytes too many`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
