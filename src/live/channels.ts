import {randomBytes} from 'node:crypto';
import {PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {type Frame, MARK} from './frame.ts';
import {
  channelOptions,
  type ChangePayloads,
  type ChannelQuery,
  resultChanges,
} from './channel-changes.ts';
import type {LiveHub} from './hub.ts';
import {jsonPayloads} from './json-codec.ts';
import {tokenAt} from './resume-token.ts';
import type {LiveCursor, LiveSink} from './subscription-types.ts';

/** Live channels begin so; no other channel may. */
export const CHANNEL_PREFIX = 'lq_';
/** Channels that nobody listens to are forgotten after this time. */
const IDLE_MICROS = 600_000_000n;
const SWEEP_MS = 60_000;
const MAX_CHANNELS_PER_ROLE = 10_000;
/** Commits that live_changes() looks at in one call. */
const CHANGES_LIMIT = 1000;

/** A session that listens. */
export interface ChannelListener {
  readonly pid: number;
  /** Whether a notification can be sent now: outside of a transaction, and the client reads. */
  readonly isReady: boolean;
  notification(channel: string, payload: string): void;
  flush(): void;
  /** Calls back once it may be ready again. */
  whenReady(callback: () => void): void;
}

interface Channel {
  readonly name: string;
  readonly role: Oid;
  /** It tells what happens after this commit. */
  seq: Seq;
  query: ChannelQuery;
  /** Why who listens must read the rows anew: the query means something else since it was opened. Null: it does not. */
  changeReason: string | null;
  readonly listeners: Map<ChannelListener, LiveCursor>;
  usedAt: bigint;
}

/** Live queries as channels of LISTEN: opened by a role, heard by sessions of that role only. */
export class LiveChannels {
  readonly #hub: LiveHub;
  readonly #now: () => bigint;
  readonly #maxPayloadBytes: number;
  readonly #channels = new Map<string, Channel>();
  readonly #countOfRole = new Map<Oid, number>();
  /** Runs while there are channels. */
  #sweeping: NodeJS.Timeout | null = null;

  constructor(hub: LiveHub, now: () => bigint, maxPayloadBytes = 7999) {
    this.#hub = hub;
    this.#now = now;
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Opens a channel that begins here in the commit order; delivery begins with LISTEN. */
  open(asked: ChannelQuery): {
    readonly channel: string;
    readonly seq: Seq;
    readonly resume: string;
  } {
    const {options: query} = this.#hub.current(channelOptions(asked));
    this.#count(query.role);
    const name = CHANNEL_PREFIX + randomBytes(16).toString('hex');
    // What a reader sees next may end here: newer commits are not durable yet, so they are told.
    const seq = this.#hub.storage.durableSeq;
    const channel: Channel = {
      name,
      role: query.role,
      seq,
      query,
      changeReason: null,
      listeners: new Map(),
      usedAt: this.#now(),
    };
    this.#channels.set(name, channel);
    this.#sweeping ??= setInterval(() => this.forgetIdle(), SWEEP_MS).unref();
    return {channel: name, seq, resume: tokenAt(seq, this.#hub.tokenTail(query))};
  }

  get size(): number {
    return this.#channels.size;
  }

  /** Forgets channels that nobody has listened to, or read, for ten minutes. */
  forgetIdle(): void {
    const now = this.#now();
    for (const channel of this.#channels.values())
      if (channel.listeners.size === 0 && now - channel.usedAt > IDLE_MICROS) this.#drop(channel);
  }

  #count(role: Oid): void {
    const count = this.#countOfRole.get(role) ?? 0;
    if (count >= MAX_CHANNELS_PER_ROLE)
      throw new PgError(SqlState.programLimitExceeded, 'too many live channels', {
        hint: 'Close channels with live_close().',
      });
    this.#countOfRole.set(role, count + 1);
  }

  #drop({name, role}: Channel): void {
    this.#channels.delete(name);
    const count = this.#countOfRole.get(role)! - 1;
    if (count === 0) this.#countOfRole.delete(role);
    else this.#countOfRole.set(role, count);
    if (this.#channels.size > 0 || this.#sweeping === null) return;
    clearInterval(this.#sweeping);
    this.#sweeping = null;
  }

  /** The channel, when it is one of the role: 42501 otherwise, without telling whether it exists. */
  #own(name: string, role: Oid): Channel {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.role !== role) {
      throw new PgError(
        SqlState.insufficientPrivilege,
        `permission denied for live channel "${name}"`,
      );
    }
    return channel;
  }

  /** LISTEN: 42501 unless the name is ordinary or a live channel of this role. */
  checkListen(name: string, role: Oid): void {
    if (name.startsWith(CHANNEL_PREFIX)) this.#own(name, role);
  }

  /** NOTIFY: 42501 on live channels, which only the server writes to. */
  checkNotify(name: string): void {
    if (!name.startsWith(CHANNEL_PREFIX)) return;
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for live channel "${name}"`,
      {
        detail: `Channel names that begin with "${CHANNEL_PREFIX}" are reserved for live queries.`,
      },
    );
  }

  /** LISTEN took effect: changes since the channel was opened, then those to come. */
  listen(name: string, listener: ChannelListener): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.listeners.has(listener)) return;
    const sink = new ChannelSink(channel.name, channel.query, listener, this.#maxPayloadBytes, () =>
      channel.listeners.delete(listener),
    );
    try {
      this.#renew(channel);
      const subscription = this.#hub.subscribe(
        {
          ...channel.query,
          sink,
          surface: 'channel',
          pid: listener.pid,
          tag: null,
          start: {snapshot: false, lastRows: null, resume: null, from: channel.seq},
        },
        channel.changeReason,
      );
      sink.subscription = subscription;
      channel.listeners.set(listener, subscription);
    } catch (error) {
      // LISTEN has been committed: what became impossible since live_open is told on the channel.
      if (!(error instanceof PgError)) throw error;
      sink.closed(error);
    }
  }

  /** Plans the query of a channel anew when what it was planned from has changed. */
  #renew(channel: Channel): void {
    const {authority} = channel.query;
    const {options, isChanged} = this.#hub.current(channelOptions(channel.query));
    if (!isChanged) return;
    channel.query = options;
    channel.seq = this.#hub.storage.durableSeq;
    channel.changeReason = authority.changeReason;
  }

  unlisten(name: string, listener: ChannelListener): void {
    const channel = this.#channels.get(name);
    const subscription = channel?.listeners.get(listener);
    if (channel === undefined || subscription === undefined) return;
    channel.listeners.delete(listener);
    channel.usedAt = this.#now();
    subscription.close();
  }

  /**
   * live_changes: payloads of commits after `since`, as LISTEN would have delivered them. Of a kept result (classes B and E) their net
   * effect, or a reset and all rows.
   */
  changes(name: string, role: Oid, since: Seq): ChangePayloads | Promise<ChangePayloads> {
    const channel = this.#own(name, role);
    channel.usedAt = this.#now();
    this.#renew(channel);
    const {query} = channel;
    const isOfFormer = channel.changeReason !== null && since < channel.seq;
    if (query.shape.class !== 'A') {
      const reason = isOfFormer ? channel.changeReason : null;
      return resultChanges(this.#hub, {query, since, reason, maxBytes: this.#maxPayloadBytes});
    }
    const {frames, gap} = isOfFormer
      ? {frames: [], gap: true}
      : this.#hub.changesSince(
          {...channelOptions(query), shape: query.shape},
          since,
          CHANGES_LIMIT,
        );
    if (gap) {
      throw new PgError(SqlState.snapshotTooOld, `changes after ${since} are no longer available`, {
        hint: 'Read the rows anew.',
      });
    }
    const names = query.shape.columns.map(column => column.name);
    return frames.flatMap(frame =>
      jsonPayloads(frame, names, this.#maxPayloadBytes).map(
        payload => [frame.seq, payload] as const,
      ),
    );
  }

  /** live_close: ends delivery to all who listen; false when there is no such channel of this role. */
  close(name: string, role: Oid): boolean {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.role !== role) return false;
    this.#drop(channel);
    for (const subscription of channel.listeners.values()) subscription.close();
    return true;
  }
}

/** Frames as notifications of one session. */
class ChannelSink implements LiveSink {
  subscription: LiveCursor | null = null;
  readonly #channel: string;
  readonly #names: readonly string[];
  readonly #listener: ChannelListener;
  readonly #maxBytes: number;
  readonly #ended: () => void;
  #isWaiting = false;

  constructor(
    channel: string,
    query: ChannelQuery,
    listener: ChannelListener,
    maxBytes: number,
    ended: () => void,
  ) {
    this.#channel = channel;
    this.#names = query.shape.columns.map(column => column.name);
    this.#listener = listener;
    this.#maxBytes = maxBytes;
    this.#ended = ended;
  }

  get wanted(): number {
    if (this.#listener.isReady) return Infinity;
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      this.#listener.whenReady(() => {
        this.#isWaiting = false;
        this.subscription?.wake();
      });
    }
    return 0;
  }

  snapshot(): void {
    // Channels begin at a seq and send changes only.
  }

  frame(frame: Frame): void {
    if (frame.ops[0] === MARK) return;
    for (const payload of jsonPayloads(frame, this.#names, this.#maxBytes))
      this.#listener.notification(this.#channel, payload);
  }

  closed(error: PgError): void {
    this.#ended();
    const reason = JSON.stringify({
      v: 1,
      error: {code: error.code, message: error.message},
      ops: [],
    });
    this.#listener.notification(this.#channel, reason);
    this.#listener.flush();
  }

  flush(): void {
    this.#listener.flush();
  }
}
