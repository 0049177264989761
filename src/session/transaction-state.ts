import {findAuditTable} from '../catalog/audit-table.ts';
import type {CatalogChange, CatalogSnapshot} from '../catalog/contract.ts';
import type {Descriptor, TableDescriptor} from '../catalog/descriptors.ts';
import {descriptorKey, descriptorToJson} from '../catalog/descriptor-json.ts';
import {PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {
  DdlEffect,
  IsolationLevel,
  Storage,
  Transaction,
  WaiterInfo,
} from '../storage/contract.ts';
import type {CatalogTurns} from './catalog-turns.ts';
import type {PendingNotify} from './notify-hub.ts';
import {DeferredChecks, type DeferredMark} from './foreign-keys/deferred.ts';
import {isSystemCatalog} from './privileges.ts';
import type {SessionSettings} from './settings.ts';

/** none: no transaction. implicit: begun by a statement outside a block. block: after BEGIN. failed: a block after an error. */
export type TransactionStatus = 'none' | 'implicit' | 'block' | 'failed';

/** What SET TRANSACTION and BEGIN can choose. */
export interface TransactionModes {
  readonly isolation?: IsolationLevel | undefined;
  readonly readOnly?: boolean | undefined;
  readonly deferrable?: boolean | undefined;
}

interface Savepoint {
  readonly name: string;
  readonly changes: number;
  readonly catalog: CatalogSnapshot | null;
  readonly settings: number;
  readonly notifies: number;
  readonly listens: number;
  readonly deferred: DeferredMark;
  readonly roles: number;
  readonly portals: ReadonlySet<object> | null;
}

/** A LISTEN or UNLISTEN that takes effect at commit; '*' is UNLISTEN *. */
export interface ListenAction {
  readonly kind: 'listen' | 'unlisten';
  readonly channel: string;
}

/** What ended with a commit. */
export interface CommitOutcome {
  /** Seq of the commit, or null when nothing was written. */
  readonly seq: Seq | null;
}

/** What a transaction needs of the engine. */
export interface TransactionHost {
  readonly storage: Pick<Storage, 'begin' | 'flushCommits'>;
  catalog(databaseOid: Oid): CatalogSnapshot;
  readonly catalogTurns: CatalogTurns;
  checkCatalogChanges(databaseOid: Oid, changes: readonly CatalogChange[]): void;
  publishCatalogChanges(databaseOid: Oid, changes: readonly CatalogChange[]): void;
}

/**
 * Where a session stands between BEGIN and COMMIT: the storage transaction, uncommitted DDL as a private catalog,
 * savepoints, pending NOTIFY and LISTEN.
 */
export class TransactionState {
  readonly #engine: TransactionHost;
  readonly #databaseOid: Oid;
  readonly #settings: SessionSettings;
  readonly #waiter: WaiterInfo;
  status: TransactionStatus = 'none';
  #tx: Transaction | null = null;
  #modes: TransactionModes = {};
  #catalog: CatalogSnapshot | null = null;
  /** The committed catalog that `#catalog` was made from. */
  #base: CatalogSnapshot | null = null;
  #changes: CatalogChange[] = [];
  #savepoints: Savepoint[] = [];
  notifies: PendingNotify[] = [];
  listens: ListenAction[] = [];
  /** Microseconds since 2000-01-01 UTC; what now() returns. */
  startedAt = 0n;
  /** True once a statement has run: SET TRANSACTION ISOLATION LEVEL must come before any query. */
  hasRun = false;
  /** Checks that wait for the end of the transaction. */
  readonly deferred = new DeferredChecks();
  /** The session's tables with ON COMMIT; some may be gone again. */
  readonly onCommitTables = new Set<Oid>();
  /** Called before the commit of a transaction with deferred checks, cursors to hold or tables with ON COMMIT. */
  onCommitting: () => Promise<void> = () => Promise.resolve();
  /** Called when the transaction ends, by commit (true) or rollback. */
  onEnd: (isCommit: boolean) => void = () => {};
  /** The session's roles, which go back to where a savepoint found them. */
  roles: {readonly roleMark: number; undoRolesTo(mark: number): void} = {
    roleMark: 0,
    undoRolesTo: () => {},
  };
  /** The session's portals, which go with the savepoint after which they were made, and of which some outlive the transaction. */
  portals: {
    readonly portalMark: ReadonlySet<object> | null;
    readonly hasCursorsToHold: boolean;
    dropPortalsTo(mark: ReadonlySet<object> | null): void;
  } = {portalMark: null, hasCursorsToHold: false, dropPortalsTo: () => {}};
  /** Whether the client has sent more already: its commit should not wait for those of others. */
  hasMoreInput: () => boolean = () => false;

  constructor(
    engine: TransactionHost,
    databaseOid: Oid,
    settings: SessionSettings,
    waiter: WaiterInfo,
  ) {
    this.#engine = engine;
    this.#databaseOid = databaseOid;
    this.#settings = settings;
    this.#waiter = waiter;
  }

  get isInBlock(): boolean {
    return this.status === 'block' || this.status === 'failed';
  }

  get readyStatus(): 'I' | 'T' | 'E' {
    return this.status === 'block' ? 'T' : this.status === 'failed' ? 'E' : 'I';
  }

  /** The catalog statements see now: own uncommitted DDL over the newest committed one. */
  get catalog(): CatalogSnapshot {
    const newest = this.#engine.catalog(this.#databaseOid);
    if (this.#catalog === null) return newest;
    if (newest !== this.#base) this.#rebase(newest);
    return this.#catalog;
  }

  /** Own DDL over what others have committed since; a name clash is raised by the commit. */
  #rebase(newest: CatalogSnapshot): void {
    this.#base = newest;
    try {
      this.#catalog = newest.apply(this.#changes);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
    }
  }

  get hasDdl(): boolean {
    return this.#changes.length > 0;
  }

  /** The storage transaction, begun by its first use. */
  get tx(): Transaction {
    this.#tx ??= this.#begin();
    return this.#tx;
  }

  /** The storage transaction when one was begun. */
  get openTx(): Transaction | null {
    return this.#tx;
  }

  get isolation(): IsolationLevel {
    return this.#modes.isolation ?? this.#settings.ofStatements.isolation;
  }

  get isReadOnly(): boolean {
    return this.#modes.readOnly ?? this.#settings.ofStatements.isReadOnly;
  }

  get isDeferrable(): boolean {
    return this.#modes.deferrable ?? this.#settings.boolean('default_transaction_deferrable');
  }

  #begin(): Transaction {
    return this.#engine.storage.begin({
      isolation: this.isolation,
      isReadOnly: this.isReadOnly,
      databaseOid: this.#databaseOid,
      waiter: this.#waiter,
    });
  }

  /** Makes sure that a transaction is under way for a statement. */
  ensure(now: bigint): void {
    if (this.status !== 'none') return;
    this.status = 'implicit';
    this.startedAt = now;
  }

  /** BEGIN: an implicit transaction becomes a block that includes the earlier statements. */
  beginBlock(modes: TransactionModes): void {
    this.status = 'block';
    this.setModes(modes);
  }

  setModes(modes: TransactionModes): void {
    if (this.#tx !== null && !this.hasRun) {
      this.#tx.rollback();
      this.#tx = null;
    }
    if (!isEmpty(modes)) this.#modes = {...this.#modes, ...modes};
  }

  /** Applies DDL: the private catalog at once, the rest with the commit. */
  ddl(changes: readonly CatalogChange[], effects: readonly DdlEffect[]): void {
    for (const change of changes) checkMayChange(this.catalog, change);
    const next = this.catalog.apply(changes);
    const {tx} = this;
    for (const change of changes) tx.ddl(this.#catalogEffect(change, next));
    for (const effect of effects) tx.ddl(effect);
    this.#base = this.#engine.catalog(this.#databaseOid);
    this.#catalog = next;
    this.#changes.push(...changes);
  }

  #catalogEffect(change: CatalogChange, types: CatalogSnapshot): DdlEffect {
    if (change.op === 'delete') {
      return {
        kind: 'catalog',
        key: descriptorKey(this.#databaseOid, change.kind, change.oid),
        json: null,
      };
    }
    const {descriptor} = change;
    return {
      kind: 'catalog',
      key: descriptorKey(this.#databaseOid, descriptor.kind, descriptor.oid),
      json: descriptorToJson(descriptor, types),
    };
  }

  savepoint(name: string): void {
    this.tx.savepoint(name);
    this.#savepoints.push({
      name,
      changes: this.#changes.length,
      catalog: this.#catalog,
      settings: this.#settings.mark(),
      notifies: this.notifies.length,
      listens: this.listens.length,
      deferred: this.deferred.mark(),
      roles: this.roles.roleMark,
      portals: this.portals.portalMark,
    });
  }

  #find(name: string): number {
    for (let i = this.#savepoints.length - 1; i >= 0; i--)
      if (this.#savepoints[i]!.name === name) return i;
    throw new PgError(SqlState.invalidSavepointSpecification, `savepoint "${name}" does not exist`);
  }

  rollbackTo(name: string): void {
    const at = this.#find(name);
    const mark = this.#savepoints[at]!;
    this.tx.rollbackTo(name);
    this.#savepoints.length = at + 1;
    this.#changes.length = mark.changes;
    this.#catalog = this.#changes.length === 0 ? null : mark.catalog;
    if (this.#catalog !== null) this.#rebase(this.#engine.catalog(this.#databaseOid));
    this.#settings.rollbackTo(mark.settings);
    this.notifies.length = mark.notifies;
    this.listens.length = mark.listens;
    this.deferred.rollbackTo(mark.deferred);
    this.roles.undoRolesTo(mark.roles);
    this.portals.dropPortalsTo(mark.portals);
    this.status = 'block';
  }

  release(name: string): void {
    const at = this.#find(name);
    this.tx.release(name);
    this.#savepoints.length = at;
  }

  /** An error: a block fails, an implicit transaction is rolled back. */
  fail(): void {
    if (this.status === 'block') {
      this.status = 'failed';
      this.#abandon();
    } else if (this.status === 'implicit') this.rollback();
  }

  /** What a failed block wrote and locked since its last savepoint is given back at once: others wait no longer. */
  #abandon(): void {
    const last = this.#savepoints[this.#savepoints.length - 1];
    if (last === undefined) this.#tx?.rollback();
    else this.#tx?.rollbackTo(last.name);
  }

  /** Commits; synchronous unless storage waits. After an error it is rolled back. */
  commit(): CommitOutcome | Promise<CommitOutcome> {
    const isReady =
      this.deferred.isEmpty && !this.portals.hasCursorsToHold && this.onCommitTables.size === 0;
    return isReady ? this.#commit() : this.#checkAndCommit();
  }

  async #checkAndCommit(): Promise<CommitOutcome> {
    try {
      await this.onCommitting();
    } catch (error) {
      this.rollback();
      throw error;
    }
    return this.#commit();
  }

  #commit(): CommitOutcome | Promise<CommitOutcome> {
    const tx = this.#tx;
    if (tx === null) return this.#committed(null);
    try {
      if (this.#changes.length > 0) {
        const {running} = this.#engine.catalogTurns;
        if (running !== null) return running.then(() => this.#commit());
        this.#engine.checkCatalogChanges(this.#databaseOid, this.#changes);
      }
      const pending = tx.commit(this.hasMoreInput());
      if (pending === undefined) return this.#committed(tx);
      // Names are checked, applied and published in one turn, or with other DDL waiting: none can come between.
      if (this.#changes.length > 0) this.#engine.storage.flushCommits();
      if (tx.commitSeq === null) {
        const awaited = this.#awaitCommit(tx, pending);
        return this.#changes.length > 0 ? this.#engine.catalogTurns.hold(awaited) : awaited;
      }
      return this.#committed(tx);
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  async #awaitCommit(tx: Transaction, pending: Promise<void>): Promise<CommitOutcome> {
    try {
      await pending;
    } catch (error) {
      this.rollback();
      throw error;
    }
    return this.#committed(tx);
  }

  #committed(tx: Transaction | null): CommitOutcome {
    const seq = tx === null ? null : tx.commitSeq;
    if (this.#changes.length > 0)
      this.#engine.publishCatalogChanges(this.#databaseOid, this.#changes);
    this.#reset();
    this.#settings.endTransaction(true);
    this.onEnd(true);
    return {seq};
  }

  rollback(): void {
    this.#tx?.rollback();
    this.#reset();
    this.notifies = [];
    this.listens = [];
    this.#settings.endTransaction(false);
    this.onEnd(false);
  }

  #reset(): void {
    this.#tx = null;
    this.#catalog = null;
    if (this.#changes.length > 0) this.#changes = [];
    if (this.#savepoints.length > 0) this.#savepoints = [];
    this.#modes = NO_MODES;
    this.deferred.clear();
    this.status = 'none';
    this.hasRun = false;
  }
}

const NO_MODES: TransactionModes = {};

function isEmpty(modes: TransactionModes): boolean {
  for (const _ in modes) return false;
  return true;
}

/** The audit log, which the server alone writes, keeps its shape; rights to read it can be given. */
function checkMayChange(catalog: CatalogSnapshot, change: CatalogChange): void {
  const audit = findAuditTable(catalog);
  if (audit === undefined) return;
  if (change.op === 'delete' ? change.oid === audit.oid : changesTable(audit, change.descriptor))
    throw isSystemCatalog(audit.name);
}

function changesTable(table: TableDescriptor, change: Descriptor): boolean {
  if ('table' in change && change.table === table.oid) return true;
  if (change.kind !== 'table' || change.oid !== table.oid) return false;
  return (
    change.name !== table.name ||
    change.schema !== table.schema ||
    change.owner !== table.owner ||
    change.schemaVersion !== table.schemaVersion ||
    change.rowSecurity !== table.rowSecurity ||
    change.columns.length !== table.columns.length ||
    change.columns.some((column, i) => column.name !== table.columns[i]!.name)
  );
}
