import {PgError} from '../common/errors.ts';
import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {CommitEvent, LogReader, Storage, TableStorage} from '../storage/contract.ts';

/** Commits that a group may have given out and not acknowledged, and commits of the log that are looked at in one turn. */
const MAX_OPEN = 10_000;
const LOG_PORTION = 64;

/** A group reads one table, of one owner or of all. */
export interface ConsumerSource {
  /** The sequence that keeps the group's position. */
  readonly group: Oid;
  readonly groupName: string;
  readonly table: TableStorage;
  /** Null = everybody's, or a shared table. */
  readonly owner: OwnerId | null;
}

interface GroupState {
  readonly table: Oid;
  readonly owner: OwnerId | null;
  /** Everything up to here is acknowledged; what the sequence says. */
  floor: Seq;
  /** Given out and not acknowledged: until when it belongs to its consumer, in milliseconds. */
  readonly open: Map<Seq, number>;
  /** Acknowledged, above the floor. */
  readonly done: Set<Seq>;
}

/**
 * Consumer groups over the change log: each commit goes to one consumer of the group, at least once. What is not
 * acknowledged in time is given out again; after a restart, all that is above the position.
 */
export class ConsumerGroups {
  readonly #storage: Storage;
  readonly #nowMs: () => number;
  readonly #groups = new Map<Oid, GroupState>();

  constructor(storage: Storage, nowMs: () => number) {
    this.#storage = storage;
    this.#nowMs = nowMs;
  }

  /** The next commits, whole, until they hold `maxChanges` changes or there are none; they belong to the caller for a while. */
  take(source: ConsumerSource, maxChanges: number, visibilityMs: number): readonly CommitEvent[] {
    const state = this.#state(source);
    const log = this.#storage.logReader(source.table, source.owner);
    const now = this.#nowMs();
    const taken: CommitEvent[] = [];
    let changes = 0;
    for (let at = state.floor; changes < maxChanges; ) {
      const entries = this.#read(log, at);
      for (const entry of entries) {
        if (changes >= maxChanges || state.open.size >= MAX_OPEN) return taken;
        at = entry.seq;
        if (state.done.has(entry.seq) || (state.open.get(entry.seq) ?? 0) > now) continue;
        state.open.set(entry.seq, now + visibilityMs);
        taken.push(entry);
        for (const part of entry.parts) changes += part.isTruncate ? 1 : part.changes.length;
      }
      if (entries.length < LOG_PORTION) break;
    }
    return taken;
  }

  #read(log: LogReader, since: Seq): readonly CommitEvent[] {
    const {entries, gap} = log.read(since, LOG_PORTION);
    if (gap)
      throw new PgError(SqlState.snapshotTooOld, `changes after ${since} are no longer available`, {
        hint: 'Read the rows anew and move the group with setval().',
      });
    const {durableSeq} = this.#storage;
    return entries.filter(entry => entry.seq <= durableSeq);
  }

  /** False when that commit is not given out (any more): its work may have been done by another consumer, too. */
  acknowledge(source: ConsumerSource, seq: Seq): boolean {
    const state = this.#state(source);
    if (!state.open.delete(seq)) return false;
    state.done.add(seq);
    const before = state.floor;
    this.#advance(state, source);
    if (state.floor > before) this.#storage.setval(source.group, state.floor, true);
    return true;
  }

  #advance(state: GroupState, source: ConsumerSource): void {
    const log = this.#storage.logReader(source.table, source.owner);
    for (;;) {
      const {entries, gap} = log.read(state.floor, LOG_PORTION);
      if (gap) return;
      for (const entry of entries) {
        if (!state.done.delete(entry.seq)) return;
        state.floor = entry.seq;
      }
      if (entries.length < LOG_PORTION) return;
    }
  }

  #state({group, groupName, table, owner}: ConsumerSource): GroupState {
    const sequence = this.#storage.sequenceState(group);
    const position = (sequence?.isCalled === true ? sequence.lastValue : null) as Seq | null;
    const known = this.#groups.get(group);
    // A position that is not ours was set by setval(): the group goes on from there.
    if (known !== undefined && (position === null || known.floor === position)) {
      if (known.table === table.oid && known.owner === owner) return known;
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        `consumer group "${groupName}" reads another table, or the rows of another user`,
      );
    }
    const floor = position ?? this.#storage.durableSeq;
    const state: GroupState = {table: table.oid, owner, floor, open: new Map(), done: new Set()};
    this.#groups.set(group, state);
    if (position === null) this.#storage.setval(group, floor, true);
    return state;
  }
}
