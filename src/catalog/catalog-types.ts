import {oid, type Oid} from '../common/ids.ts';
import type {TypeInstance, TypeLookup} from '../types/contract.ts';
import type {TypeEntry} from './catalog-state.ts';
import type {ColumnDescriptor} from './descriptors.ts';
import type {StaticData} from './static-data.ts';
import type {SystemDescriptors} from './system-descriptors.ts';
import {systemSchemaRelations} from './system/system-schema.ts';
import type {FieldSpec, TypeMakers, TypeSpec} from './type-makers.ts';
import {SchemaOid} from './well-known.ts';

/** Places of pg_type's columns in the data. */
const Typ = {
  name: 1,
  schema: 2,
  kind: 6,
  relation: 11,
  subscript: 12,
  element: 13,
  array: 14,
  base: 25,
  typmod: 26,
} as const;

/** pg_proc OID of array_subscript_handler, the mark of true arrays. */
const ARRAY_SUBSCRIPT = 6179;

/** Types that every database has: the registry's, and those of catalog relations and information_schema, made on demand. */
export class BuiltinTypes implements TypeLookup {
  readonly #makers: TypeMakers;
  readonly #data: StaticData;
  readonly #relations: SystemDescriptors;
  readonly #made = new Map<number, TypeInstance>();

  constructor(makers: TypeMakers, data: StaticData, relations: SystemDescriptors) {
    this.#makers = makers;
    this.#data = data;
    this.#relations = relations;
  }

  typeByOid(typeOid: Oid): TypeInstance | undefined {
    const known = this.#makers.builtin(typeOid) ?? this.#made.get(typeOid);
    if (known !== undefined) return known;
    const made = this.#makeOwn(typeOid) ?? this.#make(typeOid);
    if (made !== undefined) this.#made.set(typeOid, made);
    return made;
  }

  typeByName(schema: Oid, name: string): TypeInstance | undefined {
    const table = this.#data.table('pg_type');
    for (const index of table.byName(name)) {
      const row = table.row(index);
      if (row[Typ.schema] === schema) return this.typeByOid(row[0] as Oid);
    }
    if (schema !== SchemaOid.system) return undefined;
    const own = systemSchemaRelations.find(each => each.name === name || `_${each.name}` === name);
    if (own === undefined) return undefined;
    return this.typeByOid(oid(own.oid + (own.name === name ? 1 : 2)));
  }

  /** Schema of a built-in type; undefined when it is none. */
  schemaOf(typeOid: Oid): Oid | undefined {
    const table = this.#data.table('pg_type');
    const index = table.byKey(typeOid)[0];
    if (index !== undefined) return table.row(index)[Typ.schema] as Oid;
    return ownRelation(typeOid) === undefined ? undefined : SchemaOid.system;
  }

  #make(typeOid: Oid): TypeInstance | undefined {
    const table = this.#data.table('pg_type');
    const index = table.byKey(typeOid)[0];
    if (index === undefined) return undefined;
    const row = table.row(index);
    const spec: TypeSpec = {
      oid: typeOid,
      name: row[Typ.name] as string,
      arrayOid: row[Typ.array] as Oid,
    };
    if (row[Typ.kind] === 'c') return this.#composite(spec, row[Typ.relation] as Oid);
    if (row[Typ.kind] === 'd') {
      const base = this.typeByOid(row[Typ.base] as Oid);
      return base && this.#makers.makeDomain(spec, base, row[Typ.typmod] as number);
    }
    if (row[Typ.subscript] !== ARRAY_SUBSCRIPT) return undefined;
    const element = this.typeByOid(row[Typ.element] as Oid);
    return element && this.#makers.makeArray(spec, element);
  }

  #makeOwn(typeOid: Oid): TypeInstance | undefined {
    const own = ownRelation(typeOid);
    if (own === undefined) return undefined;
    const rowType = oid(own.oid + 1);
    const arrayOid = oid(own.oid + 2);
    if (typeOid === rowType) {
      return this.#composite({oid: rowType, name: own.name, arrayOid}, oid(own.oid));
    }
    const element = this.typeByOid(rowType);
    const spec = {oid: arrayOid, name: `_${own.name}`, arrayOid: oid(0)};
    return element && this.#makers.makeArray(spec, element);
  }

  #composite(spec: TypeSpec, relation: Oid): TypeInstance {
    const columns = this.#relations.byOid(relation)?.columns ?? [];
    return this.#makers.makeComposite(spec, fieldsOf(columns, this), this);
  }
}

/** The relation of schema `system` whose row type, or array of it, this is. */
function ownRelation(typeOid: Oid): (typeof systemSchemaRelations)[number] | undefined {
  return systemSchemaRelations.find(row => typeOid === row.oid + 1 || typeOid === row.oid + 2);
}

/** Fields of a row type; a column whose type is unknown is an internal inconsistency and is left out. */
function fieldsOf(columns: readonly ColumnDescriptor[], lookup: TypeLookup): FieldSpec[] {
  return columns
    .filter(column => !column.isDropped)
    .flatMap(column => {
      const type = lookup.typeByOid(column.typeOid);
      return type === undefined ? [] : [{name: column.name, type, typmod: column.typmod}];
    });
}

/**
 * Instances of user-made types by entry. One cache is shared by snapshots as long as no type changes,
 * so that the same type is the same object; a DDL that changes types starts a new one.
 */
export class TypeCache {
  readonly #makers: TypeMakers;
  readonly #instances = new WeakMap<TypeEntry, TypeInstance>();

  constructor(makers: TypeMakers) {
    this.#makers = makers;
  }

  /** An empty cache with the same makers. */
  fresh(): TypeCache {
    return new TypeCache(this.#makers);
  }

  instance(entry: TypeEntry, arrayOid: Oid, lookup: TypeLookup): TypeInstance | undefined {
    const known = this.#instances.get(entry);
    if (known !== undefined) return known;
    const made = this.#make(entry, arrayOid, lookup);
    if (made !== undefined) this.#instances.set(entry, made);
    return made;
  }

  #make(entry: TypeEntry, arrayOid: Oid, lookup: TypeLookup): TypeInstance | undefined {
    const {owner} = entry;
    const spec: TypeSpec = {oid: entry.oid, name: entry.name, arrayOid};
    if (entry.isArray) {
      const element = lookup.typeByOid(owner.kind === 'type' ? owner.oid : owner.rowType);
      return element && this.#makers.makeArray({...spec, arrayOid: oid(0)}, element);
    }
    if (owner.kind !== 'type' || owner.typeKind === 'c') {
      return this.#makers.makeComposite(spec, fieldsOf(owner.columns, lookup), lookup);
    }
    if (owner.typeKind === 'e') {
      const labels = [...owner.labels].sort((a, b) => a.sortOrder - b.sortOrder);
      return this.#makers.makeEnum(
        spec,
        labels.map(each => each.label),
      );
    }
    const base = lookup.typeByOid(owner.baseType);
    if (owner.typeKind === 'r')
      return base && this.#makers.makeRange(spec, base, owner.range?.multirange ?? oid(0));
    if (owner.typeKind === 'm') return base && this.#makers.makeMultirange(spec, base);
    return base && this.#makers.makeDomain(spec, base, owner.baseTypmod);
  }
}
