import {isSuperuser} from '../catalog/acl.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import {explicitSchemas, searchedSchemas} from './search-path.ts';
import type {SessionSettings} from './settings.ts';
import type {TransactionState} from './transaction-state.ts';

/** Who a session acts as, and where it looks for names: roles with their undoing, search_path. */
export abstract class SessionIdentity {
  abstract readonly pid: number;
  abstract readonly settings: SessionSettings;
  abstract readonly transaction: TransactionState;
  /** The role that logged in, or that of SET SESSION AUTHORIZATION. */
  sessionRole: Oid;
  currentRole: Oid;
  #roleUndo: {readonly before: Oid; readonly isLocal: boolean}[] = [];

  constructor(role: Oid) {
    this.sessionRole = role;
    this.currentRole = role;
  }

  get currentUser(): string {
    return this.#roleName(this.currentRole);
  }

  get sessionUser(): string {
    return this.#roleName(this.sessionRole);
  }

  #roleName(role: Oid): string {
    return this.transaction.catalog.roleByOid(role)?.name ?? `unknown (OID=${role})`;
  }

  get isSuperuser(): boolean {
    return isSuperuser(this.currentRole, this.transaction.catalog);
  }

  get effectiveOwner(): OwnerId {
    return this.currentRole;
  }

  /** SET ROLE and its undoing. */
  setCurrentRole(role: Oid): void {
    this.currentRole = role;
    this.settings.force('is_superuser', isSuperuser(role, this.transaction.catalog) ? 'on' : 'off');
  }

  /** SET ROLE; undone by ROLLBACK, or at the end of the transaction when local. */
  assignRole(role: Oid, name: string, isLocal: boolean): void {
    const before = this.currentRole;
    this.settings.set('role', name, isLocal);
    this.#roleUndo.push({before, isLocal});
    this.setCurrentRole(role);
  }

  /** SET SESSION AUTHORIZATION: both roles. */
  assignSessionRole(role: Oid, name: string): void {
    this.sessionRole = role;
    this.settings.force('session_authorization', name);
    this.settings.force('role', 'none');
    this.setCurrentRole(role);
  }

  /** End of a transaction: ROLLBACK undoes SET ROLE, any end undoes SET LOCAL ROLE. */
  undoRoles(isCommit: boolean): void {
    if (this.#roleUndo.length === 0) return;
    const undo = this.#roleUndo;
    this.#roleUndo = [];
    for (let i = undo.length - 1; i >= 0; i--)
      if (!isCommit || undo[i]!.isLocal) this.setCurrentRole(undo[i]!.before);
  }

  /** Schemas of search_path that exist, as OIDs; with the implied ones in front. */
  searchPath(): readonly Oid[] {
    const {catalog} = this.transaction;
    return searchedSchemas(catalog, this.explicitSchemas(), this.pid);
  }

  explicitSchemas(): readonly Oid[] {
    return explicitSchemas(
      this.transaction.catalog,
      this.settings.raw('search_path') ?? '',
      this.currentUser,
      this.pid,
    );
  }

  schemaExists(name: string): boolean {
    return this.transaction.catalog.schemaByName(name) !== undefined;
  }

  schemaNames(includeImplicit: boolean): readonly string[] {
    const {catalog} = this.transaction;
    const oids = includeImplicit ? this.searchPath() : this.explicitSchemas();
    return oids.map(schema => catalog.schemaByOid(schema)!.name);
  }
}
