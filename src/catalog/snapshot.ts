import {oid, type Oid} from '../common/ids.ts';
import type {TypeInstance, TypeLookup} from '../types/contract.ts';
import type {StaticBuiltinCatalog} from './builtin.ts';
import {applyChanges, emptyState, type CatalogState, type TypeEntry} from './catalog-state.ts';
import {TypeCache, type BuiltinTypes} from './catalog-types.ts';
import type {CastRow, CatalogChange, CatalogSnapshot, FunctionRow} from './contract.ts';
import type {
  ConstraintDescriptor,
  DatabaseDescriptor,
  Descriptor,
  FunctionDescriptor,
  IndexDescriptor,
  DefaultAclDescriptor,
  LiveQueryDescriptor,
  PolicyDescriptor,
  RelationDescriptor,
  RoleDescriptor,
  SchemaDescriptor,
  SequenceDescriptor,
  StorageDescriptor,
  TableDescriptor,
  TypeDescriptor,
  ViewDescriptor,
} from './descriptors.ts';
import type {SystemDescriptors} from './system-descriptors.ts';
import type {TypeMakers} from './type-makers.ts';
import {retiredCastName, rowArrayOid, SchemaOid} from './well-known.ts';

/** What all snapshots of a process share: built-in rows, types and relations. */
export interface CatalogBase {
  readonly builtin: StaticBuiltinCatalog;
  readonly types: BuiltinTypes;
  readonly systemRelations: SystemDescriptors;
  readonly makers: TypeMakers;
}

type Kind = Descriptor['kind'];
type OfKind<K extends Kind> = Extract<Descriptor, {kind: K}>;

/** Kinds that all databases share. */
const commonKinds: readonly Kind[] = ['role', 'database', 'storage'];
const none: readonly never[] = [];

/** An immutable catalog of one database over persistent maps. */
export class Snapshot implements CatalogSnapshot {
  readonly version: number;
  readonly builtin: StaticBuiltinCatalog;
  readonly databaseOid: Oid;
  readonly base: CatalogBase;
  readonly #state: CatalogState;
  readonly #types: TypeCache;
  readonly #lists = new Map<Kind, readonly Descriptor[]>();
  readonly #memo = new Map<string, unknown>();
  readonly #functionRows: WeakMap<FunctionDescriptor, FunctionRow>;
  /** By the list of descriptors of one name, which stays the same object until one of them changes. */
  readonly #functionLists: WeakMap<readonly FunctionDescriptor[], readonly FunctionRow[]>;

  private constructor(
    base: CatalogBase,
    databaseOid: Oid,
    version: number,
    parts: {
      readonly state: CatalogState;
      readonly types: TypeCache;
      readonly functionRows: WeakMap<FunctionDescriptor, FunctionRow>;
      readonly functionLists: WeakMap<readonly FunctionDescriptor[], readonly FunctionRow[]>;
    },
  ) {
    this.base = base;
    this.builtin = base.builtin;
    this.databaseOid = databaseOid;
    this.version = version;
    this.#state = parts.state;
    this.#types = parts.types;
    this.#functionRows = parts.functionRows;
    this.#functionLists = parts.functionLists;
  }

  /** A snapshot holding exactly these descriptors. */
  static of(
    base: CatalogBase,
    databaseOid: Oid,
    version: number,
    descriptors: Iterable<Descriptor>,
  ): Snapshot {
    const changes = [...descriptors].map(descriptor => ({op: 'put' as const, descriptor}));
    return new Snapshot(base, databaseOid, version, {
      state: applyChanges(emptyState(), changes),
      types: new TypeCache(base.makers),
      functionRows: new WeakMap(),
      functionLists: new WeakMap(),
    });
  }

  apply(changes: readonly CatalogChange[]): Snapshot {
    return new Snapshot(this.base, this.databaseOid, this.version + 1, {
      state: applyChanges(this.#state, changes),
      types: changes.some(change => this.#changesType(change)) ? this.#types.fresh() : this.#types,
      functionRows: this.#functionRows,
      functionLists: this.#functionLists,
    });
  }

  /** This snapshot with roles, databases and storages replaced by another database's. */
  withCommonOf(other: Snapshot): Snapshot {
    const changes: CatalogChange[] = [];
    for (const kind of commonKinds) {
      for (const old of this.list(kind)) {
        if (other.get(kind, old.oid) === undefined)
          changes.push({op: 'delete', kind, oid: old.oid});
      }
      for (const descriptor of other.list(kind)) {
        if (this.get(kind, descriptor.oid) !== descriptor) changes.push({op: 'put', descriptor});
      }
    }
    return changes.length === 0 ? this : this.apply(changes);
  }

  /** All descriptors of a kind in OID order. */
  list<K extends Kind>(kind: K): readonly OfKind<K>[] {
    let list = this.#lists.get(kind);
    if (list === undefined) {
      list = this.#state.objects[kind].values().sort((a, b) => a.oid - b.oid);
      this.#lists.set(kind, list);
    }
    return list as readonly OfKind<K>[];
  }

  get(kind: Kind, objectOid: Oid): Descriptor | undefined {
    return this.#state.objects[kind].get(objectOid);
  }

  schemaByName(name: string): SchemaDescriptor | undefined {
    return this.#named('schema', name);
  }
  schemaByOid(schema: Oid): SchemaDescriptor | undefined {
    return this.#find('schema', schema);
  }
  schemas(): readonly SchemaDescriptor[] {
    return this.list('schema');
  }

  relationByName(schema: Oid, name: string): RelationDescriptor | undefined {
    return (
      this.#state.relationNames.get(`${schema}.${name}`) ??
      this.base.systemRelations.byName(schema, name)
    );
  }
  relationByOid(relation: Oid): RelationDescriptor | undefined {
    return this.#state.relations.get(relation) ?? this.base.systemRelations.byOid(relation);
  }
  tableByOid(table: Oid): TableDescriptor | undefined {
    return this.#find('table', table);
  }
  tables(): readonly TableDescriptor[] {
    return this.list('table');
  }
  views(): readonly ViewDescriptor[] {
    return this.list('view');
  }
  sequences(): readonly SequenceDescriptor[] {
    return this.list('sequence');
  }
  indexesOf(table: Oid): readonly IndexDescriptor[] {
    return this.#state.indexes.get(table) ?? none;
  }
  /** Constraints of a table, or of a domain by its type's OID. */
  constraintsOf(table: Oid): readonly ConstraintDescriptor[] {
    return this.#state.constraints.get(table) ?? none;
  }
  referencingConstraints(table: Oid): readonly ConstraintDescriptor[] {
    return this.#state.referencing.get(table) ?? none;
  }
  policiesOf(table: Oid): readonly PolicyDescriptor[] {
    return this.#state.policies.get(table) ?? none;
  }
  policies(): readonly PolicyDescriptor[] {
    return this.list('policy');
  }
  defaultAcls(): readonly DefaultAclDescriptor[] {
    return this.list('defaultAcl');
  }
  constraintByOid(constraint: Oid): ConstraintDescriptor | undefined {
    return this.#find('constraint', constraint);
  }

  typeByOid(typeOid: Oid): TypeInstance | undefined {
    const entry = this.#state.types.get(typeOid);
    return entry === undefined ? this.base.types.typeByOid(typeOid) : this.#instance(entry);
  }
  typeByName(schema: Oid, name: string): TypeInstance | undefined {
    const entry = this.#state.typeNames.get(`${schema}.${name}`);
    return entry === undefined ? this.base.types.typeByName(schema, name) : this.#instance(entry);
  }
  typeDescriptorByOid(typeOid: Oid): TypeDescriptor | undefined {
    return this.#find('type', typeOid);
  }
  /** What a user-made type OID stands for; undefined for built-in types. */
  typeEntry(typeOid: Oid): TypeEntry | undefined {
    return this.#state.types.get(typeOid);
  }
  typeSchema(typeOid: Oid): Oid {
    return (
      this.#state.types.get(typeOid)?.schema ??
      this.base.types.schemaOf(typeOid) ??
      SchemaOid.pgCatalog
    );
  }
  userTypes(): readonly TypeDescriptor[] {
    return this.list('type');
  }

  functionsByName(schema: Oid, name: string): readonly FunctionRow[] {
    const builtin = this.builtin.functionsIn(schema, name);
    const own = this.#state.functionNames.get(`${schema}.${name}`);
    if (own === undefined) return builtin;
    let rows = this.#functionLists.get(own);
    if (rows === undefined) {
      rows = [...builtin, ...own.map(fn => this.#functionRow(fn))];
      this.#functionLists.set(own, rows);
    }
    return rows;
  }
  functionByOid(functionOid: Oid): FunctionRow | undefined {
    const own = this.#find('function', functionOid);
    return own === undefined ? this.builtin.functionByOid(functionOid) : this.#functionRow(own);
  }
  userFunctions(): readonly FunctionDescriptor[] {
    return this.list('function');
  }

  castFor(source: Oid, target: Oid, isStored = false): CastRow | undefined {
    const found =
      this.builtin.castFor(source, target) ?? this.#named('cast', `${source} ${target}`);
    if (found !== undefined || !isStored) return found;
    return this.#named('cast', retiredCastName(source, target));
  }

  roleByName(name: string): RoleDescriptor | undefined {
    return this.#named('role', name);
  }
  roleByOid(role: Oid): RoleDescriptor | undefined {
    return this.#find('role', role);
  }
  roles(): readonly RoleDescriptor[] {
    return this.list('role');
  }
  databaseByName(name: string): DatabaseDescriptor | undefined {
    return this.#named('database', name);
  }
  databases(): readonly DatabaseDescriptor[] {
    return this.list('database');
  }
  liveQueryByName(schema: Oid, name: string): LiveQueryDescriptor | undefined {
    return this.#named('liveQuery', `${schema}.${name}`);
  }
  liveQueries(): readonly LiveQueryDescriptor[] {
    return this.list('liveQuery');
  }
  storageByName(name: string): StorageDescriptor | undefined {
    return this.#named('storage', name);
  }
  storages(): readonly StorageDescriptor[] {
    return this.list('storage');
  }

  memo<T>(key: string, make: () => T): T {
    const known = this.#memo.get(key);
    if (known !== undefined) return known as T;
    const made = make();
    this.#memo.set(key, made);
    return made;
  }

  #find<K extends Kind>(kind: K, objectOid: Oid): OfKind<K> | undefined {
    return this.#state.objects[kind].get(objectOid) as OfKind<K> | undefined;
  }

  #named<K extends Kind>(kind: K, name: string): OfKind<K> | undefined {
    return this.#state.names.get(`${kind}:${name}`) as OfKind<K> | undefined;
  }

  #instance(entry: TypeEntry): TypeInstance | undefined {
    const {owner} = entry;
    const arrayOid = owner.kind === 'type' ? owner.arrayOid : rowArrayOid(owner.rowType);
    return this.#types.instance(entry, arrayOid, this);
  }

  #functionRow(fn: FunctionDescriptor): FunctionRow {
    let row = this.#functionRows.get(fn);
    if (row === undefined) {
      row = userFunctionRow(fn, this);
      this.#functionRows.set(fn, row);
    }
    return row;
  }

  /** Whether instances made before may be stale: other types can hold this one. */
  #changesType(change: CatalogChange): boolean {
    if (change.op === 'delete') return change.kind === 'type';
    const {descriptor} = change;
    if (descriptor.kind === 'type') return true;
    if (descriptor.kind !== 'table' && descriptor.kind !== 'view') return false;
    const old = this.#find(descriptor.kind, descriptor.oid);
    return old !== undefined && old.columns !== descriptor.columns;
  }
}

/** A user-made function as a row of pg_proc. */
function userFunctionRow(fn: FunctionDescriptor, types: TypeLookup): FunctionRow {
  const defaults = fn.defaultTexts ?? none;
  const variadicAt = (fn.argModes ?? '').indexOf('v');
  const variadicArray = variadicAt < 0 ? undefined : fn.allArgTypes?.[variadicAt];
  const variadic = variadicArray === undefined ? null : types.typeByOid(variadicArray)?.element;
  return {
    oid: fn.oid,
    name: fn.name,
    schema: fn.schema,
    kind: fn.functionKind ?? 'f',
    argTypes: fn.argTypes,
    variadic: variadic?.oid ?? oid(0),
    argNames: fn.argNames,
    argModes: fn.argModes ?? '',
    allArgTypes: fn.allArgTypes ?? none,
    defaultCount: defaults.length,
    defaultTexts: defaults,
    returnType: fn.returnType,
    returnsSet: fn.returnsSet,
    isStrict: fn.isStrict,
    volatility: fn.volatility,
    source: fn.language === 'internal' ? fn.body : '',
    sqlBody: fn.language === 'sql' ? fn.body : null,
  };
}
