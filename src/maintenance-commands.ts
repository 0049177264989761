import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {copyFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import type {Command} from 'commander';
import Database from 'better-sqlite3';
import {createCatalogBase} from './catalog/bootstrap.ts';
import {createTypeMakers} from './catalog/default-makers.ts';
import {openDatabase} from './database.ts';
import {askServer} from './server/control-client.ts';
import {checkKeys} from './storage/backup/check-keys.ts';
import {checkSqlite} from './storage/backup/check-sqlite.ts';
import {restoreBackup} from './storage/backup/restore.ts';
import {DirectoryInUse, DirectoryLock} from './storage/directory-lock.ts';
import {openFileObjectStore} from './storage/objects/file-object-store.ts';

const PG_EPOCH_MS = 946_684_800_000;

interface RestoreFlags {
  readonly from: string;
  readonly dataDir: string;
  readonly archive?: string;
  readonly toSeq?: string;
  readonly toTime?: string;
}

/** Adds the commands that work on a data directory without a server. */
export function addMaintenanceCommands(
  program: Command,
  configure: (command: Command) => void,
): void {
  const backup = program
    .command('backup')
    .description(
      'copy a data directory, also that of a running server: it is asked to do it, as by BACKUP DATABASE',
    )
    .requiredOption('--data-dir <folder>', 'the data directory')
    .requiredOption('--to <folder>', 'where the backup goes: must not exist or be empty')
    .action((flags: {dataDir: string; to: string}) => backupOffline(flags));
  const restore = program
    .command('restore')
    .description('make a data directory of a backup')
    .requiredOption('--from <folder>', 'the backup')
    .requiredOption('--data-dir <folder>', 'the new data directory: must not exist or be empty')
    .option('--archive <folder>', 'archive of the change log, replayed after the backup')
    .option('--to-seq <seq>', 'the last commit to be replayed')
    .option('--to-time <time>', 'replay commits up to this time, as 2026-01-31T12:00:00Z')
    .action((flags: RestoreFlags) => restoreOffline(flags));
  const fsck = program
    .command('fsck')
    .description(
      'check everything that is stored; changes nothing. One line per finding; ends with 1 when there is one',
    )
    .requiredOption('--data-dir <folder>', 'the data directory; a running server checks it itself')
    .option(
      '--scratch <folder>',
      'where a copy of the hot rows is made when no server runs (default: the temporary folder of the system)',
    )
    .action((flags: {dataDir: string; scratch?: string}) => fsckOffline(flags));
  for (const command of [backup, restore, fsck]) configure(command);
}

async function backupOffline({dataDir, to}: {dataDir: string; to: string}): Promise<void> {
  const target = resolve(to);
  const answer = await askServer(existing(dataDir), {kind: 'backup', to: target});
  if (answer?.kind === 'backup') {
    const {seq, segments} = answer;
    process.stdout.write(`backup of seq ${seq}, ${segments} segments in ${target}\n`);
    return;
  }
  const database = await openDatabase({dataDir: existing(dataDir), inspects: true}).catch(
    (error: unknown) => {
      if (!(error instanceof DirectoryInUse)) throw error;
      throw new Error(`${error.message}; ask it by BACKUP DATABASE TO '${target}'`);
    },
  );
  try {
    const info = await database.engine.storage.admin.backup(target);
    process.stdout.write(
      `backup of seq ${info.seq}, ${info.segments.length} segments in ${target}\n`,
    );
  } finally {
    await database.close();
  }
}

async function restoreOffline(flags: RestoreFlags): Promise<void> {
  const target = {seq: seqOf(flags.toSeq), time: timeOf(flags.toTime)};
  if (flags.archive === undefined && (target.seq !== null || target.time !== null))
    throw new Error('--to-seq and --to-time need --archive');
  const archive =
    flags.archive === undefined ? null : await openFileObjectStore(existing(flags.archive));
  const {seq, incarnation, segments, commits} = await restoreBackup({
    from: flags.from,
    dataDir: flags.dataDir,
    types: createCatalogBase(createTypeMakers()).types,
    archive,
    target,
  });
  await archive?.close();
  process.stdout.write(
    `restored seq ${seq}: ${segments} segments, ${commits} commits replayed, incarnation ${incarnation}\n`,
  );
}

/** Checks a private copy of the hot side against the segments where they lie, so that nothing of the directory changes. */
async function fsckOffline(flags: {dataDir: string; scratch?: string}): Promise<void> {
  const dataDir = existing(flags.dataDir);
  const answer = await askServer(dataDir, {kind: 'fsck'});
  if (answer?.kind === 'fsck') {
    tellFindings(dataDir, answer.findings);
    return;
  }
  const lock = new DirectoryLock(dataDir);
  const scratch = mkdtempSync(join(flags.scratch ?? tmpdir(), 'wadi-fsck-'));
  try {
    tellFindings(dataDir, await check(dataDir, scratch));
  } finally {
    rmSync(scratch, {recursive: true, force: true});
    lock.release();
  }
}

function tellFindings(dataDir: string, findings: readonly string[]): void {
  for (const line of findings) process.stdout.write(`${line}\n`);
  process.stderr.write(
    findings.length === 0
      ? `${dataDir}: no finding\n`
      : `${dataDir}: ${findings.length} findings\n`,
  );
  if (findings.length > 0) process.exitCode = 1;
}

async function check(dataDir: string, scratch: string): Promise<readonly string[]> {
  const source = new Database(join(dataDir, 'wadi.db'), {readonly: true, fileMustExist: true});
  source.defaultSafeIntegers(true);
  let findings: string[];
  try {
    findings = [...checkSqlite(source)];
    if (findings.some(line => line.startsWith('wadi.db: '))) return findings;
    await source.backup(join(scratch, 'wadi.db'));
  } catch (error) {
    return [`wadi.db: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    source.close();
  }
  await copyFile(join(dataDir, 'secret'), join(scratch, 'secret')).catch(() =>
    findings.push('secret: it is missing; clients cannot resume live queries of before'),
  );
  const expected = forgetFiles(join(scratch, 'wadi.db'));
  const database = await openDatabase({dataDir: scratch, inspects: true}).catch(
    (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      findings.push(`wadi.db: no server can open it: ${why}`);
      return null;
    },
  );
  if (database === null) return findings;
  try {
    const {storage, jobs} = database.engine;
    const {admin} = storage;
    findings.push(...(await admin.check({files: {root: join(dataDir, 'segments'), expected}})));
    for (const table of jobs.tables()) findings.push(...(await checkKeys(storage, table)));
    return findings;
  } finally {
    await database.close();
  }
}

/** The copy must never remove a file: it does not know of those that are about to go, which are told apart here. */
function forgetFiles(path: string): readonly string[] {
  const db = new Database(path);
  try {
    const files = db
      .prepare('SELECT path FROM intents UNION SELECT path FROM unlinks')
      .pluck()
      .all() as string[];
    db.exec('DELETE FROM intents; DELETE FROM unlinks;');
    return files;
  } finally {
    db.close();
  }
}

function existing(path: string): string {
  const full = resolve(path);
  if (!existsSync(full)) throw new Error(`${full} does not exist`);
  return full;
}

function seqOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,15}$/.test(text)) throw new Error(`--to-seq: "${text}" is no number`);
  return Number(text);
}

/** Microseconds since 2000-01-01 UTC. */
function timeOf(text: string | undefined): bigint | null {
  if (text === undefined) return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new Error(`--to-time: "${text}" is no time; write it as 2026-01-31T12:00:00Z`);
  return BigInt(ms - PG_EPOCH_MS) * 1000n;
}
