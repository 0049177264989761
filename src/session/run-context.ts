import type {ScanTop} from '../storage/scan-top.ts';
import {isSuperuser, rolesWithPrivilegesOf} from '../catalog/acl.ts';
import type {CatalogSnapshot, RuntimeFacts, SystemRelations} from '../catalog/contract.ts';
import {RoleOid} from '../catalog/well-known.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import type {NodeCounters, RowChanges} from '../exec/operator.ts';
import type {EvalContext, FunctionLibrary} from '../functions/contract.ts';
import type {StorageIndex, TableStorage, Transaction} from '../storage/contract.ts';
import type {Datum} from '../types/contract.ts';
import {recordCrossing} from './crossing.ts';
import {StatementChanges} from './foreign-keys/row-changes.ts';
import type {PlanRun, SessionContext} from './session-context.ts';

/** How long a slice of work may hold the event loop, in milliseconds. */
const SLICE_MS = 5;
/** Polls of sliceUsed per look at the clock at most: loops that poll per row. */
const POLLS_PER_LOOK = 16;
/** Between two looks: above, every poll looks (loops that poll per batch); below, fewer do. */
const LONG_LOOK_MS = 1;
const SHORT_LOOK_MS = 0.25;

/** One execution of a plan: everything that operators ask for. Pooled with its operator tree. */
export class ExecutionRun implements PlanRun {
  #session!: SessionContext;
  params: readonly Datum[] = [];
  slots: readonly Datum[] = [];
  readonly outer: Datum[];
  catalog!: CatalogSnapshot;
  tx!: Transaction;
  owner!: OwnerId;
  currentRole!: Oid;
  pause: Promise<unknown> | null = null;
  counters: Map<number, NodeCounters> | null = null;
  affectedRows = 0;
  /** Changes noted for the checks at the end of the statement. */
  changes: StatementChanges | null = null;
  /** Crossings of this execution that are recorded already. */
  #crossed: Set<string> | null = null;
  readonly orderedScans = new Set<number>();
  readonly topScans = new Map<number, ScanTop>();
  #deadline = 0;
  #polls = 0;
  #pollsPerLook = 1;
  #lastLook = 0;

  constructor(outerCount: number) {
    this.outer = new Array<Datum>(outerCount).fill(null);
  }

  /** Prepares for a new execution by a session. */
  start(session: SessionContext, params: readonly Datum[], slots: readonly Datum[]): void {
    this.#session = session;
    this.params = params;
    this.slots = slots;
    this.catalog = session.transaction.catalog;
    this.tx = session.transaction.tx;
    this.currentRole = session.currentRole;
    this.owner = session.effectiveOwner;
    this.pause = null;
    this.affectedRows = 0;
    this.changes = null;
    this.#crossed = null;
  }

  /** Prepares for an execution outside of the session's transaction, as a role that was fixed before: the first rows of a live query. */
  startAt(
    session: SessionContext,
    at: {
      readonly catalog: CatalogSnapshot;
      readonly tx: Transaction;
      readonly currentRole: Oid;
      readonly owner: OwnerId;
    },
    values: {readonly params: readonly Datum[]; readonly slots: readonly Datum[]},
  ): void {
    this.#session = session;
    this.params = values.params;
    this.slots = values.slots;
    this.catalog = at.catalog;
    this.tx = at.tx;
    this.currentRole = at.currentRole;
    this.owner = at.owner;
    this.pause = null;
    this.affectedRows = 0;
    this.changes = null;
    this.#crossed = null;
  }

  get context(): EvalContext {
    return this.#session.evalContext;
  }

  get library(): FunctionLibrary {
    return this.#session.engine.library;
  }

  get systemRelations(): SystemRelations {
    return this.#session.engine.systemRelations;
  }

  get facts(): RuntimeFacts {
    return this.#session.facts;
  }

  get spillDir(): string {
    return this.#session.engine.spillDir;
  }

  get workMemBytes(): number {
    return this.#session.settings.number('work_mem') * 1024;
  }

  get hasServiceRight(): boolean {
    return hasServiceRight(this.catalog, this.currentRole);
  }

  noteCrossing(act: 'read' | 'write', table: TableStorage, owner: OwnerId | null): void {
    const key = `${act} ${table.oid} ${owner}`;
    this.#crossed ??= new Set();
    if (this.#crossed.has(key)) return;
    this.#crossed.add(key);
    recordCrossing(this.#session, {
      action: owner === null ? 'read all owners' : `${act} as user`,
      subject: owner === null ? null : this.ownerName(owner),
      target: `${table.namespace}.${table.name}`,
    });
  }

  canOrder(table: TableStorage, index: StorageIndex, owner: OwnerId | null): boolean {
    return this.#session.engine.storage.canOrder(table, index, true, owner);
  }

  tableStorage(table: Oid): TableStorage {
    return this.#session.storages.get(this.catalog, table);
  }

  ownerByName(name: string): OwnerId | undefined {
    return this.catalog.roleByName(name)?.oid;
  }

  ownerName(owner: OwnerId): string {
    return this.catalog.roleByOid(owner)?.name ?? `unknown (OID=${owner})`;
  }

  rowChanges(table: Oid): RowChanges | null {
    const references = this.#session.references.of(this.catalog, table);
    if (references === null) return null;
    this.changes ??= new StatementChanges(this.#session);
    return this.changes.of(table, references);
  }

  /** Begins a slice: called before each pull. */
  startSlice(): void {
    this.tx.checkSnapshot();
    this.#lastLook = performance.now();
    this.#deadline = this.#lastLook + SLICE_MS;
    this.#polls = 0;
    this.#pollsPerLook = 1;
  }

  sliceUsed(): boolean {
    if (++this.#polls < this.#pollsPerLook) return false;
    this.#polls = 0;
    const now = performance.now();
    const took = now - this.#lastLook;
    this.#lastLook = now;
    if (took > LONG_LOOK_MS) this.#pollsPerLook = 1;
    else if (took < SHORT_LOOK_MS && this.#pollsPerLook < POLLS_PER_LOOK) this.#pollsPerLook *= 2;
    return now > this.#deadline;
  }

  checkInterrupts(): void {
    this.#session.checkInterrupts();
  }
}

/** The right to reach other owners' rows: superusers, wadi_service, wadi_dba and their members (DESIGN section 8). */
export function hasServiceRight(catalog: CatalogSnapshot, role: Oid): boolean {
  if (isSuperuser(role, catalog)) return true;
  const roles = rolesWithPrivilegesOf(role, catalog);
  return roles.has(RoleOid.service) || roles.has(RoleOid.dba);
}

/** Whether a role may do the work of operators: superusers, members of wadi_dba. */
export function isMaintainer(catalog: CatalogSnapshot, role: Oid): boolean {
  return isSuperuser(role, catalog) || rolesWithPrivilegesOf(role, catalog).has(RoleOid.dba);
}
