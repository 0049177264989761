import {randomAlteration} from './alterations.ts';
import {randomQueries} from './queries.ts';
import type {Random} from './random.ts';
import {Reader, type Seen} from './reader.ts';
import {creation, type ModelTable, randomTables, USERS} from './schema.ts';
import {codeOf, type World} from './world.ts';
import {modelFunction, randomDefinition, randomWrite, view} from './writes.ts';

/** Results after a write, whose commit is one of a range: a flush makes commits of its own. */
interface State {
  readonly from: bigint;
  readonly to: bigint;
  readonly results: ReadonlyMap<string, string>;
  readonly cause: string;
}

const SETTLE_MS = 20_000;

/** How long a run is. */
export interface Effort {
  readonly readers: number;
  readonly rounds: number;
  readonly steps: number;
}

/**
 * Random schema, queries, writes, flushes, rights: every state that a reader has is the result of its query at that commit, and the last
 * one that of now. Throws with all that is needed to understand what is not.
 */
export class LiveChecker {
  readonly #random: Random;
  readonly #world: World;
  readonly #tables: readonly ModelTable[];
  readonly #readers: Reader[] = [];
  readonly #history: State[] = [];
  /** What a kill took from tables that are not durable is not in the history. */
  #killedAt = -1n;
  /** The newest change of rights or definitions. */
  #definedAt = 0n;
  commits = 0;
  resets = 0;
  closings = 0;

  constructor(random: Random, world: World) {
    this.#random = random;
    this.#world = world;
    this.#tables = randomTables(random);
  }

  async run({readers, rounds, steps}: Effort): Promise<void> {
    await this.#create(readers);
    for (const reader of this.#readers) await this.#join(reader);
    for (let round = 0; round < rounds; round++) {
      for (let step = 0; step < steps; step++) await this.#act();
      await this.#settle();
    }
    for (const reader of this.#readers) reader.leave();
  }

  async #create(readers: number): Promise<void> {
    const random = this.#random;
    const tables = this.#tables;
    for (const sql of creation(random, tables)) await this.#world.query('postgres', sql);
    await this.#world.query('postgres', modelFunction(random));
    for (const number of [0, 1]) await this.#world.query('postgres', view(random, tables, number));
    for (let n = 0; n < 12; n++)
      await this.#tryWrite(random.pick(USERS), randomWrite(random, tables));
    for (const sql of randomQueries(random, tables, ['v0', 'v1'], readers))
      this.#readers.push(new Reader(random.pick(USERS), sql));
    await this.#record(0n, 'the start');
  }

  /** False when it failed as it may; `others`: what it may fail with beside. */
  async #tryWrite(user: string, sql: string, others = /^$/): Promise<boolean> {
    try {
      await this.#world.query(user, sql);
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (!/^(23|42501|21000|22003|42P17|25006|54)/.test(code) && !others.test(code)) throw error;
      await this.#world.query(user, 'ROLLBACK');
      return false;
    }
  }

  /** What every query of a reader answers now. */
  async #record(from: bigint, cause: string): Promise<void> {
    const results = new Map<string, string>();
    for (const {key, user, sql} of this.#readers)
      if (!results.has(key)) results.set(key, await this.#resultText(user, sql));
    this.#history.push({from, to: await this.#world.lastSeq(), results, cause});
    this.commits++;
  }

  async #resultText(user: string, sql: string): Promise<string> {
    try {
      const types = await this.#world.types(user, `SELECT * FROM (${sql}) q LIMIT 0`);
      const names = types.map((_, index) => `c${index}`);
      // As a reader gets them: int8 and numeric are strings.
      const list = names.map(
        (name, index) =>
          `to_json(q.${name}${/^(int8|numeric)$/.test(types[index]!) ? '::text' : ''})::text`,
      );
      const rows = await this.#world.query(
        user,
        `SELECT ${list.join(', ')} FROM (${sql}) q(${names.join(', ')})`,
      );
      return rows
        .map(row => JSON.stringify(JSON.parse(`[${row.map(value => value ?? 'null').join(',')}]`)))
        .sort()
        .join('\n');
    } catch (error) {
      return `error ${codeOf(error)}`;
    }
  }

  async #change(user: string, sql: string, others?: RegExp): Promise<boolean> {
    const before = await this.#world.lastSeq();
    const isDone = await this.#tryWrite(user, sql, others);
    await this.#record(before + 1n, `${user}: ${sql}${isDone ? '' : ' (failed)'}`);
    return isDone;
  }

  /** A column comes, goes, or is another; then a reader of what there is now. */
  async #alter(): Promise<void> {
    const random = this.#random;
    const {sql, apply} = randomAlteration(random, this.#tables);
    // Views and policies hold columns; a default may have no cast.
    if (!(await this.#change('postgres', sql, /^(2BP01|0A000|428|22)/))) return;
    apply();
    this.#definedAt = await this.#world.lastSeq();
    for (let at = 0; at < this.#readers.length; at++) {
      const isLost = this.#history.at(-1)!.results.get(this.#readers[at]!.key)!.startsWith('error');
      if (random.one(isLost ? 2 : 20)) await this.#askAnother(at);
    }
  }

  /** Another reader, of what there is now, in the place of one. */
  async #askAnother(at: number): Promise<void> {
    const random = this.#random;
    const query = randomQueries(random, this.#tables, [], 2)[1]!;
    const reader = new Reader(random.pick(USERS), query);
    this.#readers[at]!.leave();
    this.#readers[at] = reader;
    await this.#record(await this.#world.lastSeq(), `${reader.user} asks ${query}`);
    await this.#join(reader);
  }

  async #join(reader: Reader): Promise<void> {
    const random = this.#random;
    const resume = reader.beginAgain(random);
    const credit = random.one(3) ? random.below(3) : Infinity;
    try {
      const handle = await this.#world.subscribe(reader, resume, credit);
      if (reader.closedWith === null) reader.handle = handle;
    } catch (error) {
      reader.closed(codeOf(error), String(error));
    }
  }

  async #act(): Promise<void> {
    const random = this.#random;
    const reader = random.pick(this.#readers);
    const table = random.pick(this.#tables.filter(({kind}) => kind !== 'stream'));
    switch (random.below(26)) {
      case 0:
        await this.#world.query('postgres', `STORAGE FLUSH TABLE ${table.name}`);
        return;
      case 1:
        await this.#world.query('postgres', `STORAGE COMPACT TABLE ${table.name}`);
        return;
      case 2:
      case 3:
        reader.handle?.give(1 + random.below(8));
        return;
      case 4:
        reader.leave();
        return;
      case 5:
      case 6:
        if (reader.handle === null) await this.#join(reader);
        return;
      case 7:
      case 8:
      case 9:
        // A view has the columns that it has, or is gone.
        await this.#change(
          'postgres',
          randomDefinition(random, this.#tables),
          /^(42P16|42P01|42883|42804)/,
        );
        this.#definedAt = await this.#world.lastSeq();
        return;
      case 10:
        if (random.one(4)) await this.#kill();
        return;
      case 11:
      case 12:
        return this.#alter();
      default:
        await this.#change(random.pick(USERS), randomWrite(random, this.#tables));
    }
  }

  async #kill(): Promise<void> {
    const before = await this.#world.lastSeq();
    if (!(await this.#world.kill())) return;
    for (const reader of this.#readers) reader.leave();
    this.#killedAt = await this.#world.lastSeq();
    await this.#record(before + 1n, 'kill -9');
    for (const reader of this.#readers) if (this.#random.one(2)) await this.#join(reader);
  }

  /** All readers read everything; what they saw is compared with what was. */
  async #settle(): Promise<void> {
    for (const reader of this.#readers) await this.#attend(reader);
    const last = this.#history.at(-1)!;
    const until = Date.now() + SETTLE_MS;
    while (!this.#readers.every(reader => isRight(reader, last)) && Date.now() < until) {
      await new Promise<void>(resolve => setTimeout(resolve, 2));
      // The columns of its query are others now: it asks again.
      for (const reader of this.#readers)
        if (reader.closedWith === '0A000') await this.#attend(reader);
    }
    for (const reader of this.#readers) this.#compare(reader, last);
  }

  async #attend(reader: Reader): Promise<void> {
    if (reader.handle === null) await this.#join(reader);
    reader.handle?.give(Infinity);
  }

  #compare(reader: Reader, last: State): void {
    const wrong = reader.takeSeen().filter(seen => !this.#wasResult(reader, seen));
    this.resets += reader.log.filter(line => line.startsWith('reset')).length;
    this.closings += reader.log.filter(line => line.startsWith('closed')).length;
    if (wrong.length === 0 && isRight(reader, last)) {
      reader.log.length = 0;
      return;
    }
    const [first] = wrong;
    const said =
      first === undefined
        ? `it shows\n${reader.text}\n(${reader.closedWith ?? 'open'}, whole: ${reader.isWhole})\n` +
          `and should\n${last.results.get(reader.key)}`
        : `at ${first.seq} it showed\n${first.text}\nand should have\n` +
          `${this.#stateAt(first.seq)?.results.get(reader.key)}`;
    const history = this.#history.slice(-60).map(({from, to, cause}) => `${from}-${to} ${cause}`);
    throw new Error(
      `${reader.user}: ${reader.sql}\n${reader.problem ?? ''}\n${said.slice(0, 20_000)}\n--- told\n${reader.log.join('\n')}\n--- done\n${history.join('\n')}`,
    );
  }

  #stateAt(seq: bigint): State | undefined {
    return this.#history.findLast(each => each.from <= seq);
  }

  #wasResult(reader: Reader, {seq, text, isCatchingUp}: Seen): boolean {
    const at = this.#history.findLastIndex(each => each.from <= seq);
    const state = this.#history[at];
    const result = state?.results.get(reader.key);
    // Undefined: nobody asked at that time.
    if (state === undefined || result === undefined || result === text) return true;
    if (seq <= this.#killedAt && this.#isVolatile(reader)) return true;
    // Told by the rights of a later time.
    if (isCatchingUp && seq < this.#definedAt) return true;
    return seq < state.to && this.#history[at - 1]?.results.get(reader.key) === text;
  }

  #isVolatile({sql}: Reader): boolean {
    return this.#tables.some(({name, kind}) => kind === 'stream' && sql.includes(name));
  }
}

function isRight(reader: Reader, {results}: State): boolean {
  const wanted = results.get(reader.key)!;
  if (reader.problem !== null) return false;
  // live_max_result_rows
  if (reader.closedWith === '54000' && wanted.split('\n').length > 10_000) return true;
  if (wanted.startsWith('error ')) return reader.closedWith === wanted.slice(6);
  return reader.handle !== null && reader.isWhole && reader.text === wanted;
}
