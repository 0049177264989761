import type {Commit} from './change-stream.ts';
import {Connection, type ConnectionOptions, type ConnectionState} from './connection.ts';
import {WadiError, zeroByte} from './errors.ts';
import {
  guarded,
  type LiveHost,
  type LiveMember,
  type LiveOptions,
  type LiveQuery,
  LiveSet,
  type LiveSource,
} from './live-query.ts';
import type {ServerMessage} from './protocol.ts';
import {Requests} from './requests.ts';
import {type Result, Statement} from './statement.ts';
import {encodeParams, type Param, type Parsers, type Row} from './values.ts';

export type {Change, Commit} from './change-stream.ts';
export type {ConnectionOptions, ConnectionState, TokenSource} from './connection.ts';
export {type ErrorFields, WadiError} from './errors.ts';
export type {LiveOptions, LiveQuery, LiveSource, LiveState} from './live-query.ts';
export type {Column, Notice} from './protocol.ts';
export type {SavedRows} from './row-set.ts';
export type {Result} from './statement.ts';
export {passwordTokens, type PasswordLogin} from './tokens.ts';
export {array, type Param, type Parsers, type Row} from './values.ts';

/** How a client is made. */
export interface ClientOptions extends ConnectionOptions {
  /** Makes values of a type, by its name: `{int8: BigInt}`. Without, int8 and numeric are strings, which lose nothing. */
  readonly types?: Parsers;
}

/** SQL and live queries of one server over one WebSocket, which is made again whenever it is lost. */
export interface Client {
  readonly state: ConnectionState;
  /** Why it is offline or closed. */
  readonly error: WadiError | null;
  /** Resolves at the first connection; rejects when the server refuses us. */
  readonly ready: Promise<void>;
  /** One statement: sql`SELECT ${value}`, or sql('SELECT $1', [value]). Without a connection it waits for one. */
  sql<T = Row>(text: TemplateStringsArray, ...values: Param[]): Promise<Result<T>>;
  sql<T = Row>(text: string, params?: readonly Param[]): Promise<Result<T>>;
  /** Several statements in one transaction; the results of all. */
  script(text: string): Promise<Result[]>;
  /** A SELECT whose rows follow every commit; `onRows` is called whenever they have changed. */
  live<T = Row>(
    source: LiveSource,
    args?: readonly Param[],
    onRows?: ((rows: readonly T[], live: LiveQuery<T>) => void) | null,
    options?: LiveOptions<T>,
  ): LiveQuery<T>;
  /** Every commit that changes the result of a SELECT, first all its rows; ends the live query with the loop. */
  changes<T = Row>(
    source: LiveSource,
    args?: readonly Param[],
    options?: LiveOptions<T>,
  ): AsyncIterableIterator<Commit<T>>;
  /** Calls when the state of the connection has changed; returns how to end that. */
  onState(listener: (state: ConnectionState) => void): () => void;
  /** Tries to connect now, when it waits for the next attempt. */
  reconnect(): void;
  close(): void;
}

/** Connects to a server. What it is asked for before the connection is there waits for it. */
export function connect(options: ClientOptions): Client {
  return new WadiClient(options);
}

class WadiClient implements Client {
  readonly ready: Promise<void>;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #parsers: Parsers;
  readonly #members = new Set<LiveMember>();
  readonly #byId = new Map<number, LiveMember>();
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  readonly #host: LiveHost;
  #lastId = 0;
  #settle: {resolve(): void; reject(error: WadiError): void} | null = null;

  constructor(options: ClientOptions) {
    this.#parsers = options.types ?? {};
    this.#requests = new Requests(text => this.#connection.send(text));
    this.#host = this.#liveHost();
    this.ready = new Promise((resolve, reject) => (this.#settle = {resolve, reject}));
    this.ready.catch(() => undefined);
    this.#connection = new Connection(options, {
      onOnline: () => this.#onOnline(),
      onLost: error => this.#onLost(error),
      onMessage: message => this.#onMessage(message),
      onState: state => {
        for (const listener of [...this.#listeners]) guarded(() => listener(state));
      },
    });
    this.#connection.open();
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  get error(): WadiError | null {
    return this.#connection.error;
  }

  // --- statements

  async sql<T = Row>(
    text: TemplateStringsArray | string,
    ...values: unknown[]
  ): Promise<Result<T>> {
    const isTagged = typeof text !== 'string';
    const sql = isTagged ? withParameters(text) : text;
    const params = (isTagged ? values : (values[0] ?? [])) as readonly Param[];
    const [result] = await this.#run(sql, encodeParams(params));
    return (result ?? emptyResult()) as Result<T>;
  }

  script(text: string): Promise<Result[]> {
    return this.#run(text, null);
  }

  #run(sql: string, params: readonly unknown[] | null): Promise<Result[]> {
    if (this.state === 'closed') return Promise.reject(this.error!);
    if (sql.includes('\0')) return Promise.reject(zeroByte());
    const statement = new Statement(++this.#lastId, sql, params, this.#parsers);
    this.#requests.add(statement);
    return statement.results;
  }

  // --- live queries

  live<T = Row>(
    source: LiveSource,
    args: readonly Param[] = [],
    onRows: ((rows: readonly T[], live: LiveQuery<T>) => void) | null = null,
    options: LiveOptions<T> = {},
  ): LiveQuery<T> {
    const live = new LiveSet<T>(this.#host, source, encodeParams(args), options);
    if (onRows !== null) {
      let shown: readonly T[] | null = null;
      live.subscribe(() => {
        const {rows, seq} = live;
        if (rows === shown || seq === '') return;
        shown = rows;
        onRows(rows, live);
      });
    }
    this.#members.add(live);
    if (this.state === 'closed') live.close(this.error!);
    else if (this.state === 'online') live.attach();
    return live;
  }

  async *changes<T = Row>(
    source: LiveSource,
    args: readonly Param[] = [],
    options: LiveOptions<T> = {},
  ): AsyncGenerator<Commit<T>, undefined> {
    const live = this.live(source, args, null, options);
    try {
      yield* live.changes();
    } finally {
      live.unsubscribe();
    }
    return undefined;
  }

  #liveHost(): LiveHost {
    return {
      parsers: this.#parsers,
      nextId: () => ++this.#lastId,
      isOnline: () => this.state === 'online',
      request: live => {
        const {id} = live;
        this.#byId.set(id, live);
        this.#requests.add({
          ...{id, isLasting: false, message: () => live.message()},
          failed: error => {
            this.#byId.delete(id);
            if (live.id === id) live.failed(error);
          },
        });
      },
      forget: id => {
        const isAsked = this.#byId.delete(id);
        if (!isAsked || this.#requests.remove(id) || this.state !== 'online') return;
        const message = (): object => ({type: 'unsub', id});
        this.#requests.add({id: -id, isLasting: false, message, failed: () => undefined});
      },
      removed: live => void this.#members.delete(live),
    };
  }

  // --- the connection

  #onOnline(): void {
    for (const live of [...this.#members]) live.attach();
    this.#requests.pump();
    this.#settle?.resolve();
  }

  #onLost(error: WadiError): void {
    this.#byId.clear();
    this.#requests.lost(error.isConnectionLoss ? error : asLoss(error));
    if (this.state !== 'closed') {
      for (const live of [...this.#members]) live.lost();
      return;
    }
    this.#requests.end(error);
    for (const live of [...this.#members]) live.close(error);
    this.#settle?.reject(error);
  }

  #onMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'result':
        this.#statement(message.id)?.onResult(message);
        return;
      case 'done': {
        const statement = this.#statement(message.id);
        this.#requests.settle(message.id);
        statement?.done(message.seq ?? null);
        return;
      }
      case 'error': {
        const request = this.#requests.get(message.id!);
        this.#requests.settle(message.id!);
        request?.failed(new WadiError(message.error));
        return;
      }
      case 'unsubscribed':
        this.#requests.settle(-message.id);
        return;
      case 'tx':
        this.#onCommit(message);
        return;
      case 'subscribed':
      case 'rows':
      case 'live':
      case 'lag':
      case 'reset':
      case 'closed':
        if (message.type === 'subscribed') this.#requests.settle(message.id);
        this.#byId.get(message.id)?.onMessage(message);
        return;
      default:
      // A notification of a LISTEN that was run as a statement.
    }
  }

  /** All live queries have the commit before any listener is told. */
  #onCommit({seq, changes}: Extract<ServerMessage, {type: 'tx'}>): void {
    const touched = new Set<LiveMember>();
    for (const change of changes) {
      const live = this.#byId.get(change.id);
      live?.apply(seq, change);
      if (live !== undefined) touched.add(live);
    }
    for (const live of touched) live.notify();
  }

  #statement(id: number): Statement | null {
    const request = this.#requests.get(id);
    return request instanceof Statement ? request : null;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    const own = (state: ConnectionState): void => listener(state);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  reconnect(): void {
    this.#connection.open();
  }

  close(): void {
    this.#connection.close();
  }
}

function withParameters(parts: readonly string[]): string {
  // A digit behind a parameter is no part of its number.
  return parts.reduce((all, part, i) => `${all}$${i}${/^\d/.test(part) ? ' ' : ''}${part}`);
}

/** Whatever ended the connection, a statement that was under way may have been carried out. */
function asLoss(error: WadiError): WadiError {
  return new WadiError({code: '08006', message: `connection lost: ${error.message}`});
}

function emptyResult(): Result {
  return Object.assign([], {columns: [], tag: '', count: 0, notices: [], seq: null});
}
