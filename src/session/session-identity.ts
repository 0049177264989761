import {isSuperuser} from '../catalog/acl.ts';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import {explicitSchemas, searchedSchemas} from './search-path.ts';
import type {SessionSettings} from './settings.ts';
import type {TransactionState} from './transaction-state.ts';

/** The roles before a SET. */
interface RoleUndo {
  readonly current: Oid;
  readonly session: Oid;
  readonly sessionName: string;
  readonly roleName: string;
  readonly isLocal: boolean;
  /** SET SESSION AUTHORIZATION. */
  readonly isSession: boolean;
}

/** The search path as it was found, and under what. */
interface SearchPath {
  readonly catalog: CatalogSnapshot;
  readonly role: Oid;
  readonly version: number;
  readonly explicit: readonly Oid[];
  readonly searched: readonly Oid[];
}

/** Who a session acts as, and where it looks for names: roles with their undoing, search_path. */
export abstract class SessionIdentity {
  abstract readonly pid: number;
  abstract readonly settings: SessionSettings;
  abstract readonly transaction: TransactionState;
  /** The role that logged in, or that of SET SESSION AUTHORIZATION. */
  sessionRole: Oid;
  currentRole: Oid;
  #roleUndo: RoleUndo[] = [];
  #path: SearchPath | null = null;

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
    this.#noteRoles(isLocal, false);
    this.settings.set('role', name, isLocal);
    this.setCurrentRole(role);
  }

  /** SET SESSION AUTHORIZATION: both roles; undone as SET ROLE is. */
  assignSessionRole(role: Oid, name: string, isLocal: boolean): void {
    this.#noteRoles(isLocal, true);
    this.sessionRole = role;
    this.settings.force('session_authorization', name);
    this.settings.force('role', 'none');
    this.setCurrentRole(role);
  }

  #noteRoles(isLocal: boolean, isSession: boolean): void {
    this.#roleUndo.push({
      current: this.currentRole,
      session: this.sessionRole,
      sessionName: this.settings.raw('session_authorization') ?? '',
      roleName: this.settings.raw('role') ?? 'none',
      isLocal,
      isSession,
    });
  }

  /** Where ROLLBACK TO goes back to. */
  get roleMark(): number {
    return this.#roleUndo.length;
  }

  /** ROLLBACK TO: roles as they were at a savepoint. */
  undoRolesTo(mark: number): void {
    while (this.#roleUndo.length > mark) this.#undoRole(this.#roleUndo.pop()!);
  }

  /** End of a transaction: ROLLBACK undoes SET ROLE, any end undoes SET LOCAL ROLE. */
  undoRoles(isCommit: boolean): void {
    if (this.#roleUndo.length === 0) return;
    const undo = this.#roleUndo;
    this.#roleUndo = [];
    for (let i = undo.length - 1; i >= 0; i--)
      if (!isCommit || undo[i]!.isLocal) this.#undoRole(undo[i]!);
  }

  #undoRole(undo: RoleUndo): void {
    if (undo.isSession) {
      this.sessionRole = undo.session;
      this.settings.force('session_authorization', undo.sessionName);
      this.settings.force('role', undo.roleName);
    }
    this.setCurrentRole(undo.current);
  }

  /** Schemas of search_path that exist and that the role may use, as OIDs; with the implied ones in front. */
  searchPath(): readonly Oid[] {
    return this.#pathNow().searched;
  }

  explicitSchemas(): readonly Oid[] {
    return this.#pathNow().explicit;
  }

  #pathNow(): SearchPath {
    const {catalog} = this.transaction;
    const {version} = this.settings;
    const {currentRole: role} = this;
    const known = this.#path;
    if (known?.catalog === catalog && known.role === role && known.version === version)
      return known;
    const text = this.settings.raw('search_path') ?? '';
    const explicit = explicitSchemas(catalog, text, {oid: role, name: this.currentUser}, this.pid);
    const searched = searchedSchemas(catalog, explicit, this.pid);
    this.#path = {catalog, role, version, explicit, searched};
    return this.#path;
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
