import type {CatalogTurns} from './catalog-turns.ts';
import type {AuditLog} from './audit-log.ts';
import type {
  CatalogChange,
  CatalogSnapshot,
  FunctionRow,
  RuntimeFacts,
  SystemRelations,
} from '../catalog/contract.ts';
import type {DatabaseDescriptor} from '../catalog/descriptors.ts';
import type {Notice, PgError} from '../common/errors.ts';
import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import type {NodeCounters, Operator, RunContext} from '../exec/operator.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {FactoryCache} from '../expr/factory-cache.ts';
import type {
  EvalContext,
  FunctionLibrary,
  RandomPort,
  SequencePort,
} from '../functions/contract.ts';
import type {ArchiveKeeper} from '../jobs/archive-keeper.ts';
import type {JobService} from '../jobs/service.ts';
import type {LiveService} from '../live/service.ts';
import type {BindCache, BindContext, ParsedStatement} from '../sql/contract.ts';
import type {SqlParser} from '../sql/parse/parser.ts';
import type {PlanCache} from '../sql/plan/plan-cache.ts';
import type {QueryPlan} from '../sql/plan/plan.ts';
import type {Storage} from '../storage/contract.ts';
import type {ObjectStores} from '../storage/objects/object-stores.ts';
import type {DefinitionContext} from '../storage/objects/storage-definition.ts';
import type {Datum, NameResolver, TypeInstance} from '../types/contract.ts';
import type {
  CopyInReceiver,
  Formats,
  ResultShape,
  ResultSink,
  Session,
  SessionOptions,
} from './contract.ts';
import type {Execution} from './execution.ts';
import type {ReferenceCache} from './foreign-keys/references.ts';
import type {NotifyHub} from './notify-hub.ts';
import type {SessionSettings, SettingDefinitions} from './settings.ts';
import type {TableStorages} from './table-storages.ts';
import type {TransactionState} from './transaction-state.ts';

/** What a logger must offer; pino fits. */
export interface SessionLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What all sessions of a process share; made by the composition root. */
export interface Engine {
  readonly storage: Storage;
  readonly storages: TableStorages;
  readonly library: FunctionLibrary;
  readonly parser: SqlParser;
  readonly factories: FactoryCache;
  readonly plans: PlanCache<PlanEntry>;
  readonly bindCache: BindCache;
  readonly systemRelations: SystemRelations;
  readonly notifications: NotifyHub;
  /** Subscriptions and live channels. */
  readonly live: LiveService;
  /** Records of acts on other users' data. */
  readonly audit: AuditLog;
  /** Background work: flush, compaction, expiry. */
  readonly jobs: JobService;
  /** The archive of the change log; null = none is kept. */
  readonly archive: ArchiveKeeper | null;
  /** Where segments of storages beside `local` lie. */
  readonly objectStores: ObjectStores;
  /** What definitions of storages are checked against. */
  readonly definitionContext: DefinitionContext;
  readonly settingDefinitions: SettingDefinitions;
  readonly settingDefaults: ReadonlyMap<string, string>;
  readonly sessions: Map<number, SessionContext>;
  readonly logger: SessionLogger;
  /** Microseconds since 2000-01-01 UTC. */
  readonly startedAt: bigint;
  readonly spillDir: string;
  /** Full text of version(). */
  readonly versionText: string;
  /** Test mode: PAUSE before every next. */
  readonly injectsPauses: boolean;
  readonly extensions: EngineExtensions;
  /** Newest committed catalog of a database. */
  catalog(databaseOid: Oid): CatalogSnapshot;
  /** Checks changes against the newest catalog; throws on a name clash. Called right before the commit that carries them. */
  readonly catalogTurns: CatalogTurns;
  checkCatalogChanges(databaseOid: Oid, changes: readonly CatalogChange[]): void;
  /** Makes committed changes visible: called in the turn in which their commit was applied. */
  publishCatalogChanges(databaseOid: Oid, changes: readonly CatalogChange[]): void;
  /** Facts about what runs, as this session may see them. */
  factsFor(session: SessionContext): RuntimeFacts;
  /** A session of the same user in the same database, with transactions of its own. */
  openBeside(session: SessionContext): SessionBeside;
  /** Cleans up after a session: its temporary objects, its subscriptions. */
  sessionEnded(session: SessionContext): Promise<void>;
}

/** A session of the server's own. */
export interface SessionBeside {
  query(sql: string): Promise<{readonly rows: readonly (readonly unknown[])[]}>;
  cancel(): void;
  close(): Promise<void>;
}

/** What layers beside the session add: live queries, jobs. */
export interface EngineExtensions {
  /** Functions of upper layers by prosrc (system.flush ...). Undefined = unknown. */
  call(session: SessionContext, source: string, args: readonly unknown[]): unknown;
  /** 42501 when the session may not LISTEN on a reserved channel. */
  checkListen(session: SessionContext, channel: string): void;
}

/** The server's log as a session writes it, by the log_* settings. */
export interface SessionLog {
  /** Whether statements are logged before they run: then they are parsed even when their plan is known. */
  readonly seesStatements: boolean;
  statements(text: string, statements: readonly ParsedStatement[]): void;
  /** One Execute message begins. */
  executing(prepared: PreparedStatement, params: readonly Datum[]): void;
  /** A statement begins; it has ended. */
  begin(): void;
  ended(text: string): void;
}

/** What runs now, for pg_stat_activity. */
export interface Activity {
  state: 'active' | 'idle' | 'idle in transaction' | 'idle in transaction (aborted)';
  query: string;
  /** When the last statement ended, by Date.now(). */
  leftAt: number;
  transactionStart: bigint | null;
}

/** A pg_sleep, or a job that a function waits for, under way. */
export interface Sleeping {
  isOver: boolean;
  readonly cancel: () => void;
}

/**
 * One session as commands, ports and executions see it. `WadiSession` is the one that implements it; nothing else in
 * this layer names that class.
 */
export interface SessionContext extends Session {
  readonly engine: Engine;
  readonly options: SessionOptions;
  readonly sink: ResultSink;
  readonly database: DatabaseDescriptor;
  /** What the server's log is told of this session. */
  readonly log: SessionLog;
  /** Characters of the text under way before which standard_conforming_strings = off put an E. */
  insertedCharacters: readonly number[];
  /** An audit record that is not in place yet: rows wait for it. */
  auditPending: Promise<void> | null;
  /** The role that logged in. */
  readonly loginRole: Oid;
  readonly settings: SessionSettings;
  readonly transaction: TransactionState;
  readonly evalContext: SessionEval;
  readonly planner: StatementPlanner;
  readonly references: ReferenceCache;
  readonly extended: ClientStatements;
  readonly activity: Activity;
  readonly startedAt: bigint;
  readonly facts: RuntimeFacts;
  readonly storages: TableStorages;
  /** Channels that it listens to. */
  readonly listening: ReadonlySet<string>;
  statementStartedAt: bigint;
  /** When the newest statement began; null before the first. */
  readonly queryStartedAt: bigint | null;
  /** When the session became active, or idle again. */
  readonly stateChangedAt: bigint;
  copyIn: CopyInReceiver | null;
  sleeping: Sleeping | null;

  // --- roles and names
  sessionRole: Oid;
  currentRole: Oid;
  readonly currentUser: string;
  readonly sessionUser: string;
  readonly databaseName: string;
  readonly isSuperuser: boolean;
  /** Owner whose rows user tables show. */
  readonly effectiveOwner: OwnerId;
  setCurrentRole(role: Oid): void;
  /** SET ROLE; undone by ROLLBACK, or at the end of the transaction when local. */
  assignRole(role: Oid, name: string, isLocal: boolean): void;
  /** SET SESSION AUTHORIZATION: both roles. */
  assignSessionRole(role: Oid, name: string, isLocal: boolean): void;
  /** Schemas of search_path that exist, as OIDs; with the implied ones in front. */
  searchPath(): readonly Oid[];
  explicitSchemas(): readonly Oid[];
  schemaNames(includeImplicit: boolean): readonly string[];
  /** Whether the database has a schema of that name. */
  schemaExists(name: string): boolean;

  // --- statements
  /** Whether the running statement shares its query string with others. */
  readonly isInMultiStatement: boolean;
  /**
   * Makes the execution of a parsed statement, command or query; nothing is done before its first `run`. `isSimple`
   * refuses parameters (42P02).
   */
  prepareExecution(
    statement: ParsedStatement,
    params: readonly Datum[],
    isSimple: boolean,
  ): Execution;
  executePlan(
    entry: PlanEntry,
    params: readonly Datum[],
    slots: readonly Datum[],
    replan?: () => PlannedQuery,
  ): Execution;
  /** Before a statement of any kind: the failed block, the clock, the implicit transaction. */
  enterStatement(statement: ParsedStatement): void;
  /** The same for a query known by its text. */
  enterPlan(): void;
  /** Takes the statement's snapshot. */
  beginStatement(isReadOnly: boolean): void;
  endStatement(): void;
  /** Holds what is written from now on until everything that this transaction's reads showed is durable. */
  holdSeen(): void;
  /** Remembers the session's newest commit: its own next statements must see it. */
  committed(seq: Seq): void;
  checkPrivileges(plan: QueryPlan): void;
  /** 25006 in a read-only transaction. */
  assertWritable(what: string): void;
  /** Locks a plan's tables; a promise when another transaction holds one of them. */
  lockTables(plan: QueryPlan): Promise<void> | undefined;
  nextSequenceValue(sequence: Oid): bigint;
  setSequenceValue(sequence: Oid, value: bigint, isCalled: boolean): void;
  /** Drops this session's temporary objects (DISCARD TEMP, end of session). */
  dropTemporary(): Promise<void>;

  // --- interrupts and waits
  /** Throws when the statement was cancelled or timed out. Cheap: called per batch. */
  checkInterrupts(): void;
  /** Waits for a promise, or just gives others a turn; cancel ends the wait. */
  wait(pause: Promise<unknown> | null): Promise<void>;
  /** Ends the running statement with an error; nothing when idle. */
  interrupt(error: PgError): void;
  /** Ends the session with a FATAL error, now if idle, else at the next interrupt check. */
  terminate(error: PgError): void;
  /** A message begins to be worked on. */
  enter(query: string): void;
  /** The next statement of a query string begins: statement_timeout counts anew. */
  enterNext(): void;
  /** Between transactions, with nothing to do: when notifications are sent. */
  readonly isIdle: boolean;
  /** Calls back once when the session is idle again. */
  onceIdle(callback: () => void): void;

  // --- answers
  notice(
    severity: Notice['severity'],
    code: string,
    message: string,
    fields?: Notice['fields'],
  ): void;
  warn(code: string, message: string): void;
  /** ParameterStatus changes, queued notifications, ReadyForQuery. */
  ready(): void;
  notify(channel: string, payload: string): void;
}

/** What expressions of a session see of the world, and what commands change of it. */
export interface SessionEval extends EvalContext {
  readonly sequences: SequencePort & {discard(): void};
  readonly catalog: EvalContext['catalog'] & NameResolver;
  readonly random: RandomPort;
  /** SQL functions that the session runs now, inside each other. */
  functionDepth: number;
}

/** An operator tree with its run context: serves one execution at a time. */
export interface PlanInstance {
  readonly operator: Operator;
  readonly run: PlanRun;
}

/** One execution of a plan: everything that operators ask for. Pooled with its operator tree. */
export interface PlanRun extends RunContext {
  pause: Promise<unknown> | null;
  counters: Map<number, NodeCounters> | null;
  affectedRows: number;
  /** Changes noted for the checks at the end of the statement. */
  changes: {finish(): Promise<void> | undefined} | null;
  /** Prepares for a new execution by a session. */
  start(session: SessionContext, params: readonly Datum[], slots: readonly Datum[]): void;
  /** Begins a slice: called before each pull. */
  startSlice(): void;
  checkInterrupts(): void;
}

/** A plan with what is compiled beside it. Shared by all sessions; never changed after it is built. */
export interface PlanEntry {
  readonly plan: QueryPlan;
  readonly shape: ResultShape | null;
  /** Catalog that the plan was bound against, or a newer one in which that found the same. */
  readonly catalog: CatalogSnapshot;
  /** Whether the functions and types that it was bound with are the same in a catalog. */
  definitionsHold(catalog: CatalogSnapshot): boolean;
  /** Whether the plan is right over a catalog, under the search path it has there. */
  isCurrent(catalog: CatalogSnapshot, searchPath: () => readonly Oid[]): boolean;
  /** The role and row_security that it is for, under row-level security; null = any. */
  readonly roleKey: string | null;
  /** Made while row_security was off. */
  readonly isSecurityOff: boolean;
  /** Evaluated at Bind for their errors. */
  readonly bindChecks: readonly BoundExpr[];
  /** A free instance, or a new one. */
  take(engine: Engine, isInstrumented: boolean): PlanInstance;
  /** Gives an instance back after its operator was closed. */
  give(instance: PlanInstance): void;
}

/** A plan ready to run with the values of its literal slots. */
export interface PlannedQuery {
  readonly entry: PlanEntry;
  readonly slots: readonly Datum[];
}

/** From parsed statements to plans for one session. */
export interface StatementPlanner {
  /** What binding sees of the session now. */
  context(parameterTypes: readonly Oid[]): BindContext;
  /** What plans under row-level security depend on: the role and row_security. */
  readonly roleKey: string;
  /** Evaluates an expression without columns now. */
  evaluate(expr: BoundExpr, params: readonly Datum[]): Datum;
  /**
   * The plan of a statement, from the cache when a text of the same tokens was planned against the same catalog;
   * `isSimple` refuses parameters (42P02).
   */
  plan(
    statement: ParsedStatement,
    parameterTypes: readonly Oid[],
    isSimple?: boolean,
  ): PlannedQuery;
  /** An execution of a whole simple-query string whose plan is in the cache; null when it must be parsed. */
  cachedSimple(sql: string): (() => Execution) | null;
  /** Analyses a statement for Parse or PREPARE: parameter types and result columns. */
  prepare(
    name: string,
    text: string,
    statement: ParsedStatement | null,
    declared: readonly Oid[],
    fromSql: boolean,
  ): PreparedStatement;
  isPlannable(statement: ParsedStatement): boolean;
  /** The execution of a prepared statement with its parameters; replans when the catalog has changed. */
  executionOf(prepared: PreparedStatement, params: readonly Datum[]): Execution;
  /** Calls a function by its row (FunctionCall message). */
  callFunction(row: FunctionRow, args: readonly Datum[]): Datum;
  /** An instrumented tree for EXPLAIN ANALYZE. */
  instrumented(entry: PlanEntry): Operator;
}

/** A prepared statement of the protocol or of PREPARE. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
  /** Null for an empty query. */
  readonly statement: ParsedStatement | null;
  readonly parameterTypes: readonly TypeInstance[];
  readonly declaredTypes: readonly Oid[];
  /** Null when it returns no rows. */
  readonly shape: ResultShape | null;
  /** The plan of its last use; replanned when the catalog has changed, or the search path or role from what it was made under. */
  entry: PlanEntry | null;
  environment: string;
  slots: readonly Datum[];
  readonly fromSql: boolean;
  readonly preparedAt: bigint;
}

/** A portal: a bound statement, run in portions. SQL cursors are portals too. */
export interface Portal {
  readonly name: string;
  readonly statement: PreparedStatement | null;
  execution: Execution | null;
  readonly params: readonly Datum[];
  readonly formats: Formats;
  /** Set once a command without rows has run: it cannot run again. */
  isDone: boolean;
  /** Cursor facts, for DECLARE. */
  readonly cursor: CursorFacts | null;
  /** WITH HOLD cursors outlive their transaction once it has committed. */
  isHeld: boolean;
  /** An error ended it: it is known, but cannot be run. */
  hasFailed: boolean;
}

/** What pg_cursors shows of a DECLAREd cursor. */
export interface CursorFacts {
  readonly text: string;
  readonly isHoldable: boolean;
  readonly isBinary: boolean;
  readonly isScrollable: boolean;
  readonly createdAt: bigint;
}

/** Prepared statements and portals of one client, whoever made them. */
export interface ClientStatements {
  readonly statements: Map<string, PreparedStatement>;
  readonly portals: Map<string, Portal>;
  /** Portals that are being run; an error marks them as failed. */
  readonly running: Portal[];
  /** Forgets a prepared statement and the portals made from it; false when there was none. */
  dropStatement(name: string): boolean;
  /** CLOSE name; false when there is no such cursor. */
  closeCursor(name: string): boolean;
  /** CLOSE ALL. */
  closeCursors(): void;
  /** A Query message destroys the unnamed statement and portal. */
  dropUnnamed(): void;
  /** DEALLOCATE ALL. */
  deallocateAll(): void;
}
