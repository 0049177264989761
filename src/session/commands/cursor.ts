import type {ClosePortalStmt, DeclareCursorStmt, FetchStmt} from '@pgsql/types';
import type {Batch} from '../../columns/batch.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {ColumnStore} from '../../exec/column-store.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {ResultShape} from '../contract.ts';
import {CommandExecution, type Execution, type RowReceiver, type RunResult} from '../execution.ts';
import type {PlannedQuery, Portal} from '../session-context.ts';
import {textOf} from '../statement-text.ts';
import type {CommandInput} from './command-types.ts';
import {SubscribeExecution} from './subscribe.ts';
import {FetchSubscribe} from './subscribe-surfaces.ts';

/** Bits of DeclareCursorStmt.options (parsenodes.h). */
const CURSOR_BINARY = 0x1;
const CURSOR_SCROLL = 0x2;
const CURSOR_NO_SCROLL = 0x4;
const CURSOR_HOLD = 0x20;
/** FETCH ALL. */
const FETCH_ALL = 9223372036854775807n;
const scrollHint = {hint: 'Declare it with SCROLL option to enable backward scan.'};

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
    const inner = session.executePlan(entry, params, slots, plan);
    const locking = inner.lock?.();
    return locking === undefined ? declare(inner) : locking.then(() => declare(inner));
  });

  function declare(inner: Execution): string {
    const options = node.options ?? 0;
    const name = node.portalname ?? '';
    const isBinary = (options & CURSOR_BINARY) !== 0;
    const portal: Portal = {
      name,
      statement: null,
      execution: new CursorExecution(inner, (options & CURSOR_NO_SCROLL) === 0),
      formats: isBinary ? inner.shape!.fields.map(() => 1) : null,
      isDone: false,
      cursor: {
        text: textOf(statement),
        isHoldable: (options & CURSOR_HOLD) !== 0,
        isBinary,
        isScrollable: (options & CURSOR_SCROLL) !== 0 || (options & CURSOR_NO_SCROLL) === 0,
        createdAt: session.statementStartedAt,
      },
      isHeld: false,
    };
    session.extended.portals.set(name, portal);
    return 'DECLARE CURSOR';
  }
}

/** A cursor: rows are kept as they are read, so that FETCH can go back; moves over row positions 0 (before the first) to n + 1. */
export class CursorExecution implements Execution {
  readonly shape: ResultShape;
  readonly #inner: Execution;
  readonly #canScroll: boolean;
  readonly #rows: ColumnStore;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #isExhausted = false;
  /** Rows before and including the current one; size + 1 = after the last. */
  #position = 0;
  sent = 0;

  constructor(inner: Execution, canScroll: boolean) {
    this.#inner = inner;
    this.#canScroll = canScroll;
    this.shape = inner.shape!;
    this.#rows = new ColumnStore(this.shape.fields.map(field => field.type));
  }

  /** Execute of the extended protocol: forward. */
  run(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const moved = this.forward(maxRows, receiver);
    const result = (): RunResult => (this.sent >= maxRows ? 'suspended' : 'complete');
    return moved instanceof Promise ? moved.then(result) : result();
  }

  tag(rowCount: number): string {
    return `SELECT ${rowCount}`;
  }

  /** Reads rows until `count` are there or the query ends. */
  fill(count: number): Promise<void> | undefined {
    if (this.#isExhausted || this.#rows.size >= count) return undefined;
    const wanted = count - this.#rows.size;
    const result = this.#inner.run(wanted, this.#collector());
    const done = (outcome: RunResult): void => {
      if (outcome === 'complete') this.#isExhausted = true;
    };
    if (result instanceof Promise) return result.then(done);
    done(result);
    return undefined;
  }

  #collector(): RowReceiver {
    return {
      rows: batch => this.#rows.append(batch),
      isFull: false,
      drained: () => Promise.resolve(),
    };
  }

  #emit(from: number, to: number, receiver: RowReceiver, isBackward: boolean): void {
    for (let at = from; at < to; at += 1024) {
      const end = Math.min(to, at + 1024);
      const rows = isBackward
        ? Int32Array.from({length: end - at}, (_, i) => to - 1 - (at - from) - i)
        : null;
      if (rows === null) this.#rows.fill(this.#out, null, at, end);
      else this.#rows.fill(this.#out, rows, 0, rows.length);
      this.#out.count = end - at;
      receiver.rows(this.#out);
    }
    this.sent = to - from;
  }

  forward(count: number, receiver: RowReceiver): Promise<void> | undefined {
    const wanted = this.#position + count;
    const act = (): void => {
      const from = Math.min(this.#position, this.#rows.size);
      const to = Math.min(wanted, this.#rows.size);
      this.#emit(from, to, receiver, false);
      this.#position = to - from < count ? this.#rows.size + 1 : to;
    };
    const filling = this.fill(wanted);
    if (filling !== undefined) return filling.then(act);
    act();
    return undefined;
  }

  backward(count: number, receiver: RowReceiver): void {
    this.#assertScrollable();
    const to = Math.max(0, Math.min(this.#position - 1, this.#rows.size));
    const from = Math.max(0, to - count);
    this.#emit(from, to, receiver, true);
    this.#position = to - from < count ? 0 : from + 1;
  }

  /** FETCH ABSOLUTE n, FETCH RELATIVE n: to one row, or off either end. */
  async to(target: number, isRelative: boolean, receiver: RowReceiver): Promise<void> {
    let wanted = isRelative ? this.#position + target : target;
    if (!isRelative && target < 0) {
      await this.fill(Infinity);
      wanted = this.#rows.size + 1 + target;
    } else await this.fill(wanted);
    if (wanted < this.#position) this.#assertScrollable();
    this.#position = Math.max(0, Math.min(wanted, this.#rows.size + 1));
    if (this.#position >= 1 && this.#position <= this.#rows.size)
      this.#emit(this.#position - 1, this.#position, receiver, false);
    else this.sent = 0;
  }

  #assertScrollable(): void {
    if (this.#canScroll) return;
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      'cursor can only scan forward',
      scrollHint,
    );
  }

  close(): void {
    this.#inner.close();
  }
}

/** FETCH and MOVE. */
export function fetchCommand({session, node}: CommandInput<FetchStmt>): Execution {
  const name = node.portalname ?? '';
  const portal = session.extended.portals.get(name);
  if (portal === undefined)
    throw new PgError(SqlState.invalidCursorName, `cursor "${name}" does not exist`);
  if (portal.execution instanceof SubscribeExecution)
    return new FetchSubscribe(portal.execution, node, null);
  if (portal.execution instanceof CursorExecution)
    return new FetchExecution(portal.execution, node);
  if (portal.execution === null || portal.execution.shape === null)
    throw featureNotSupported(`portal "${name}" cannot be fetched from by SQL`);
  return new FetchFromPortal(portal.execution, node);
}

/** FETCH and MOVE on a portal that Bind made: its next rows, forward only. */
class FetchFromPortal implements Execution {
  readonly shape: ResultShape | null;
  readonly #inner: Execution;
  readonly #node: FetchStmt;
  sent = 0;

  constructor(inner: Execution, node: FetchStmt) {
    this.#inner = inner;
    this.#node = node;
    this.shape = node.ismove === true ? null : inner.shape;
  }

  run(_maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const {direction, howMany, ismove} = this.#node;
    const given = BigInt(howMany ?? 0);
    if ((direction ?? 'FETCH_FORWARD') !== 'FETCH_FORWARD' || given <= 0n) {
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        'cursor can only scan forward',
        scrollHint,
      );
    }
    const count = given >= FETCH_ALL ? Infinity : Number(given);
    const finish = (): RunResult => {
      this.sent = this.#inner.sent;
      return 'complete';
    };
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
  readonly #cursor: CursorExecution;
  readonly #node: FetchStmt;
  sent = 0;

  constructor(cursor: CursorExecution, node: FetchStmt) {
    this.#cursor = cursor;
    this.#node = node;
    this.shape = node.ismove === true ? null : cursor.shape;
  }

  run(_maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const target: RowReceiver = this.#node.ismove === true ? NOWHERE : receiver;
    const moved = this.#move(target);
    const finish = (): RunResult => {
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
    this.#cursor.backward(-count, receiver);
    return undefined;
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
