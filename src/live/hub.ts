import type {CatalogSnapshot} from '../catalog/contract.ts';
import {PgError} from '../common/errors.ts';
import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {ExprRun} from '../expr/run.ts';
import type {CommitEvent, LogReader, Storage, TableStorage} from '../storage/contract.ts';
import type {FormatSettings} from '../types/contract.ts';
import type {Frame} from './frame.ts';
import type {LiveShape} from './live-shape.ts';
import {CompiledShape} from './match/compiled-shape.ts';
import {Group, type GroupMember} from './match/group.ts';
import {Matcher, matchOne} from './match/matcher.ts';
import {isMemoryTable, MemoryLog} from './memory-log.ts';
import type {ResumeTokens, TokenScope} from './resume-token.ts';
import {LiveSubscription, type SubscriptionHost} from './subscription.ts';
import {
  accessKeys,
  askedText,
  runOf,
  sessionText,
  settingsText,
  valuesText,
} from './group-identity.ts';
import {recheck} from './recheck.ts';
import {ResultHub, type ResultHubHost} from './results/result-hub.ts';
import type {LiveCursor, LiveQueryInfo, LiveSink, SubscribeOptions} from './subscription-types.ts';

/** What the hub is made with. */
export interface LiveHubOptions {
  readonly storage: Storage;
  readonly tokens: ResumeTokens;
  readonly ownerName: (owner: OwnerId) => string;
  /** Microseconds since 2000-01-01 UTC. */
  readonly now: () => bigint;
}

interface SharedShape {
  readonly compiled: CompiledShape;
  readonly number: number;
  users: number;
}

/** All live queries of a process: commits in, frames out, in commit order and not before they are durable. */
export class LiveHub implements SubscriptionHost {
  readonly storage: Storage;
  readonly tokens: ResumeTokens;
  readonly #options: LiveHubOptions;
  readonly #matcher = new Matcher();
  readonly #groups = new Map<string, Group>();
  readonly #shapes = new Map<string, SharedShape>();
  readonly #subscriptions = new Map<number, LiveCursor>();
  readonly #results: ResultHub;
  readonly #touchedSinks = new Set<LiveSink>();
  readonly #stopListening: () => void;
  readonly #drain = (): void => this.#dispatchDurable();
  readonly #memoryLogs = new Map<Oid, MemoryLog>();
  /** Applied, not yet durable; from #pendingAt on. */
  #pending: CommitEvent[] = [];
  #pendingAt = 0;
  readonly #settings = new Map<string, number>();
  #nextId = 1;
  #nextNumber = 1;

  constructor(options: LiveHubOptions) {
    this.storage = options.storage;
    this.tokens = options.tokens;
    this.#options = options;
    this.#results = new ResultHub(this.#resultHost());
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
        for (let m = group.members.length - 1; m >= 0; m--) group.members[m]!.fail(error);
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
   * is delivered before the next one.
   */
  subscribe(options: SubscribeOptions): LiveCursor {
    const {shape} = options;
    const refusal = recheck(options, options.newest());
    if (refusal !== null) throw refusal;
    const run = runOf(options);
    const values = valuesText(shape, run);
    const scope: TokenScope = {
      role: options.role,
      query: `${shape.queryId}\n${options.owner}\n${values}`,
      schemaVersion: shape.schemaVersion,
      asked: askedText(options),
    };
    if (shape.class === 'A')
      return this.#subscribeRows(options as SubscribeOptions<LiveShape>, run, values, scope);
    if (options.start.lastRows !== null)
      throw new PgError(
        SqlState.featureNotSupported,
        'last_rows is not supported for a live query with ORDER BY and LIMIT, or of several tables',
        {hint: 'Use ORDER BY ... LIMIT.'},
      );
    const numbers = [
      ...[shape.id, options.codec.name, options.databaseOid, options.owner, options.role],
      ...[options.scopeOwner('all'), options.maxResultRows],
      this.#settingsNumber(options.context.format),
    ];
    const text = `${numbers.join(' ')}${sessionText(options.context)}\n${values}`;
    const identity = {text, tokenTail: this.tokens.tail(scope)};
    const start = this.#startOf(options, scope);
    const id = this.#nextId++;
    const opening = {identity, run, start, createdAt: this.#options.now()};
    const subscription = this.#results.subscribe(id, {...options, shape}, opening);
    this.#subscriptions.set(id, subscription);
    return subscription;
  }

  #startOf({start}: SubscribeOptions, scope: TokenScope): Seq | 'now' | 'snapshot' | 'reset' {
    if (start.resume !== null) {
      const resume = this.tokens.read(start.resume, scope);
      return resume.isCurrent && resume.seq <= this.storage.lastSeq ? resume.seq : 'reset';
    }
    if (start.from !== null) return start.from > this.storage.lastSeq ? 'now' : start.from;
    return start.snapshot ? 'snapshot' : 'now';
  }

  #subscribeRows(
    options: SubscribeOptions<LiveShape>,
    run: ExprRun,
    values: string,
    scope: TokenScope,
  ): LiveSubscription {
    const start = this.#startOf(options, scope);
    const group = this.#group(options, run, values, scope);
    const table = options.storageOf(options.catalog, options.shape.table);
    if (isMemoryTable(table)) this.#memoryLog(table.oid);
    const subscription = new LiveSubscription(
      this.#nextId++,
      group,
      options,
      this,
      this.#options.now(),
    );
    group.join(subscription);
    this.#subscriptions.set(subscription.id, subscription);
    try {
      subscription.open(start);
    } catch (error) {
      subscription.close();
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
        const scope = {role: options.role, query: '', schemaVersion: 0, asked: ''};
        const group = this.#group(options, run, values, scope);
        const {shape} = options;
        const table = options.storageOf(options.catalog, shape.table);
        if (isMemoryTable(table)) this.#memoryLog(table.oid);
        try {
          group.join(of(group));
        } catch (error) {
          if (group.members.length === 0) this.#dropGroup(group, options.codec.name);
          throw error;
        }
      },
      leaveGroup: (group, member, codecName) => this.#leaveGroup(group, member, codecName),
      removed: id => this.#subscriptions.delete(id),
    };
  }

  /**
   * Changes after a commit up to what is durable, without subscribing: at most about `limit` commits. `gap`: the log
   * does not reach back, or the table was truncated.
   */
  changesSince(
    options: SubscribeOptions,
    since: Seq,
    limit: number,
  ): {readonly frames: readonly Frame[]; readonly gap: boolean} {
    const refusal = recheck(options, options.newest());
    if (refusal !== null) throw refusal;
    const {shape} = options;
    if (shape.class !== 'A')
      throw new PgError(
        SqlState.featureNotSupported,
        'live_changes() is not supported for a live query with ORDER BY and LIMIT, or of several tables',
        {hint: 'Read the rows anew, or resume with SUBSCRIBE.'},
      );
    return this.#changesOfRows({...options, shape}, since, limit);
  }

  #changesOfRows(
    options: SubscribeOptions<LiveShape>,
    since: Seq,
    limit: number,
  ): {readonly frames: readonly Frame[]; readonly gap: boolean} {
    const run = runOf(options);
    const compiled = this.#compile(options);
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

  #group(
    options: SubscribeOptions<LiveShape>,
    run: ExprRun,
    values: string,
    scope: TokenScope,
  ): Group {
    const {shape} = options;
    const shapeKey = `${shape.id}/${options.codec.name}`;
    const numbers = [
      this.#shapeNumber(shapeKey),
      options.databaseOid,
      options.owner,
      options.role,
      this.#settingsNumber(options.context.format),
    ];
    const session = shape.readsSession ? sessionText(options.context) : '';
    // Joined, not added: it is kept, and a sum keeps its parts.
    const text = [...numbers, session, `\n${values}`].join(' ');
    const known = this.#groups.get(text);
    if (known !== undefined) return known;
    const shared = this.#shapes.get(shapeKey) ?? {
      compiled: this.#compile(options),
      number: this.#nextNumber++,
      users: 0,
    };
    const identity = {text, owner: options.owner, run, tokenTail: this.tokens.tail(scope)};
    const group = new Group(
      shared.compiled,
      identity,
      accessKeys(shape, shared.compiled, options, run),
    );
    shared.users++;
    this.#shapes.set(shapeKey, shared);
    this.#groups.set(text, group);
    this.#matcher.add(group);
    return group;
  }

  /** Small numbers for long texts: each group's identity is kept as a text. */
  #shapeNumber(shapeKey: string): number {
    return this.#shapes.get(shapeKey)?.number ?? this.#nextNumber;
  }

  #settingsNumber(format: FormatSettings): number {
    const text = settingsText(format);
    let number = this.#settings.get(text);
    if (number === undefined) {
      number = this.#settings.size;
      this.#settings.set(text, number);
    }
    return number;
  }

  #compile(options: SubscribeOptions<LiveShape>): CompiledShape {
    return new CompiledShape(options.shape, {
      compiler: options.compiler,
      projection: options.codec.projection(options.shape),
      types: options
        .storageOf(options.catalog, options.shape.table)
        .columns.map(column => column.type),
      ownerName: this.#options.ownerName,
    });
  }

  removed(subscription: LiveSubscription): void {
    if (!this.#subscriptions.delete(subscription.id)) return;
    this.#leaveGroup(subscription.group, subscription, subscription.options.codec.name);
  }

  #leaveGroup(group: Group, member: GroupMember, codecName: string): void {
    const {members} = group;
    const last = members.pop()!;
    if (last !== member) {
      members[member.memberAt] = last;
      last.memberAt = member.memberAt;
    }
    if (members.length === 0) this.#dropGroup(group, codecName);
  }

  #dropGroup(group: Group, codecName: string): void {
    this.#groups.delete(group.text);
    this.#matcher.remove(group);
    const {shape} = group.compiled;
    if (!this.#matcher.hasTable(shape.table)) this.#memoryLogs.delete(shape.table);
    const shapeKey = `${shape.id}/${codecName}`;
    const shared = this.#shapes.get(shapeKey)!;
    if (--shared.users === 0) this.#shapes.delete(shapeKey);
  }

  // --- control

  /**
   * The catalog of a database changed: who lost a right or its table is closed. Call it in the turn in which the change
   * becomes visible.
   */
  catalogChanged(databaseOid: Oid, catalog: CatalogSnapshot): void {
    const answers = new Map<string, unknown>();
    for (const subscription of [...this.#subscriptions.values()]) {
      const {options} = subscription;
      if (options.databaseOid !== databaseOid) continue;
      const key = `${options.role} ${options.shape.id} ${options.owner}`;
      let error = answers.get(key);
      if (error === undefined) {
        error = recheck(options, catalog);
        answers.set(key, error);
      }
      if (error !== null) subscription.fail(error);
      else if (subscription instanceof LiveSubscription)
        subscription.tableChanged(options.storageOf(catalog, subscription.options.shape.table));
    }
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
