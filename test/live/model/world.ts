import type {PgError} from '../../../src/common/errors.ts';
import {type Database, openDatabase} from '../../../src/database.ts';
import type {ResultSink} from '../../../src/session/contract.ts';
import type {EmbeddedSession} from '../../../src/session/embedded-session.ts';
import type {LiveReceiver} from '../../../src/session/live-contract.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';
import type {Reader, ReaderHandle} from './reader.ts';

/** A database with clients: in this process, or a server that can be killed. */
export interface World {
  /** Rows as JSON texts of their columns; throws an error with `code`. */
  query(user: string, sql: string): Promise<readonly (readonly (string | null)[])[]>;
  /** Type names of a query's columns. */
  types(user: string, sql: string): Promise<readonly string[]>;
  /** The newest commit. */
  lastSeq(): Promise<bigint>;
  subscribe(reader: Reader, resume: string | null, credit: number): Promise<ReaderHandle>;
  /** kill -9 and a new start; false when this world cannot. */
  kill(): Promise<boolean>;
  close(): Promise<void>;
}

/** The SQLSTATE of an error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** A database in this process. */
export class EmbeddedWorld implements World {
  readonly #database: Database;
  readonly #folder: {readonly path: string; remove(): void};
  readonly #sessions = new Map<string, EmbeddedSession>();

  static async open(injectsPauses: boolean): Promise<EmbeddedWorld> {
    const folder = temporaryFolder('live-model');
    return new EmbeddedWorld(await openDatabase({dataDir: folder.path, injectsPauses}), folder);
  }

  constructor(database: Database, folder: {readonly path: string; remove(): void}) {
    this.#database = database;
    this.#folder = folder;
  }

  #session(user: string): EmbeddedSession {
    let session = this.#sessions.get(user);
    if (session === undefined) {
      session = this.#database.session({user});
      this.#sessions.set(user, session);
    }
    return session;
  }

  async query(user: string, sql: string): Promise<readonly (readonly (string | null)[])[]> {
    return (await this.#session(user).query(sql)).rows as (string | null)[][];
  }

  async types(user: string, sql: string): Promise<readonly string[]> {
    const {fields} = await this.#session(user).query(sql);
    return fields.map(field => field.typeName);
  }

  async lastSeq(): Promise<bigint> {
    return this.#database.engine.storage.lastSeq;
  }

  async subscribe(reader: Reader, resume: string | null, credit: number): Promise<ReaderHandle> {
    const receiver = new EmbeddedReceiver(reader, credit);
    const handle = await this.#database.connect(reader.user, SILENT).subscribe!(
      {
        ...{sql: reader.sql, name: null, args: [], snapshot: true, lastRows: null},
        ...{resume, from: null},
      },
      receiver,
    );
    return {
      give: more => {
        receiver.wanted += more;
        handle.wake();
      },
      close: () => handle.close(),
    };
  }

  async kill(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await session.close();
    await this.#database.close();
    this.#folder.remove();
  }
}

class EmbeddedReceiver implements LiveReceiver {
  wanted: number;
  readonly #reader: Reader;

  constructor(reader: Reader, wanted: number) {
    this.#reader = reader;
    this.wanted = wanted;
  }

  rows(_seq: bigint, rows: readonly string[]): void {
    this.wanted -= rows.length;
    this.#reader.rows(rows.map(text => JSON.parse(text) as [unknown, unknown]));
  }

  mark(seq: bigint, token: string): void {
    this.#reader.mark(seq, token);
  }

  changes(seq: bigint, operations: readonly string[], token: string): void {
    this.wanted -= operations.length;
    this.#reader.changes(
      seq,
      operations.map(text => JSON.parse(text) as unknown[]),
      token,
    );
  }

  reset(_seq: bigint, reason: string): void {
    this.#reader.reset(reason);
  }

  closed(error: PgError): void {
    this.#reader.closed(error.code, error.message);
  }

  flush(): void {}
}

/** Takes no answers: a live query has its own receiver. */
const SILENT = new Proxy(
  {isFull: false},
  {get: (target, name) => (name in target ? target[name as 'isFull'] : () => undefined)},
) as unknown as ResultSink;
