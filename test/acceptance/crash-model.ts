/** What one client knows: the rows of its acknowledged transactions, and of the one whose end it does not know. */
export class Model {
  committed = new Map<string, number>();
  #next: Map<string, number> | null = null;
  #isSent = false;

  /** The state that the next transaction makes of what is committed. */
  begin(): Map<string, number> {
    this.#next = new Map(this.committed);
    this.#isSent = false;
    return this.#next;
  }

  /** From now on it may be there. */
  sent(): void {
    this.#isSent = true;
  }

  acknowledged(): void {
    this.committed = this.#next!;
    this.#next = null;
  }

  rolledBack(): void {
    this.#next = null;
  }

  ids(kind: string): readonly number[] {
    const ids: number[] = [];
    for (const key of this.committed.keys())
      if (key.startsWith(`${kind} `)) ids.push(Number(key.slice(kind.length + 1)));
    return ids;
  }

  /** Compares with what a restart shows, and takes it over; answers what differs, empty when all is well. */
  settle(found: ReadonlyMap<string, number>): readonly string[] {
    const next = this.#isSent ? this.#next : null;
    const before = differences(this.committed, found);
    const after = next === null ? before : differences(next, found);
    this.#next = null;
    this.committed = new Map(found);
    return after.length < before.length ? after : before;
  }
}

/** The models of all clients, and the values of a sequence that anybody saw. */
export class Ledger {
  nextId = 1;
  readonly #models = new Map<string, Model>();
  readonly #given = new Set<number>();
  readonly doubled: number[] = [];

  model(name: string): Model {
    const known = this.#models.get(name) ?? new Model();
    this.#models.set(name, known);
    return known;
  }

  /** A transaction committed with this value of nextval(). */
  given(value: number): void {
    if (this.#given.has(value)) this.doubled.push(value);
    this.#given.add(value);
  }
}

function differences(
  wanted: ReadonlyMap<string, number>,
  found: ReadonlyMap<string, number>,
): readonly string[] {
  const list: string[] = [];
  for (const [key, v] of wanted)
    if (found.get(key) !== v) list.push(`${key}: ${v} expected, ${found.get(key)} found`);
  for (const [key, v] of found)
    if (!wanted.has(key)) list.push(`${key}: ${v} found, none expected`);
  return list;
}

/** A small repeatable generator (mulberry32). */
export function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}
