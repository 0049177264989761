import type {CatalogSnapshot} from '../catalog/contract.ts';
import {PgError} from '../common/errors.ts';
import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {CommitEvent, LogReader, Storage, TableStorage} from '../storage/contract.ts';
import type {Frame} from './frame.ts';
import {Delivery} from './delivery.ts';
import type {LiveShape, ResultShape, WindowShape} from './live-shape.ts';
import type {Group, GroupMember} from './match/group.ts';
import {Groups} from './match/groups.ts';
import {Matcher, matchOne} from './match/matcher.ts';
import {isMemoryTable, MemoryLog} from './memory-log.ts';
import type {ResumeTokens} from './resume-token.ts';
import {Pacer} from './pacer.ts';
import {OptionSharing} from './shared-options.ts';
import {SnapshotPlans} from './snapshot-plans.ts';
import {LiveSubscription, type SubscriptionHost} from './subscription.ts';
import {runOf, sessionText, type TokenAsked, tokenScope, valuesText} from './group-identity.ts';
import {isOrdered} from './result-order.ts';
import {ResultHub, type ResultHubHost} from './results/result-hub.ts';
import {Authorities} from './authorities.ts';
import {Subscriber} from './subscriber.ts';
import type {
  LiveCursor,
  LiveQueryInfo,
  LiveSink,
  PlannedCursor,
  SharedOptions,
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
  readonly createdAt: number;
  /** Why it starts over, whatever it asked for; null when it does not. */
  readonly resetReason: string | null;
}

/** Commits are given, and receivers flushed, for so long; then others have their turn. */
const SLICE_MS = 5;
/** So many commits behind the slices are longer: who commits has to wait then. */
const BEHIND = 64;
const LONG_SLICE_MS = 15;
/** Receivers flushed between two looks at the clock. */
const FLUSHED_AT_ONCE = 16;

/** All live queries of a process: commits in, frames out, in commit order and not before they are durable. */
export class LiveHub implements SubscriptionHost {
  readonly storage: Storage;
  readonly tokens: ResumeTokens;
  readonly snapshots = new SnapshotPlans();
  readonly #pacer = new Pacer();
  readonly #options: LiveHubOptions;
  readonly #matcher = new Matcher();
  readonly #groups: Groups;
  readonly #sharing = new OptionSharing();
  readonly #cursors = new Map<number, PlannedCursor>();
  readonly #authorities: Authorities;
  readonly #results: ResultHub;
  readonly #touchedSinks = new Set<LiveSink>();
  readonly #stopListening: () => void;
  readonly #memoryLogs = new Map<Oid, MemoryLog>();
  readonly #startedAt: bigint;
  /** Applied, not yet given; from #pendingAt on. */
  #pending: CommitEvent[] = [];
  #pendingAt = 0;
  /** The commit that is being given. */
  #delivery: Delivery | null = null;
  #isTurnDue = false;
  #nextId = 1;

  constructor(options: LiveHubOptions) {
    this.storage = options.storage;
    this.tokens = options.tokens;
    this.#options = options;
    this.#startedAt = options.now();
    this.#groups = new Groups(this.#matcher, options.tokens, options.ownerName);
    this.#results = new ResultHub(this.#resultHost());
    this.#authorities = new Authorities({
      cursors: () => this.#cursors.values(),
      rebind: cursor => this.#rebind(cursor),
      meaningChanged: () => this.#groups.generation++,
    });
    this.#stopListening = options.storage.onCommit(event => this.#committed(event));
  }

  get size(): number {
    return this.#cursors.size;
  }

  // --- commits

  #committed(event: CommitEvent): void {
    if (this.#cursors.size === 0) return;
    if (!this.#matcher.concerns(event) && !this.#results.concerns(event)) return;
    this.#pending.push(event);
    for (let i = 0; i < event.parts.length; i++) {
      const {table} = event.parts[i]!;
      if (isMemoryTable(table) && this.#matcher.hasTable(table.oid))
        this.#memoryLog(table.oid).append(event);
    }
    this.storage.onDurable(event.seq, this.#soon);
  }

  /** In a turn of its own: who committed is answered first. */
  readonly #soon = (): void => {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(this.#turn);
  };

  /** Gives durable commits, one after the other, then flushes who got something: as much as a turn may take. */
  readonly #turn = (): void => {
    this.#isTurnDue = false;
    const isBehind = this.#pending.length - this.#pendingAt > BEHIND;
    const until = performance.now() + (isBehind ? LONG_SLICE_MS : SLICE_MS);
    while (this.#delivery !== null || this.#begin()) {
      if (this.#delivery !== null && !this.#delivery.give(until)) break;
      this.#delivery = null;
      if (performance.now() > until) break;
    }
    if (this.#delivery === null) this.#flush(performance.now() + SLICE_MS);
    const isMore = this.#delivery !== null || this.#touchedSinks.size > 0 || this.#hasDurable();
    if (isMore) this.#soon();
  };

  #hasDurable(): boolean {
    const next = this.#pending[this.#pendingAt];
    return next !== undefined && next.seq <= this.storage.durableSeq;
  }

  /** Takes up the next durable commit; false when there is none. */
  #begin(): boolean {
    if (!this.#hasDurable()) return false;
    const event = this.#pending[this.#pendingAt++]!;
    if (this.#pendingAt === this.#pending.length || this.#pendingAt === BEHIND) {
      this.#pending = this.#pending.slice(this.#pendingAt);
      this.#pendingAt = 0;
    }
    this.#results.dispatch(event);
    const groups = this.#matcher.match(event);
    if (groups.length > 0) this.#delivery = new Delivery(event.seq, groups);
    return true;
  }

  #flush(until: number): void {
    let count = 0;
    for (const sink of this.#touchedSinks) {
      this.#touchedSinks.delete(sink);
      sink.flush();
      if (++count % FLUSHED_AT_ONCE === 0 && performance.now() > until) return;
    }
  }

  settled(): Seq {
    return this.#delivery === null ? this.begun() : ((this.#delivery.seq - 1n) as Seq);
  }

  begun(): Seq {
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

  later(task: () => void, isUrgent: boolean): void {
    this.#pacer.later(task, isUrgent);
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
    const createdAt = Number((this.#options.now() - this.#startedAt) / 1000n);
    const cursor = this.#open(options, {id, createdAt, resetReason: reason});
    this.#cursors.set(id, cursor);
    this.#authorities.retain(options.authority);
    return new Subscriber(cursor, this.#cursors);
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
  #rebind(before: PlannedCursor): void {
    const {authority} = before.options;
    try {
      const options = authority.rebind(before.asked());
      const {id, createdAt} = before;
      const now = this.#open(options, {id, createdAt, resetReason: authority.changeReason});
      now.changes += before.changes;
      now.resets += before.resets;
      this.#cursors.set(id, now);
      this.#authorities.retain(options.authority);
      this.#authorities.release(authority);
      before.leave();
    } catch (error) {
      before.fail(error);
    }
  }

  #open(options: SubscribeOptions, opening: Opening): PlannedCursor {
    const shared = this.#sharing.of(options);
    if (isOfRows(shared)) return this.#openRows(shared, options, opening);
    const {shape, start, params, slots} = options;
    if (start.lastRows !== null && !isOrdered(shape))
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
    const run = runOf(shared, {params, slots});
    const values = valuesText(shape, run);
    const text = `${numbers.join(' ')}${sessionText(options.context)}\n${values}`;
    const identity = {text, tokenTail: this.tokenTail(options)};
    const {id, createdAt} = opening;
    const begin = this.#startOf(options, opening);
    const resetReason = opening.resetReason ?? 'schema';
    const of = {shared, identity, run, start: begin, resetReason, createdAt};
    return this.#results.subscribe(id, {...options, shape: shape as WindowShape | ResultShape}, of);
  }

  #startOf(options: SubscribeOptions, {resetReason}: Opening): Seq | 'now' | 'snapshot' | 'reset' {
    const {start} = options;
    if (resetReason !== null) return 'reset';
    if (start.resume !== null) {
      const resume = this.tokens.read(start.resume, tokenScope(options));
      return resume.isCurrent && resume.seq <= this.storage.lastSeq ? resume.seq : 'reset';
    }
    if (start.from !== null) return start.from > this.storage.lastSeq ? 'now' : start.from;
    return start.snapshot ? 'snapshot' : 'now';
  }

  #openRows(
    shared: SharedOptions<LiveShape>,
    options: SubscribeOptions,
    opening: Opening,
  ): LiveSubscription {
    const {params, slots, tag} = options;
    const start = this.#startOf(options, opening);
    const group = this.#groups.of(shared, {params, slots, isInner: false});
    const {id, createdAt, resetReason} = opening;
    const subscription = new LiveSubscription({id, createdAt, tag}, group, shared, this);
    group.join(subscription);
    try {
      const table = shared.storageOf(shared.catalog, shared.shape.table);
      if (isMemoryTable(table)) this.#memoryLog(table.oid);
      subscription.open(start, resetReason ?? 'schema');
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
        const {shape, params, slots} = options;
        const shared = this.#sharing.of(options) as SharedOptions<LiveShape>;
        const group = this.#groups.of(shared, {params, slots, isInner: true});
        const table = options.storageOf(options.catalog, shape.table);
        if (isMemoryTable(table)) this.#memoryLog(table.oid);
        try {
          group.join(of(group));
        } catch (error) {
          if (group.memberCount === 0) this.#groups.drop(group);
          throw error;
        }
      },
      leaveGroup: (group, member) => this.#leave(group, member),
      cursors: this,
      snapshots: this.snapshots,
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
    const {params, slots} = options;
    const shared = this.#sharing.of(options) as SharedOptions<LiveShape>;
    const group = this.#groups.alone(shared, {params, slots, isInner: false});
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
  tokenTail(options: TokenAsked): string {
    return this.tokens.tail(tokenScope(options));
  }

  removed(cursor: PlannedCursor): void {
    if (this.#cursors.get(cursor.id) !== cursor) return;
    this.#cursors.delete(cursor.id);
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
    return this.#cursors.get(id);
  }

  /** KILL LIVE QUERY; false when there is no such one. */
  kill(id: number): boolean {
    const subscription = this.#cursors.get(id);
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
    return [...this.#cursors.values()].map(subscription => {
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
        changes: BigInt(subscription.changes),
        createdAt: this.#startedAt + BigInt(subscription.createdAt) * 1000n,
        resets: subscription.resets,
      };
    });
  }

  /** Ends all subscriptions (57P01) and stops listening. */
  close(): void {
    this.#stopListening();
    this.#pending = [];
    this.#pendingAt = 0;
    this.#delivery = null;
    for (const subscription of [...this.#cursors.values()]) {
      subscription.fail(
        new PgError(SqlState.adminShutdown, 'terminating live query due to administrator command', {
          detail: subscription.token,
        }),
      );
    }
  }
}

function isOfRows(options: SharedOptions): options is SharedOptions<LiveShape> {
  return options.shape.class === 'A';
}
