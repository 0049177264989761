import type {CatalogSnapshot} from '../catalog/contract.ts';
import {PgError} from '../common/errors.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {AnyShape, LiveShape} from '../live/live-shape.ts';
import {LOCAL_STORAGE} from '../storage/objects/storage-definition.ts';
import {hasServiceRight} from './run-context.ts';

/** An owner that no row has. */
export const NOBODY = 0xffffffff as OwnerId;

/** Who reads: the role, and the owner whose rows are its own. */
export interface LiveReader {
  readonly catalog: CatalogSnapshot;
  readonly role: Oid;
  readonly own: OwnerId;
}

/** Whose rows a table that is read across users shows: null = everybody's. */
export function everybodyFor({catalog, role, own}: LiveReader): OwnerId | null {
  return hasServiceRight(catalog, role) ? null : own;
}

/** Whose rows a live query shows: null = all owners, or a shared table. Of class E: whose own rows. */
export function ownerOf(
  reader: LiveReader,
  shape: AnyShape,
  evaluate: (name: NonNullable<LiveShape['scan']['ownerEquals']>) => string | null,
): OwnerId | null {
  const {catalog, own} = reader;
  if (shape.class === 'E') return own;
  const {scope, scan} = shape.class === 'A' ? shape : shape.inner;
  if (scope === 'none') return null;
  if (scope === 'own') return own;
  const limit = everybodyFor(reader);
  if (scan.ownerEquals === null) return limit;
  const name = evaluate(scan.ownerEquals);
  const wanted = name === null ? undefined : catalog.roleByName(name)?.oid;
  return wanted === undefined || (limit !== null && limit !== wanted) ? NOBODY : wanted;
}

/** Name of a table that is read across its owners; null when there is none. */
export function crossedTable(shape: AnyShape): string | null {
  if (shape.class === 'E')
    return shape.tables.find(table => table.scope === 'all')?.tableName ?? null;
  const row = shape.class === 'A' ? shape : shape.inner;
  return row.scope === 'all' ? row.tableName : null;
}

/**
 * Throws unless a live query may be limited to a storage: by the service right, of a query across users whose tables lie
 * there. The right comes first, so that nobody learns of storages by it.
 */
export function checkStorageLimit(
  {catalog, role}: Pick<LiveReader, 'catalog' | 'role'>,
  shape: AnyShape,
  storage: string,
): void {
  if (!hasServiceRight(catalog, role))
    throw new PgError(
      SqlState.insufficientPrivilege,
      'permission denied to limit a live query to a storage',
      {hint: 'It takes the right to read the rows of all users.'},
    );
  if (storage !== LOCAL_STORAGE && catalog.storageByName(storage) === undefined)
    throw new PgError(SqlState.undefinedObject, `storage "${storage}" does not exist`);
  const tables = readTables(shape).filter(({scope}) => scope === 'all');
  if (tables.length === 0)
    throw new PgError(
      SqlState.invalidParameterValue,
      'a live query can be limited to a storage only when it reads a table across its users',
      {hint: 'Name _user_id in the query.'},
    );
  for (const {table} of tables) {
    const descriptor = catalog.tableByOid(table)!;
    const actual = descriptor.options['storage'] ?? LOCAL_STORAGE;
    if (actual === storage) continue;
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      `table "${descriptor.name}" is not in storage "${storage}"`,
      {detail: `It is in storage "${actual}".`},
    );
  }
}

function readTables(shape: AnyShape): readonly Pick<LiveShape, 'table' | 'scope'>[] {
  return shape.class === 'E' ? shape.tables : [shape.class === 'A' ? shape : shape.inner];
}

/** The tables of which rows of others are read, qualified. */
export function crossedTables(catalog: CatalogSnapshot, shape: AnyShape): readonly string[] {
  return readTables(shape)
    .filter(({scope}) => scope === 'all')
    .map(({table}) => {
      const descriptor = catalog.tableByOid(table)!;
      return `${catalog.schemaByOid(descriptor.schema)!.name}.${descriptor.name}`;
    });
}
