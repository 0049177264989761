import type {Seq} from '../common/ids.ts';
import type {LiveCursor, PlannedCursor, SharedOptions} from './subscription-types.ts';

/**
 * A subscription as its receiver knows it: the same one when its query is planned anew, because a policy, a view or a table has
 * changed. It is found by its number; who does not keep it needs no memory for it.
 */
export class Subscriber implements LiveCursor {
  readonly id: number;
  readonly #cursors: ReadonlyMap<number, PlannedCursor>;
  #last: PlannedCursor;

  constructor(cursor: PlannedCursor, cursors: ReadonlyMap<number, PlannedCursor>) {
    this.id = cursor.id;
    this.#last = cursor;
    this.#cursors = cursors;
  }

  /** As it is kept now; once it has ended, as it was. */
  get #cursor(): PlannedCursor {
    this.#last = this.#cursors.get(this.id) ?? this.#last;
    return this.#last;
  }

  get options(): SharedOptions {
    return this.#cursor.options;
  }

  get state(): string {
    return this.#cursor.state;
  }

  get changes(): number {
    return this.#cursor.changes;
  }

  get resets(): number {
    return this.#cursor.resets;
  }

  get createdAt(): number {
    return this.#cursor.createdAt;
  }

  get position(): Seq {
    return this.#cursor.position;
  }

  get token(): string | undefined {
    return this.#cursor.token;
  }

  wake(): void {
    this.#cursor.wake();
  }

  mark(): void {
    this.#cursor.mark();
  }

  fail(error: unknown): void {
    this.#cursor.fail(error);
  }

  close(): void {
    this.#cursor.close();
  }
}
