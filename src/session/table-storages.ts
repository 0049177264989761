import type {CatalogSnapshot} from '../catalog/contract.ts';
import {indexColumnDefinition} from '../catalog/definitions.ts';
import {SchemaOid} from '../catalog/well-known.ts';
import type {IndexDescriptor, TableDescriptor} from '../catalog/descriptors.ts';
import {assert, PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeInstance} from '../types/contract.ts';
import type {StorageColumn, StorageIndex, TableStorage} from '../storage/contract.ts';

interface Entry {
  readonly indexes: readonly IndexDescriptor[];
  readonly storage: TableStorage;
}

/** The keys of an index with expressions or a predicate. */
export interface CompiledIndexKey {
  /** Types of the key columns. */
  readonly types: readonly TypeInstance[];
  readonly keyOf: StorageIndex['keyOf'];
}

/** Compiles index expressions and predicates over stored rows. */
export type IndexKeyMaker = (
  table: TableDescriptor,
  index: IndexDescriptor,
  catalog: CatalogSnapshot,
) => CompiledIndexKey;

/** Storage shapes of tables, kept by identity of the table's descriptor and of its indexes: a lookup per use, no rebuilding. */
export class TableStorages {
  readonly #entries = new WeakMap<TableDescriptor, Entry>();
  readonly #keyMaker: IndexKeyMaker;

  constructor(keyMaker: IndexKeyMaker) {
    this.#keyMaker = keyMaker;
  }

  /** The shape of a table in a catalog snapshot. 42P01 when it is gone. */
  get(catalog: CatalogSnapshot, table: Oid): TableStorage {
    const descriptor = catalog.tableByOid(table);
    if (descriptor === undefined)
      throw new PgError(SqlState.undefinedTable, `relation with OID ${table} does not exist`);
    return this.of(catalog, descriptor);
  }

  of(catalog: CatalogSnapshot, table: TableDescriptor): TableStorage {
    const indexes = catalog.indexesOf(table.oid);
    const known = this.#entries.get(table);
    if (known !== undefined && sameList(known.indexes, indexes)) return known.storage;
    const storage = this.#make(catalog, table, indexes);
    this.#entries.set(table, {indexes, storage});
    return storage;
  }

  #make(
    catalog: CatalogSnapshot,
    table: TableDescriptor,
    indexes: readonly IndexDescriptor[],
  ): TableStorage {
    const columns: StorageColumn[] = [];
    for (const column of table.columns) {
      if (column.isDropped) continue;
      const type = catalog.typeByOid(column.typeOid);
      assert(type !== undefined, `type ${column.typeOid} of a stored column exists`);
      columns.push({
        attnum: column.storageId ?? column.attnum,
        catalogAttnum: column.attnum,
        type,
        typmod: column.typmod,
        name: column.name,
        isNotNull: column.isNotNull,
        missingValue: column.missingValue,
      });
    }
    const positions = new Map(columns.map((column, position) => [column.catalogAttnum!, position]));
    const storageIndexes = indexes.map(index =>
      this.#index(catalog, table, index, columns, positions),
    );
    return {
      databaseOid: catalog.databaseOid,
      oid: table.oid,
      name: table.name,
      namespace: catalog.schemaByOid(table.schema)?.name ?? '',
      kind: table.tableKind,
      persistence: table.persistence,
      schemaVersion: table.schemaVersion,
      columns,
      indexes: storageIndexes,
      clusterColumns: clusterColumns(table, columns),
      options: table.options,
      ttlMs: table.ttlMs,
    };
  }

  #index(
    catalog: CatalogSnapshot,
    table: TableDescriptor,
    index: IndexDescriptor,
    columns: readonly StorageColumn[],
    positions: ReadonlyMap<number, number>,
  ): StorageIndex {
    const keyColumns = index.keys.map(key => (key.attnum === 0 ? -1 : positions.get(key.attnum)!));
    const isPlain = index.predicateText === null && keyColumns.every(position => position >= 0);
    const compiled = isPlain ? null : this.#keyMaker(table, index, catalog);
    return {
      oid: index.oid,
      name: index.name,
      isUnique: index.isUnique,
      isPrimary: index.isPrimary,
      nullsNotDistinct: index.nullsNotDistinct,
      isDeferrable: catalog
        .constraintsOf(table.oid)
        .some(each => each.index === index.oid && each.type !== 'f' && each.isDeferrable),
      keyColumns,
      keyTypes:
        compiled === null ? keyColumns.map(position => columns[position]!.type) : compiled.types,
      keyNames: compiled === null ? null : () => keyNames(catalog, index),
      keyOf: compiled === null ? null : compiled.keyOf,
      method: index.method,
      options: Object.fromEntries(
        index.options.map(option => option.split('=', 2) as [string, string]),
      ),
    };
  }
}

/** Keys as pg_get_indexdef prints them, for messages only. */
function keyNames(catalog: CatalogSnapshot, index: IndexDescriptor): string[] {
  const scope = {snapshot: catalog, searchPath: [SchemaOid.pgCatalog, SchemaOid.public]};
  return index.keys.map((_key, at) =>
    indexColumnDefinition(index, at + 1, {scope, isPretty: true}),
  );
}

function clusterColumns(table: TableDescriptor, columns: readonly StorageColumn[]): number[] {
  const option = table.options['cluster_by'];
  if (option === undefined) return [];
  return option
    .split(',')
    .map(name => columns.findIndex(column => column.name === name.trim()))
    .filter(position => position >= 0);
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
