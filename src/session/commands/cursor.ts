import type {ClosePortalStmt, DeclareCursorStmt, FetchStmt} from '@pgsql/types';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {INTO_NOT_ALLOWED, intoClause} from '../../sql/bind/into.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {QueryPlan} from '../../sql/plan/plan.ts';
import type {ResultShape} from '../contract.ts';
import {CommandExecution, type Execution, type RowReceiver, type RunResult} from '../execution.ts';
import {cannotBeRun} from '../extended-protocol.ts';
import type {ClientStatements, PlannedQuery, Portal} from '../session-context.ts';
import {textOf} from '../statement-text.ts';
import type {CommandInput} from './command-types.ts';
import {CursorExecution, forwardOnly} from './cursor-execution.ts';
import {errorAt} from './ddl.ts';
import {SubscribeExecution} from './subscribe.ts';
import {FetchSubscribe} from './subscribe-surfaces.ts';

/** Bits of DeclareCursorStmt.options (parsenodes.h). */
const CURSOR_BINARY = 0x1;
const CURSOR_SCROLL = 0x2;
const CURSOR_NO_SCROLL = 0x4;
const CURSOR_INSENSITIVE = 0x8;
const CURSOR_ASENSITIVE = 0x10;
const CURSOR_HOLD = 0x20;
/** FETCH ALL. */
const FETCH_ALL = 9223372036854775807n;

/** DECLARE name [BINARY] [SCROLL] CURSOR [WITH HOLD] FOR query. */
export function declareCommand({
  session,
  node,
  statement,
  params,
  parameterTypes,
}: CommandInput<DeclareCursorStmt>): Execution {
  return new CommandExecution(() => {
    const options = node.options ?? 0;
    checkOptions(options);
    const into = 'SelectStmt' in node.query! ? intoClause(node.query.SelectStmt) : null;
    if (into !== null)
      throw errorAt(statement.text, into.rel?.location, SqlState.syntaxError, INTO_NOT_ALLOWED);
    const isHold = (options & CURSOR_HOLD) !== 0;
    if (!isHold && !session.transaction.isInBlock && !session.isInMultiStatement) {
      throw new PgError(
        SqlState.noActiveSqlTransaction,
        'DECLARE CURSOR can only be used in transaction blocks',
      );
    }
    const name = node.portalname ?? '';
    if (session.extended.portals.has(name)) {
      throw new PgError(SqlState.duplicateCursor, `cursor "${name}" already exists`);
    }
    const body: ParsedStatement = {...statement, ast: node.query ?? null, custom: null};
    if (!session.planner.isPlannable(body))
      throw featureNotSupported('a cursor can only be declared for a query');
    const plan = (): PlannedQuery => session.planner.plan(body, parameterTypes);
    const {entry, slots} = plan();
    checkQuery(node, entry.plan);
    const inner = session.executePlan(entry, params, slots, plan);
    const locking = inner.lock?.();
    return locking === undefined ? declare(inner) : locking.then(() => declare(inner));
  });

  function declare(inner: Execution): string {
    inner.start?.();
    const options = node.options ?? 0;
    const name = node.portalname ?? '';
    const isBinary = (options & CURSOR_BINARY) !== 0;
    const canScroll =
      (options & CURSOR_SCROLL) !== 0 ||
      ((options & CURSOR_NO_SCROLL) === 0 && lockingWords(node) === null);
    const portal: Portal = {
      name,
      statement: null,
      execution: new CursorExecution(session, inner, canScroll),
      formats: isBinary ? inner.shape!.fields.map(() => 1) : null,
      isDone: false,
      cursor: {
        text: textOf(statement),
        isHoldable: (options & CURSOR_HOLD) !== 0,
        isBinary,
        isScrollable: canScroll,
        createdAt: session.statementStartedAt,
      },
      isHeld: false,
      hasFailed: false,
      params: [],
    };
    session.extended.portals.set(name, portal);
    return 'DECLARE CURSOR';
  }
}

function checkOptions(options: number): void {
  const both = (a: number, b: number, words: string): void => {
    if ((options & a) !== 0 && (options & b) !== 0)
      throw new PgError(SqlState.invalidCursorDefinition, `cannot specify both ${words}`);
  };
  both(CURSOR_SCROLL, CURSOR_NO_SCROLL, 'SCROLL and NO SCROLL');
  both(CURSOR_ASENSITIVE, CURSOR_INSENSITIVE, 'ASENSITIVE and INSENSITIVE');
}

/** The query's own FOR UPDATE and its kin, as PostgreSQL's messages have them; null = none. */
function lockingWords({query}: DeclareCursorStmt): string | null {
  const select = query !== undefined && 'SelectStmt' in query ? query.SelectStmt : null;
  const clause = select?.lockingClause?.[0];
  if (clause === undefined || !('LockingClause' in clause)) return null;
  switch (clause.LockingClause.strength) {
    case 'LCS_FORUPDATE':
      return 'FOR UPDATE';
    case 'LCS_FORNOKEYUPDATE':
      return 'FOR NO KEY UPDATE';
    case 'LCS_FORSHARE':
      return 'FOR SHARE';
    default:
      return 'FOR KEY SHARE';
  }
}

/** What a cursor cannot be for (PostgreSQL transformDeclareCursorStmt). */
function checkQuery(node: DeclareCursorStmt, plan: QueryPlan): void {
  const {query, options = 0} = node;
  const select = query !== undefined && 'SelectStmt' in query ? query.SelectStmt : null;
  for (const cte of select?.withClause?.ctes ?? []) {
    if (!('CommonTableExpr' in cte) || 'SelectStmt' in (cte.CommonTableExpr.ctequery ?? {}))
      continue;
    throw featureNotSupported('DECLARE CURSOR must not contain data-modifying statements in WITH');
  }
  const words = lockingWords(node);
  if (words === null || !plan.tables.some(({mode}) => mode === 'rowShare')) return;
  const detail = (kind: string) => ({detail: `${kind} cursors must be READ ONLY.`});
  if ((options & CURSOR_HOLD) !== 0)
    throw featureNotSupported(
      `DECLARE CURSOR WITH HOLD ... ${words} is not supported`,
      detail('Holdable'),
    );
  if ((options & CURSOR_SCROLL) !== 0)
    throw featureNotSupported(
      `DECLARE SCROLL CURSOR ... ${words} is not supported`,
      detail('Scrollable'),
    );
  if ((options & CURSOR_INSENSITIVE) !== 0)
    throw new PgError(
      SqlState.invalidCursorDefinition,
      `DECLARE INSENSITIVE CURSOR ... ${words} is not valid`,
      detail('Insensitive'),
    );
}

/** FETCH and MOVE. */
export function fetchCommand({session, node}: CommandInput<FetchStmt>): Execution {
  const name = node.portalname ?? '';
  const portal = session.extended.portals.get(name);
  if (portal === undefined)
    throw new PgError(SqlState.invalidCursorName, `cursor "${name}" does not exist`);
  if (portal.hasFailed) throw cannotBeRun(name);
  if (portal.execution instanceof SubscribeExecution)
    return new FetchSubscribe(portal.execution, node, null);
  if (portal.execution instanceof CursorExecution)
    return new FetchExecution(session.extended, portal, portal.execution, node);
  if (portal.execution === null || portal.execution.shape === null)
    throw featureNotSupported(`portal "${name}" cannot be fetched from by SQL`);
  return new FetchFromPortal(session.extended, portal, portal.execution, node);
}

/** FETCH and MOVE on a portal that Bind made: its next rows, forward only. */
class FetchFromPortal implements Execution {
  readonly shape: ResultShape | null;
  readonly #client: ClientStatements;
  readonly #portal: Portal;
  readonly #inner: Execution;
  readonly #node: FetchStmt;
  sent = 0;

  constructor(client: ClientStatements, portal: Portal, inner: Execution, node: FetchStmt) {
    this.#client = client;
    this.#portal = portal;
    this.#inner = inner;
    this.#node = node;
    this.shape = node.ismove === true ? null : inner.shape;
  }

  run(_maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const {direction, howMany, ismove} = this.#node;
    const given = BigInt(howMany ?? 0);
    if ((direction ?? 'FETCH_FORWARD') !== 'FETCH_FORWARD' || given <= 0n) {
      throw forwardOnly();
    }
    const count = given >= FETCH_ALL ? Infinity : Number(given);
    const finish = (): RunResult => {
      this.#client.running.pop();
      this.sent = this.#inner.sent;
      return 'complete';
    };
    this.#client.running.push(this.#portal);
    const result = this.#inner.run(count, ismove === true ? NOWHERE : receiver);
    return result instanceof Promise ? result.then(finish) : finish();
  }

  tag(rowCount: number): string {
    return this.#node.ismove === true ? `MOVE ${this.sent}` : `FETCH ${rowCount}`;
  }

  close(): void {}
}

class FetchExecution implements Execution {
  readonly shape: ResultShape | null;
  readonly #client: ClientStatements;
  readonly #portal: Portal;
  readonly #cursor: CursorExecution;
  readonly #node: FetchStmt;
  sent = 0;

  constructor(client: ClientStatements, portal: Portal, cursor: CursorExecution, node: FetchStmt) {
    this.#client = client;
    this.#portal = portal;
    this.#cursor = cursor;
    this.#node = node;
    this.shape = node.ismove === true ? null : cursor.shape;
  }

  run(_maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const target: RowReceiver = this.#node.ismove === true ? NOWHERE : receiver;
    this.#client.running.push(this.#portal);
    const moved = this.#move(target);
    const finish = (): RunResult => {
      this.#client.running.pop();
      this.sent = this.#cursor.sent;
      return 'complete';
    };
    return moved instanceof Promise ? moved.then(finish) : finish();
  }

  #move(receiver: RowReceiver): Promise<void> | undefined {
    const howMany = BigInt(this.#node.howMany ?? 0);
    const count = howMany >= FETCH_ALL || howMany <= -FETCH_ALL ? Infinity : Number(howMany);
    switch (this.#node.direction) {
      case 'FETCH_BACKWARD':
        return this.#signed(-count, receiver);
      case 'FETCH_ABSOLUTE':
        return this.#cursor.to(count, false, receiver);
      case 'FETCH_RELATIVE':
        return this.#cursor.to(count, true, receiver);
      default:
        return this.#signed(count, receiver);
    }
  }

  #signed(count: number, receiver: RowReceiver): Promise<void> | undefined {
    if (count === 0) return this.#cursor.to(0, true, receiver);
    if (count > 0) return this.#cursor.forward(count, receiver);
    return this.#cursor.backward(-count, receiver);
  }

  tag(rowCount: number): string {
    return this.#node.ismove === true ? `MOVE ${this.sent}` : `FETCH ${rowCount}`;
  }

  close(): void {}
}

const NOWHERE: RowReceiver = {rows: () => {}, isFull: false, drained: () => Promise.resolve()};

/** CLOSE name | ALL. */
export function closeCommand({session, node}: CommandInput<ClosePortalStmt>): Execution {
  return new CommandExecution(() => {
    if (node.portalname === undefined) {
      session.extended.closeCursors();
      return 'CLOSE CURSOR ALL';
    }
    if (!session.extended.closeCursor(node.portalname)) {
      throw new PgError(SqlState.invalidCursorName, `cursor "${node.portalname}" does not exist`);
    }
    return 'CLOSE CURSOR';
  });
}
