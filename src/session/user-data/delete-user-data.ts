import {rm} from 'node:fs/promises';
import {setImmediate as nextTurn} from 'node:timers/promises';
import type {JobControl} from '../../jobs/job-table.ts';
import {END, PAUSE, type TableStorage, type Transaction} from '../../storage/contract.ts';
import {readCell} from '../../storage/hot/cells.ts';
import type {Rid, Seq} from '../../common/ids.ts';
import type {DataOwner} from './data-owner.ts';
import type {SessionContext} from '../session-context.ts';
import {exportDirectory} from './export-user-data.ts';
import {recordCrossing} from './record-crossing.ts';
import {userTables} from './user-tables.ts';

/** What a deletion did, and where bytes of the user can still be. */
export interface Deleted {
  readonly tables: number;
  readonly rows: number;
  readonly logParts: number;
  readonly remains: string;
}

/**
 * Deletes all rows of a user in one transaction, then what they leave: his segments, their images in the change log, his exports. Rows of
 * shared tables are not his.
 */
export async function deleteUserData(
  session: SessionContext,
  task: DataOwner,
  control: JobControl,
): Promise<Deleted> {
  await recordCrossing(session, task, 'delete user data');
  const {storage} = session.engine;
  const {admin} = storage;
  const endErasure = admin.beginErasure();
  try {
    const {tables, rows} = await deleteRows(session, task, control);
    for (const table of tables) {
      control.signal.throwIfAborted();
      await storage.compact(table, {
        owner: task.owner,
        maxSegments: Number.MAX_SAFE_INTEGER,
        signal: control.signal,
      });
    }
    // What the archive lacks would otherwise be lost for a restore to a point in time.
    const archived = (await session.engine.archive?.run())?.seq ?? null;
    const logParts = await admin.purgeLog(task.owner, archived);
    await rm(exportDirectory(session, task), {recursive: true, force: true});
    return {tables: tables.length, rows, logParts, remains: remainsOf(session)};
  } finally {
    endErasure();
  }
}

function remainsOf(session: SessionContext): string {
  const places = [
    'free pages of wadi.db until they are used again',
    'the write-ahead log until it starts over',
    'segment files that open snapshots or a backup still read, until these end',
    'backups',
  ];
  if (session.engine.archive !== null) places.push('the archive of the change log');
  return `copies remain in ${places.join('; ')}`;
}

async function deleteRows(
  session: SessionContext,
  {owner}: DataOwner,
  control: JobControl,
): Promise<{readonly tables: readonly TableStorage[]; readonly rows: number}> {
  const {storage} = session.engine;
  const tx = storage.begin({
    isolation: 'read committed',
    isReadOnly: false,
    databaseOid: session.database.oid,
    waiter: {pid: session.pid, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000},
    pinsSnapshot: true,
  });
  const cancel = (): void => tx.cancelWait(control.signal.reason as Error);
  control.signal.addEventListener('abort', cancel);
  const touched: TableStorage[] = [];
  let rows = 0;
  try {
    for (const {storage: table} of userTables(session)) {
      for (;;) {
        const locked = tx.lockTable(table.oid, 'rowExclusive', 'wait');
        if (locked === 'granted') break;
        await locked;
      }
      const found = await deleteTable(tx, table, owner, control);
      rows += found;
      if (
        found > 0 ||
        storage.segments().some(each => each.table === table.oid && each.owner === owner)
      )
        touched.push(table);
    }
    await tx.commit();
  } catch (error) {
    tx.rollback();
    throw error;
  } finally {
    control.signal.removeEventListener('abort', cancel);
  }
  if (tx.commitSeq !== null) await storage.whenDurable(tx.commitSeq);
  return {tables: touched, rows};
}

async function deleteTable(
  tx: Transaction,
  table: TableStorage,
  owner: DataOwner['owner'],
  control: JobControl,
): Promise<number> {
  tx.beginStatement();
  const width = table.columns.length;
  const cursor = tx.scan({
    table,
    owner,
    columns: [...table.columns.keys(), 'rid', 'seq', 'location'],
    predicates: [],
    lookup: null,
    order: null,
  });
  let rows = 0;
  try {
    for (;;) {
      const batch = cursor.next(1024);
      if (batch === END) return rows;
      if (batch === PAUSE) {
        await (cursor.pause ?? nextTurn());
        continue;
      }
      const {vectors, selection, count} = batch;
      const seen = Array.from({length: count}, (_, i) => {
        const at = selection === null ? i : selection[i]!;
        return {
          rid: readCell(vectors[width]!, at) as Rid,
          owner,
          row: table.columns.map((_, column) => readCell(vectors[column]!, at)),
          location: Number(readCell(vectors[width + 2]!, at)),
          seq: readCell(vectors[width + 1]!, at) as Seq,
        };
      });
      for (const version of seen) {
        await granted(() => tx.lockRow(table, version.rid, 'update', 'wait'));
        const newest = await settled(() => tx.newestVersion(table, version.rid, version));
        if (newest === null) continue;
        await settled(() => {
          const result = tx.delete(table, newest);
          return result instanceof Promise ? result : 'done';
        });
        rows++;
      }
      control.signal.throwIfAborted();
      control.onProgress(0.5);
      await nextTurn();
    }
  } finally {
    cursor.close();
    tx.endStatement();
  }
}

async function granted(ask: () => 'granted' | 'unavailable' | Promise<void>): Promise<void> {
  for (;;) {
    const answer = ask();
    if (!(answer instanceof Promise)) return;
    await answer;
  }
}

async function settled<T>(ask: () => T | Promise<void>): Promise<T> {
  for (;;) {
    const answer = ask();
    if (!(answer instanceof Promise)) return answer as T;
    await answer;
  }
}
