// Hot path: prepared statements pass through here message by message.
import {ByteReader} from '../common/byte-reader.ts';
import {ByteWriter} from '../common/byte-writer.ts';
import {featureNotSupported, PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {decodeUtf8} from '../types/text-compare.ts';
import type {BindMessage, Formats, ResultShape} from './contract.ts';
import {discardRows, type Execution, type RunResult} from './execution.ts';
import {endsTransaction, inFailedTransaction} from './failed-block.ts';
import {readStrings} from './legacy-strings.ts';
import {ClientReceiver} from './plan-execution.ts';
import type {
  ClientStatements,
  Portal,
  PreparedStatement,
  SessionContext,
} from './session-context.ts';
import {holdCommit} from './simple-query.ts';

/** Parse, Bind, Describe, Execute, Close, Sync (PostgreSQL 55.2.3). */
export class ExtendedProtocol implements ClientStatements {
  readonly #session: SessionContext;
  readonly statements = new Map<string, PreparedStatement>();
  readonly portals = new Map<string, Portal>();
  readonly running: Portal[] = [];

  constructor(session: SessionContext) {
    this.#session = session;
  }

  parse(name: string, given: string, parameterTypes: readonly number[]): Promise<void> | undefined {
    const session = this.#session;
    const sql = readStrings(session, given);
    const parsed = session.engine.parser.parse(sql);
    if (parsed.length > 1) {
      throw new PgError(
        SqlState.syntaxError,
        'cannot insert multiple commands into a prepared statement',
      );
    }
    const statement = parsed[0] ?? null;
    if (statement !== null) session.enterStatement(statement);
    if (name !== '' && this.statements.has(name)) {
      throw new PgError(
        SqlState.duplicatePreparedStatement,
        `prepared statement "${name}" already exists`,
      );
    }
    const prepare = (): PreparedStatement =>
      session.planner.prepare(name, sql, statement, parameterTypes as readonly Oid[], false);
    const prepared = prepare();
    const locking = prepared.entry === null ? undefined : session.lockTables(prepared.entry.plan);
    return locking === undefined ? this.#parsed(prepared) : this.#parseLater(prepare, locking);
  }

  /** The tables are locked by others, who may change them: the statement is analysed when they are done. */
  async #parseLater(prepare: () => PreparedStatement, locking: Promise<void>): Promise<void> {
    for (let pending: Promise<void> | undefined = locking; ; ) {
      await pending;
      const prepared = prepare();
      pending = prepared.entry === null ? undefined : this.#session.lockTables(prepared.entry.plan);
      if (pending === undefined) return this.#parsed(prepared);
    }
  }

  #parsed(prepared: PreparedStatement): undefined {
    this.statements.set(prepared.name, prepared);
    this.#session.sink.parseComplete();
  }

  #statement(name: string): PreparedStatement {
    const found = this.statements.get(name);
    if (found !== undefined) return found;
    throw new PgError(
      SqlState.invalidSqlStatementName,
      name === ''
        ? 'unnamed prepared statement does not exist'
        : `prepared statement "${name}" does not exist`,
    );
  }

  portal(name: string): Portal {
    const found = this.portals.get(name);
    if (found === undefined)
      throw new PgError(SqlState.invalidCursorName, `portal "${name}" does not exist`);
    return found;
  }

  bind(message: BindMessage): Promise<void> | undefined {
    const session = this.#session;
    const prepared = this.#statement(message.statement);
    session.enter(prepared.text);
    if (prepared.statement !== null) session.enterStatement(prepared.statement);
    const params = this.#parameters(prepared, message);
    if (message.portal !== '' && this.portals.has(message.portal)) {
      throw new PgError(SqlState.duplicateCursor, `cursor "${message.portal}" already exists`);
    }
    this.#dropPortal(message.portal);
    const execution =
      prepared.statement === null ? null : session.planner.executionOf(prepared, params);
    const formats = resultFormats(message.resultFormats, prepared.shape);
    const {portal} = message;
    const locking = execution?.lock?.();
    const bound = {name: portal, statement: prepared, execution, formats, params};
    if (locking === undefined) return this.#bound(bound);
    return locking.then(() => this.#bound(bound));
  }

  #bound(
    bound: Pick<Portal, 'name' | 'statement' | 'execution' | 'formats' | 'params'>,
  ): undefined {
    this.portals.set(bound.name, {
      ...bound,
      isDone: false,
      cursor: null,
      isHeld: false,
      hasFailed: false,
    });
    this.#session.sink.bindComplete();
  }

  #parameters(prepared: PreparedStatement, message: BindMessage): readonly Datum[] {
    const {parameterTypes} = prepared;
    const {parameterCount, parameterFormats} = message;
    if (parameterFormats.length > 1 && parameterFormats.length !== parameterCount) {
      throw new PgError(
        SqlState.protocolViolation,
        `bind message has ${parameterFormats.length} parameter formats but ${parameterCount} parameters`,
      );
    }
    if (parameterCount !== parameterTypes.length) {
      throw new PgError(
        SqlState.protocolViolation,
        `bind message supplies ${parameterCount} parameters, but prepared statement "${prepared.name}" requires ${parameterTypes.length}`,
      );
    }
    if (parameterCount === 0) return NO_PARAMS;
    const params: Datum[] = new Array<Datum>(parameterCount);
    for (let i = 0; i < parameterCount; i++)
      params[i] = this.#parameter(message, i, parameterTypes[i]!);
    return params;
  }

  #parameter(message: BindMessage, index: number, type: TypeInstance): Datum {
    const length = message.lengths[index]!;
    if (length < 0) return null;
    const offset = message.offsets[index]!;
    const {parameterFormats, buffer} = message;
    const format =
      parameterFormats.length === 0
        ? 0
        : parameterFormats.length === 1
          ? parameterFormats[0]!
          : parameterFormats[index]!;
    const settings = this.#session.evalContext.format;
    if (format !== 0 && format !== 1)
      throw new PgError(SqlState.invalidParameterValue, `unsupported format code: ${format}`);
    try {
      if (format === 0)
        return type.input(decodeUtf8(buffer, offset, offset + length), -1, settings);
      const reader = new ByteReader(buffer, offset, offset + length);
      const value = type.receive(reader, -1, settings);
      if (reader.remaining === 0) return value;
      throw new PgError(
        SqlState.invalidBinaryRepresentation,
        `incorrect binary data format in bind parameter ${index + 1}`,
      );
    } catch (error) {
      const shown =
        format === 0 ? this.#shownParameter(buffer.utf8Slice(offset, offset + length)) : '';
      throw withParameterContext(error, message.portal, index, shown);
    }
  }

  /** A parameter's text in an error, as long as log_parameter_max_length_on_error allows; none of it by default. */
  #shownParameter(text: string): string {
    const limit = Number(this.#session.settings.raw('log_parameter_max_length_on_error') ?? '0');
    const isCut = limit >= 0 && Buffer.byteLength(text) > limit;
    const shown = isCut ? Buffer.from(text).toString('utf8', 0, limit) : text;
    return ` = '${shown.replaceAll("'", "''")}${isCut ? '...' : ''}'`;
  }

  describe(kind: 'S' | 'P', name: string): Promise<void> | undefined {
    const {sink} = this.#session;
    if (kind === 'S') {
      const prepared = this.#statement(name);
      this.#assertNotFailed(prepared.shape !== null);
      sink.parameterDescription(prepared.parameterTypes.map(type => type.oid));
      if (prepared.shape === null) sink.noData();
      else sink.rowDescription(prepared.shape, null);
      return undefined;
    }
    const portal = this.portal(name);
    const shape = portal.execution?.shape ?? null;
    this.#assertNotFailed(shape !== null);
    if (shape === null) sink.noData();
    else sink.rowDescription(shape, portal.formats);
    return undefined;
  }

  #assertNotFailed(returnsRows: boolean): void {
    if (returnsRows && this.#session.transaction.status === 'failed') throw inFailedTransaction();
  }

  execute(name: string, maxRows: number): Promise<void> | undefined {
    const session = this.#session;
    const portal = this.portal(name);
    const {execution, statement} = portal;
    if (execution === null) {
      session.sink.emptyQuery();
      return undefined;
    }
    if (
      session.transaction.status === 'failed' &&
      !(statement?.statement != null && endsTransaction(statement.statement))
    ) {
      throw inFailedTransaction();
    }
    if (portal.hasFailed || (portal.isDone && execution.shape === null)) throw cannotBeRun(name);
    session.transaction.ensure(session.statementStartedAt);
    const {shape} = execution;
    const receiver =
      shape === null ? discardRows : new ClientReceiver(session, shape, portal.formats);
    this.running.push(portal);
    if (statement !== null) session.log.executing(statement, portal.params);
    const result = execution.run(maxRows > 0 ? maxRows : Infinity, receiver);
    if (result instanceof Promise)
      return result.then(outcome => this.#executed(portal, execution, outcome));
    return this.#executed(portal, execution, result);
  }

  #executed(portal: Portal, execution: Execution, result: RunResult): undefined {
    const {sink} = this.#session;
    this.running.pop();
    this.#session.log.ended(portal.statement?.text ?? '');
    if (result === 'suspended') sink.portalSuspended();
    else {
      portal.isDone = true;
      sink.commandComplete(execution.tag(execution.sent));
    }
    return undefined;
  }

  close(kind: 'S' | 'P', name: string): Promise<void> | undefined {
    if (kind === 'S') this.dropStatement(name);
    else this.#dropPortal(name);
    this.#session.sink.closeComplete();
    return undefined;
  }

  /** Forgets a prepared statement and the portals made from it; false when there was none. */
  dropStatement(name: string): boolean {
    const prepared = this.statements.get(name);
    if (prepared === undefined) return false;
    this.statements.delete(name);
    for (const portal of [...this.portals.values()])
      if (portal.statement === prepared) this.#dropPortal(portal.name);
    return true;
  }

  #dropPortal(name: string): void {
    const portal = this.portals.get(name);
    if (portal === undefined) return;
    this.portals.delete(name);
    portal.execution?.close();
  }

  /** CLOSE name; false when there is no such cursor. */
  closeCursor(name: string): boolean {
    if (!this.portals.has(name)) return false;
    this.#dropPortal(name);
    return true;
  }

  /** A Query message destroys the unnamed statement and portal. */
  dropUnnamed(): void {
    if (this.statements.size > 0) this.dropStatement('');
    if (this.portals.size > 0) this.#dropPortal('');
  }

  sync(): Promise<void> | undefined {
    const session = this.#session;
    const {transaction} = session;
    if (transaction.status === 'implicit') {
      const outcome = transaction.commit();
      if (outcome instanceof Promise) {
        return outcome.then(done => {
          holdCommit(session, done);
          session.ready();
        });
      }
      holdCommit(session, outcome);
    }
    session.ready();
    return undefined;
  }

  functionCall(
    functionOid: number,
    argFormats: readonly number[],
    args: readonly (Buffer | null)[],
    resultFormat: number,
  ): Promise<void> | undefined {
    const session = this.#session;
    if (session.transaction.status === 'failed') throw inFailedTransaction();
    const row = session.transaction.catalog.functionByOid(functionOid as Oid);
    if (row === undefined) {
      throw new PgError(
        SqlState.undefinedFunction,
        `function with OID ${functionOid} does not exist`,
      );
    }
    if (row.kind !== 'f' || row.returnsSet)
      throw featureNotSupported(`function ${row.name} cannot be called by a FunctionCall message`);
    if (args.length !== row.argTypes.length) {
      throw new PgError(
        SqlState.protocolViolation,
        `function call message contains ${args.length} arguments but function requires ${row.argTypes.length}`,
      );
    }
    const {catalog} = session.transaction;
    const params = args.map((arg, i): Datum => {
      if (arg === null) return null;
      const type = catalog.typeByOid(row.argTypes[i]!)!;
      const format =
        argFormats.length === 0 ? 0 : argFormats.length === 1 ? argFormats[0]! : argFormats[i]!;
      const settings = session.evalContext.format;
      return format === 1
        ? type.receive(new ByteReader(arg), -1, settings)
        : type.input(arg.toString('utf8'), -1, settings);
    });
    session.statementStartedAt = session.evalContext.clock.clockTimestamp();
    session.transaction.ensure(session.statementStartedAt);
    const value = session.planner.callFunction(row, params);
    session.sink.functionCallResponse(
      value === null ? null : this.#encode(value, catalog.typeByOid(row.returnType)!, resultFormat),
    );
    return this.sync();
  }

  #encode(value: NonNullable<Datum>, type: TypeInstance, format: number): Buffer {
    const out = new ByteWriter(64);
    const settings = this.#session.evalContext.format;
    if (format === 1) type.send(value, out, settings);
    else type.writeText(value, out, settings);
    return out.take();
  }

  /** The transaction has ended: portals go, except held cursors. */
  transactionEnded(isCommit: boolean): void {
    for (const portal of this.portals.values()) {
      if (portal.isHeld) continue;
      if (isCommit && !portal.hasFailed && portal.cursor?.isHoldable === true) {
        portal.isHeld = true;
        continue;
      }
      this.portals.delete(portal.name);
      portal.execution?.close();
    }
  }

  /** Whether a commit has cursors WITH HOLD to read to their end. */
  get hasCursorsToHold(): boolean {
    for (const portal of this.portals.values()) if (mustHold(portal)) return true;
    return false;
  }

  /** Before a commit: reads what is left of cursors WITH HOLD, under the roles and settings in force. */
  async holdCursors(): Promise<void> {
    for (const portal of this.portals.values())
      if (mustHold(portal)) await portal.execution!.hold!();
  }

  /** The portals at a savepoint. */
  get portalMark(): ReadonlySet<object> | null {
    return this.portals.size === 0 ? null : new Set(this.portals.values());
  }

  /** ROLLBACK TO: portals made since are gone. */
  dropPortalsTo(mark: ReadonlySet<object> | null): void {
    for (const portal of [...this.portals.values()])
      if (!portal.isHeld && mark?.has(portal) !== true) this.#dropPortal(portal.name);
  }

  /** An error: what ran is closed and cannot be run again. In a block the other portals can be, after ROLLBACK TO. */
  failed(): void {
    for (const portal of this.running) {
      portal.hasFailed = true;
      if (this.portals.get(portal.name) === portal) portal.execution?.close();
    }
    this.running.length = 0;
  }

  /** CLOSE ALL. */
  closeCursors(): void {
    for (const portal of [...this.portals.values()])
      if (portal.cursor !== null) this.#dropPortal(portal.name);
  }

  /** DEALLOCATE ALL. */
  deallocateAll(): void {
    for (const name of [...this.statements.keys()]) this.dropStatement(name);
  }

  closeAll(): void {
    for (const name of [...this.portals.keys()]) this.#dropPortal(name);
    this.statements.clear();
  }
}

/** 55000 of a portal that has ended or failed. */
export function cannotBeRun(name: string): PgError {
  return new PgError(SqlState.objectNotInPrerequisiteState, `portal "${name}" cannot be run`);
}

function mustHold({cursor, execution, isHeld, hasFailed}: Portal): boolean {
  return cursor?.isHoldable === true && !isHeld && !hasFailed && execution?.hold !== undefined;
}

const NO_PARAMS: readonly Datum[] = [];
const TEXT_ONLY: Formats = null;

function resultFormats(given: readonly number[], shape: ResultShape | null): Formats {
  if (given.length === 0 || shape === null) return TEXT_ONLY;
  const count = shape.fields.length;
  if (given.length === 1)
    return given[0] === 0 ? TEXT_ONLY : new Array<number>(count).fill(given[0]!);
  if (given.length !== count) {
    throw new PgError(
      SqlState.protocolViolation,
      `bind message has ${given.length} result formats but query has ${count} columns`,
    );
  }
  return given;
}

function withParameterContext(
  error: unknown,
  portal: string,
  index: number,
  shown: string,
): unknown {
  if (!(error instanceof PgError)) return error;
  const name = portal === '' ? 'unnamed portal' : `portal "${portal}"`;
  return error.with({where: `${name} parameter $${index + 1}${shown}`});
}
