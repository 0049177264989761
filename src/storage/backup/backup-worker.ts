import {existsSync} from 'node:fs';
import {mkdir, rename} from 'node:fs/promises';
import {join} from 'node:path';
import {parentPort, workerData} from 'node:worker_threads';
import Database from 'better-sqlite3';
import type {SegmentMeta} from '../cold/contract.ts';
import type {BackupFile, BackupSegment} from './contract.ts';
import {isRemote} from '../objects/storage-url.ts';
import {newestLoggedSeq} from './logged-seq.ts';
import {copyDurably, digestFile, linkOrCopy, syncDirectory} from './file-copy.ts';

const PAGES_PER_STEP = 2048;

/** What the thread is started with. */
export interface BackupWork {
  readonly dataDir: string;
  readonly target: string;
}

/** A segment that lies in another storage. */
export interface RemoteSegment extends BackupSegment {
  readonly meta: SegmentMeta;
}

/** What the thread tells: the seq once its snapshot is taken, progress, then what it copied. */
export type BackupMessage =
  | {readonly kind: 'pinned'; readonly seq: number}
  | {readonly kind: 'progress'; readonly share: number}
  | {
      /** `remote`: segments in other storages, which the main thread fetches. */
      readonly kind: 'done';
      readonly remote: readonly RemoteSegment[];
      readonly files: readonly BackupFile[];
      readonly segments: readonly BackupSegment[];
    }
  | {readonly kind: 'failed'; readonly message: string};

const {dataDir, target} = workerData as BackupWork;

run().catch((error: unknown) => {
  send({kind: 'failed', message: error instanceof Error ? error.message : String(error)});
});

async function run(): Promise<void> {
  const path = join(target, 'wadi.db');
  await copyDatabase(`${path}.part`);
  const {segments, remote} = await copySegments(`${path}.part`);
  await rename(`${path}.part`, path);
  const files: BackupFile[] = [];
  // The secret makes resume tokens and salts of unknown users stay what they were.
  if (existsSync(join(dataDir, 'secret')))
    await copyDurably(join(dataDir, 'secret'), join(target, 'secret'));
  for (const name of ['wadi.db', 'secret']) {
    if (!existsSync(join(target, name))) continue;
    const {bytes, sha256} = await digestFile(join(target, name), true);
    files.push({name, bytes, sha256});
  }
  await syncDirectory(target);
  send({kind: 'done', files, segments, remote});
}

/** One read transaction pins what is copied; commits of the server go on in the WAL behind it. */
async function copyDatabase(to: string): Promise<void> {
  const db = new Database(join(dataDir, 'wadi.db'), {readonly: true, timeout: 10_000});
  try {
    db.exec('BEGIN');
    send({kind: 'pinned', seq: newestLoggedSeq(db)});
    await db.backup(to, {
      progress: ({totalPages, remainingPages}) => {
        if (totalPages > 0)
          send({kind: 'progress', share: ((totalPages - remainingPages) / totalPages) * 0.5});
        return PAGES_PER_STEP;
      },
    });
    db.exec('ROLLBACK');
  } finally {
    db.close();
  }
}

async function copySegments(
  copied: string,
): Promise<{readonly segments: BackupSegment[]; readonly remote: RemoteSegment[]}> {
  const db = new Database(copied, {timeout: 0});
  let rows: readonly (readonly [number, string, string])[];
  try {
    db.pragma('journal_mode = DELETE');
    rows = db.prepare('SELECT id, path, meta FROM segments ORDER BY id').raw().all() as typeof rows;
  } finally {
    db.close();
  }
  await mkdir(join(target, 'segments'));
  const segments: BackupSegment[] = [];
  const remote: RemoteSegment[] = [];
  for (const [id, path, json] of rows) {
    const meta = JSON.parse(json) as SegmentMeta;
    const {checksum, bytes} = meta;
    const file = `segments/${id}.parquet`;
    if (isRemote(path)) {
      remote.push({id, file, path, bytes, checksum, meta});
      continue;
    }
    await linkOrCopy(path, join(target, file));
    const found = await digestFile(join(target, file));
    if (found.crc !== checksum || found.bytes !== bytes)
      throw new Error(`segment "${path}" is damaged: its checksum is not that of the manifest`);
    segments.push({id, file, path, bytes, checksum});
    send({kind: 'progress', share: 0.5 + (segments.length / rows.length) * 0.5});
  }
  await syncDirectory(join(target, 'segments'));
  return {segments, remote};
}

function send(message: BackupMessage): void {
  parentPort!.postMessage(message);
}
