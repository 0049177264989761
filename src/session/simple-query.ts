import {SqlState} from '../common/sqlstate.ts';
import type {ParsedStatement} from '../sql/contract.ts';
import {discardRows, type Execution, type RunResult} from './execution.ts';
import {readStrings} from './legacy-strings.ts';
import {ClientReceiver} from './plan-execution.ts';
import type {CommitOutcome} from './transaction-state.ts';
import type {SessionContext} from './session-context.ts';

/** The simple query protocol: a string of statements in one implicit transaction (PostgreSQL 55.2.2.1). */
export class SimpleQuery {
  readonly #session: SessionContext;
  #statements: readonly ParsedStatement[] = [];
  #index = 0;
  #execution: Execution | null = null;

  constructor(session: SessionContext) {
    this.#session = session;
  }

  get statementCount(): number {
    return this.#statements.length;
  }

  run(given: string): Promise<void> | undefined {
    const session = this.#session;
    session.extended.dropUnnamed();
    const sql = readStrings(session, given);
    const {log} = session;
    log.begin();
    const known = log.seesStatements ? null : session.planner.cachedSimple(sql);
    if (known !== null) return this.#runCached(known);
    this.#statements = session.engine.parser.parse(sql);
    log.statements(given, this.#statements);
    this.#index = 0;
    if (this.#statements.length === 0) {
      session.sink.emptyQuery();
      return this.#end();
    }
    return this.#continue();
  }

  /** A single statement whose plan is known by its text: nothing is parsed. */
  #runCached(execution: () => Execution): Promise<void> | undefined {
    this.#statements = ONE;
    this.#index = 0;
    this.#session.enterPlan();
    const made = execution();
    const pending = this.#runExecution(made);
    return pending === undefined ? this.#continue() : pending.then(() => this.#continue());
  }

  /** Runs the remaining statements; undefined when all finished in this turn. */
  #continue(): Promise<void> | undefined {
    while (this.#index < this.#statements.length) {
      const statement = this.#statements[this.#index]!;
      if (this.#index > 0) this.#session.enterNext();
      this.#session.enterStatement(statement);
      const execution = this.#session.prepareExecution(statement, [], true);
      const pending = this.#runExecution(execution);
      if (pending !== undefined) return pending.then(() => this.#continue());
    }
    return this.#end();
  }

  /** Runs one statement to its end and answers its tag; moves on to the next index. */
  #runExecution(execution: Execution): Promise<void> | undefined {
    this.#execution = execution;
    const locking = execution.lock?.();
    return locking === undefined
      ? this.#answer(execution)
      : locking.then(() => this.#answer(execution));
  }

  #answer(execution: Execution): Promise<void> | undefined {
    const {sink} = this.#session;
    const {shape} = execution;
    if (shape !== null) sink.rowDescription(shape, null);
    const receiver = shape === null ? discardRows : new ClientReceiver(this.#session, shape, null);
    const result = execution.run(Infinity, receiver);
    if (result instanceof Promise) return this.#finishLater(execution, result);
    return this.#finish(execution);
  }

  async #finishLater(execution: Execution, result: Promise<RunResult>): Promise<void> {
    await result;
    await this.#finish(execution);
  }

  #finish(execution: Execution): Promise<void> | undefined {
    const tag = execution.tag(execution.sent);
    execution.close();
    this.#execution = null;
    this.#index++;
    const {transaction} = this.#session;
    // The implicit transaction commits with its last statement, before that statement's tag.
    if (this.#index === this.#statements.length && transaction.status === 'implicit') {
      const outcome = transaction.commit();
      if (outcome instanceof Promise) return outcome.then(done => this.#complete(tag, done));
      return this.#complete(tag, outcome);
    }
    return this.#complete(tag, null);
  }

  #complete(tag: string, outcome: CommitOutcome | null): undefined {
    const {sink} = this.#session;
    if (outcome !== null) holdCommit(this.#session, outcome);
    sink.commandComplete(tag);
    return undefined;
  }

  #end(): Promise<void> | undefined {
    const {transaction} = this.#session;
    this.#statements = [];
    if (transaction.status === 'implicit') {
      const outcome = transaction.commit();
      if (outcome instanceof Promise) {
        return outcome.then(done => {
          holdCommit(this.#session, done);
          this.#session.ready();
        });
      }
      holdCommit(this.#session, outcome);
    }
    this.#session.ready();
    return undefined;
  }

  /** After an error: what ran is closed, the rest is forgotten. */
  abandon(): void {
    this.#execution?.close();
    this.#execution = null;
    this.#statements = [];
    this.#index = 0;
  }
}

/** Placeholder list for a cached single statement. */
const ONE: readonly ParsedStatement[] = [
  {ast: null, text: '', location: 0, length: 0, custom: null},
];

/** Keeps what follows back until the commit is durable, unless the session asked not to wait. */
export function holdCommit(session: SessionContext, outcome: CommitOutcome): void {
  const {seq} = outcome;
  if (seq !== null) {
    session.committed(seq);
    session.sink.committed?.(seq);
  }
  if (seq === null || session.settings.ofStatements.isCommitAsynchronous) return;
  if (seq > session.engine.storage.durableSeq) session.sink.holdUntil(seq);
}

/** Warnings of transaction commands, by PostgreSQL's texts. */
export const TransactionWarnings = {
  inProgress: [SqlState.activeSqlTransaction, 'there is already a transaction in progress'],
  none: [SqlState.noActiveSqlTransaction, 'there is no transaction in progress'],
} as const;
