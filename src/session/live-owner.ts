import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import type {AnyShape, LiveShape} from '../live/live-shape.ts';
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

/** The tables of which rows of others are read, qualified. */
export function crossedTables(catalog: CatalogSnapshot, shape: AnyShape): readonly string[] {
  const tables = shape.class === 'E' ? shape.tables : [shape.class === 'A' ? shape : shape.inner];
  return tables
    .filter(({scope}) => scope === 'all')
    .map(({table}) => {
      const descriptor = catalog.tableByOid(table)!;
      return `${catalog.schemaByOid(descriptor.schema)!.name}.${descriptor.name}`;
    });
}
