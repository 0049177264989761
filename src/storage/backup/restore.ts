import {randomUUID} from 'node:crypto';
import {existsSync} from 'node:fs';
import {mkdir, rename} from 'node:fs/promises';
import {dirname, join, resolve} from 'node:path';
import Database from 'better-sqlite3';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeLookup} from '../../types/contract.ts';
import {DurableDirectories} from '../cold/durable-directories.ts';
import {FORMAT_VERSION} from '../hot/schema.ts';
import type {ObjectStore} from '../objects/contract.ts';
import {finishDrains} from '../recovery.ts';
import {readBackupInfo} from './backup-info.ts';
import type {BackupInfo} from './contract.ts';
import {assertEmpty, copyDurably, digestFile, syncDirectory} from './file-copy.ts';
import {newestLoggedSeq} from './logged-seq.ts';
import {replayArchive, type ReplayTarget} from './replay-archive.ts';

/** What is restored to where. */
export interface RestoreOptions {
  readonly from: string;
  /** Must not exist or be empty. */
  readonly dataDir: string;
  readonly types: TypeLookup;
  /** Archive of the change log to be replayed after the backup; null = the backup as it is. */
  readonly archive: ObjectStore | null;
  /** Where the replay ends. */
  readonly target: ReplayTarget;
}

/** What a restored directory is. */
export interface RestoreResult {
  readonly incarnation: string;
  /** The newest commit that is in it. */
  readonly seq: number;
  readonly segments: number;
  /** Commits replayed from the archive. */
  readonly commits: number;
}

/**
 * Makes a data directory of a backup, every checksum verified, with an incarnation of its own: its files never meet those of the directory
 * that was backed up. `wadi.db` gets its name last, so that a restore which failed leaves nothing that opens.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreResult> {
  const from = resolve(options.from);
  const dataDir = resolve(options.dataDir);
  const info = await readBackupInfo(from);
  await assertEmpty(dataDir);
  await mkdir(dataDir, {recursive: true, mode: 0o700});
  const part = join(dataDir, 'wadi.db.restoring');
  await copyFiles(info, from, dataDir, part);
  const incarnation = randomUUID();
  const db = new Database(part, {timeout: 0});
  db.defaultSafeIntegers(true);
  let seq: number;
  let commits = 0;
  try {
    checkFormat(db, info);
    seq = newestLoggedSeq(db);
    const moves = await copySegments(info, from, dataDir, incarnation, db);
    adopt(db, incarnation, moves);
    finishDrains(db);
    if (options.archive !== null) {
      const replayed = await replayArchive({
        db,
        archive: options.archive,
        info,
        target: options.target,
        types: options.types,
        segmentPath: id => join(dataDir, 'segments', incarnation, 'archived', `${id}.parquet`),
      });
      seq = replayed.seq;
      commits = replayed.commits;
    }
    endHistory(db, seq);
    db.pragma('synchronous = FULL');
    db.pragma('journal_mode = DELETE');
  } finally {
    db.close();
  }
  await digestFile(part, true);
  await rename(part, join(dataDir, 'wadi.db'));
  await syncDirectory(dataDir);
  await syncDirectory(dirname(dataDir));
  return {incarnation, seq, segments: info.segments.length, commits};
}

async function copyFiles(
  info: BackupInfo,
  from: string,
  dataDir: string,
  part: string,
): Promise<void> {
  for (const {name, bytes, sha256} of info.files) {
    if (name !== 'wadi.db' && name !== 'secret') throw damaged(join(from, name), 'is not expected');
    const source = join(from, name);
    if (!existsSync(source)) throw damaged(source, 'is missing');
    const to = name === 'wadi.db' ? part : join(dataDir, name);
    await copyDurably(source, to);
    const copied = await digestFile(to);
    if (copied.bytes !== bytes || copied.sha256 !== sha256)
      throw damaged(source, 'is damaged: its checksum does not match');
  }
}

function checkFormat(db: Database, info: BackupInfo): void {
  const meta = (key: string): unknown =>
    db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key);
  const format = Number(meta('format_version') ?? 0);
  if (format > FORMAT_VERSION)
    throw new PgError(
      SqlState.featureNotSupported,
      `the backup has format version ${format}, this server reads up to ${FORMAT_VERSION}`,
    );
  if (String(meta('incarnation')) !== info.incarnation)
    throw damaged('wadi.db', 'is of another data directory than the list of the backup');
}

/** Copies the segments below the new incarnation; old path to new path. */
async function copySegments(
  info: BackupInfo,
  from: string,
  dataDir: string,
  incarnation: string,
  db: Database,
): Promise<ReadonlyMap<string, string>> {
  const directories = new DurableDirectories();
  const moves = new Map<string, string>();
  const touched = new Set<string>();
  const places = new Map(
    (
      db.prepare('SELECT path, tbl, owner FROM segments').raw().all() as [string, bigint, bigint][]
    ).map(([path, table, owner]) => [path, join(String(table), String(owner))] as const),
  );
  for (const segment of info.segments) {
    const place = places.get(segment.path);
    if (place === undefined) throw damaged(segment.file, 'is not in the manifest');
    const source = join(from, 'segments', `${segment.id}.parquet`);
    if (!existsSync(source)) throw damaged(source, 'is missing');
    const directory = join(dataDir, 'segments', incarnation, 'restored', place);
    const to = join(directory, `${segment.id}.parquet`);
    await directories.ensure(directory);
    await copyDurably(source, to);
    const copied = await digestFile(to);
    if (copied.bytes !== segment.bytes || copied.crc !== segment.checksum)
      throw damaged(source, 'is damaged: its checksum does not match');
    moves.set(segment.path, to);
    touched.add(directory);
    places.delete(segment.path);
  }
  const [missing] = places.keys();
  if (missing !== undefined) throw damaged(missing, 'is in the manifest but not in the backup');
  for (const directory of touched) await directories.sync(directory);
  return moves;
}

/** The copy becomes a directory of its own: no file of the old one is ever touched by it. */
function adopt(db: Database, incarnation: string, moves: ReadonlyMap<string, string>): void {
  db.exec('BEGIN IMMEDIATE');
  db.prepare(`UPDATE meta SET value = ? WHERE key = 'incarnation'`).run(incarnation);
  db.prepare(`DELETE FROM meta WHERE key = 'archive_seq'`).run();
  db.exec('DELETE FROM intents; DELETE FROM unlinks;');
  const move = db.prepare('UPDATE segments SET path = ? WHERE path = ?');
  for (const [from, to] of moves) move.run(to, from);
  db.exec('COMMIT');
}

/** Readers of the change log begin anew: their positions are those of another history. */
function endHistory(db: Database, seq: number): void {
  db.exec('BEGIN IMMEDIATE');
  db.exec('DELETE FROM log; DROP TABLE IF EXISTS log_tables; DROP TABLE IF EXISTS log_owners;');
  db.exec(`DELETE FROM meta WHERE key = 'log_indexed'`);
  const put = db.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)');
  put.run('log_floor', BigInt(seq + 1));
  const last = Number(
    db.prepare(`SELECT value FROM meta WHERE key = 'last_seq'`).pluck().get() ?? 0,
  );
  put.run('last_seq', BigInt(Math.max(seq, last)));
  db.exec('COMMIT');
}

function damaged(path: string, what: string): PgError {
  return new PgError(SqlState.dataCorrupted, `"${path}" ${what}`);
}
