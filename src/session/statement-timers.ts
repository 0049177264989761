import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {SessionContext} from './session-context.ts';

/** statement_timeout and idle_in_transaction_session_timeout of one session. Timers exist only while a limit is set. */
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

  statementEnded(): void {
    if (this.#statement !== null) {
      clearTimeout(this.#statement);
      this.#statement = null;
    }
    if (!this.#session.transaction.isInBlock) return;
    const ms = this.#session.settings.ofStatements.idleInTransactionTimeout;
    if (!(ms > 0)) return;
    this.#idle = setTimeout(() => {
      this.#session.terminate(
        new PgError(
          SqlState.idleInTransactionSessionTimeout,
          'terminating connection due to idle-in-transaction timeout',
          {
            severity: 'FATAL',
          },
        ),
      );
    }, ms);
  }

  close(): void {
    if (this.#statement !== null) clearTimeout(this.#statement);
    if (this.#idle !== null) clearTimeout(this.#idle);
  }
}
