import {isSuperuser, rolesOfMember} from '../../catalog/acl.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {ResultShape} from '../contract.ts';
import type {Execution, RowReceiver, RunResult} from '../execution.ts';
import {recordCrossing} from '../crossing.ts';
import {hasServiceRight} from '../run-context.ts';
import type {SessionContext} from '../session-context.ts';

/** EXECUTE AS USER 'bob' (statement): one statement under another role, then back, whatever happens. */
export class ExecuteAs implements Execution {
  readonly #session: SessionContext;
  readonly #inner: Execution;
  readonly #role: Oid;
  #isRecorded = false;

  constructor(
    session: SessionContext,
    statement: ParsedStatement,
    user: string,
    params: readonly Datum[],
  ) {
    this.#session = session;
    this.#role = targetRole(session, user);
    const body: ParsedStatement = {...statement, custom: null};
    this.#inner = this.#as(() => session.prepareExecution(body, params, false));
  }

  get shape(): ResultShape | null {
    return this.#inner.shape;
  }

  get sent(): number {
    return this.#inner.sent;
  }

  #as<T>(act: () => T): T {
    const before = this.#session.currentRole;
    this.#session.currentRole = this.#role;
    try {
      return act();
    } finally {
      this.#session.currentRole = before;
    }
  }

  run(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const session = this.#session;
    this.#record();
    const before = session.currentRole;
    session.currentRole = this.#role;
    let result: RunResult | Promise<RunResult>;
    try {
      result = this.#inner.run(maxRows, receiver);
    } catch (error) {
      session.currentRole = before;
      throw error;
    }
    if (!(result instanceof Promise)) {
      session.currentRole = before;
      return result;
    }
    return result.finally(() => {
      session.currentRole = before;
    });
  }

  /** Once per execution, whatever the number of fetches. */
  #record(): void {
    if (this.#isRecorded || this.#role === this.#session.currentRole) return;
    this.#isRecorded = true;
    const subject = this.#session.transaction.catalog.roleByOid(this.#role)?.name ?? '';
    recordCrossing(this.#session, {action: 'execute as user', subject, target: null});
  }

  tag(rowCount: number): string {
    return this.#inner.tag(rowCount);
  }

  close(): void {
    this.#inner.close();
  }
}

/** The right is checked before the role's existence is revealed. */
function targetRole(session: SessionContext, user: string): Oid {
  const {catalog} = session.transaction;
  const role = catalog.roleByName(user);
  const mayAny = hasServiceRight(catalog, session.currentRole);
  const isMember = role !== undefined && rolesOfMember(session.currentRole, catalog).has(role.oid);
  if (!mayAny && !isMember) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied to execute as user "${user}"`,
    );
  }
  if (role === undefined)
    throw new PgError(SqlState.undefinedObject, `role "${user}" does not exist`);
  if (role.isSuperuser && !isSuperuser(session.currentRole, catalog)) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied to execute as user "${user}"`,
    );
  }
  return role.oid;
}
