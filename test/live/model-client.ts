import type {PgError} from '../../src/common/errors.ts';
import type {Seq} from '../../src/common/ids.ts';
import type {Database} from '../../src/database.ts';
import type {ResultSink, Session} from '../../src/session/contract.ts';
import type {LiveHandle, LiveReceiver} from '../../src/session/live-contract.ts';

interface Saved {
  readonly token: string;
  readonly state: ReadonlyMap<string, string>;
}

/** A client of a live query: keeps its rows, goes away, comes back with any token that it ever had. */
export class ModelClient implements LiveReceiver {
  readonly user: string;
  readonly kind: string;
  readonly sql: string;
  readonly log: string[] = [];
  credit = Infinity;
  problem: string | null = null;
  #state = new Map<string, string>();
  #saved: Saved[] = [];
  #seen: {readonly seq: Seq; readonly text: string}[] = [];
  #handle: LiveHandle | null = null;
  #isMarked = false;
  readonly #session: Session;

  constructor(database: Database, user: string, kind: string, sql: string) {
    this.user = user;
    this.kind = kind;
    this.sql = sql;
    this.#session = database.connect(user, SILENT);
  }

  get key(): string {
    return `${this.user} ${this.sql}`;
  }

  get isOpen(): boolean {
    return this.#handle !== null;
  }

  get text(): string {
    return [...this.#state.values()].sort().join('\n');
  }

  get wanted(): number {
    return this.credit;
  }

  give(rows: number): void {
    this.credit += rows;
    this.wake();
  }

  wake(): void {
    this.#handle?.wake();
  }

  isAt(seq: Seq): boolean {
    return (
      this.problem !== null || (this.#isMarked && this.#handle !== null && this.#handle.seq >= seq)
    );
  }

  takeSeen(): {readonly seq: Seq; readonly text: string}[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }

  leave(): void {
    this.#handle?.close();
    this.#handle = null;
  }

  /** Subscribes anew, or with a token: the newest, or an older one. */
  async join(random: (below: number) => number): Promise<void> {
    const at = this.#saved.length === 0 || random(4) === 0 ? -1 : random(this.#saved.length);
    const saved = this.#saved[random(2) === 0 ? at : at === -1 ? -1 : this.#saved.length - 1];
    this.#state = new Map(saved?.state);
    this.#isMarked = false;
    this.log.push(saved === undefined ? 'join' : `resume ${saved.token.slice(0, 5)}`);
    this.#handle = await this.#session.subscribe!(
      {
        ...{sql: this.sql, name: null, args: [], snapshot: true, lastRows: null},
        ...{resume: saved?.token ?? null, from: null},
      },
      this,
    );
    if (this.#handle.class !== this.kind) this.problem = `class ${this.#handle.class}`;
  }

  rows(_seq: Seq, rows: readonly string[]): void {
    for (const text of rows) this.#put(JSON.parse(text) as [unknown, unknown], text, true);
    this.credit -= rows.length;
  }

  #put([key, row]: readonly [unknown, unknown], text: string, isNew: boolean): void {
    const id = JSON.stringify(key);
    if (isNew && this.#state.has(id)) this.problem = `twice: ${text}`;
    if (!isNew && !this.#state.has(id)) this.problem = `unknown: ${text}`;
    this.#state.set(id, JSON.stringify(row));
  }

  mark(seq: Seq, token: string): void {
    this.log.push(`mark ${seq}`);
    this.#isMarked = true;
    this.#save(seq, token);
  }

  changes(seq: Seq, operations: readonly string[], token: string): void {
    this.log.push(`${seq} ${operations.join(' ')}`);
    for (const text of operations) {
      const [op, key, row] = JSON.parse(text) as [string, unknown, unknown];
      if (op === '-') {
        if (!this.#state.delete(JSON.stringify(key))) this.problem = `unknown: ${text}`;
      } else this.#put([key, row], text, op === '+');
    }
    this.credit -= operations.length;
    this.#save(seq, token);
  }

  #save(seq: Seq, token: string): void {
    this.#saved.push({token, state: new Map(this.#state)});
    if (this.#saved.length > 50) this.#saved.shift();
    this.#seen.push({seq, text: this.text});
  }

  reset(seq: Seq, reason: string): void {
    this.log.push(`reset ${seq} ${reason}`);
    this.#state.clear();
  }

  closed(error: PgError): void {
    this.problem = `${error.code} ${error.message}`;
    this.#handle = null;
  }

  flush(): void {}
}

/** Takes no answers: a live query has its own receiver. */
const SILENT = new Proxy(
  {isFull: false},
  {
    get: (target, name) => (name in target ? target[name as 'isFull'] : () => undefined),
  },
) as unknown as ResultSink;
