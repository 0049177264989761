import type {Seq} from '../common/ids.ts';
import type {CommitEvent, LogReader, TableStorage} from '../storage/contract.ts';

/** Commits kept per table: a reader that is further behind gets a gap. */
const CAPACITY = 1024;

/** Stream and temporary tables are not in storage's change log. */
export function isMemoryTable(table: TableStorage): boolean {
  return table.kind === 'stream' || table.persistence === 't';
}

/** The newest commits of a table without a durable log, kept while somebody subscribes to it. */
export class MemoryLog implements LogReader {
  #events: CommitEvent[] = [];
  /** Everything after this commit is here. */
  #floor: Seq;

  constructor(floor: Seq) {
    this.#floor = floor;
  }

  append(event: CommitEvent): void {
    const last = this.#events.at(-1);
    if (last !== undefined && last.seq >= event.seq) return;
    this.#events.push(event);
    if (this.#events.length < 2 * CAPACITY) return;
    this.#floor = this.#events[CAPACITY - 1]!.seq;
    this.#events = this.#events.slice(CAPACITY);
  }

  read(
    since: Seq,
    limit: number,
  ): {readonly entries: readonly CommitEvent[]; readonly gap: boolean; readonly next: Seq} {
    if (since < this.#floor) return {entries: [], gap: true, next: since};
    const from = this.#events.findIndex(event => event.seq > since);
    const entries = from === -1 ? [] : this.#events.slice(from, from + limit);
    return {entries, gap: false, next: entries.at(-1)?.seq ?? since};
  }
}
