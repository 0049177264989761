/** One change as every surface tells it: `+ id role content`, `~ id role content`, `- id`. */
export interface Change {
  readonly op: '+' | '~' | '-';
  readonly id: string;
  readonly role: string;
  readonly content: string;
}

/** Wakes who waits for something to happen. */
export class Signal {
  #waiting: (() => void)[] = [];

  fire(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  next(): Promise<void> {
    return new Promise(resolve => this.#waiting.push(resolve));
  }
}

/** What one subscriber was told: commits in the order in which they came, and the rows that they add up to. */
export class Feed {
  readonly name: string;
  readonly commits: string[] = [];
  readonly rows = new Map<string, string>();
  readonly problems: string[] = [];
  /** Where it goes on after it was cut off. */
  token: string | null = null;
  seq = 0n;
  resumed = 0;
  readonly #told = new Signal();

  constructor(name: string) {
    this.name = name;
  }

  /** A whole commit. */
  commit(seq: string, changes: readonly Change[], token: string | null): void {
    if (BigInt(seq) <= this.seq) this.problem(`commit ${seq} after ${this.seq}`);
    for (const change of changes) this.#apply(seq, change);
    const lines = changes.map(({op, id, role, content}) =>
      op === '-' ? `- ${id}` : `${op} ${id} ${role} ${content}`,
    );
    this.commits.push(`${seq}: ${lines.sort().join(' | ')}`);
    this.at(seq, token);
  }

  /** Everything up to a commit was told. */
  at(seq: string, token: string | null): void {
    if (BigInt(seq) > this.seq) this.seq = BigInt(seq);
    if (token !== null) this.token = token;
    this.#told.fire();
  }

  problem(text: string): void {
    if (this.problems.length < 10) this.problems.push(`${this.name}: ${text}`);
    this.#told.fire();
  }

  /** Resolves when a row is there. */
  async until(id: string): Promise<void> {
    while (!this.rows.has(id) && this.problems.length === 0) await this.#told.next();
  }

  #apply(seq: string, {op, id, role, content}: Change): void {
    const isThere = this.rows.has(id);
    if (isThere === (op === '+')) this.problem(`${op} ${id} in commit ${seq}`);
    if (op === '-') this.rows.delete(id);
    else this.rows.set(id, `${role} ${content}`);
  }
}
