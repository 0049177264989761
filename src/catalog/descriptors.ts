import type {Oid} from '../common/ids.ts';
import type {Datum} from '../types/contract.ts';

/** One aclitem: what `grantor` gave to `grantee` (0 = PUBLIC). Privileges are PostgreSQL's letters, `*` set kept apart. */
export interface AclItem {
  readonly grantee: Oid;
  readonly grantor: Oid;
  /** Letters of arwdDxtXUCTcsm held, in PostgreSQL's print order. */
  readonly privileges: string;
  /** Those of them held WITH GRANT OPTION. */
  readonly grantOptions: string;
}

/** What every catalog object has. All descriptors are immutable; a change makes a new object. */
export interface CatalogObject {
  readonly oid: Oid;
  readonly name: string;
  readonly owner: Oid;
  /** null = default privileges of the owner (as a NULL acl column). */
  readonly acl: readonly AclItem[] | null;
  readonly comment: string | null;
}

export interface SchemaDescriptor extends CatalogObject {
  readonly kind: 'schema';
}

export interface DatabaseDescriptor extends CatalogObject {
  readonly kind: 'database';
  /** `name=value` pairs of ALTER DATABASE SET. */
  readonly settings?: readonly string[];
  readonly allowConnections: boolean;
  readonly connectionLimit: number;
  readonly isTemplate: boolean;
}

export interface RoleDescriptor {
  readonly kind: 'role';
  readonly oid: Oid;
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly inherits: boolean;
  readonly canCreateRole: boolean;
  readonly canCreateDb: boolean;
  readonly canLogin: boolean;
  readonly canReplicate: boolean;
  readonly bypassesRls: boolean;
  readonly connectionLimit: number;
  /** SCRAM verifier (`SCRAM-SHA-256$...`) or argon2 hash; null = cannot log in by password. */
  readonly password: string | null;
  /** ISO text of VALID UNTIL or null. */
  readonly validUntil: string | null;
  /** Role OIDs this role is a member of. */
  readonly memberOf: readonly RoleMembership[];
  /** `name=value` pairs of ALTER ROLE SET. */
  readonly settings: readonly string[];
  readonly comment: string | null;
}

export interface RoleMembership {
  readonly role: Oid;
  readonly grantor: Oid;
  readonly withAdmin: boolean;
}

/** A column; `attnum` is its stable id (never used again after DROP COLUMN). */
export interface ColumnDescriptor {
  readonly attnum: number;
  readonly name: string;
  readonly typeOid: Oid;
  readonly typmod: number;
  readonly isNotNull: boolean;
  readonly isDropped: boolean;
  /** Text of the DEFAULT (or generation) expression as deparsed SQL; null if none. */
  readonly defaultText: string | null;
  /** '' none, 'a' GENERATED ALWAYS AS IDENTITY, 'd' BY DEFAULT. */
  readonly identity: '' | 'a' | 'd';
  /** '' or 's' (GENERATED ALWAYS AS (...) STORED). */
  readonly generated: '' | 's';
  /** Sequence behind identity or serial; 0 if none. */
  readonly sequence: Oid;
  /** Value of rows written before ADD COLUMN ... DEFAULT constant (pg attmissingval). */
  readonly missingValue: Datum;
  readonly collation: Oid;
  readonly acl: readonly AclItem[] | null;
  readonly comment: string | null;
  /** Id of the stored column when a change of type gave it another one; absent: attnum. Like attnums, never used again. */
  readonly storageId?: number;
  /** Of SET STATISTICS, SET STORAGE and SET COMPRESSION: shown, and of no effect here; absent: the type's. */
  readonly statistics?: number;
  readonly storage?: 'p' | 'e' | 'm' | 'x' | undefined;
  readonly compression?: '' | 'p' | 'l' | undefined;
}

export type TableKind = 'shared' | 'user' | 'stream';

/** A key column of an index: a column by attnum, or an expression text with attnum 0. */
export interface IndexKey {
  readonly attnum: number;
  readonly expressionText: string | null;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  readonly opclass: Oid;
  readonly collation: Oid;
  /** Type of the expression; absent for columns. */
  readonly typeOid?: Oid;
}

export interface IndexDescriptor extends CatalogObject {
  readonly kind: 'index';
  readonly schema: Oid;
  readonly table: Oid;
  readonly method: 'btree' | 'bloom' | 'hash';
  readonly keys: readonly IndexKey[];
  /** attnums of INCLUDE columns. */
  readonly included: readonly number[];
  readonly isUnique: boolean;
  readonly isPrimary: boolean;
  readonly nullsNotDistinct: boolean;
  /** Text of the WHERE predicate or null. */
  readonly predicateText: string | null;
  readonly options: readonly string[];
  /** Constraint that owns the index, 0 if none. */
  readonly constraint: Oid;
  /** CLUSTER ON and REPLICA IDENTITY USING INDEX: shown, and of no effect here. */
  readonly isClustered?: boolean;
  readonly isReplicaIdentity?: boolean;
}

export interface ConstraintDescriptor extends CatalogObject {
  readonly kind: 'constraint';
  readonly schema: Oid;
  readonly table: Oid;
  /** For a domain's CHECK: the type; else 0. */
  readonly domain: Oid;
  readonly type: 'p' | 'u' | 'c' | 'f' | 'x';
  readonly columns: readonly number[];
  readonly isDeferrable: boolean;
  readonly isDeferred: boolean;
  readonly isValidated: boolean;
  /** CHECK: deparsed expression text without outer CHECK ( ). */
  readonly expressionText: string | null;
  readonly index: Oid;
  readonly referencedTable: Oid;
  readonly referencedColumns: readonly number[];
  readonly onUpdate: 'a' | 'r' | 'c' | 'n' | 'd';
  readonly onDelete: 'a' | 'r' | 'c' | 'n' | 'd';
  /** ON DELETE SET NULL | DEFAULT (columns): these only; absent: all. */
  readonly onDeleteColumns?: readonly number[];
  readonly match: 's' | 'f';
}

export interface TableDescriptor extends CatalogObject {
  readonly kind: 'table';
  readonly schema: Oid;
  readonly tableKind: TableKind;
  readonly persistence: 'p' | 't' | 'u';
  readonly columns: readonly ColumnDescriptor[];
  /** OID of the row type in pg_type; its array type is rowType + 1 (take both from the OID counter). */
  readonly rowType: Oid;
  /** Physical generation: changes whenever stored rows take another shape (relfilenode). */
  readonly schemaVersion: number;
  /** Storage options as given: type, ttl, flush_policy, storage, cluster_by ... */
  readonly options: Readonly<Record<string, string>>;
  /** Time to live of stream rows in milliseconds, 0 if none. */
  readonly ttlMs: number;
  readonly rowSecurity: boolean;
  readonly forceRowSecurity: boolean;
  /** REPLICA IDENTITY; absent: DEFAULT. */
  readonly replicaIdentity?: 'd' | 'n' | 'f' | 'i';
  /** ON COMMIT of a temporary table; absent: its rows stay. */
  readonly onCommit?: 'drop' | 'delete';
  /** Of a materialized view; absent for what is a table by itself. */
  readonly materialized?: MaterializedQuery;
}

/** What fills a materialized view. */
export interface MaterializedQuery {
  /** As ViewDescriptor.queryText. */
  readonly queryText: string;
  /** False until the first REFRESH WITH DATA: then it cannot be read. */
  readonly isPopulated: boolean;
}

/** A user-made cast, in the form of a row of pg_cast; its name is made of the two OIDs. */
export interface CastDescriptor extends CatalogObject {
  readonly kind: 'cast';
  readonly source: Oid;
  readonly target: Oid;
  /** 0 for WITH INOUT. */
  readonly function: Oid;
  readonly context: 'i' | 'a' | 'e';
  readonly method: 'f' | 'i' | 'b';
  /** Dropped: texts of the catalog that were made before go on with it, as PostgreSQL's stored expressions do. */
  readonly isRetired?: boolean;
}

/** A row-level security policy of a table (pg_policy); `owner` is the table's at its making, rights follow the table. */
export interface PolicyDescriptor extends CatalogObject {
  readonly kind: 'policy';
  readonly table: Oid;
  /** '*' ALL, 'r' SELECT, 'a' INSERT, 'w' UPDATE, 'd' DELETE. */
  readonly command: '*' | 'r' | 'a' | 'w' | 'd';
  readonly isPermissive: boolean;
  /** Role OIDs, 0 = PUBLIC. */
  readonly roles: readonly Oid[];
  /** The name of its table when it was made: its expressions qualify columns of the row by it. */
  readonly rowName: string;
  /** Deparsed USING expression, names outside pg_catalog with their schema; null if none. */
  readonly usingText: string | null;
  /** Deparsed WITH CHECK expression or null. */
  readonly checkText: string | null;
}

/** What ALTER DEFAULT PRIVILEGES left for objects that `owner` will make (pg_default_acl). */
export interface DefaultAclDescriptor extends CatalogObject {
  readonly kind: 'defaultAcl';
  /** 0 = in any schema. */
  readonly schema: Oid;
  /** 'r' tables and views, 'S' sequences, 'f' functions, 'T' types, 'n' schemas. */
  readonly objectType: 'r' | 'S' | 'f' | 'T' | 'n';
}

export interface ViewDescriptor extends CatalogObject {
  readonly kind: 'view';
  readonly schema: Oid;
  readonly columns: readonly ColumnDescriptor[];
  readonly rowType: Oid;
  readonly queryText: string;
  /** Deparsed text as pg_get_viewdef prints it. */
  readonly options: Readonly<Record<string, string>>;
}

export interface SequenceDescriptor extends CatalogObject {
  readonly kind: 'sequence';
  readonly schema: Oid;
  readonly typeOid: Oid;
  readonly start: bigint;
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cache: bigint;
  readonly isCycled: boolean;
  /** Table and attnum of OWNED BY; 0 if none. */
  readonly ownedByTable: Oid;
  readonly ownedByAttnum: number;
  readonly persistence: 'p' | 't' | 'u';
}

/** What a range type has of pg_range. */
export interface RangeFacts {
  readonly multirange: Oid;
  readonly collation: Oid;
  readonly opclass: Oid;
  /** Function of SUBTYPE_DIFF; 0 if none. */
  readonly diff: Oid;
}

/** A user-made type: enum, domain, composite, range or multirange. Its array type gets `arrayOid`. */
export interface TypeDescriptor extends CatalogObject {
  readonly kind: 'type';
  readonly schema: Oid;
  readonly typeKind: 'e' | 'd' | 'c' | 'r' | 'm';
  readonly arrayOid: Oid;
  readonly labels: readonly {
    readonly oid: Oid;
    readonly label: string;
    readonly sortOrder: number;
  }[];
  /** Of a domain; the subtype of a range; the range of a multirange. */
  readonly baseType: Oid;
  readonly baseTypmod: number;
  readonly isNotNull: boolean;
  readonly defaultText: string | null;
  /** Composite: its columns. */
  readonly columns: readonly ColumnDescriptor[];
  /** Of a range only. */
  readonly range?: RangeFacts;
}

/** A user-made function in LANGUAGE sql, or a constructor of a range type: `internal`, its body names the code (others: 0A000). */
export interface FunctionDescriptor extends CatalogObject {
  readonly kind: 'function';
  readonly schema: Oid;
  readonly language: string;
  readonly argTypes: readonly Oid[];
  readonly argNames: readonly string[];
  readonly returnType: Oid;
  readonly returnsSet: boolean;
  readonly volatility: 'i' | 's' | 'v';
  readonly isStrict: boolean;
  readonly isSecurityDefiner: boolean;
  readonly body: string;
  /** 'p' for CREATE PROCEDURE, 'a' for CREATE AGGREGATE; absent means 'f'. */
  readonly functionKind?: 'f' | 'p' | 'a';
  readonly aggregate?: AggregateFacts;
  /** Modes (i,o,b,v,t) and types of all arguments when there are OUT arguments; `argTypes` are then the inputs. */
  readonly argModes?: string;
  readonly allArgTypes?: readonly Oid[];
  /** Deparsed defaults of the last input arguments. */
  readonly defaultTexts?: readonly string[];
  /** LEAKPROOF, PARALLEL, COST and ROWS: shown, and of no effect here; absent: their defaults. */
  readonly isLeakproof?: boolean;
  readonly parallel?: 's' | 'r' | 'u';
  readonly cost?: number;
  readonly rows?: number;
}

/** What CREATE AGGREGATE says (pg_aggregate); 0 = no such function. */
export interface AggregateFacts {
  readonly transition: Oid;
  readonly stateType: Oid;
  readonly final: Oid;
  readonly combine: Oid;
  /** Text of the initial state; null = NULL. */
  readonly initial: string | null;
  readonly finalModify: 'r' | 's' | 'w';
}

/** A named live query: CREATE LIVE QUERY name(args) AS SELECT ... */
export interface LiveQueryDescriptor extends CatalogObject {
  readonly kind: 'liveQuery';
  readonly schema: Oid;
  readonly argNames: readonly string[];
  readonly argTypes: readonly Oid[];
  readonly queryText: string;
}

/** A place where segments lie. */
export interface StorageDescriptor extends CatalogObject {
  readonly kind: 'storage';
  readonly type: 'fs' | 's3';
  readonly options: Readonly<Record<string, string>>;
}

/** What the catalog persists: one record per object, keyed by (kind, oid). */
export type Descriptor =
  | SchemaDescriptor
  | DatabaseDescriptor
  | RoleDescriptor
  | TableDescriptor
  | IndexDescriptor
  | ConstraintDescriptor
  | ViewDescriptor
  | SequenceDescriptor
  | TypeDescriptor
  | FunctionDescriptor
  | CastDescriptor
  | LiveQueryDescriptor
  | StorageDescriptor
  | PolicyDescriptor
  | DefaultAclDescriptor;

/** A built-in relation (pg_catalog, information_schema, system): rows are computed from the snapshot. */
export interface SystemRelationDescriptor {
  readonly kind: 'systemRelation';
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  readonly isView: boolean;
  readonly columns: readonly ColumnDescriptor[];
}

/** A materialized view: stored like a table, made by a query like a view. */
export type MaterializedView = TableDescriptor & {readonly materialized: MaterializedQuery};

/** A relation that is the result of a stored query. */
export type QueryRelation = ViewDescriptor | MaterializedView;

/** What a name in FROM can be. */
export type RelationDescriptor =
  | TableDescriptor
  | ViewDescriptor
  | SequenceDescriptor
  | IndexDescriptor
  | SystemRelationDescriptor;
