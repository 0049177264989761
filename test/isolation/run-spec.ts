import {setTimeout as later} from 'node:timers/promises';
import {type Address, type Answer, IsolationSession} from './session.ts';
import type {IsolationSpec} from './spec.ts';

/** How a run differs from the plain one. */
export interface RunOptions {
  readonly address: Address;
  /** Milliseconds in which PostgreSQL finds a deadlock, waited for when expectations are written; 0 = go by the expectation. */
  readonly settleMs: number;
  /** Rows go cold: after the setup, or after every other of its messages. */
  readonly flush: 'no' | 'all' | 'half';
}

/** What came of one order: lines as in the file of expectations. */
export interface Outcome {
  readonly permutation: readonly string[];
  readonly lines: readonly string[];
}

const patienceMs = 5_000;

/** Runs the orders of a spec, each in an empty schema. */
export class SpecRun {
  readonly #spec: IsolationSpec;
  readonly #options: RunOptions;
  readonly #schema: string;
  readonly #sessions = new Map<string, IsolationSession>();
  #control!: IsolationSession;
  #lines: string[] = [];

  constructor(spec: IsolationSpec, options: RunOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#schema = `iso_${spec.file.replaceAll('-', '_')}`;
  }

  async open(): Promise<void> {
    const {address} = this.#options;
    this.#control = await IsolationSession.open('control', address, this.#schema);
    await this.#control.run('SET client_min_messages = warning');
    for (const name of this.#spec.sessions)
      this.#sessions.set(name, await IsolationSession.open(name, address, this.#schema));
  }

  async close(): Promise<void> {
    await this.#must(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`);
    for (const session of this.#sessions.values()) await session.end();
    await this.#control.end();
  }

  /** One order; `expected` says which waits end in a deadlock or a timeout, and are waited for. */
  async run(permutation: readonly string[], expected: readonly string[] | null): Promise<Outcome> {
    this.#lines = [];
    await this.#prepare();
    for (const [at, name] of permutation.entries()) {
      const step = this.#spec.steps.get(name)!;
      const session = this.#sessions.get(step.session)!;
      if (session.step !== null) {
        this.#lines.push(`${name} impossible: ${session.step} waits`);
        break;
      }
      session.start(name, step.sql);
      await this.#settle(name, blockOf(expected, this.#lines.length, permutation[at + 1]));
    }
    await this.#end();
    return {permutation, lines: this.#lines};
  }

  async #prepare(): Promise<void> {
    await this.#must(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`);
    await this.#must(`CREATE SCHEMA ${this.#schema}`);
    const {flush} = this.#options;
    for (const [at, sql] of this.#spec.setup.entries()) {
      await this.#must(sql);
      if (flush === 'half' && at % 2 === 1) await this.#flush();
    }
    if (flush === 'all') await this.#flush();
  }

  async #flush(): Promise<void> {
    await this.#must('STORAGE FLUSH ALL');
    const open = `SELECT 1 FROM system.jobs WHERE type = 'flush' AND status IN ('queued', 'running')`;
    while ((await this.#control.run(open)).rows.length > 0) await later(1);
  }

  /** Returns when every session has answered or waits for a lock. */
  async #settle(now: string, block: readonly string[]): Promise<void> {
    const {settleMs} = this.#options;
    const answers = new Map<IsolationSession, [string, Answer]>();
    const start = Date.now();
    for (let isSettled = false; ; ) {
      const open = [...this.#sessions.values()].filter(session => session.step !== null);
      const waiting = open.length === 0 ? [] : await this.#waiters();
      const hasNews = takeAnswers(open, answers);
      if (!hasNews && open.every(session => waiting.includes(session.processId))) {
        if (open.length === 0 || isSettled) break;
        // A deadlock, or a timeout, is found a moment later.
        if (settleMs > 0) await later(settleMs);
        isSettled = !expectsMore(open, block) || Date.now() - start > patienceMs;
      } else isSettled = false;
      await later(1);
    }
    this.#tellAll(now, answers);
  }

  /** The step just sent first, then those that waited, by session; last what was told beside. */
  #tellAll(now: string, answers: ReadonlyMap<IsolationSession, readonly [string, Answer]>): void {
    for (const session of this.#sessions.values()) {
      const answer = answers.get(session);
      if (answer?.[0] === now) this.#tell(...answer);
      else if (session.step === now) this.#lines.push(`${now} waits`);
    }
    for (const session of this.#sessions.values()) {
      const answer = answers.get(session);
      if (answer !== undefined && answer[0] !== now) this.#tell(...answer);
    }
    for (const session of this.#sessions.values())
      for (const told of session.takeTold()) this.#lines.push(`  ${session.name} ${told}`);
  }

  async #waiters(): Promise<readonly number[]> {
    const {rows} = await this.#control.run('SELECT DISTINCT pid FROM pg_locks WHERE NOT granted');
    return rows.map(Number);
  }

  #tell(step: string, {outcome, rows}: Answer): void {
    this.#lines.push(`${step} ${outcome}`, ...rows.map(row => `  ${row}`));
  }

  /** Ends what is open, and asks for the final state. */
  async #end(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    while (sessions.some(session => session.step !== null)) {
      for (const session of sessions) {
        if (session.step !== null)
          await this.#control.run(`SELECT pg_cancel_backend(${session.processId})`);
        if (session.answer !== null) session.step = null;
      }
      await later(1);
    }
    for (const session of sessions) {
      await session.run('ROLLBACK');
      await session.run('DISCARD ALL');
      await session.run(`SET search_path = ${this.#schema}; SET timezone = 'UTC'`);
      session.takeTold();
    }
    for (const sql of this.#spec.finally) this.#tell('finally', await this.#control.run(sql));
  }

  async #must(sql: string): Promise<void> {
    const answer = await this.#control.run(sql);
    if (answer.code !== null) throw new Error(`${this.#spec.file}: ${sql}: ${answer.outcome}`);
  }
}

/** Moves the answers that have come into `into`; false when there were none. */
function takeAnswers(
  open: readonly IsolationSession[],
  into: Map<IsolationSession, [string, Answer]>,
): boolean {
  let any = false;
  for (const session of open) {
    const {step, answer} = session;
    if (step === null || answer === null) continue;
    session.step = null;
    into.set(session, [step, answer]);
    any = true;
  }
  return any;
}

/** What is expected from a line on, up to the answer of the next step. */
function blockOf(expected: readonly string[] | null, from: number, next = 'finally'): string[] {
  if (expected === null) return [];
  const end = expected.findIndex(
    (line, at) => at > from && (line.startsWith(`${next} `) || line.startsWith('finally ')),
  );
  return expected.slice(from, end === -1 ? undefined : end);
}

/** Whether the expectation has an answer of somebody who waits now. */
function expectsMore(open: readonly IsolationSession[], block: readonly string[]): boolean {
  return open.some(({step}) =>
    block.some(line => line.startsWith(`${step} `) && line !== `${step} waits`),
  );
}
