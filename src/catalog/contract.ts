import type {Oid} from '../common/ids.ts';
import type {Datum, TypeInstance, TypeLookup} from '../types/contract.ts';
import type {StaticData} from './static-data.ts';
import type {
  ConstraintDescriptor,
  DatabaseDescriptor,
  DefaultAclDescriptor,
  Descriptor,
  FunctionDescriptor,
  IndexDescriptor,
  LiveQueryDescriptor,
  PolicyDescriptor,
  QueryRelation,
  RelationDescriptor,
  RoleDescriptor,
  SchemaDescriptor,
  SequenceDescriptor,
  StorageDescriptor,
  TableDescriptor,
  TypeDescriptor,
  ViewDescriptor,
} from './descriptors.ts';

/** A row of pg_proc, built-in or user-made. */
export interface FunctionRow {
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  /** 'f' function, 'a' aggregate, 'w' window, 'p' procedure. */
  readonly kind: 'f' | 'a' | 'w' | 'p';
  readonly argTypes: readonly Oid[];
  /** Element type of VARIADIC, 0 if not variadic. */
  readonly variadic: Oid;
  readonly argNames: readonly string[];
  /** Modes i,o,b,v,t when there are OUT arguments, else ''. */
  readonly argModes: string;
  /** Types of all arguments including OUT, when there are any, else []. */
  readonly allArgTypes: readonly Oid[];
  readonly defaultCount: number;
  /** Deparsed default expressions of the last `defaultCount` arguments. */
  readonly defaultTexts: readonly string[];
  readonly returnType: Oid;
  readonly returnsSet: boolean;
  readonly isStrict: boolean;
  readonly volatility: 'i' | 's' | 'v';
  /** The key into `functions/`: prosrc of a built-in, or '' for LANGUAGE sql. */
  readonly source: string;
  /** Body of LANGUAGE sql, else null. */
  readonly sqlBody: string | null;
}

/** A row of pg_operator. */
export interface OperatorRow {
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  /** 0 for a prefix operator. */
  readonly left: Oid;
  readonly right: Oid;
  readonly result: Oid;
  readonly function: Oid;
  readonly commutator: Oid;
  readonly negator: Oid;
  readonly canHash: boolean;
  readonly canMerge: boolean;
}

/** A row of pg_cast. */
export interface CastRow {
  readonly source: Oid;
  readonly target: Oid;
  /** 0 when binary coercible or through I/O. */
  readonly function: Oid;
  readonly context: 'i' | 'a' | 'e';
  readonly method: 'f' | 'i' | 'b';
}

/** A row of pg_aggregate that the binder needs. */
export interface AggregateRow {
  readonly function: Oid;
  /** 'n' normal, 'o' ordered-set, 'h' hypothetical-set. */
  readonly kind: 'n' | 'o' | 'h';
  readonly directArgs: number;
  /** Operator of min/max (aggsortop), 0 if none. */
  readonly sortOperator: Oid;
}

/** PostgreSQL's built-in rows with the lookups that binding needs; generated data, the same for every database. */
export interface BuiltinCatalog {
  /** The rows themselves, undecoded, by catalog. */
  readonly data: StaticData;
  functionsByName(name: string): readonly FunctionRow[];
  functionByOid(oid: Oid): FunctionRow | undefined;
  operatorsByName(name: string): readonly OperatorRow[];
  operatorByOid(oid: Oid): OperatorRow | undefined;
  castFor(source: Oid, target: Oid): CastRow | undefined;
  castsFrom(source: Oid): readonly CastRow[];
  aggregate(functionOid: Oid): AggregateRow | undefined;
}

/**
 * An immutable picture of the whole catalog (persistent maps: a snapshot is a pointer).
 * `version` grows with each committed DDL; uncommitted DDL lives in a private snapshot derived with `apply`.
 */
export interface CatalogSnapshot extends TypeLookup {
  readonly version: number;
  readonly builtin: BuiltinCatalog;
  /** The database this view of the catalog belongs to; roles and databases are common to all. */
  readonly databaseOid: Oid;

  schemaByName(name: string): SchemaDescriptor | undefined;
  schemaByOid(oid: Oid): SchemaDescriptor | undefined;
  schemas(): Iterable<SchemaDescriptor>;
  /** Table, view, sequence, index or system relation of that name in one schema. */
  relationByName(schema: Oid, name: string): RelationDescriptor | undefined;
  relationByOid(oid: Oid): RelationDescriptor | undefined;
  tableByOid(oid: Oid): TableDescriptor | undefined;
  tables(): Iterable<TableDescriptor>;
  views(): Iterable<ViewDescriptor>;
  sequences(): Iterable<SequenceDescriptor>;
  indexesOf(table: Oid): readonly IndexDescriptor[];
  /** Constraints of a table, or of a domain by its type's OID. */
  constraintsOf(table: Oid): readonly ConstraintDescriptor[];
  /** Foreign keys of other tables (and itself) that reference this table. */
  referencingConstraints(table: Oid): readonly ConstraintDescriptor[];
  constraintByOid(oid: Oid): ConstraintDescriptor | undefined;
  /** Row-level security policies of a table. */
  policiesOf(table: Oid): readonly PolicyDescriptor[];
  policies(): readonly PolicyDescriptor[];
  /** What ALTER DEFAULT PRIVILEGES left. */
  defaultAcls(): readonly DefaultAclDescriptor[];
  typeByName(schema: Oid, name: string): TypeInstance | undefined;
  typeDescriptorByOid(oid: Oid): TypeDescriptor | undefined;
  /** Schema of any type, built-in (pg_catalog) or user-made. */
  typeSchema(oid: Oid): Oid;
  userTypes(): Iterable<TypeDescriptor>;
  functionsByName(schema: Oid, name: string): readonly FunctionRow[];
  functionByOid(oid: Oid): FunctionRow | undefined;
  userFunctions(): Iterable<FunctionDescriptor>;
  /** The cast between two types, built-in or user-made. */
  /** `isStored`: for a text of the catalog, which goes on with a cast that was dropped since. */
  castFor(source: Oid, target: Oid, isStored?: boolean): CastRow | undefined;
  roleByName(name: string): RoleDescriptor | undefined;
  roleByOid(oid: Oid): RoleDescriptor | undefined;
  roles(): Iterable<RoleDescriptor>;
  databaseByName(name: string): DatabaseDescriptor | undefined;
  databases(): Iterable<DatabaseDescriptor>;
  liveQueryByName(schema: Oid, name: string): LiveQueryDescriptor | undefined;
  liveQueries(): Iterable<LiveQueryDescriptor>;
  storageByName(name: string): StorageDescriptor | undefined;
  storages(): Iterable<StorageDescriptor>;
  /** The descriptor itself by kind and OID, for DDL. */
  get(kind: Descriptor['kind'], oid: Oid): Descriptor | undefined;
  /** All descriptors of a kind in OID order. */
  list(kind: Descriptor['kind']): readonly Descriptor[];

  /** A value computed once from this snapshot (not undefined), kept as long as it lives; keys start with the module's name. */
  memo<T>(key: string, make: () => T): T;

  /** A new snapshot with the changes applied; name clashes raise 42P07, 42P06, 42710 as PostgreSQL does. */
  apply(changes: readonly CatalogChange[]): CatalogSnapshot;
}

/** One change of a DDL delta: put replaces or creates by (kind, oid). */
export type CatalogChange =
  | {readonly op: 'put'; readonly descriptor: Descriptor}
  | {readonly op: 'delete'; readonly kind: Descriptor['kind']; readonly oid: Oid};

/**
 * Facts about what runs, for system.* and pg_stat_*: supplied by the composition root, each returns rows in column order.
 */
export interface RuntimeFacts {
  /**
   * Rows of a runtime-fed relation by its qualified name, e.g. 'pg_catalog.pg_stat_activity', 'system.segments',
   * 'pg_catalog.pg_settings'. Undefined when not fed.
   */
  rows(relation: string): readonly (readonly Datum[])[] | undefined;
  /** The role whose view of information_schema and pg_settings is asked for; absent: a superuser's. */
  readonly currentRole?: Oid;
  /** What another role sees: inside a SECURITY DEFINER function. */
  as?(role: Oid): RuntimeFacts;
  /** Relations that a view's query reads itself, with the columns; absent: not known. */
  viewUses?(
    view: QueryRelation,
  ): readonly {readonly relation: Oid; readonly columns: readonly number[]}[];
  /** User-made functions that a view's query calls; absent: not known. */
  viewRoutines?(view: QueryRelation): readonly Oid[];
  /** Where texts of definitions are shown without their schema; absent: only in the object's own. */
  readonly searchPath?: readonly Oid[];
  /** attnums of a view's columns that can be set through it, null when its rows cannot be changed; absent: not known. */
  updatableColumns?(view: ViewDescriptor): readonly number[] | null;
}

/** Rows of a system relation: `columns` in attnum order of its descriptor. */
export interface SystemRelations {
  /**
   * All rows, or those matching one equality that the relation has a lookup for (oid, name, attrelid ...).
   * `equals` is advisory: extra rows may come back and are filtered above.
   */
  rows(
    snapshot: CatalogSnapshot,
    relation: Oid,
    facts: RuntimeFacts,
    equals: {readonly attnum: number; readonly value: Datum} | null,
  ): readonly (readonly Datum[])[];
}
