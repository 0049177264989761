import type {TableDescriptor} from '../../catalog/descriptors.ts';
import type {TableStorage} from '../../storage/contract.ts';
import type {SessionContext} from '../session-context.ts';

/** A user table whose rows are stored durably. */
export interface UserTable {
  readonly descriptor: TableDescriptor;
  readonly storage: TableStorage;
}

/** The user tables of the session's database; stream and temporary tables are not kept, so they are none of these. */
export function userTables(session: SessionContext): readonly UserTable[] {
  const catalog = session.engine.catalog(session.database.oid);
  return [...catalog.tables()]
    .filter(table => table.tableKind === 'user' && table.persistence !== 't')
    .map(descriptor => ({descriptor, storage: session.engine.storages.of(catalog, descriptor)}))
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** Schema and name. */
export function nameOf({storage}: UserTable): string {
  return `${storage.namespace}.${storage.name}`;
}
