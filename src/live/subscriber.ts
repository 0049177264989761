import type {Seq} from '../common/ids.ts';
import type {LiveCursor, PlannedCursor, SubscribeOptions} from './subscription-types.ts';

/**
 * A subscription as its receiver knows it: the same one when its query is planned anew, because a policy, a view or a table has
 * changed. There may be 100,000 of them: it keeps nothing else.
 */
export class Subscriber implements LiveCursor {
  #cursor: PlannedCursor;

  constructor(cursor: PlannedCursor) {
    this.#cursor = cursor;
  }

  get id(): number {
    return this.#cursor.id;
  }

  get options(): SubscribeOptions {
    return this.#cursor.options;
  }

  get state(): string {
    return this.#cursor.state;
  }

  get changes(): bigint {
    return this.#cursor.changes;
  }

  get resets(): number {
    return this.#cursor.resets;
  }

  get createdAt(): bigint {
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

  /** Whether this is how it is kept now. */
  isKeptBy(cursor: PlannedCursor): boolean {
    return this.#cursor === cursor;
  }

  /** Goes on as another cursor. */
  replace(cursor: PlannedCursor): void {
    const before = this.#cursor;
    this.#cursor = cursor;
    cursor.changes += before.changes;
    cursor.resets += before.resets;
    before.leave();
  }
}
