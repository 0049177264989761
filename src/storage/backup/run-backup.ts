import {rm, writeFile} from 'node:fs/promises';
import {isAbsolute, join, resolve} from 'node:path';
import {Worker} from 'node:worker_threads';
import {PgError} from '../../common/errors.ts';
import {makeDirectories} from '../../common/make-directories.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Engine} from '../engine.ts';
import {workerUrl} from '../hot/worker-url.ts';
import type {BackupMessage, BackupWork, RemoteSegment} from './backup-worker.ts';
import {writeBackupInfo} from './backup-info.ts';
import type {AdminOptions, BackupInfo} from './contract.ts';
import {isInside, realPath} from '../objects/storage-definition.ts';
import {assertEmpty, removeTree, syncDirectory} from './file-copy.ts';

/** A directory with this file is no backup yet. */
const CLAIM = 'incomplete';
const PG_EPOCH_MS = 946_684_800_000;

/**
 * Copies an open data directory in a thread of its own: SQLite's pages as of one read transaction, then the segments of that
 * manifest, which nobody removes meanwhile. Nothing is acknowledged of commits that the copy has and a power cut could lose.
 */
export async function runBackup(
  engine: Engine,
  path: string,
  options: AdminOptions = {},
): Promise<BackupInfo> {
  if (!isAbsolute(path))
    throw new PgError(
      SqlState.invalidParameterValue,
      'relative path not allowed for a backup on the server',
    );
  const target = resolve(path);
  if (/\.(tar|tgz|gz|zip)$/.test(target))
    throw new PgError(
      SqlState.featureNotSupported,
      'backups into an archive file are not supported',
      {hint: 'Name a directory.'},
    );
  if (isInside(realPath(target), realPath(resolve(engine.dataDir))))
    throw new PgError(
      SqlState.invalidParameterValue,
      'a backup cannot lie inside the data directory',
    );
  await assertEmpty(target);
  await claim(target);
  const isOver = engine.holds.beginBackup();
  try {
    await engine.commits.settle();
    const done = await copyInThread({dataDir: engine.dataDir, target}, options);
    for (const {path: from, file, meta} of done.remote)
      await engine.segments.copy(from, join(target, file), meta, options.signal);
    await engine.durability.whenDurable(done.seq);
    const info: BackupInfo = {
      format: 1,
      incarnation: engine.incarnation,
      seq: done.seq,
      createdAt: String(BigInt(Date.now() - PG_EPOCH_MS) * 1000n),
      files: done.files,
      segments: [...done.segments, ...done.remote.map(({meta: _, ...segment}) => segment)],
    };
    await rm(join(target, CLAIM));
    await writeBackupInfo(target, info);
    await syncDirectory(target);
    await syncDirectory(resolve(target, '..'));
    return info;
  } catch (error) {
    await removeTree(target);
    throw asPgError(error, target);
  } finally {
    isOver();
  }
}

/** Marks a directory as that of a backup under way, so that two never write, or clean up, in one. */
async function claim(target: string): Promise<void> {
  try {
    await makeDirectories(target, 0o700);
    await writeFile(join(target, CLAIM), '', {flag: 'wx'});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw asPgError(error, target);
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      `directory "${target}" is in use by another backup`,
    );
  }
}

interface Copied extends Pick<BackupInfo, 'files' | 'segments'> {
  readonly seq: number;
  readonly remote: readonly RemoteSegment[];
}

async function copyInThread(work: BackupWork, options: AdminOptions): Promise<Copied> {
  const {signal, onProgress} = options;
  signal?.throwIfAborted();
  const worker = new Worker(workerUrl('backup-worker', import.meta.url), {
    workerData: work,
    name: 'wadi-backup',
  });
  const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()));
  let cancel = (): void => {};
  try {
    return await new Promise<Copied>((resolve, reject) => {
      let seq = 0;
      cancel = () => reject(signal?.reason as Error);
      signal?.addEventListener('abort', cancel);
      worker.on('message', (message: BackupMessage) => {
        if (message.kind === 'pinned') seq = message.seq;
        else if (message.kind === 'progress') onProgress?.(message.share);
        else if (message.kind === 'failed') reject(new Error(message.message));
        else
          resolve({
            seq,
            files: message.files,
            segments: message.segments,
            remote: message.remote,
          });
      });
      worker.on('error', reject);
      void ended.then(() => reject(new Error('the backup thread ended early')));
    });
  } finally {
    signal?.removeEventListener('abort', cancel);
    await worker.terminate();
    await ended;
  }
}

function asPgError(error: unknown, target: string): unknown {
  if (error instanceof PgError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as NodeJS.ErrnoException).code;
  const isFull =
    code === 'ENOSPC' || message.includes('ENOSPC') || message.includes('disk is full');
  return new PgError(
    isFull ? SqlState.diskFull : SqlState.ioError,
    `could not back up to "${target}": ${message}`,
    {cause: error},
  );
}
