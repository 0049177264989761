import type {Node} from '@pgsql/types';
import type {SchemaDescriptor} from '../../catalog/descriptors.ts';
import type {Oid} from '../../common/ids.ts';
import {PgError, type PgErrorFields} from '../../common/errors.ts';
import {SqlState, type SqlStateCode} from '../../common/sqlstate.ts';
import type {BoundExpr, ColumnExpr, ConstantExpr} from '../../expr/bound.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {BindContext} from '../contract.ts';
import {characterPosition} from '../parse/positions.ts';
import type {RequiredPrivilege, SetFunctionCall} from '../plan/plan.ts';
import {LiteralTracker} from './literals.ts';
import type {ColumnId, LogicalColumn, ScanNode, SecurityFilter} from './logical.ts';
import {ParameterTypes} from './parameters.ts';
import {TypeOid} from './type-oids.ts';

/** A query level (a Block), as far as columns remember where they come from. */
export interface QueryLevel {
  readonly level: number;
}

/** Names that a stand-alone expression (DEFAULT, CHECK, index key, SQL function body) may use. */
export interface ScalarScope {
  readonly columns: readonly {readonly name: string; readonly expr: BoundExpr}[];
  /** What VALUE means in a domain's CHECK. */
  readonly domainValue: BoundExpr | null;
  /** For errors: DEFAULT, CHECK ... */
  readonly clause: string;
  /** Name of the relation that may qualify the columns, or ''. */
  readonly relationName: string;
}

/** The recursive doors of binding, handed in so that no file needs to import upward. */
export interface BinderHooks {
  scalar(binding: Binding, ast: Node, scope: ScalarScope): BoundExpr;
}

/** Sees what binding makes of the parts of a statement, for deparsing it. While one listens, LANGUAGE sql functions stay calls. */
export interface BindTrace {
  expr(node: Node, bound: BoundExpr): void;
  /** Keys are arrays or nodes of the tree that no copy of their parent replaces. */
  level(
    key: object,
    level: QueryLevel,
    targets: readonly {readonly name: string; readonly expr: BoundExpr}[],
  ): void;
  /** A set operation's result columns, by its left operand. */
  columns(key: object, columns: readonly LogicalColumn[]): void;
  values(key: object, rows: readonly (readonly BoundExpr[])[]): void;
  functions(key: object, calls: readonly SetFunctionCall[]): void;
  usingNames(key: object, names: readonly string[]): void;
  subquery(column: ColumnId, test: BoundExpr | null): void;
  /** A name resolved to a column of this level. */
  column(level: QueryLevel, column: ColumnId): void;
}

/** State of binding one statement: ids, parameters, literals, privileges and how errors find their position. */
export class Binding {
  context: BindContext;
  /** Role whose privileges count instead of the invoker's while a view is bound; 0 = the invoker. */
  asRole: Oid = 0 as Oid;
  /** Who is current_user: the owner of the SECURITY DEFINER function whose body is bound; 0 = the invoker. */
  definer: Oid = 0 as Oid;
  /** Types that were asked for: a long list of VALUES asks for each of its constants. */
  readonly #types = new Map<Oid, TypeInstance>();
  readonly parameters: ParameterTypes;
  readonly hooks: BinderHooks;
  readonly literals = new LiteralTracker();
  /** Relations read, with their columns; RequiredPrivileges in the end. */
  readonly uses: {
    readonly relation: Oid;
    readonly columns: Set<number>;
    readonly asRole: Oid;
    readonly privilege: RequiredPrivilege['privilege'];
    readonly needsColumns: boolean;
  }[] = [];
  readonly lockedTables = new Map<Oid, 'accessShare' | 'rowShare' | 'rowExclusive'>();
  /** The query level that produces a column, recorded when a name resolves to it. */
  readonly owners = new Map<ColumnId, QueryLevel>();
  /** Field names of anonymous rows (whole-row references of subqueries), for (x).field. */
  readonly rowNames = new Map<BoundExpr, readonly string[]>();
  /** Fields of record-typed columns whose shape is known, by column id. */
  readonly recordFields = new Map<
    ColumnId,
    readonly {readonly name: string; readonly type: TypeInstance; readonly typmod: number}[]
  >();
  /** Columns that `*` leaves out: those of SEARCH and CYCLE inside their own query. */
  readonly unexpanded = new Set<ColumnId>();
  /** Names of parameters (live queries, SQL functions) or null. */
  parameterNames: readonly string[] | null;
  /** The function whose body is bound: `function.parameter` means its parameter. */
  parameterScope: string | null = null;
  /** Depth of view and function expansion. */
  depth = 0;
  hasVolatile = false;
  /** Whether a literal was read as a moment ('now', 'today'): such a plan is for this execution only. */
  readsClock = false;
  /** Policies were looked at: the plan is for this role and this row_security only. */
  dependsOnRole = false;
  /** Scans under their table's policies, with the role whose policies they are. */
  readonly secured = new Map<ScanNode, {readonly filter: SecurityFilter; readonly asRole: Oid}>();
  /** Scans of user tables while row_security is off. */
  readonly ownScans: ScanNode[] = [];
  /** Tables whose policies with subqueries are being bound. */
  readonly policyTables: Oid[] = [];
  trace: BindTrace | null = null;
  locksRows = false;
  #text: string | null;
  #nextColumn = 1;
  #nextCte = 1;
  #nextLet = 1;

  constructor(
    context: BindContext,
    text: string,
    hooks: BinderHooks,
    parameterNames: readonly string[] | null = null,
  ) {
    this.hooks = hooks;
    this.context = context;
    this.#text = text;
    this.parameterNames = parameterNames;
    this.parameters = new ParameterTypes(this);
  }

  /** Runs `work` on another text (a view's query): its errors carry no position and its literals are no slots. */
  withoutPositions<T>(work: () => T): T {
    const text = this.#text;
    this.#text = null;
    this.literals.suspend();
    this.depth++;
    try {
      if (this.depth > 100)
        throw this.error(SqlState.statementTooComplex, 'stack depth limit exceeded', -1);
      return work();
    } finally {
      this.#text = text;
      this.literals.resume();
      this.depth--;
    }
  }

  error(
    code: SqlStateCode,
    message: string,
    location: number | undefined,
    fields: PgErrorFields = {},
  ): PgError {
    const position = this.position(location);
    return new PgError(code, message, position === undefined ? fields : {...fields, position});
  }

  position(location: number | undefined): number | undefined {
    if (this.#text === null || location === undefined || location < 0) return undefined;
    return characterPosition(this.#text, location);
  }

  /** Byte offset of the last `character` before an offset of the text, -1 if none. */
  lastByteBefore(character: string, offset: number): number {
    return this.#text === null
      ? -1
      : Buffer.from(this.#text).subarray(0, offset).lastIndexOf(character);
  }

  /** Runs `work` and gives a PgError without position the position of `location`. */
  at<T>(location: number | undefined, work: () => T): T {
    try {
      return work();
    } catch (error) {
      const position = this.position(location);
      if (error instanceof PgError && position !== undefined) throw error.with({position});
      throw error;
    }
  }

  newId(): ColumnId {
    return this.#nextColumn++;
  }

  newColumn(name: string, type: TypeInstance, typmod: number): LogicalColumn {
    return {id: this.#nextColumn++, name, type, typmod};
  }

  newCte(): number {
    return this.#nextCte++;
  }

  newLet(): number {
    return this.#nextLet++;
  }

  /** A schema by the name that a query gives it; `pg_temp` is the session's own schema of temporary objects. */
  schema(name: string): SchemaDescriptor | undefined {
    const {catalog, searchPath} = this.context;
    if (name !== 'pg_temp') return catalog.schemaByName(name);
    for (const schema of searchPath) {
      const found = catalog.schemaByOid(schema);
      if (found !== undefined && /^pg_temp_\d+$/.test(found.name)) return found;
    }
    return undefined;
  }

  type(typeOid: Oid): TypeInstance {
    const known = this.#types.get(typeOid);
    if (known !== undefined) return known;
    const type = this.#typeByOid(typeOid);
    this.#types.set(typeOid, type);
    return type;
  }

  #typeByOid(typeOid: Oid): TypeInstance {
    const type = this.context.catalog.typeByOid(typeOid);
    if (type === undefined && typeOid < 10000) {
      throw this.error(
        SqlState.featureNotSupported,
        `type ${this.context.catalog.typeDescriptorByOid(typeOid)?.name ?? typeOid} is not supported`,
        -1,
      );
    }
    if (type === undefined)
      throw this.error(SqlState.undefinedObject, `type with OID ${typeOid} does not exist`, -1);
    return type;
  }

  get boolType(): TypeInstance {
    return this.type(TypeOid.bool);
  }

  constant(type: TypeInstance, value: Datum, location = -1, typmod = -1): ConstantExpr {
    return {kind: 'constant', type, typmod, location, value};
  }

  columnExpr(column: LogicalColumn, location = -1): ColumnExpr {
    return {kind: 'column', type: column.type, typmod: column.typmod, location, index: column.id};
  }

  lockTable(table: Oid, mode: 'accessShare' | 'rowShare' | 'rowExclusive'): void {
    const order = ['accessShare', 'rowShare', 'rowExclusive'];
    const held = this.lockedTables.get(table);
    if (held === undefined || order.indexOf(held) < order.indexOf(mode))
      this.lockedTables.set(table, mode);
  }
}

/** Whether an expression is a NULL constant or unknown literal without a type yet. */
export function isUnknown(expr: BoundExpr): boolean {
  return expr.type.oid === TypeOid.unknown;
}
