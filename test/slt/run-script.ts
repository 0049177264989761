import {basename} from 'node:path';
import {type Address, SltConnection} from './connection.ts';
import {
  difference,
  type Expectation,
  type SltLine,
  type SltRecord,
  type SltScript,
} from './script.ts';

/** What the runner is told of each record that has run. */
export interface SltListener {
  onRecord(record: SltRecord, actual: Expectation, difference: string | null): void;
}

/** How a run differs from plainly running each record. */
export interface SltRunOptions {
  readonly address: Address;
  readonly mode: string;
  /** Against PostgreSQL, which supports everything: `unsupported` is not looked at. */
  readonly isPostgres: boolean;
  /** Called on a control connection after each write outside a transaction: hot rows go cold here. */
  readonly afterWrite: ((control: SltConnection, writes: number) => Promise<void>) | null;
  /** Called before the script's schema is dropped; an answer is a failure. */
  readonly atEnd: ((control: SltConnection, schema: string) => Promise<string | null>) | null;
}

const lockPolls = 1_000;
const writing = new Set('INSERT UPDATE DELETE MERGE COPY COMMIT TRUNCATE ALTER CREATE'.split(' '));

/** Runs a script in a schema of its own and tells the listener of every record; false if the server was lost. */
export async function runScript(
  script: SltScript,
  options: SltRunOptions,
  listener: SltListener,
): Promise<boolean> {
  const run = new ScriptRun(script, options, listener);
  try {
    await run.open();
    for (const item of script.items) {
      if (item.kind === 'halt') break;
      if (item.kind === 'modes' && !options.isPostgres && !item.modes.includes(options.mode)) break;
      if (!(await run.step(item))) return false;
    }
    await run.finish();
    return true;
  } finally {
    await run.close();
  }
}

/** The schema in which a script runs: named by the file, so that results which show it do not change. */
export function schemaOf(file: string): string {
  return `slt_${basename(file, '.slt').replaceAll('-', '_')}`;
}

class ScriptRun {
  readonly #script: SltScript;
  readonly #options: SltRunOptions;
  readonly #listener: SltListener;
  readonly #schema: string;
  readonly #connections = new Map<string, SltConnection>();
  readonly #waiting = new Map<string, {record: SltRecord; outcome: Promise<Expectation>}>();
  #control: SltConnection | null = null;
  #writes = 0;

  constructor(script: SltScript, options: SltRunOptions, listener: SltListener) {
    this.#script = script;
    this.#options = options;
    this.#listener = listener;
    this.#schema = schemaOf(script.file);
  }

  async open(): Promise<void> {
    const control = await SltConnection.open(this.#options.address, null);
    this.#control = control;
    await control.run('SET client_min_messages = warning');
    await control.run(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`);
    const made = await control.run(`CREATE SCHEMA ${this.#schema}`);
    if (made.kind === 'error') throw new Error(`CREATE SCHEMA: ${made.code} ${made.message}`);
  }

  /** Carries out one item; false if the server can no longer be asked. */
  async step(item: SltRecord | SltLine): Promise<boolean> {
    if (item.kind === 'wait') return this.#wait(item.connection);
    if (item.kind === 'disconnect') {
      await this.#connections.get(item.connection)?.close();
      this.#connections.delete(item.connection);
      return true;
    }
    if (item.kind !== 'record') return true;
    const connection = await this.#connection(item.connection);
    if (item.blocks) return this.#start(item, connection);
    const outcome = await connection.run(item.sql);
    this.#report(item, outcome);
    if (connection.isBroken) return this.#reconnect(item.connection);
    await this.#afterRecord(connection, outcome);
    return true;
  }

  async finish(): Promise<void> {
    for (const name of [...this.#waiting.keys()]) await this.#wait(name);
    const problem = (await this.#options.atEnd?.(this.#controlConnection(), this.#schema)) ?? null;
    if (problem === null) return;
    const record: SltRecord = {
      ...{kind: 'record', line: 0, connection: '', isQuery: false, blocks: false},
      ...{isUnsupported: false, sql: `end of ${this.#script.file}`, expected: {kind: 'ok'}},
    };
    this.#listener.onRecord(record, {kind: 'error', code: 'end', message: problem}, problem);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#connections.values()].map(connection => connection.close()));
    const control = this.#control;
    if (control === null) return;
    if (!control.isBroken) await control.run(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`);
    await control.close();
  }

  #controlConnection(): SltConnection {
    if (this.#control === null) throw new Error('the script is not open');
    return this.#control;
  }

  async #connection(name: string): Promise<SltConnection> {
    const known = this.#connections.get(name);
    if (known !== undefined) return known;
    const opened = await SltConnection.open(this.#options.address, this.#schema);
    this.#connections.set(name, opened);
    return opened;
  }

  /** After an expected end of a connection (it was terminated) goes on with a new one, if the server is still there. */
  async #reconnect(name: string): Promise<boolean> {
    this.#connections.delete(name);
    try {
      await this.#connection(name);
      return true;
    } catch {
      return false;
    }
  }

  /** Sends a statement that must wait for a lock, and returns when the server says that it waits. */
  async #start(record: SltRecord, connection: SltConnection): Promise<boolean> {
    let isDone = false;
    const outcome = connection.run(record.sql).finally(() => (isDone = true));
    this.#waiting.set(record.connection, {record, outcome});
    const question = `SELECT 1 FROM pg_stat_activity WHERE pid = ${connection.processId} AND wait_event_type = 'Lock'`;
    for (let i = 0; i < lockPolls && !isDone; i += 1) {
      const answer = await this.#controlConnection().run(question);
      if (answer.kind === 'rows' && answer.rows.length === 1) return true;
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    this.#waiting.delete(record.connection);
    const actual = isDone ? await outcome : ({kind: 'error', code: 'time', message: ''} as const);
    this.#listener.onRecord(record, actual, 'it did not wait for a lock');
    return !connection.isBroken;
  }

  async #wait(name: string): Promise<boolean> {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) throw new Error(`${this.#script.file}: nothing waits in ${name}`);
    this.#waiting.delete(name);
    const outcome = await waiting.outcome;
    this.#report(waiting.record, outcome);
    const connection = await this.#connection(name);
    if (connection.isBroken) return false;
    await this.#afterRecord(connection, outcome);
    return true;
  }

  #report(record: SltRecord, actual: Expectation): void {
    if (!record.isUnsupported || this.#options.isPostgres) {
      this.#listener.onRecord(record, actual, difference(record.expected, actual));
      return;
    }
    const isRefused = actual.kind === 'error' && actual.code === '0A000';
    const problem = isRefused
      ? null
      : difference(record.expected, actual) === null
        ? 'it works: remove the line "unsupported"'
        : `marked unsupported, but answers neither 0A000 nor rightly: ${JSON.stringify(actual)}`;
    this.#listener.onRecord(record, actual, problem);
  }

  async #afterRecord(connection: SltConnection, outcome: Expectation): Promise<void> {
    const {afterWrite} = this.#options;
    if (afterWrite === null || outcome.kind === 'error') return;
    if (!writing.has(connection.lastCommand)) return;
    const isQuiet =
      this.#waiting.size === 0 && [...this.#connections.values()].every(c => !c.isInTransaction);
    if (!isQuiet) return;
    this.#writes += 1;
    await afterWrite(this.#controlConnection(), this.#writes);
  }
}
