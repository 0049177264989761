import type {Oid} from '../common/ids.ts';
import type {SessionContext} from './session-context.ts';

/** Brings the hot rows of a table that is locked into memory; null when they are there. After the wait it is asked again. */
export function loadTable(session: SessionContext, oid: Oid): Promise<void> | null {
  const {storage} = session.engine;
  if (storage.isLoaded(oid)) return null;
  const {catalog} = session.transaction;
  const table = catalog.tableByOid(oid);
  return table === undefined ? null : storage.load(session.storages.of(catalog, table));
}

/** The same to the end. */
export async function loadLocked(session: SessionContext, oid: Oid): Promise<void> {
  for (;;) {
    const loading = loadTable(session, oid);
    if (loading === null) return;
    await session.wait(loading);
  }
}
