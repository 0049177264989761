/** A row that came, changed or went. `row` is the row as it is now, of `delete` as it was; `old` the former values of what changed. */
export type Change<T> =
  | {readonly op: 'insert'; readonly key: readonly unknown[]; readonly row: T}
  | {
      readonly op: 'update';
      readonly key: readonly unknown[];
      readonly row: T;
      readonly old: Partial<T>;
    }
  | {readonly op: 'delete'; readonly key: readonly unknown[]; readonly row: T | undefined};

/**
 * What happened at one commit. `snapshot`: forget all rows, these are all there are (first, and when the server could not
 * tell the changes). `changes`: apply them together. `token` resumes behind it.
 */
export interface Commit<T> {
  readonly kind: 'snapshot' | 'changes';
  readonly seq: string;
  readonly token: string;
  readonly changes: readonly Change<T>[];
}

/** What a stream needs of its live query. */
export interface ChangeSource {
  /** A stream has worked off what it held, or wants no more. */
  drained(): void;
  removed(stream: ChangeStream<never>): void;
}

/** Commits that wait for one reader. */
export class ChangeStream<T> implements AsyncIterableIterator<Commit<T>> {
  /** Changes that wait. */
  #backlog = 0;
  readonly #source: ChangeSource;
  #waiting: Commit<T>[] = [];
  #end: {readonly error: Error | null} | null = null;
  #wake: (() => void) | null = null;

  constructor(source: ChangeSource) {
    this.#source = source;
  }

  /** More waits than so many changes; a single commit may have any number. */
  isBehind(maxBacklog: number): boolean {
    return this.#waiting.length > 1 && this.#backlog > maxBacklog;
  }

  push(commit: Commit<T>): void {
    if (this.#end !== null) return;
    this.#waiting.push(commit);
    this.#backlog += commit.changes.length + 1;
    this.#wake?.();
  }

  /** Nothing more comes; what waits is still given, then the error is thrown. */
  end(error: Error | null): void {
    this.#end ??= {error};
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Commit<T>, undefined>> {
    for (;;) {
      const commit = this.#waiting.shift();
      if (commit !== undefined) {
        this.#backlog -= commit.changes.length + 1;
        if (this.#waiting.length === 0) this.#source.drained();
        return {done: false, value: commit};
      }
      if (this.#end !== null) {
        const {error} = this.#end;
        this.#end = {error: null};
        if (error !== null) throw error;
        return {done: true, value: undefined};
      }
      await new Promise<void>(resolve => (this.#wake = resolve));
      this.#wake = null;
    }
  }

  return(): Promise<IteratorResult<Commit<T>, undefined>> {
    this.#waiting = [];
    this.#backlog = 0;
    this.end(null);
    this.#source.removed(this as ChangeStream<never>);
    this.#source.drained();
    return Promise.resolve({done: true, value: undefined});
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
