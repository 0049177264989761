import {mkdir, rename, rm, stat, writeFile} from 'node:fs/promises';
import {dirname, isAbsolute, join, resolve} from 'node:path';
import {formatType, qualifiedScope} from '../../catalog/names.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {JobControl} from '../../jobs/job-table.ts';
import {digestFile, syncDirectory} from '../../storage/backup/file-copy.ts';
import {rowsOf, writeRows} from '../../storage/backup/rows-file.ts';
import type {SegmentStore} from '../../storage/cold/contract.ts';
import {createSegmentStore} from '../../storage/cold/segment-store.ts';
import {isInside, realPath} from '../../storage/objects/storage-definition.ts';
import type {Transaction} from '../../storage/contract.ts';
import type {DataOwner} from './data-owner.ts';
import {recordCrossing} from './record-crossing.ts';
import type {SessionContext} from '../session-context.ts';
import {
  type ExportedFile,
  type ExportedTable,
  type ExportManifest,
  MANIFEST_FILE,
} from './export-manifest.ts';
import {type UserTable, userTables} from './user-tables.ts';
import {writeZip, type ZipSource} from './zip-archive.ts';

const ROWS_PER_FILE = 100_000;

/** What an export made. */
export interface Exported {
  readonly path: string;
  readonly tables: number;
  readonly rows: number;
  readonly bytes: number;
}

/** Whose rows go where; `path` null = the owner's own directory of exports. */
export interface ExportTask extends DataOwner {
  readonly path: string | null;
}

/** Writes a user's rows of all user tables of the database, as of one commit, into a zip file of Parquet files with a description. */
export async function exportUserData(
  session: SessionContext,
  task: ExportTask,
  control: JobControl,
): Promise<Exported> {
  await recordCrossing(session, task, 'export user data');
  const path = await targetOf(session, task);
  const work = `${path}.${process.pid}.part`;
  await rm(work, {recursive: true, force: true});
  await mkdir(work, {recursive: true, mode: 0o700});
  const store = createSegmentStore({cacheBytes: 0});
  try {
    const {manifest, sources} = await writeTables(session, task, {store, work, control});
    await writeFile(join(work, MANIFEST_FILE), `${JSON.stringify(manifest, null, 1)}\n`);
    const zip = join(work, 'export.zip');
    await writeZip(zip, [{name: MANIFEST_FILE, path: join(work, MANIFEST_FILE)}, ...sources]);
    control.signal.throwIfAborted();
    await rename(zip, path);
    await syncDirectory(dirname(path));
    let rows = 0;
    for (const {files} of manifest.tables) for (const file of files) rows += file.rows;
    return {path, tables: manifest.tables.length, rows, bytes: (await stat(path)).size};
  } finally {
    await store.close();
    await rm(work, {recursive: true, force: true});
  }
}

/** The directory of a user's exports. */
export function exportDirectory(session: SessionContext, {owner}: DataOwner): string {
  return join(session.engine.storage.admin.dataDir, 'exports', String(owner));
}

async function targetOf(session: SessionContext, task: ExportTask): Promise<string> {
  if (task.path === null) {
    const directory = exportDirectory(session, task);
    await mkdir(directory, {recursive: true, mode: 0o700});
    return join(
      directory,
      `${encodeURIComponent(session.database.name)}-${session.engine.storage.lastSeq}.zip`,
    );
  }
  if (!isAbsolute(task.path))
    throw new PgError(
      SqlState.invalidParameterValue,
      'relative path not allowed for an export on the server',
    );
  const {dataDir} = session.engine.storage.admin;
  if (isInside(realPath(resolve(task.path)), realPath(resolve(dataDir))))
    throw new PgError(
      SqlState.invalidParameterValue,
      'an export with a path of its own cannot lie inside the data directory',
    );
  const isTaken = await stat(task.path).then(
    () => true,
    () => false,
  );
  if (isTaken)
    throw new PgError(SqlState.objectNotInPrerequisiteState, `file "${task.path}" exists already`);
  return task.path;
}

interface Writing {
  readonly store: SegmentStore;
  readonly work: string;
  readonly control: JobControl;
}

async function writeTables(
  session: SessionContext,
  task: ExportTask,
  {store, work, control}: Writing,
): Promise<{readonly manifest: ExportManifest; readonly sources: readonly ZipSource[]}> {
  const {storage} = session.engine;
  const tables = userTables(session);
  const tx = storage.begin({
    isolation: 'repeatable read',
    isReadOnly: true,
    databaseOid: session.database.oid,
    waiter: {pid: session.pid, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000},
    pinsSnapshot: true,
  });
  tx.beginStatement();
  const {seq} = tx.snapshot();
  const exported: ExportedTable[] = [];
  const sources: ZipSource[] = [];
  try {
    await storage.whenDurable(seq);
    for (const [at, table] of tables.entries()) {
      control.signal.throwIfAborted();
      control.onProgress(at / tables.length);
      const files = await writeTable(tx, task, table, {store, work, control});
      for (const {file} of files) sources.push({name: file, path: join(work, localName(file))});
      exported.push(describe(session, table, files));
    }
  } finally {
    tx.endStatement();
    tx.rollback();
  }
  const manifest: ExportManifest = {
    format: 'wadi-user-data',
    version: 1,
    user: task.name,
    database: session.database.name,
    seq: String(seq),
    exportedAt: new Date().toISOString(),
    tables: exported,
  };
  return {manifest, sources};
}

async function writeTable(
  tx: Transaction,
  {owner}: ExportTask,
  {storage: table}: UserTable,
  {store, work, control}: Writing,
): Promise<ExportedFile[]> {
  const files: ExportedFile[] = [];
  for await (const rows of rowsOf(tx, table, owner, ROWS_PER_FILE)) {
    control.signal.throwIfAborted();
    const folder = encodeURIComponent(`${table.namespace}.${table.name}`).slice(0, 200);
    const file = `${folder}-${table.oid}/${files.length + 1}.parquet`;
    const path = join(work, localName(file));
    const segment = await writeRows(store, path, table, rows);
    const {bytes, sha256} = await digestFile(path);
    files.push({file, rows: rows.length, bytes, sha256, segment});
  }
  return files;
}

/** A file of the export in the flat working directory. */
function localName(file: string): string {
  return file.replaceAll('/', '_');
}

function describe(
  session: SessionContext,
  {descriptor, storage}: UserTable,
  files: readonly ExportedFile[],
): ExportedTable {
  const scope = qualifiedScope(session.engine.catalog(session.database.oid));
  const columns = storage.columns.flatMap(stored => {
    const column = descriptor.columns.find(
      each => each.attnum === (stored.catalogAttnum ?? stored.attnum),
    );
    if (column === undefined) return [];
    const type = formatType(scope, column.typeOid, column.typmod);
    return [{attnum: stored.attnum, name: stored.name, type, notNull: stored.isNotNull}];
  });
  return {schema: storage.namespace, name: storage.name, columns, files};
}
