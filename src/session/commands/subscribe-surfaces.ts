import type {CopyStmt, DeclareCursorStmt, FetchStmt} from '@pgsql/types';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {makeCopyOptions} from '../../copy/copy-options.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {ResultShape} from '../contract.ts';
import {CommandExecution, type Execution, type RowReceiver, type RunResult} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {textOf} from '../statement-text.ts';
import {copyOptions} from './copy.ts';
import {copyOut} from './copy-out.ts';
import {durationOption, SubscribeExecution} from './subscribe.ts';

type Options = Readonly<Record<string, string>>;

/** Bits of DeclareCursorStmt.options (parsenodes.h). */
const CURSOR_BINARY = 0x1;
const CURSOR_SCROLL = 0x2;
const CURSOR_HOLD = 0x20;

/** COPY (SUBSCRIBE ...) TO STDOUT: a stream of lines that ends only when cancelled. */
export function copySubscribeCommand(
  session: SessionContext,
  statement: ParsedStatement,
  options: Options,
): Execution {
  return new CommandExecution(() => {
    const node = (statement.ast as {readonly CopyStmt: CopyStmt}).CopyStmt;
    if (node.is_from === true || node.is_program === true || node.filename !== undefined)
      throw featureNotSupported('COPY of SUBSCRIBE is supported to STDOUT only');
    const body = {...statement, ast: node.query ?? null};
    const inner = new SubscribeExecution(session, body, options, [], 'copy');
    const columns = inner.shape.fields.map(field => field.name);
    const copy = makeCopyOptions(copyOptions(node), 'to', columns);
    return copyOut(session, inner, inner.shape, copy);
  });
}

/** DECLARE name CURSOR [WITH HOLD] FOR SUBSCRIBE ...: read it with FETCH; it keeps its place between two of them. */
export function declareSubscribeCommand(
  session: SessionContext,
  statement: ParsedStatement,
  subscribeOptions: Options,
  params: readonly Datum[],
): Execution {
  return new CommandExecution(() => {
    const node = (statement.ast as {readonly DeclareCursorStmt: DeclareCursorStmt})
      .DeclareCursorStmt;
    const options = node.options ?? 0;
    const isHoldable = (options & CURSOR_HOLD) !== 0;
    if ((options & CURSOR_SCROLL) !== 0)
      throw featureNotSupported('a cursor for SUBSCRIBE cannot scroll');
    if (!isHoldable && !session.transaction.isInBlock && !session.isInMultiStatement)
      throw new PgError(
        SqlState.noActiveSqlTransaction,
        'DECLARE CURSOR can only be used in transaction blocks',
        {hint: 'Use WITH HOLD.'},
      );
    const name = node.portalname ?? '';
    if (session.extended.portals.has(name))
      throw new PgError(SqlState.duplicateCursor, `cursor "${name}" already exists`);
    const body = {...statement, ast: node.query ?? null};
    const execution = new SubscribeExecution(session, body, subscribeOptions, params, 'cursor');
    const isBinary = (options & CURSOR_BINARY) !== 0;
    session.extended.portals.set(name, {
      name,
      statement: null,
      execution,
      formats: isBinary ? execution.shape.fields.map(() => 1) : null,
      isDone: false,
      cursor: {
        text: textOf(statement),
        isHoldable,
        isBinary,
        isScrollable: false,
        createdAt: session.statementStartedAt,
      },
      isHeld: false,
      hasFailed: false,
      params: [],
    });
    return 'DECLARE CURSOR';
  });
}

/** FETCH n FROM name WITH (timeout = '1s'). */
export function fetchSubscribeCommand(
  session: SessionContext,
  statement: ParsedStatement,
  options: Options,
): Execution {
  const node = (statement.ast as {readonly FetchStmt: FetchStmt}).FetchStmt;
  let timeoutMs: number | null = null;
  for (const [name, value] of Object.entries(options)) {
    if (name.toLowerCase() !== 'timeout')
      throw new PgError(SqlState.invalidParameterValue, `unrecognized FETCH option "${name}"`);
    timeoutMs = durationOption('timeout', value);
  }
  const name = node.portalname ?? '';
  const portal = session.extended.portals.get(name);
  if (portal === undefined)
    throw new PgError(SqlState.invalidCursorName, `cursor "${name}" does not exist`);
  if (!(portal.execution instanceof SubscribeExecution))
    throw featureNotSupported('FETCH ... WITH is only for cursors of SUBSCRIBE');
  return new FetchSubscribe(portal.execution, node, timeoutMs);
}

/** FETCH from a cursor of SUBSCRIBE: rows as soon as there are any. */
export class FetchSubscribe implements Execution {
  readonly shape: ResultShape;
  readonly #cursor: SubscribeExecution;
  readonly #count: number;
  readonly #timeoutMs: number | null;
  sent = 0;

  /** `timeoutMs` null: what there is now. */
  constructor(cursor: SubscribeExecution, node: FetchStmt, timeoutMs: number | null) {
    const count = Number(node.howMany ?? 0);
    if (node.ismove === true || node.direction !== 'FETCH_FORWARD' || count < 1)
      throw featureNotSupported('a cursor of SUBSCRIBE can only be fetched forward');
    this.shape = cursor.shape;
    this.#cursor = cursor;
    this.#count = Math.min(count, Number.MAX_SAFE_INTEGER);
    this.#timeoutMs = timeoutMs;
  }

  async run(_maxRows: number, receiver: RowReceiver): Promise<RunResult> {
    await this.#cursor.fetch(this.#count, receiver, this.#timeoutMs);
    this.sent = this.#cursor.sent;
    return 'complete';
  }

  tag(rowCount: number): string {
    return `FETCH ${rowCount}`;
  }

  close(): void {}
}
