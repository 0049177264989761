import type {RuntimeFacts} from '../catalog/contract.ts';
import type {DatabaseDescriptor, RoleDescriptor} from '../catalog/descriptors.ts';
import type {SingleByteEncoding} from '../common/client-encoding.ts';
import {type Notice, PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {ParsedStatement} from '../sql/contract.ts';
import type {QueryPlan} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import type {BindMessage, CopyInReceiver, ResultSink, SessionOptions} from './contract.ts';
import {nowMicros, SessionEvalContext} from './eval-context.ts';
import type {Execution} from './execution.ts';
import {ExtendedProtocol} from './extended-protocol.ts';
import {Interrupts} from './interrupts.ts';
import type {Listener} from './notify-hub.ts';
import {endsTransaction, inFailedTransaction} from './failed-block.ts';
import {knownError} from './known-error.ts';
import type {LiveHandle, LiveReceiver, LiveRequest} from './live-contract.ts';
import {LiveDoor} from './live-door.ts';
import {isShown} from './message-level.ts';
import {PlanExecution} from './plan-execution.ts';
import {Planner} from './planner.ts';
import {checkPlanPrivileges, rejectViews} from './privileges.ts';
import {runOnCommit} from './commands/on-commit.ts';
import {makeCommand} from './commands/registry.ts';
import {ReferenceCache} from './foreign-keys/references.ts';
import {runDeferred} from './foreign-keys/run-deferred.ts';
import type {
  Activity,
  Engine,
  PlanEntry,
  PlannedQuery,
  SessionContext,
  Sleeping,
} from './session-context.ts';
import {SessionIdentity} from './session-identity.ts';
import {SessionNotifications} from './session-notifications.ts';
import {SessionSettings} from './settings.ts';
import {SimpleQuery} from './simple-query.ts';
import {StatementLog} from './statement-log.ts';
import {StatementTimers} from './statement-timers.ts';
import {loadTable} from './table-loading.ts';
import {TransactionState} from './transaction-state.ts';
import type {TableStorages} from './table-storages.ts';

/** One client's session: settings, role, transaction, statements and portals. Delegates protocols, commands and planning. */
export class WadiSession extends SessionIdentity implements SessionContext, Listener {
  readonly engine: Engine;
  readonly options: SessionOptions;
  readonly sink: ResultSink;
  readonly pid: number;
  readonly database: DatabaseDescriptor;
  auditPending: Promise<void> | null = null;
  readonly settings: SessionSettings;
  readonly transaction: TransactionState;
  readonly evalContext: SessionEvalContext;
  readonly planner: Planner;
  readonly references: ReferenceCache;
  readonly extended: ExtendedProtocol;
  readonly activity: Activity;
  readonly startedAt = nowMicros();
  readonly facts: RuntimeFacts;
  readonly log: StatementLog = new StatementLog(this);
  insertedCharacters: readonly number[] = [];
  readonly #simple: SimpleQuery;
  readonly #timers: StatementTimers;
  statementStartedAt = 0n;
  /** The role that logged in. */
  readonly loginRole: Oid;
  copyIn: CopyInReceiver | null = null;
  sleeping: Sleeping | null = null;
  readonly #interrupts = new Interrupts();
  #isBusy = false;
  readonly #notifications = new SessionNotifications(this);
  readonly live = new LiveDoor(this);
  #idleCallbacks: (() => void)[] = [];
  #hasEnded = false;
  #lastCommit = 0n as Seq;

  constructor(
    engine: Engine,
    options: SessionOptions,
    sink: ResultSink,
    role: RoleDescriptor,
    database: DatabaseDescriptor,
  ) {
    super(role.oid);
    this.engine = engine;
    this.options = options;
    this.sink = sink;
    this.pid = options.pid;
    this.database = database;
    this.loginRole = role.oid;
    this.settings = new SessionSettings(engine.settingDefinitions, engine.settingDefaults);
    this.transaction = new TransactionState(engine, database.oid, this.settings, {
      pid: this.pid,
      lockTimeoutMs: () => this.settings.number('lock_timeout'),
      deadlockTimeoutMs: () => this.settings.number('deadlock_timeout'),
    });
    this.references = new ReferenceCache(engine.storages);
    this.transaction.onCommitting = () => this.#beforeCommit();
    this.transaction.hasMoreInput = () => this.sink.hasInput === true;
    this.transaction.onEnd = isCommit => this.#transactionEnded(isCommit);
    this.transaction.roles = this;
    this.facts = engine.factsFor(this);
    this.evalContext = new SessionEvalContext(this);
    this.planner = new Planner(this);
    this.extended = new ExtendedProtocol(this);
    this.transaction.portals = this.extended;
    this.#simple = new SimpleQuery(this);
    this.#timers = new StatementTimers(this);
    this.activity = {state: 'idle', query: '', leftAt: Date.now(), transactionStart: null};
    this.#startSettings(role);
    this.#timers.statementEnded();
  }

  #startSettings(role: RoleDescriptor): void {
    const {settings, options} = this;
    settings.force('session_authorization', role.name);
    settings.force('is_superuser', role.isSuperuser ? 'on' : 'off');
    const wrong = [...settings.setDefaults(this.database.settings ?? [], 'database')];
    wrong.push(...settings.setDefaults(role.settings, 'user'));
    for (const error of wrong) this.warn(error.code, error.message);
    settings.maySetSuperuserOnes = () => this.isSuperuser;
    for (const [name, value] of options.settings) settings.setDefault(name, value, 'client');
    this.log.connected();
  }

  /** When the newest statement began; null before the first. */
  get queryStartedAt(): bigint | null {
    return this.statementStartedAt === 0n ? null : this.statementStartedAt;
  }

  /** When the session became active, or idle again. */
  get stateChangedAt(): bigint {
    if (this.activity.state === 'active') return this.statementStartedAt;
    return (BigInt(this.activity.leftAt) - UNIX_TO_POSTGRES_MS) * 1000n;
  }

  get storages(): TableStorages {
    return this.engine.storages;
  }

  get clientEncoding(): SingleByteEncoding | null {
    return this.settings.clientEncoding;
  }

  get databaseName(): string {
    return this.database.name;
  }

  /** Drops this session's temporary objects (DISCARD TEMP, end of session). */
  dropTemporary(): Promise<void> {
    return this.engine.sessionEnded(this);
  }

  /** Whether the running statement shares its query string with others: VACUUM and its kin refuse that. */
  get isInMultiStatement(): boolean {
    return this.#simple.statementCount > 1;
  }

  get listening(): ReadonlySet<string> {
    return this.#notifications.channels;
  }

  // --- statements

  /** Makes the execution of a parsed statement; nothing is done before its first `run`. */
  prepareExecution(
    statement: ParsedStatement,
    params: readonly Datum[],
    isSimple: boolean,
  ): Execution {
    const command = makeCommand(this, statement, params);
    if (command !== null) return command;
    const plan = (): PlannedQuery => this.planner.plan(statement, [], isSimple);
    const {entry, slots} = plan();
    return this.executePlan(entry, params, slots, plan);
  }

  executePlan(
    entry: PlanEntry,
    params: readonly Datum[],
    slots: readonly Datum[],
    replan?: () => PlannedQuery,
  ): Execution {
    return new PlanExecution(this, entry, params, slots, replan ?? null);
  }

  /** Before a statement of any kind: the failed block, the clock, the implicit transaction. */
  enterStatement(statement: ParsedStatement): void {
    if (this.transaction.status === 'failed' && !endsTransaction(statement))
      throw inFailedTransaction();
    this.enterPlan();
  }

  /** The clock and the implicit transaction of a statement that may run. */
  enterPlan(): void {
    this.statementStartedAt = nowMicros();
    this.transaction.ensure(this.statementStartedAt);
  }

  /**
   * Takes the statement's snapshot. Read-only statements read the durable prefix, so that readers do not pay for writers; others
   * read the newest state, and so does a session whose own commit is not durable yet: what they show waits (`holdSeen`).
   */
  beginStatement(isReadOnly: boolean): void {
    const {storage, jobs} = this.engine;
    const {transaction} = this;
    transaction.hasRun = true;
    // Rows whose ttl has passed are gone before anybody looks.
    const expiredSeq = jobs.expireDue();
    if (expiredSeq > this.#lastCommit) this.#lastCommit = expiredSeq;
    const {tx} = transaction;
    const {durableSeq} = storage;
    const readsDurable =
      isReadOnly && storage.lastSeq > durableSeq && this.#lastCommit <= durableSeq && !tx.hasWrites;
    tx.beginStatement(readsDurable ? 'durable' : 'newest');
  }

  /** Holds what is written from now on until everything that this transaction's reads showed is durable. */
  holdSeen(): void {
    const tx = this.transaction.openTx;
    if (tx === null) return;
    // Advisory locks outlive the transaction: later ones must see what was committed before the lock.
    if (tx.lockedSeq > this.#lastCommit) this.#lastCommit = BigInt(tx.lockedSeq) as Seq;
    if (tx.seenSeq > this.engine.storage.durableSeq) this.sink.holdUntil(tx.seenSeq);
  }

  /** Remembers the session's newest commit: its own next statements must see it. */
  committed(seq: Seq): void {
    this.#lastCommit = seq;
  }

  endStatement(): void {
    this.transaction.openTx?.endStatement();
  }

  checkPrivileges(plan: QueryPlan): void {
    if (!plan.isReadOnly && this.transaction.isReadOnly) this.#checkReadOnly(plan);
    const {catalog} = this.transaction;
    if (this.settings.ofStatements.restrictsViews) rejectViews(catalog, plan.privileges);
    checkPlanPrivileges(catalog, this.currentRole, plan.privileges);
  }

  /** 25006 when the plan writes, or locks rows of, a table that is not temporary. Functions check for themselves. */
  #checkReadOnly(plan: QueryPlan): void {
    const {catalog} = this.transaction;
    for (const {oid, mode} of plan.tables) {
      if (mode === 'accessShare' || catalog.tableByOid(oid)?.persistence === 't') continue;
      this.assertWritable(
        plan.kind === 'select' && mode === 'rowShare'
          ? 'SELECT FOR UPDATE'
          : plan.kind.toUpperCase(),
      );
    }
  }

  lockTables(plan: QueryPlan): Promise<void> | undefined {
    const {tables, sequences} = plan;
    for (let i = 0; i < tables.length; i++) {
      const result = this.transaction.tx.lockTable(tables[i]!.oid, tables[i]!.mode, 'wait');
      if (result instanceof Promise) return this.#lockRest(plan, result);
      const loading = loadTable(this, tables[i]!.oid);
      if (loading !== null) return this.#lockRest(plan, loading);
    }
    for (let i = 0; i < sequences.length; i++) {
      const result = this.transaction.tx.lockTable(sequences[i]!, 'rowExclusive', 'wait');
      if (result instanceof Promise) return this.#lockRest(plan, result);
    }
    return undefined;
  }

  async #lockRest(plan: QueryPlan, waiting: Promise<void>): Promise<void> {
    await this.wait(waiting);
    const again = this.lockTables(plan);
    if (again !== undefined) await again;
  }

  assertWritable(what: string): void {
    if (!this.transaction.isReadOnly) return;
    throw new PgError(
      SqlState.readOnlySqlTransaction,
      `cannot execute ${what} in a read-only transaction`,
    );
  }

  nextSequenceValue(sequence: Oid): bigint {
    const value = this.engine.storage.nextval(sequence);
    // A reservation is a commit of its own: the value may not be seen before it is durable.
    const {lastSeq, durableSeq} = this.engine.storage;
    if (lastSeq > durableSeq) this.sink.holdUntil(lastSeq);
    return value;
  }

  setSequenceValue(sequence: Oid, value: bigint, isCalled: boolean): void {
    this.engine.storage.setval(sequence, value, isCalled);
  }

  // --- interrupts and waits

  checkInterrupts(): void {
    this.#interrupts.check();
  }

  wait(pause: Promise<unknown> | null): Promise<void> {
    return this.#interrupts.wait(pause);
  }

  interrupt(error: PgError): void {
    if (this.#isBusy) this.#interrupts.raise(error);
  }

  cancel(): void {
    this.interrupt(new PgError(SqlState.queryCanceled, 'canceling statement due to user request'));
  }

  /** Ends the session with a FATAL error, now if idle, else at the next interrupt check. */
  terminate(error: PgError): void {
    if (this.#isBusy) this.interrupt(error);
    else this.sink.fatal(error);
  }

  enter(query: string): void {
    this.#isBusy = true;
    this.activity.state = 'active';
    this.activity.query = query;
    this.#timers.statementStarted();
  }

  enterNext(): void {
    this.#timers.statementFollows();
  }

  /** It is done: the session waits for its client. */
  leave(): void {
    this.#isBusy = false;
    this.log.ended(this.activity.query);
    this.#interrupts.clear();
    this.#timers.statementEnded();
    this.activity.leftAt = Date.now();
    const {status} = this.transaction;
    this.activity.state =
      status === 'block'
        ? 'idle in transaction'
        : status === 'failed'
          ? 'idle in transaction (aborted)'
          : 'idle';
    this.#becameIdle();
  }

  /** Between transactions, with nothing to do: when notifications are sent. */
  get isIdle(): boolean {
    return !this.#isBusy && !this.transaction.isInBlock;
  }

  onceIdle(callback: () => void): void {
    this.#idleCallbacks.push(callback);
  }

  #becameIdle(): void {
    if (this.#idleCallbacks.length === 0 || !this.isIdle) return;
    const callbacks = this.#idleCallbacks;
    this.#idleCallbacks = [];
    for (const callback of callbacks) callback();
  }

  // --- answers

  notice(
    severity: Notice['severity'],
    code: string,
    message: string,
    fields: Notice['fields'] = {},
  ): void {
    this.log.notice(severity, code, message);
    if (!isShown(severity, this.settings.raw('client_min_messages') ?? 'notice')) return;
    this.sink.notice({severity, code, message, fields});
  }

  warn(code: string, message: string): void {
    this.notice('WARNING', code, message);
  }

  /** ParameterStatus changes, queued notifications, ReadyForQuery. */
  ready(): void {
    for (const [name, value] of this.settings.takeReports()) this.sink.parameterStatus(name, value);
    if (!this.transaction.isInBlock) this.#notifications.deliver();
    this.sink.readyForQuery(this.transaction.readyStatus);
    this.leave();
  }

  // --- notifications

  notify(channel: string, payload: string): void {
    this.#notifications.notify(channel, payload);
  }

  notified(pid: number, channel: string, payload: string): void {
    this.#notifications.queue(pid, channel, payload);
    if (this.#isBusy || this.transaction.isInBlock) return;
    this.#notifications.deliver();
    this.sink.flush();
  }

  async #beforeCommit(): Promise<void> {
    await runDeferred(this, true);
    await this.extended.holdCursors();
    await runOnCommit(this);
  }

  #transactionEnded(isCommit: boolean): void {
    this.activity.transactionStart = null;
    this.undoRoles(isCommit);
    if (isCommit) this.#notifications.committed();
    this.extended.transactionEnded(isCommit);
  }

  // --- the protocol's doors

  query(sql: string): Promise<void> | undefined {
    this.enter(sql);
    return this.#simple.run(sql);
  }

  parse(name: string, sql: string, parameterTypes: readonly number[]): Promise<void> | undefined {
    this.enter(sql);
    return this.extended.parse(name, sql, parameterTypes);
  }

  bind(message: BindMessage): Promise<void> | undefined {
    return this.extended.bind(message);
  }

  describe(kind: 'S' | 'P', name: string): Promise<void> | undefined {
    return this.extended.describe(kind, name);
  }

  execute(portal: string, maxRows: number): Promise<void> | undefined {
    return this.extended.execute(portal, maxRows);
  }

  close(kind: 'S' | 'P', name: string): Promise<void> | undefined {
    return this.extended.close(kind, name);
  }

  sync(): Promise<void> | undefined {
    return this.extended.sync();
  }

  functionCall(
    functionOid: number,
    argFormats: readonly number[],
    args: readonly (Buffer | null)[],
    resultFormat: number,
  ): Promise<void> | undefined {
    this.enter('<FASTPATH>');
    return this.extended.functionCall(functionOid, argFormats, args, resultFormat);
  }

  failed(error: unknown): PgError {
    const pgError = knownError(this, error);
    this.log.error(pgError);
    this.sleeping?.cancel();
    this.sleeping = null;
    this.copyIn = null;
    this.#simple.abandon();
    this.transaction.fail();
    this.extended.failed();
    return pgError;
  }

  subscribe(request: LiveRequest, receiver: LiveReceiver): Promise<LiveHandle> {
    return this.live.open(request, receiver).finally(() => this.leave());
  }

  readyAfterError(): void {
    this.ready();
  }

  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#interrupts.raise(
      new PgError(SqlState.adminShutdown, 'terminating connection', {severity: 'FATAL'}),
    );
    this.sleeping?.cancel();
    this.log.disconnected();
    this.#timers.close();
    this.extended.closeAll();
    this.transaction.rollback();
    this.#notifications.close();
    await this.engine.sessionEnded(this);
    this.engine.sessions.delete(this.pid);
  }
}

const UNIX_TO_POSTGRES_MS = 946_684_800_000n;
