import {createHash} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BackupInfo} from './contract.ts';
import {writeDurably} from './file-copy.ts';

/** The file that makes a directory a backup: written last. */
export const BACKUP_FILE = 'backup.json';

/** Writes the list of a backup's files with a checksum of its own. */
export async function writeBackupInfo(target: string, info: BackupInfo): Promise<void> {
  const body = JSON.stringify(info);
  const text = JSON.stringify({sha256: sha256(body), backup: info}, null, 1);
  await writeDurably(join(target, BACKUP_FILE), `${text}\n`);
}

/** Reads the list of a backup's files; an incomplete or damaged one is refused. */
export async function readBackupInfo(from: string): Promise<BackupInfo> {
  const path = join(from, BACKUP_FILE);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new PgError(
      SqlState.undefinedFile,
      error.code === 'ENOENT'
        ? `"${from}" is no complete backup: it has no ${BACKUP_FILE}`
        : `could not read "${path}": ${error.message}`,
    );
  });
  let stored: {sha256?: unknown; backup?: BackupInfo};
  try {
    stored = JSON.parse(text) as typeof stored;
  } catch {
    throw damaged(path);
  }
  const {backup} = stored;
  if (backup === undefined || sha256(JSON.stringify(backup)) !== stored.sha256) throw damaged(path);
  if (Number(backup.format) !== 1)
    throw new PgError(
      SqlState.featureNotSupported,
      `"${path}" has format ${String(backup.format)}, this server reads format 1`,
    );
  return backup;
}

function damaged(path: string): PgError {
  return new PgError(SqlState.dataCorrupted, `"${path}" is damaged: its checksum does not match`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
