import type {Random} from './random.ts';

/** An open live query as a world gives it. */
export interface ReaderHandle {
  /** Takes so many more rows and operations (Infinity: all there will be). */
  give(credit: number): void;
  close(): void;
}

/** What a world tells a reader. */
export interface ReaderEvents {
  rows(rows: readonly (readonly [key: unknown, row: unknown])[]): void;
  mark(seq: bigint, token: string): void;
  changes(seq: bigint, ops: readonly (readonly unknown[])[], token: string): void;
  reset(reason: string): void;
  closed(code: string, message: string): void;
}

interface Saved {
  readonly token: string;
  readonly state: ReadonlyMap<string, string>;
}

/** What it showed at a commit. */
export interface Seen {
  readonly seq: bigint;
  readonly text: string;
  /** What it missed while it was away, told later, by the rights that it had then. */
  readonly isCatchingUp: boolean;
}

/** A client of a live query: keeps its rows, goes away, comes back with any token that it ever had. */
export class Reader implements ReaderEvents {
  readonly user: string;
  readonly sql: string;
  readonly log: string[] = [];
  handle: ReaderHandle | null = null;
  /** SQLSTATE with which it was closed or refused; null while it is open, or left by itself. */
  closedWith: string | null = null;
  /** What it was told is wrong in itself. */
  problem: string | null = null;
  #state = new Map<string, string>();
  #saved: Saved[] = [];
  #seen: Seen[] = [];
  #isMarked = false;

  constructor(user: string, sql: string) {
    this.user = user;
    this.sql = sql;
  }

  get key(): string {
    return `${this.user} ${this.sql}`;
  }

  get text(): string {
    return [...this.#state.values()].sort().join('\n');
  }

  get isWhole(): boolean {
    return this.#isMarked;
  }

  takeSeen(): readonly Seen[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }

  /** Where to resume, with the rows of that moment: the newest token, any, or none. */
  beginAgain(random: Random): string | null {
    const isNew = this.#saved.length === 0 || random.one(5);
    const saved = isNew ? null : random.one(2) ? this.#saved.at(-1)! : random.pick(this.#saved);
    this.#state = new Map(saved?.state);
    this.#isMarked = false;
    this.closedWith = null;
    this.log.push(saved === null ? 'join' : `resume ${saved.token.slice(0, 6)}`);
    return saved?.token ?? null;
  }

  leave(): void {
    this.handle?.close();
    this.handle = null;
    this.#isMarked = false;
  }

  rows(rows: readonly (readonly [key: unknown, row: unknown])[]): void {
    for (const [key, row] of rows) this.#put(key, row, true);
  }

  #put(key: unknown, row: unknown, isNew: boolean): void {
    const id = JSON.stringify(key);
    if (this.#state.has(id) === isNew) this.problem ??= `${isNew ? 'twice' : 'unknown'}: ${id}`;
    this.#state.set(id, JSON.stringify(row));
  }

  mark(seq: bigint, token: string): void {
    this.log.push(`mark ${seq}`);
    this.#isMarked = true;
    this.#save(seq, token);
  }

  changes(seq: bigint, ops: readonly (readonly unknown[])[], token: string): void {
    this.log.push(`${seq} ${JSON.stringify(ops)}`);
    for (const [op, key, row] of ops) {
      if (op !== '-') this.#put(key, row, op === '+');
      else if (!this.#state.delete(JSON.stringify(key)))
        this.problem ??= `unknown: ${JSON.stringify(key)}`;
    }
    this.#save(seq, token);
  }

  #save(seq: bigint, token: string): void {
    this.#saved.push({token, state: new Map(this.#state)});
    if (this.#saved.length > 40) this.#saved.shift();
    this.#seen.push({seq, text: this.text, isCatchingUp: !this.#isMarked});
  }

  reset(reason: string): void {
    this.log.push(`reset ${reason}`);
    this.#state.clear();
    this.#isMarked = false;
  }

  closed(code: string, message: string): void {
    this.log.push(`closed ${code} ${message}`);
    this.closedWith = code;
    this.handle = null;
    this.#isMarked = false;
  }
}
