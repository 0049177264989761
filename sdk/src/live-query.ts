import {type Commit, type Change, ChangeStream} from './change-stream.ts';
import {SqlState, WadiError, zeroByte} from './errors.ts';
import type {ChangeMessage, Column, Key, LiveMessage, RawRow} from './protocol.ts';
import {RowSet, type SavedRows} from './row-set.ts';
import type {Parsers, Row} from './values.ts';

/**
 * loading: no rows yet. live: rows are those of the newest commit. offline: the connection is lost, or what was missed is not
 * all there yet; rows are the last ones known. paused: a reader of changes() is too far behind. closed: for good.
 */
export type LiveState = 'loading' | 'live' | 'offline' | 'paused' | 'closed';

/** What is subscribed to: a SELECT, a named live query, or a sealed one (its text, or how to get a new one). */
export type LiveSource =
  | string
  | {readonly query: string}
  | {readonly sealed: string | (() => string | Promise<string>)};

/** How a live query is opened. */
export interface LiveOptions<T = Row> {
  /** False: no rows at first, only what changes. */
  readonly snapshot?: boolean;
  /** Only so many of the newest rows at first. */
  readonly lastRows?: number;
  /** For a role with the service right: only while the tables that it reads across users lie in this storage. */
  readonly storage?: string;
  /** Rows of an earlier save(): shown at once, and only what happened since is asked for. */
  readonly saved?: SavedRows | null | undefined;
  /** Order of `rows`; by default that of the query's ORDER BY, where its columns are in the result. */
  readonly compare?: (a: T, b: T) => number;
  /** Changes that a reader of changes() may have before it; beyond, the query pauses. Default 4096. */
  readonly maxBacklog?: number;
  readonly onError?: (error: WadiError) => void;
}

/** A SELECT whose rows follow every commit. */
export interface LiveQuery<T = Row> {
  /** The rows in order; a new array whenever one has changed. */
  readonly rows: readonly T[];
  readonly state: LiveState;
  /** Why it is closed. */
  readonly error: WadiError | null;
  readonly columns: readonly Column[];
  /** That of EXPLAIN (LIVE); '' until it is known. */
  readonly class: string;
  /** The commit that the rows belong to; '' before the first. */
  readonly seq: string;
  /** Resolves when all first rows are there; rejects when it is closed before. */
  readonly ready: Promise<void>;
  /** Every commit from now on, as far as it changes the rows. The first one has the rows that are there. */
  changes(): AsyncIterableIterator<Commit<T>>;
  /** Calls when rows or state have changed; returns how to end that. */
  subscribe(listener: () => void): () => void;
  /** What `saved` of another opening takes; null while there is nothing that could be resumed. */
  save(): SavedRows | null;
  unsubscribe(): void;
}

/** A live query as its client knows it. */
export interface LiveMember {
  /** Of the subscription that is open or asked for; 0: none. */
  readonly id: number;
  message(): object;
  failed(error: WadiError): void;
  attach(): void;
  lost(): void;
  onMessage(message: LiveMessage): void;
  apply(seq: string, change: ChangeMessage): void;
  notify(): void;
  close(error: WadiError): void;
}

/** What a live query needs of its client. */
export interface LiveHost {
  readonly parsers: Parsers;
  nextId(): number;
  /** There is a connection now. */
  isOnline(): boolean;
  /** Asks for a subscription under the id of the live query, to which its answers come. */
  request(live: LiveMember): void;
  /** Ends a subscription, or takes back a request for one. */
  forget(id: number): void;
  removed(live: LiveMember): void;
}

const sealRetryMs = 5_000;

/** A live query of a client. */
export class LiveSet<T> implements LiveQuery<T>, LiveMember {
  state: LiveState = 'loading';
  error: WadiError | null = null;
  class = '';
  seq = '';
  readonly ready: Promise<void>;
  id = 0;
  readonly #host: LiveHost;
  readonly #source: LiveSource;
  readonly #args: readonly unknown[];
  readonly #options: LiveOptions<T>;
  readonly #rows: RowSet<T>;
  readonly #listeners = new Set<() => void>();
  readonly #streams = new Set<ChangeStream<T>>();
  #token: string | null = null;
  /** First rows, while they come. */
  #pending: (readonly [Key, RawRow])[] | null = [];
  #sealed = '';
  #settle: {resolve(): void; reject(error: Error): void};

  constructor(
    host: LiveHost,
    source: LiveSource,
    args: readonly unknown[],
    options: LiveOptions<T>,
  ) {
    this.#host = host;
    this.#source = source;
    this.#args = args;
    this.#options = options;
    this.#rows = new RowSet(host.parsers, options.compare ?? null);
    const text = typeof source === 'string' ? source : 'query' in source ? source.query : '';
    if (text.includes('\0')) throw zeroByte();
    const {saved} = options;
    if (saved != null) {
      this.#rows.describe(saved.columns, saved.order);
      this.#rows.replace(saved.rows);
      this.#token = saved.token;
      this.#pending = null;
      this.seq = saved.seq;
      this.state = 'offline';
    }
    const {promise, resolve, reject} = withResolvers();
    this.#settle = {resolve, reject};
    this.ready = promise;
    // Nobody has to wait for it.
    promise.catch(() => undefined);
  }

  get rows(): readonly T[] {
    return this.#rows.list;
  }

  get columns(): readonly Column[] {
    return this.#rows.columns;
  }

  // --- asking for it

  /** Asks for the rows, or for what happened since the last ones. */
  attach(): void {
    if (this.state === 'closed' || this.id !== 0) return;
    if (this.#isBehind()) {
      this.#setState('paused');
      return;
    }
    this.id = this.#host.nextId();
    const source = this.#source;
    if (typeof source === 'string' || !('sealed' in source)) {
      this.#host.request(this);
      return;
    }
    const {id} = this;
    this.#unseal(source.sealed).then(
      () => {
        if (this.id === id) this.#host.request(this);
      },
      error => {
        if (this.id === id) this.#unsealed(error);
      },
    );
  }

  /** There was no seal to be had: for one that was live before that may be a matter of time. */
  #unsealed(error: unknown): void {
    this.id = 0;
    if (this.#token === null) this.#close(asSealError(error));
    else setTimeout(() => this.#host.isOnline() && this.attach(), sealRetryMs);
  }

  async #unseal(sealed: string | (() => string | Promise<string>)): Promise<void> {
    this.#sealed = typeof sealed === 'string' ? sealed : await sealed();
  }

  message(): object {
    const source = this.#source;
    const {snapshot, lastRows, storage} = this.#options;
    return {
      ...{type: 'sub', id: this.id},
      ...(typeof source === 'string'
        ? {sql: source, args: this.#args}
        : 'query' in source
          ? {query: source.query, args: this.#args}
          : {sealed: this.#sealed}),
      ...(snapshot === undefined ? {} : {snapshot}),
      ...(lastRows === undefined ? {} : {last_rows: lastRows}),
      ...(storage === undefined ? {} : {storage}),
      ...(this.#token === null ? {} : {resume: this.#token}),
    };
  }

  failed(error: WadiError): void {
    this.id = 0;
    if (error.isConnectionLoss) return;
    if (error.code === SqlState.invalidParameterValue && this.#token !== null) {
      // The token is of another query or role: its rows are of no use.
      this.#token = null;
      this.attach();
    } else this.#close(error);
  }

  /** The connection is gone; rows stay. */
  lost(): void {
    this.id = 0;
    // First rows that were not all there are asked for again.
    if (this.#token === null) this.#pending = [];
    if (this.state !== 'closed') this.#setState('offline');
  }

  // --- what comes

  /** Takes a message of its subscription. Listeners are called by `notify`. */
  onMessage(message: LiveMessage): void {
    switch (message.type) {
      case 'subscribed':
        this.class = message.class;
        this.#rows.describe(message.columns, message.order ?? null);
        if (this.#token === null) this.#pending = [];
        return;
      case 'rows':
        this.#pending?.push(...message.rows);
        return;
      case 'reset':
        if (message.order !== undefined) this.#rows.describe(this.#rows.columns, message.order);
        this.#token = null;
        this.#pending = [];
        return;
      case 'live':
        this.#live(message.seq, message.token);
        return;
      case 'lag':
        this.apply(message.seq, message);
        this.notify();
        return;
      case 'closed':
        this.#ended(new WadiError(message.error));
    }
  }

  #live(seq: string, token: string): void {
    const pending = this.#pending;
    this.#pending = null;
    this.#token = token;
    this.seq = seq;
    const wasLive = this.state === 'live';
    this.state = 'live';
    if (pending !== null) this.#emit('snapshot', this.#rows.replace(pending));
    this.#settle.resolve();
    if (pending !== null || !wasLive) this.notify();
  }

  /** Changes of one commit. The caller calls `notify` when all of the commit is applied. */
  apply(seq: string, {ops, token}: ChangeMessage): void {
    const changes = this.#rows.apply(ops);
    this.#token = token;
    this.seq = seq;
    this.#emit('changes', changes);
  }

  #emit(kind: 'snapshot' | 'changes', changes: readonly Change<T>[]): void {
    if (this.#streams.size === 0) return;
    const commit: Commit<T> = {kind, seq: this.seq, token: this.#token!, changes};
    for (const stream of this.#streams) stream.push(commit);
    if (this.#isBehind() && this.id !== 0) {
      // The change log keeps what this reader has not seen; nothing else on the connection waits for it.
      this.#detach();
      this.#setState('paused');
    }
  }

  #isBehind(): boolean {
    const {maxBacklog = 4096} = this.#options;
    return [...this.#streams].some(stream => stream.isBehind(maxBacklog));
  }

  #ended(error: WadiError): void {
    this.id = 0;
    const source = this.#source;
    const isSealEnd =
      error.code === SqlState.invalidAuthorization &&
      typeof source === 'object' &&
      'sealed' in source &&
      typeof source.sealed === 'function';
    // Its columns are others now, or its table is in another storage; a seal has ended and there is another.
    const isOther = error.fields.hint === 'Subscribe again.';
    if (isSealEnd || isOther) {
      if (isOther) {
        this.#token = null;
        this.#pending = [];
      }
      this.#setState('offline');
      this.attach();
    } else this.#close(error);
  }

  // --- who reads

  changes(): AsyncIterableIterator<Commit<T>> {
    const stream: ChangeStream<T> = new ChangeStream({
      drained: () => this.#drained(),
      removed: () => void this.#streams.delete(stream),
    });
    if (this.state === 'closed') stream.end(this.error);
    else this.#streams.add(stream);
    if (this.#token !== null) {
      const changes = this.#rows.inserts();
      stream.push({kind: 'snapshot', seq: this.seq, token: this.#token, changes});
    }
    return stream;
  }

  #drained(): void {
    if (this.state !== 'paused' || this.#isBehind()) return;
    this.#setState('offline');
    this.attach();
  }

  subscribe(listener: () => void): () => void {
    // One function may be given twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Tells listeners that rows or state have changed. */
  notify(): void {
    for (const listener of [...this.#listeners]) guarded(listener);
  }

  #setState(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    this.notify();
  }

  save(): SavedRows | null {
    if (this.#token === null) return null;
    const {columns, order} = this.#rows;
    return {token: this.#token, seq: this.seq, columns, order, rows: this.#rows.raw()};
  }

  // --- the end

  unsubscribe(): void {
    this.#end(null);
  }

  #detach(): void {
    const {id} = this;
    this.id = 0;
    if (id !== 0) this.#host.forget(id);
  }

  #close(error: WadiError): void {
    if (this.state === 'closed') return;
    this.error = error;
    this.#end(error);
    const {onError} = this.#options;
    if (onError !== undefined) guarded(() => onError(error));
  }

  #end(error: WadiError | null): void {
    if (this.state === 'closed') return;
    this.#detach();
    this.#host.removed(this);
    this.#setState('closed');
    const why = {code: SqlState.connectionDoesNotExist, message: 'the live query is closed'};
    this.#settle.reject(error ?? new WadiError(why));
    for (const stream of this.#streams) stream.end(error);
    this.#streams.clear();
  }

  /** The client is closed: by an error, or on purpose. */
  close(error: WadiError): void {
    if (error.code === SqlState.connectionDoesNotExist) this.#end(null);
    else this.#close(error);
  }
}

/** A mistake of the application's own function must not stop what others are told. */
export function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function withResolvers(): {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
} {
  let resolve = (): void => undefined;
  let reject = (_error: Error): void => undefined;
  const promise = new Promise<void>((onDone, onError) => {
    resolve = onDone;
    reject = onError;
  });
  return {promise, resolve, reject};
}

function asSealError(thrown: unknown): WadiError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new WadiError({code: SqlState.invalidAuthorization, message});
}
