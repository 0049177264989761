import {mkdir, readFile, rm, stat} from 'node:fs/promises';
import {isAbsolute, join, resolve, sep} from 'node:path';
import {formatType, qualifiedScope} from '../../catalog/names.ts';
import {PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {JobControl} from '../../jobs/job-table.ts';
import {digestFile} from '../../storage/backup/file-copy.ts';
import {readRows} from '../../storage/backup/rows-file.ts';
import type {SegmentColumn} from '../../storage/cold/contract.ts';
import {createSegmentStore} from '../../storage/cold/segment-store.ts';
import type {Datum} from '../../types/contract.ts';
import {checkMaintainer} from '../commands/backup.ts';
import type {DataOwner} from './data-owner.ts';
import type {SessionContext} from '../session-context.ts';
import {type ExportedTable, type ExportManifest, MANIFEST_FILE} from './export-manifest.ts';
import {exportDirectory} from './export-user-data.ts';
import {insertRows} from './insert-rows.ts';
import {recordCrossing} from './record-crossing.ts';
import {nameOf, type UserTable, userTables} from './user-tables.ts';
import {readZip} from './zip-archive.ts';

const MANIFEST_BYTES = 64 * 1024 * 1024;
const TEXT = oid(25);

/** What an import did. */
export interface Imported {
  readonly tables: number;
  readonly rows: number;
}

/** Who gets the rows of which file. */
export interface ImportTask extends DataOwner {
  readonly path: string;
}

/**
 * Inserts the rows of an export as rows of the owner, in the statement's transaction: defaults, checks, keys, foreign keys and rights are
 * those of INSERT. Nothing is kept when one row is refused.
 */
export async function importUserData(
  session: SessionContext,
  task: ImportTask,
  control: JobControl,
): Promise<Imported> {
  checkPath(session, task);
  await recordCrossing(session, task, 'import user data');
  const work = join(session.engine.spillDir, `import-${session.pid}-${Date.now()}`);
  await rm(work, {recursive: true, force: true});
  await mkdir(work, {recursive: true, mode: 0o700});
  const store = createSegmentStore({cacheBytes: 8 * 1024 * 1024});
  try {
    await readZip(task.path, name => (isSafe(name) ? join(work, name.replaceAll('/', '_')) : null));
    const manifest = await readManifest(work, task.path);
    const known = new Map(userTables(session).map(table => [nameOf(table), table] as const));
    let rows = 0;
    for (const [at, exported] of manifest.tables.entries()) {
      control.signal.throwIfAborted();
      control.onProgress(at / manifest.tables.length);
      if (exported.files.length === 0) continue;
      const table = known.get(`${exported.schema}.${exported.name}`);
      if (table === undefined)
        throw new PgError(
          SqlState.undefinedTable,
          `user table "${exported.schema}.${exported.name}" does not exist`,
        );
      const columns = matchColumns(session, exported, table);
      for (const file of exported.files) {
        control.signal.throwIfAborted();
        const path = join(work, file.file.replaceAll('/', '_'));
        const {bytes, sha256} = await digestFile(path).catch(() => ({bytes: -1, sha256: ''}));
        if (bytes !== file.bytes || sha256 !== file.sha256)
          throw damaged(task.path, `"${file.file}" is not what its description says`);
        const found: Datum[][] = [];
        await readRows(store, path, file.segment, columns, row => found.push(row));
        if (found.length !== file.rows)
          throw damaged(task.path, `"${file.file}" has ${found.length} rows`);
        control.signal.throwIfAborted();
        rows += await insertRows(session, table, task.name, insertable(table, columns), found);
      }
    }
    return {tables: manifest.tables.length, rows};
  } finally {
    await store.close();
    await rm(work, {recursive: true, force: true});
  }
}

/** Positions and columns that are inserted: a generated column is computed anew. */
function insertable(
  {descriptor}: UserTable,
  columns: readonly SegmentColumn[],
): readonly {readonly at: number; readonly column: SegmentColumn}[] {
  return columns.flatMap((column, at) => {
    const known = descriptor.columns.find(each => each.name === column.name && !each.isDropped);
    return known === undefined || known.generated !== '' ? [] : [{at, column}];
  });
}

function checkPath(session: SessionContext, task: ImportTask): void {
  if (!isAbsolute(task.path))
    throw new PgError(
      SqlState.invalidParameterValue,
      'relative path not allowed for an import on the server',
    );
  const own = exportDirectory(session, {owner: session.effectiveOwner, name: ''}) + sep;
  if (!resolve(task.path).startsWith(own))
    checkMaintainer(session, 'IMPORT USER DATA FROM a file of the server');
}

/** Names that an export writes; nothing that could leave the directory. */
function isSafe(name: string): boolean {
  return /^(?:manifest\.json|[\w.%~!*'()-]+\/\d+\.parquet)$/.test(name);
}

async function readManifest(work: string, path: string): Promise<ExportManifest> {
  const file = join(work, MANIFEST_FILE);
  const size = await stat(file).then(
    stats => stats.size,
    () => Infinity,
  );
  if (size > MANIFEST_BYTES) throw damaged(path, 'it has no description');
  let manifest: ExportManifest;
  try {
    manifest = JSON.parse(await readFile(file, 'utf8')) as ExportManifest;
  } catch {
    throw damaged(path, 'its description cannot be read');
  }
  if (String(manifest.format) !== 'wadi-user-data' || Number(manifest.version) !== 1)
    throw damaged(path, 'it was written by something else, or by a newer server');
  return manifest;
}

/** The file's columns as they were written, which must be columns of the same type today. */
function matchColumns(
  session: SessionContext,
  exported: ExportedTable,
  {descriptor}: UserTable,
): readonly SegmentColumn[] {
  const catalog = session.engine.catalog(session.database.oid);
  const scope = qualifiedScope(catalog);
  return exported.columns.map(({attnum, name, type, notNull}) => {
    const column = descriptor.columns.find(each => each.name === name && !each.isDropped);
    if (column === undefined)
      throw new PgError(
        SqlState.undefinedColumn,
        `column "${name}" of relation "${exported.name}" does not exist`,
      );
    const today = formatType(scope, column.typeOid, column.typmod);
    if (today !== type)
      throw new PgError(
        SqlState.datatypeMismatch,
        `column "${name}" of relation "${exported.name}" is of type ${today}, in the export it is of type ${type}`,
      );
    return {
      attnum,
      name,
      type: catalog.typeByOid(column.typeOid) ?? catalog.typeByOid(TEXT)!,
      typmod: column.typmod,
      isNullable: !notNull,
      bloom: null,
    };
  });
}

function damaged(path: string, what: string): PgError {
  return new PgError(SqlState.dataCorrupted, `"${path}" is no usable export: ${what}`);
}
