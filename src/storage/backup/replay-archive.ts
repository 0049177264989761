import type Database from 'better-sqlite3';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeLookup} from '../../types/contract.ts';
import {LOG_PART_BITS} from '../hot/schema.ts';
import {readPartHeader} from '../hot/change-log.ts';
import {ByteReader} from '../../common/byte-reader.ts';
import type {ObjectStore} from '../objects/contract.ts';
import {decodeFile, type LogRow, rangeOfKey} from './archive-format.ts';
import type {BackupInfo} from './contract.ts';
import {newestLoggedSeq} from './logged-seq.ts';
import {Replayer} from './replayer.ts';

/** Where a replay ends: after the newest commit of the archive when both are null. */
export interface ReplayTarget {
  readonly seq: number | null;
  /** Microseconds since 2000-01-01 UTC: the last commit at or before this time. */
  readonly time: bigint | null;
}

/** What a replay works on. */
export interface ReplayOptions {
  readonly db: Database;
  readonly archive: ObjectStore;
  readonly info: BackupInfo;
  readonly target: ReplayTarget;
  readonly types: TypeLookup;
  /** Where a segment of the archive is put. */
  readonly segmentPath: (id: number) => string;
}

/** Replays the archive's commits after those of a backup, in order and without a gap, up to the target. */
export async function replayArchive(
  options: ReplayOptions,
): Promise<{readonly seq: number; readonly commits: number}> {
  const {db, archive, info, target} = options;
  const base = newestLoggedSeq(db);
  checkTarget(options, base);
  const files = await chainOf(archive, info, base, target);
  const replayer = new Replayer(options);
  let seq = base;
  let commits = 0;
  let isOver = false;
  for (const key of files) {
    const bytes = await archive.get(key);
    if (bytes === null) throw damaged(`file "${key}" of the archive is missing`);
    const {header, rows} = decodeFile(key, bytes);
    if (header.incarnation !== info.incarnation)
      throw damaged(`file "${key}" is of another data directory`);
    for (const commit of commitsOf(key, rows)) {
      if (commit.seq <= base) continue;
      isOver =
        (target.seq !== null && commit.seq > target.seq) ||
        (target.time !== null && commit.timestamp > target.time);
      if (isOver) break;
      await replayer.apply(commit.seq, commit.rows);
      seq = commit.seq;
      commits++;
    }
    if (isOver) break;
  }
  await replayer.finish();
  return {seq, commits};
}

function checkTarget({db, target}: ReplayOptions, base: number): void {
  if (target.seq !== null && target.seq < base)
    throw new PgError(
      SqlState.invalidParameterValue,
      `the backup ends at seq ${base}, after the wanted ${target.seq}: an older backup is needed`,
    );
  if (target.time === null) return;
  const row = db.prepare('SELECT data FROM log ORDER BY id DESC LIMIT 1').pluck().get();
  if (row === undefined) return;
  const {timestamp} = readPartHeader(new ByteReader(Buffer.from(row as Uint8Array)));
  if (timestamp > target.time)
    throw new PgError(
      SqlState.invalidParameterValue,
      'the backup has commits after the wanted time: an older backup is needed',
    );
}

/** The archive's files after the backup; a gap is refused, and so is a target that the archive does not reach. */
async function chainOf(
  archive: ObjectStore,
  info: BackupInfo,
  base: number,
  target: ReplayTarget,
): Promise<string[]> {
  const prefix = `${info.incarnation}/log/`;
  const keys: string[] = [];
  let after = '';
  let at = base;
  for (;;) {
    const found = await archive.list(prefix, {after, limit: 1000});
    if (found.length === 0) break;
    after = found.at(-1)!.key;
    for (const {key} of found) {
      const range = rangeOfKey(key);
      if (range === null || range.to <= base) continue;
      const fits = keys.length === 0 ? range.from <= base : range.from === at;
      if (!fits)
        throw damaged(
          `the archive has a gap: nothing holds the commits from ${at + 1} to ${range.from}`,
        );
      keys.push(key);
      at = range.to;
    }
  }
  if (target.seq !== null && at < target.seq)
    throw new PgError(
      SqlState.invalidParameterValue,
      `the archive of this backup ends at seq ${at}, before the wanted ${target.seq}`,
    );
  return keys;
}

interface Commit {
  readonly seq: number;
  readonly timestamp: bigint;
  readonly rows: readonly LogRow[];
}

/** The commits of a file; a part that is missing is damage. */
function* commitsOf(key: string, rows: readonly LogRow[]): Iterable<Commit> {
  for (let from = 0; from < rows.length; ) {
    const seq = rows[from]!.id >> LOG_PART_BITS;
    let to = from;
    for (; to < rows.length && rows[to]!.id >> LOG_PART_BITS === seq; to++) {
      if (Number(rows[to]!.id - (seq << LOG_PART_BITS)) !== to - from)
        throw damaged(`file "${key}" lacks a part of commit ${seq}`);
    }
    const {timestamp} = readPartHeader(new ByteReader(rows[from]!.data));
    yield {seq: Number(seq), timestamp, rows: rows.slice(from, to)};
    from = to;
  }
}

function damaged(message: string): PgError {
  return new PgError(SqlState.dataCorrupted, message);
}
