import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {SessionContext} from './session-context.ts';

/** statement_timeout and the two idle timeouts of one session. Timers exist only while a limit is set. */
export class StatementTimers {
  readonly #session: SessionContext;
  #statement: NodeJS.Timeout | null = null;
  #idle: NodeJS.Timeout | null = null;

  constructor(session: SessionContext) {
    this.#session = session;
  }

  statementStarted(): void {
    if (this.#idle !== null) {
      clearTimeout(this.#idle);
      this.#idle = null;
    }
    if (this.#statement !== null) return;
    const ms = this.#session.settings.ofStatements.statementTimeout;
    if (!(ms > 0)) return;
    this.#statement = setTimeout(() => {
      this.#statement = null;
      this.#session.interrupt(
        new PgError(SqlState.queryCanceled, 'canceling statement due to statement timeout'),
      );
    }, ms);
  }

  /** The next statement of one query string: the limit is for each of them. */
  statementFollows(): void {
    if (this.#statement !== null) clearTimeout(this.#statement);
    this.#statement = null;
    this.statementStarted();
  }

  /** The session is idle: after a statement, and from the start. */
  statementEnded(): void {
    if (this.#statement !== null) {
      clearTimeout(this.#statement);
      this.#statement = null;
    }
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const {isInBlock} = this.#session.transaction;
    const {idleInTransactionTimeout, idleSessionTimeout} = this.#session.settings.ofStatements;
    const ms = isInBlock ? idleInTransactionTimeout : idleSessionTimeout;
    if (!(ms > 0)) return;
    this.#idle = setTimeout(() => this.#session.terminate(idleError(isInBlock)), ms);
  }

  close(): void {
    if (this.#statement !== null) clearTimeout(this.#statement);
    if (this.#idle !== null) clearTimeout(this.#idle);
  }
}

function idleError(isInBlock: boolean): PgError {
  return isInBlock
    ? new PgError(
        SqlState.idleInTransactionSessionTimeout,
        'terminating connection due to idle-in-transaction timeout',
        {severity: 'FATAL'},
      )
    : new PgError(
        SqlState.idleSessionTimeout,
        'terminating connection due to idle-session timeout',
        {severity: 'FATAL'},
      );
}
