import type {Oid, OwnerId, Seq} from '../../common/ids.ts';
import type {ExprRun} from '../../expr/run.ts';
import type {CommitEvent, LogReader} from '../../storage/contract.ts';
import type {LiveShape, ResultShape, WindowShape} from '../live-shape.ts';
import {isMemoryTable} from '../memory-log.ts';
import type {Group, GroupMember} from '../match/group.ts';
import type {SnapshotPlans} from '../snapshot-plans.ts';
import type {CursorHost, SharedOptions, SubscribeOptions} from '../subscription-types.ts';
import {RerunGroup, type RerunHost} from './rerun-group.ts';
import type {ResultGroup, ResultIdentity} from './result-group.ts';
import {ResultSubscription, type ResultStart} from './result-subscription.ts';
import {windowCodec} from './window-codec.ts';
import {WindowGroup, type WindowHost} from './window-group.ts';

/** What kept results need of the hub of all live queries. */
export interface ResultHubHost {
  readonly durableSeq: Seq;
  onDurable(seq: Seq, callback: () => void): void;
  settled(): Seq;
  logReader(options: SubscribeOptions, table: Oid, owner: OwnerId | null): LogReader;
  /** The group of a query of class A; the caller becomes a member of it. */
  joinGroup(options: SubscribeOptions<LiveShape>, of: (group: Group) => GroupMember): void;
  leaveGroup(group: Group, member: GroupMember): void;
  readonly cursors: CursorHost;
  readonly snapshots: SnapshotPlans;
}

/** How a group is made. */
interface GroupOpening {
  readonly run: ExprRun;
  /** Its receiver has just come; not one of many that start over. */
  readonly isUrgent: boolean;
}

/** Live queries whose result is kept: classes B and E. */
export class ResultHub implements RerunHost, WindowHost {
  readonly #host: ResultHubHost;
  readonly #groups = new Map<string, ResultGroup>();
  /** Groups of class E by the tables that they read. */
  readonly #readers = new Map<Oid, Set<RerunGroup>>();

  constructor(host: ResultHubHost) {
    this.#host = host;
  }

  get durableSeq(): Seq {
    return this.#host.durableSeq;
  }

  onDurable(seq: Seq, callback: () => void): void {
    this.#host.onDurable(seq, callback);
  }

  settled(): Seq {
    return this.#host.settled();
  }

  later(task: () => void, isUrgent: boolean): void {
    this.#host.cursors.later(task, isUrgent);
  }

  get snapshots(): SnapshotPlans {
    return this.#host.snapshots;
  }

  durableLog(options: SubscribeOptions, table: Oid, owner: OwnerId | null): LogReader | null {
    if (isMemoryTable(options.storageOf(options.catalog, table))) return null;
    return this.#host.logReader(options, table, owner);
  }

  /** Whether a commit can concern a query of class E. */
  concerns(event: CommitEvent): boolean {
    if (this.#readers.size === 0) return false;
    for (let i = 0; i < event.parts.length; i++)
      if (this.#readers.has(event.parts[i]!.table.oid)) return true;
    return false;
  }

  dispatch(event: CommitEvent): void {
    if (this.#readers.size === 0) return;
    for (let i = 0; i < event.parts.length; i++) {
      const readers = this.#readers.get(event.parts[i]!.table.oid);
      if (readers !== undefined) for (const group of readers) group.dispatch(event);
    }
  }

  /** Opens a subscription; it begins in a later turn. */
  subscribe(
    id: number,
    options: SubscribeOptions<WindowShape | ResultShape>,
    opening: {
      readonly identity: ResultIdentity;
      readonly run: ExprRun;
      readonly start: ResultStart;
      readonly resetReason: string;
      readonly createdAt: number;
      readonly shared: SharedOptions;
    },
  ): ResultSubscription {
    const {identity, run, start, resetReason, createdAt, shared} = opening;
    const {params, slots, tag} = options;
    const isUrgent = start !== 'reset';
    const group =
      this.#groups.get(identity.text) ?? this.#newGroup(options, identity, {run, isUrgent});
    const host = this.#host.cursors;
    const subscription = new ResultSubscription(id, group, shared, {
      ...{start, resetReason, createdAt, host, values: {params, slots, tag}},
    });
    group.members.add(subscription);
    return subscription;
  }

  #newGroup(
    options: SubscribeOptions<WindowShape | ResultShape>,
    identity: ResultIdentity,
    how: GroupOpening,
  ): ResultGroup {
    const {shape} = options;
    const group =
      shape.class === 'E'
        ? this.#newRerun({...options, shape}, identity)
        : this.#newWindow({...options, shape}, identity, how);
    this.#groups.set(identity.text, group);
    return group;
  }

  #newRerun(options: SubscribeOptions<ResultShape>, identity: ResultIdentity): RerunGroup {
    const group = new RerunGroup(options, identity, this);
    for (const table of group.owners.keys()) {
      const readers = this.#readers.get(table) ?? new Set();
      this.#readers.set(table, readers.add(group));
    }
    return group;
  }

  #newWindow(
    options: SubscribeOptions<WindowShape>,
    identity: ResultIdentity,
    {run, isUrgent}: GroupOpening,
  ): WindowGroup {
    const codec = windowCodec(options.shape, options.codec, options.catalog);
    let made: WindowGroup | null = null;
    const inner = {...options, shape: options.shape.inner, codec: codec.codec};
    this.#host.joinGroup(inner, group => {
      made = new WindowGroup(options, identity, {host: this, group, codec, run});
      return made;
    });
    const group = made as unknown as WindowGroup;
    group.start(isUrgent);
    return group;
  }

  emptied(group: ResultGroup): void {
    this.#groups.delete(group.text);
    if (group instanceof WindowGroup) {
      this.#host.leaveGroup(group.group, group);
      return;
    }
    if (!(group instanceof RerunGroup)) return;
    for (const table of group.owners.keys()) {
      const readers = this.#readers.get(table);
      readers?.delete(group);
      if (readers?.size === 0) this.#readers.delete(table);
    }
  }
}
