import type {CatalogSnapshot} from '../catalog/contract.ts';
import {PgError} from '../common/errors.ts';
import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {ExprRun} from '../expr/run.ts';
import type {CommitEvent, LogReader, Storage, TableStorage} from '../storage/contract.ts';
import type {Frame} from './frame.ts';
import type {LiveShape} from './live-shape.ts';
import {Group, type GroupMember} from './match/group.ts';
import {Groups} from './match/groups.ts';
import {Matcher, matchOne} from './match/matcher.ts';
import {isMemoryTable, MemoryLog} from './memory-log.ts';
import type {ResumeTokens, TokenScope} from './resume-token.ts';
import {LiveSubscription, type SubscriptionHost} from './subscription.ts';
import {accessKeys, askedText, runOf, sessionText, valuesText} from './group-identity.ts';
import {isOrdered} from './result-order.ts';
import {ResultHub, type ResultHubHost} from './results/result-hub.ts';
import {Authorities} from './authorities.ts';
import {Subscriber} from './subscriber.ts';
import type {
  LiveCursor,
  LiveQueryInfo,
  LiveSink,
  PlannedCursor,
  SubscribeOptions,
} from './subscription-types.ts';

/** What the hub is made with. */
export interface LiveHubOptions {
  readonly storage: Storage;
  readonly tokens: ResumeTokens;
  readonly ownerName: (owner: OwnerId) => string;
  /** Microseconds since 2000-01-01 UTC. */
  readonly now: () => bigint;
}

/** What is known of a subscription before its cursor is made. */
interface Opening {
  readonly id: number;
  readonly createdAt: bigint;
  /** Why it starts over, whatever it asked for; null when it does not. */
  readonly resetReason: string | null;
}

/** All live queries of a process: commits in, frames out, in commit order and not before they are durable. */
export class LiveHub implements SubscriptionHost {
  readonly storage: Storage;
  readonly tokens: ResumeTokens;
  readonly #options: LiveHubOptions;
  readonly #matcher = new Matcher();
  readonly #groups: Groups;
  readonly #subscriptions = new Map<number, Subscriber>();
  readonly #authorities: Authorities;
  readonly #results: ResultHub;
  readonly #touchedSinks = new Set<LiveSink>();
  readonly #stopListening: () => void;
  readonly #drain = (): void => this.#dispatchDurable();
  readonly #memoryLogs = new Map<Oid, MemoryLog>();
  /** Applied, not yet durable; from #pendingAt on. */
  #pending: CommitEvent[] = [];
  #pendingAt = 0;
  #nextId = 1;

  constructor(options: LiveHubOptions) {
    this.storage = options.storage;
    this.tokens = options.tokens;
    this.#options = options;
    this.#groups = new Groups(this.#matcher, options.ownerName);
    this.#results = new ResultHub(this.#resultHost());
    this.#authorities = new Authorities({
      subscribers: () => this.#subscriptions.values(),
      rebind: subscriber => this.#rebind(subscriber),
      meaningChanged: () => this.#groups.generation++,
    });
    this.#stopListening = options.storage.onCommit(event => this.#committed(event));
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  // --- commits

  #committed(event: CommitEvent): void {
    if (this.#subscriptions.size === 0) return;
    if (!this.#matcher.concerns(event) && !this.#results.concerns(event)) return;
    this.#pending.push(event);
    for (let i = 0; i < event.parts.length; i++) {
      const {table} = event.parts[i]!;
      if (isMemoryTable(table) && this.#matcher.hasTable(table.oid))
        this.#memoryLog(table.oid).append(event);
    }
    this.storage.onDurable(event.seq, this.#drain);
  }

  #dispatchDurable(): void {
    const durable = this.storage.durableSeq;
    while (
      this.#pendingAt < this.#pending.length &&
      this.#pending[this.#pendingAt]!.seq <= durable
    ) {
      this.#dispatch(this.#pending[this.#pendingAt++]!);
    }
    if (this.#pendingAt === this.#pending.length) {
      this.#pending = [];
      this.#pendingAt = 0;
    }
    if (this.#touchedSinks.size === 0) return;
    for (const sink of this.#touchedSinks) sink.flush();
    this.#touchedSinks.clear();
  }

  #dispatch(event: CommitEvent): void {
    this.#results.dispatch(event);
    const groups = this.#matcher.match(event);
    if (groups.length === 0) return;
    // All frames are taken before the first is given: giving may replay the log, which uses the same groups.
    const deliveries: (() => void)[] = [];
    for (let i = 0; i < groups.length; i++) deliveries.push(this.#delivery(groups[i]!, event.seq));
    for (let i = 0; i < deliveries.length; i++) deliveries[i]!();
  }

  #delivery(group: Group, seq: Seq): () => void {
    try {
      const frame = group.take(seq);
      return () => {
        for (let m = group.members.length - 1; m >= 0; m--) group.members[m]!.deliver(frame);
      };
    } catch (error) {
      return () => {
        for (let m = group.members.length - 1; m >= 0; m--) group.members[m]!.failAt(seq, error);
      };
    }
  }

  settled(): Seq {
    const next = this.#pending[this.#pendingAt];
    return next === undefined ? this.storage.durableSeq : ((next.seq - 1n) as Seq);
  }

  /** The log of a table: storage's, or for tables that have none (stream, temporary) what was kept here. */
  logReader(table: TableStorage, owner: OwnerId | null): LogReader {
    return isMemoryTable(table) ? this.#memoryLog(table.oid) : this.storage.logReader(table, owner);
  }

  #memoryLog(table: Oid): MemoryLog {
    let log = this.#memoryLogs.get(table);
    if (log === undefined) {
      log = new MemoryLog(this.storage.lastSeq);
      this.#memoryLogs.set(table, log);
    }
    return log;
  }

  touched(sink: LiveSink): void {
    this.#touchedSinks.add(sink);
  }

  // --- subscribing

  /**
   * Opens a subscription: its snapshot (or its place in the log) and its entry in the matcher are of this turn. Nothing
   * is delivered before the next one. `resetReason`: why it begins with a reset; null when it need not.
   */
  subscribe(asked: SubscribeOptions, resetReason: string | null = null): LiveCursor {
    const {options, isChanged} = this.current(asked);
    const {resume, from} = options.start;
    // What the log tells was not of this query.
    const mustReset = isChanged && (resume !== null || from !== null);
    const reason = mustReset ? asked.authority.changeReason : resetReason;
    const id = this.#nextId++;
    const createdAt = this.#options.now();
    const cursor = this.#open(options, {id, createdAt, resetReason: reason});
    const subscriber = new Subscriber(cursor);
    this.#subscriptions.set(id, subscriber);
    this.#authorities.retain(options.authority);
    return subscriber;
  }

  /** Options as they are over the newest catalog: planned anew when what they were planned from has changed. */
  current(options: SubscribeOptions): {
    readonly options: SubscribeOptions;
    readonly isChanged: boolean;
  } {
    const {authority} = options;
    if (!authority.isStale && authority.check(options.newest()) === 'same')
      return {options, isChanged: false};
    return {options: authority.rebind(options), isChanged: true};
  }

  /** Plans a subscription anew and starts it over; it ends when that cannot be. */
  #rebind(subscriber: Subscriber): void {
    const before = subscriber.options.authority;
    try {
      const options = before.rebind(subscriber.options);
      const {id, createdAt} = subscriber;
      const resetReason = before.changeReason;
      subscriber.replace(this.#open(options, {id, createdAt, resetReason}));
      this.#authorities.retain(options.authority);
      this.#authorities.release(before);
    } catch (error) {
      subscriber.fail(error);
    }
  }

  #open(options: SubscribeOptions, opening: Opening): PlannedCursor {
    const {shape} = options;
    const run = runOf(options);
    const values = valuesText(shape, run);
    const scope: TokenScope = {
      role: options.role,
      query: `${shape.queryId}\n${options.owner}\n${values}`,
      schemaVersion: shape.schemaVersion,
      asked: askedText(options),
    };
    if (shape.class === 'A')
      return this.#openRows(options as SubscribeOptions<LiveShape>, {
        ...opening,
        ...{run, values, scope},
      });
    if (options.start.lastRows !== null && !isOrdered(shape))
      throw new PgError(
        SqlState.featureNotSupported,
        'last_rows of a live query of several tables or groups needs ORDER BY',
        {hint: 'Its rows have no age: ORDER BY says which of them are the last.'},
      );
    const numbers = [
      ...[
        this.#groups.generation,
        shape.id,
        options.codec.name,
        options.databaseOid,
        options.owner,
        options.role,
      ],
      ...[options.scopeOwner('all'), options.maxResultRows],
      this.#groups.settingsNumber(options.context.format),
    ];
    const text = `${numbers.join(' ')}${sessionText(options.context)}\n${values}`;
    const identity = {text, tokenTail: this.tokens.tail(scope)};
    const {id, createdAt} = opening;
    const start = this.#startOf(options, scope, opening);
    const resetReason = opening.resetReason ?? 'schema';
    const of = {identity, run, start, resetReason, createdAt};
    return this.#results.subscribe(id, {...options, shape}, of);
  }

  #startOf(
    {start}: SubscribeOptions,
    scope: TokenScope,
    {resetReason}: Opening,
  ): Seq | 'now' | 'snapshot' | 'reset' {
    if (resetReason !== null) return 'reset';
    if (start.resume !== null) {
      const resume = this.tokens.read(start.resume, scope);
      return resume.isCurrent && resume.seq <= this.storage.lastSeq ? resume.seq : 'reset';
    }
    if (start.from !== null) return start.from > this.storage.lastSeq ? 'now' : start.from;
    return start.snapshot ? 'snapshot' : 'now';
  }

  #openRows(
    options: SubscribeOptions<LiveShape>,
    opening: Opening & {
      readonly run: ExprRun;
      readonly values: string;
      readonly scope: TokenScope;
    },
  ): LiveSubscription {
    const {id, createdAt, run, values, scope} = opening;
    const start = this.#startOf(options, scope, opening);
    const group = this.#groups.of(options, {run, values}, this.tokens.tail(scope));
    const table = options.storageOf(options.catalog, options.shape.table);
    if (isMemoryTable(table)) this.#memoryLog(table.oid);
    const subscription = new LiveSubscription(id, group, options, this, createdAt);
    group.join(subscription);
    try {
      subscription.open(start, opening.resetReason ?? 'schema');
    } catch (error) {
      subscription.leave();
      throw error;
    }
    return subscription;
  }

  #resultHost(): ResultHubHost {
    const {storage} = this.#options;
    return {
      get durableSeq() {
        return storage.durableSeq;
      },
      onDurable: (seq, callback) => storage.onDurable(seq, callback),
      settled: () => this.settled(),
      logReader: (options, table, owner) =>
        this.logReader(options.storageOf(options.newest(), table), owner),
      joinGroup: (options, of) => {
        const run = runOf(options);
        const values = valuesText(options.shape, run);
        // Its frames go to the window, which has tokens of its own.
        const group = this.#groups.of(options, {run, values}, '');
        const {shape} = options;
        const table = options.storageOf(options.catalog, shape.table);
        if (isMemoryTable(table)) this.#memoryLog(table.oid);
        try {
          group.join(of(group));
        } catch (error) {
          if (group.members.length === 0) this.#groups.drop(group);
          throw error;
        }
      },
      leaveGroup: (group, member) => this.#leave(group, member),
      cursors: this,
    };
  }

  /**
   * Changes of a query of class A after a commit up to what is durable, without subscribing: at most about `limit` commits. `gap`: the log
   * does not reach back, or the table was truncated.
   */
  changesSince(
    options: SubscribeOptions<LiveShape>,
    since: Seq,
    limit: number,
  ): {readonly frames: readonly Frame[]; readonly gap: boolean} {
    const run = runOf(options);
    const compiled = this.#groups.compile(options);
    const identity = {text: '', owner: options.owner, run, tokenTail: this.tokenTail(options)};
    const group = new Group(compiled, identity, accessKeys(options.shape, compiled, options, run));
    const table = options.storageOf(options.newest(), options.shape.table);
    const reader = this.logReader(table, options.owner);
    const {entries, gap} = reader.read(since, limit);
    const frames: Frame[] = [];
    if (gap) return {frames, gap};
    let last = since;
    for (const entry of entries) {
      if (entry.seq > this.storage.durableSeq) return {frames, gap: false};
      const {hasFrame, isReset} = matchOne(group, entry);
      if (isReset) return {frames, gap: true};
      if (hasFrame) frames.push(group.take(entry.seq));
      last = entry.seq;
    }
    // No frame would mean that there is nothing more.
    if (frames.length === 0 && last > since && reader.read(last, 1).entries.length > 0)
      frames.push(group.take(last));
    return {frames, gap: false};
  }

  /** The end of the tokens that a subscription with these options has. */
  tokenTail(
    options: Pick<
      SubscribeOptions,
      'shape' | 'params' | 'slots' | 'context' | 'owner' | 'role' | 'queryText'
    >,
  ): string {
    const run = runOf(options);
    const query = `${options.shape.queryId}\n${options.owner}\n${valuesText(options.shape, run)}`;
    return this.tokens.tail({
      role: options.role,
      query,
      schemaVersion: options.shape.schemaVersion,
      asked: askedText(options),
    });
  }

  removed(cursor: PlannedCursor): void {
    if (this.#subscriptions.get(cursor.id)?.isKeptBy(cursor) !== true) return;
    this.#subscriptions.delete(cursor.id);
    this.#authorities.release(cursor.options.authority);
  }

  left(subscription: LiveSubscription): void {
    this.#leave(subscription.group, subscription);
  }

  #leave(group: Group, member: GroupMember): void {
    this.#groups.leave(group, member);
    const {table} = group.compiled.shape;
    if (!this.#matcher.hasTable(table)) this.#memoryLogs.delete(table);
  }

  // --- control

  /** The catalog of a database changed. Call it in the turn in which the change becomes visible. */
  catalogChanged(databaseOid: Oid, catalog: CatalogSnapshot): void {
    this.#authorities.changed(databaseOid, catalog);
  }

  subscription(id: number): LiveCursor | undefined {
    return this.#subscriptions.get(id);
  }

  /** KILL LIVE QUERY; false when there is no such one. */
  kill(id: number): boolean {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return false;
    subscription.fail(
      new PgError(SqlState.queryCanceled, 'canceling live query due to user request', {
        detail: subscription.token,
      }),
    );
    return true;
  }

  /** Rows of system.live_queries. */
  rows(): LiveQueryInfo[] {
    const head = this.storage.lastSeq;
    return [...this.#subscriptions.values()].map(subscription => {
      const {options, position} = subscription;
      return {
        id: subscription.id,
        name: options.name,
        pid: options.pid,
        userName: options.userName,
        surface: options.surface,
        class: options.shape.class,
        query: options.queryText,
        state: subscription.state,
        sentSeq: position,
        lag: head > position ? head - position : 0n,
        changes: subscription.changes,
        createdAt: subscription.createdAt,
        resets: subscription.resets,
      };
    });
  }

  /** Ends all subscriptions (57P01) and stops listening. */
  close(): void {
    this.#stopListening();
    for (const subscription of [...this.#subscriptions.values()]) {
      subscription.fail(
        new PgError(SqlState.adminShutdown, 'terminating live query due to administrator command', {
          detail: subscription.token,
        }),
      );
    }
  }
}
