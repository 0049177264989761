import type {Batch} from '../columns/batch.ts';
import {datumAt} from '../columns/vector-builder.ts';
import {featureNotSupported, type Notice, PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum, FormatSettings} from '../types/contract.ts';
import type {Formats, ResultShape, ResultSink, Session, SessionHost} from './contract.ts';
import type {SessionContext} from './session-context.ts';

/**
 * A value in a row: bigint for int8, number for the other integers, oid and floats, boolean, Uint8Array for bytea, else
 * PostgreSQL's text form.
 */
export type EmbeddedValue = string | number | bigint | boolean | Uint8Array | null;

/** A value of $n: Uint8Array is given in binary form (bytea), a Date as its instant, all else as text of the parameter's type. */
export type EmbeddedParameter = EmbeddedValue | Date;

/** One column of a result. */
export interface EmbeddedField {
  readonly name: string;
  readonly typeOid: number;
  readonly typeName: string;
}

/** What one statement answered. */
export interface EmbeddedResult {
  /** Empty for a command without rows. */
  readonly fields: readonly EmbeddedField[];
  readonly rows: readonly (readonly EmbeddedValue[])[];
  /** Command tag: `INSERT 0 1`, `SELECT 3`. Empty for an empty query. */
  readonly tag: string;
  readonly notices: readonly Notice[];
}

/** Called for each notification, in order; must not throw. */
export type NotificationCallback = (payload: string, channel: string, pid: number) => void;

/** Where durability is asked for: the database. */
export interface DurabilityGate {
  onDurable(seq: Seq, callback: () => void): void;
}

/** A session in this process, without sockets. Calls wait for each other: a session does one thing at a time. */
export class EmbeddedSession {
  readonly #session: Session;
  readonly #sink: EmbeddedSink;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(open: (sink: ResultSink) => Session, gate: DurabilityGate) {
    this.#sink = new EmbeddedSink(gate);
    this.#session = open(this.#sink);
  }

  get pid(): number {
    return this.#session.pid;
  }

  /**
   * Runs a statement and resolves with its result once what it shows is durable. Several statements are one implicit
   * transaction and resolve with the last
   * result. With `params`, even an empty list, it is one statement with $1, $2 ... Errors are PgError.
   */
  async query(sql: string, params?: readonly EmbeddedParameter[]): Promise<EmbeddedResult> {
    const results = await this.#inTurn(() =>
      params === undefined ? this.#simple(sql) : this.#extended(sql, params),
    );
    return results.at(-1) ?? EMPTY;
  }

  /** Runs several statements in one implicit transaction; one result for each. */
  queryAll(sql: string): Promise<readonly EmbeddedResult[]> {
    return this.#inTurn(() => this.#simple(sql));
  }

  /** LISTEN: calls back for each notification on the channel, until the returned function is called. */
  async listen(channel: string, callback: NotificationCallback): Promise<() => Promise<void>> {
    const {callbacks} = this.#sink;
    const own: NotificationCallback = (payload, name, pid) => callback(payload, name, pid);
    const others = callbacks.get(channel) ?? new Set();
    callbacks.set(channel, others.add(own));
    try {
      await this.query(`LISTEN ${quoted(channel)}`);
    } catch (error) {
      others.delete(own);
      throw error;
    }
    return async () => {
      if (!others.delete(own) || others.size > 0) return;
      callbacks.delete(channel);
      if (!this.#isClosed) await this.query(`UNLISTEN ${quoted(channel)}`);
    };
  }

  /** Ends the running statement with 57014; nothing when idle. */
  cancel(): void {
    this.#session.cancel();
  }

  /** Waits for what runs, rolls back an open transaction, releases all. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#last;
    await this.#session.end();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(closedError());
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #simple(sql: string): Promise<readonly EmbeddedResult[]> {
    this.#sink.begin();
    try {
      await this.#session.query(sql);
    } catch (error) {
      await this.#fail(error, () => this.#session.readyAfterError());
    }
    return this.#sink.finish();
  }

  async #extended(
    sql: string,
    params: readonly EmbeddedParameter[],
  ): Promise<readonly EmbeddedResult[]> {
    const session = this.#session;
    this.#sink.begin();
    try {
      await session.parse('', sql, []);
      await session.bind(bindMessage(params));
      await session.describe('P', '');
      await session.execute('', 0);
      await session.sync();
    } catch (error) {
      await this.#fail(error, () => session.sync());
    }
    return this.#sink.finish();
  }

  /** As the server's connection does it: the session completes the error, then becomes ready. */
  async #fail(thrown: unknown, ready: () => Promise<void> | undefined | void): Promise<never> {
    const error = this.#session.failed(thrown);
    if (error.severity === 'ERROR') await ready();
    else {
      this.#isClosed = true;
      await this.#session.end();
    }
    await this.#sink.finish();
    throw error;
  }
}

/** A session of the same user in the same database, with transactions of its own. */
export function sessionBeside(
  {currentUser, database, options}: SessionContext,
  host: DurabilityGate & Pick<SessionHost, 'openSession'>,
  pid: number,
): EmbeddedSession {
  const own = {...options, user: currentUser, database: database.name, settings: [], pid};
  return new EmbeddedSession(sink => host.openSession(own, sink), host);
}

const EMPTY: EmbeddedResult = {fields: [], rows: [], tag: '', notices: []};

function closedError(): PgError {
  return new PgError(SqlState.connectionException, 'the session is closed');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function bindMessage(params: readonly EmbeddedParameter[]): Parameters<Session['bind']>[0] {
  const values = params.map(parameterBytes);
  const offsets: number[] = [];
  let length = 0;
  for (const value of values) {
    offsets.push(length);
    length += value?.length ?? 0;
  }
  return {
    portal: '',
    statement: '',
    parameterFormats: params.map(param => (param instanceof Uint8Array ? 1 : 0)),
    buffer: Buffer.concat(values.map(value => value ?? NO_BYTES)),
    parameterCount: params.length,
    offsets,
    lengths: values.map(value => value?.length ?? -1),
    resultFormats: [],
  };
}

const NO_BYTES = new Uint8Array(0);

function parameterBytes(param: EmbeddedParameter): Uint8Array | null {
  if (param === null || param instanceof Uint8Array) return param;
  return Buffer.from(param instanceof Date ? param.toISOString() : String(param));
}

interface OpenResult {
  shape: ResultShape | null;
  rows: EmbeddedValue[][];
}

/** Collects a session's answers as JavaScript values. */
class EmbeddedSink implements ResultSink {
  readonly callbacks = new Map<string, Set<NotificationCallback>>();
  readonly isFull = false;
  readonly #gate: DurabilityGate;
  #results: EmbeddedResult[] = [];
  #notices: Notice[] = [];
  #open: OpenResult = {shape: null, rows: []};
  #held: Seq | null = null;
  #fatal: PgError | null = null;

  constructor(gate: DurabilityGate) {
    this.#gate = gate;
  }

  begin(): void {
    this.#results = [];
    this.#notices = [];
    this.#open = {shape: null, rows: []};
  }

  /** The results, once everything that they show is durable. */
  async finish(): Promise<readonly EmbeddedResult[]> {
    const results = this.#results;
    const held = this.#held;
    this.#held = null;
    if (held !== null) await new Promise<void>(resolve => this.#gate.onDurable(held, resolve));
    if (this.#fatal !== null) throw this.#fatal;
    return results;
  }

  rowDescription(shape: ResultShape): void {
    this.#open = {shape, rows: []};
  }

  dataRows(
    shape: ResultShape,
    _formats: Formats,
    batch: Batch,
    range: {readonly from: number; readonly to: number},
    settings: FormatSettings,
  ): void {
    const {rows} = this.#open;
    for (let i = range.from; i < range.to; i++) {
      const at = batch.selection === null ? i : batch.selection[i]!;
      rows.push(
        shape.fields.map((field, column) =>
          toJs(datumAt(batch.vectors[column]!, at), field, settings),
        ),
      );
    }
  }

  commandComplete(tag: string): void {
    const {shape, rows} = this.#open;
    this.#results.push({
      fields: shape === null ? [] : shape.fields.map(fieldOf),
      rows,
      tag,
      notices: this.#notices,
    });
    this.#notices = [];
    this.#open = {shape: null, rows: []};
  }

  emptyQuery(): void {
    this.#results.push(EMPTY);
  }

  notice(notice: Notice): void {
    this.#notices.push(notice);
  }

  notification(pid: number, channel: string, payload: string): void {
    const deliver = (): void => {
      for (const callback of this.callbacks.get(channel) ?? []) callback(payload, channel, pid);
    };
    if (this.#held === null) queueMicrotask(deliver);
    else this.#gate.onDurable(this.#held, deliver);
  }

  holdUntil(seq: Seq): void {
    if (this.#held === null || seq > this.#held) this.#held = seq;
  }

  fatal(error: PgError): void {
    this.#fatal = error;
  }

  copyInResponse(): void {
    throw featureNotSupported('COPY FROM STDIN is not supported in an embedded session');
  }

  copyOutResponse(): void {
    throw featureNotSupported('COPY TO STDOUT is not supported in an embedded session');
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  portalSuspended(): void {}
  parseComplete(): void {}
  bindComplete(): void {}
  closeComplete(): void {}
  noData(): void {}
  parameterDescription(): void {}
  error(): void {}
  parameterStatus(): void {}
  readyForQuery(): void {}
  copyData(): void {}
  copyDone(): void {}
  functionCallResponse(): void {}
  flush(): void {}
}

type Field = ResultShape['fields'][number];

function fieldOf({name, type}: Field): EmbeddedField {
  return {name, typeOid: type.oid, typeName: type.name};
}

/** int2, int4, int8, oid, float8, bool, text, varchar: what is a JavaScript value of its own. */
const NATIVE: ReadonlySet<Oid> = new Set([21, 23, 20, 26, 701, 16, 25, 1043] as Oid[]);
const BYTEA = 17 as Oid;
const FLOAT4 = 700 as Oid;

function toJs(value: Datum, {type}: Field, settings: FormatSettings): EmbeddedValue {
  if (value === null) return null;
  if (NATIVE.has(type.oid)) return value as EmbeddedValue;
  if (type.oid === BYTEA) return Uint8Array.from(value as Uint8Array);
  const text = type.output(value, settings);
  // The shortest digits of a float4, not those of the double that holds it.
  return type.oid === FLOAT4 ? Number(text) : text;
}
