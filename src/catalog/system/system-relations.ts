import type {Oid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {CatalogSnapshot, RuntimeFacts, SystemRelations} from '../contract.ts';
import type {SystemRelationDescriptor} from '../descriptors.ts';
import type {StaticData} from '../static-data.ts';
import type {SystemDescriptors} from '../system-descriptors.ts';
import {SchemaOid} from '../well-known.ts';
import {catalogSources, informationSources, wadiSources} from './sources.ts';
import {RowMemo, type Row, type SystemContext, type SystemSource} from './source.ts';
import {StaticRows} from './static-rows.ts';

const NO_ROWS: readonly Row[] = [];

/** pg_catalog, information_schema and system.* over any snapshot; one object serves a process. */
export class CatalogRelations implements SystemRelations {
  readonly #data: StaticData;
  readonly #relations: SystemDescriptors;
  readonly #rows: StaticRows;
  readonly #memo = new RowMemo();

  constructor(base: {
    readonly builtin: {readonly data: StaticData};
    readonly systemRelations: SystemDescriptors;
  }) {
    this.#data = base.builtin.data;
    this.#relations = base.systemRelations;
    this.#rows = new StaticRows(this.#data, this.#relations);
  }

  rows(
    snapshot: CatalogSnapshot,
    relation: Oid,
    facts: RuntimeFacts,
    equals: {readonly attnum: number; readonly value: Datum} | null,
  ): readonly Row[] {
    const descriptor = this.#relations.byOid(relation);
    if (descriptor === undefined) return NO_ROWS;
    const fed = facts.rows(`${schemaPrefix(descriptor.schema)}.${descriptor.name}`);
    if (fed !== undefined) return fed;
    const source = sourceOf(descriptor);
    if (source === undefined) return this.#builtinRows(descriptor, equals);
    const context: SystemContext = {snapshot, facts, rows: this.#rows, memo: this.#memo};
    if (equals !== null) {
      const column = descriptor.columns[equals.attnum - 1]?.name ?? '';
      const lookup = source.by?.[column];
      if (lookup !== undefined)
        return equals.value === null ? NO_ROWS : lookup(context, equals.value);
    }
    if (source.volatile === true) return source.all(context);
    const asker = source.perRole === true ? (facts.currentRole ?? 0) : 0;
    const path = source.perPath === true ? (facts.searchPath?.join(' ') ?? '') : '';
    return snapshot.memo(`rows:${relation}:${asker}:${path}`, () => source.all(context));
  }

  /** Relations that only have built-in rows, or none at all. */
  #builtinRows(
    descriptor: SystemRelationDescriptor,
    equals: {readonly attnum: number; readonly value: Datum} | null,
  ): readonly Row[] {
    const {name} = descriptor;
    if (!this.#data.has(name)) return NO_ROWS;
    const isKey = equals !== null && equals.attnum === 1 && typeof equals.value === 'number';
    return isKey ? this.#rows.byKey(name, equals.value as Oid) : this.#rows.all(name);
  }
}

function schemaPrefix(schema: Oid): string {
  if (schema === SchemaOid.pgCatalog) return 'pg_catalog';
  return schema === SchemaOid.system ? 'system' : 'information_schema';
}

function sourceOf(descriptor: SystemRelationDescriptor): SystemSource | undefined {
  const {name, schema} = descriptor;
  if (schema === SchemaOid.pgCatalog) return catalogSources[name];
  return schema === SchemaOid.system ? wadiSources[name] : informationSources[name];
}
