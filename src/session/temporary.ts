import type {CatalogChange, CatalogSnapshot} from '../catalog/contract.ts';
import {descriptorKey} from '../catalog/descriptor-json.ts';
import type {Descriptor, SchemaDescriptor} from '../catalog/descriptors.ts';
import type {Oid} from '../common/ids.ts';
import type {DdlEffect} from '../storage/contract.ts';
import type {Engine} from './session-context.ts';
import {tempSchemaName} from './search-path.ts';

/** Whose temporary schemas are dropped: a session's own, or those that a crash left. */
export interface TemporaryScope {
  readonly engine: Engine;
  readonly databaseOid?: Oid;
  readonly schemas?: readonly SchemaDescriptor[];
  readonly database?: {readonly oid: Oid};
  readonly pid?: number;
}

/** Schemas of temporary objects whose sessions are gone. */
export function leftoverTemporarySchemas(catalog: CatalogSnapshot): SchemaDescriptor[] {
  return [...catalog.schemas()].filter(schema => /^pg_temp_\d+$/.test(schema.name));
}

/** Drops temporary objects in a commit of its own. */
export async function dropTemporaryObjects(scope: TemporaryScope): Promise<void> {
  const {engine} = scope;
  const databaseOid = scope.databaseOid ?? scope.database!.oid;
  const catalog = engine.catalog(databaseOid);
  const own = scope.pid === undefined ? undefined : catalog.schemaByName(tempSchemaName(scope.pid));
  const schemas = scope.schemas ?? (own === undefined ? [] : [own]);
  if (schemas.length === 0) return;
  const changes: CatalogChange[] = [];
  const effects: DdlEffect[] = [];
  for (const schema of schemas) collect(engine, catalog, schema, changes, effects);
  const tx = engine.storage.begin({
    isolation: 'read committed',
    isReadOnly: false,
    databaseOid,
    waiter: {pid: scope.pid ?? 0, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000},
  });
  tx.beginStatement();
  for (const change of changes) {
    if (change.op === 'delete')
      tx.ddl({
        kind: 'catalog',
        key: descriptorKey(databaseOid, change.kind, change.oid),
        json: null,
      });
  }
  for (const effect of effects) tx.ddl(effect);
  tx.endStatement();
  await tx.commit();
  engine.publishCatalogChanges(databaseOid, changes);
}

function collect(
  engine: Engine,
  catalog: CatalogSnapshot,
  schema: SchemaDescriptor,
  changes: CatalogChange[],
  effects: DdlEffect[],
): void {
  const remove = (descriptor: Descriptor): void =>
    void changes.push({op: 'delete', kind: descriptor.kind, oid: descriptor.oid});
  for (const view of catalog.views()) if (view.schema === schema.oid) remove(view);
  for (const table of catalog.tables()) {
    if (table.schema !== schema.oid) continue;
    for (const constraint of catalog.constraintsOf(table.oid)) remove(constraint);
    for (const index of catalog.indexesOf(table.oid)) remove(index);
    effects.push({kind: 'dropTable', table: engine.storages.of(catalog, table)});
    remove(table);
  }
  for (const sequence of catalog.sequences()) {
    if (sequence.schema !== schema.oid) continue;
    effects.push({kind: 'dropSequence', oid: sequence.oid});
    remove(sequence);
  }
  for (const type of catalog.userTypes()) if (type.schema === schema.oid) remove(type);
  for (const fn of catalog.userFunctions()) if (fn.schema === schema.oid) remove(fn);
  remove(schema);
}
