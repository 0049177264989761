import type {Batch} from '../../src/columns/batch.ts';
import {PgError, internalError} from '../../src/common/errors.ts';
import {oid, type Seq} from '../../src/common/ids.ts';
import {SqlState} from '../../src/common/sqlstate.ts';
import type {LoginRole, ResultSink, Session, SessionOptions} from '../../src/session/contract.ts';
import type {ServedDatabase} from '../../src/server/server-options.ts';
import {FakeSession} from './fake-session.ts';

/** A database of nothing but roles: what the server needs of one, observable. */
export class FakeDatabase implements ServedDatabase {
  readonly roles = new Map<string, LoginRole>();
  readonly sessions = new Map<number, FakeSession>();
  /** Waiting calls of onDurable, by seq; `makeDurable` releases them. */
  readonly waiting: {readonly seq: Seq; readonly callback: () => void}[] = [];
  durable = 0n;

  constructor() {
    this.addRole('postgres', null, true);
  }

  addRole(name: string, password: string | null, isSuperuser = false, canLogin = true): void {
    const role = {oid: oid(10), name, canLogin, password, validUntil: null, isSuperuser};
    this.roles.set(name, role);
  }

  loginRole(name: string): LoginRole | undefined {
    return this.roles.get(name);
  }

  hasDatabase(name: string): boolean {
    return name === 'postgres';
  }

  openSession(options: SessionOptions, sink: ResultSink): Session {
    for (const [name] of options.settings) {
      if (name === 'nonsense') {
        throw new PgError(
          SqlState.undefinedObject,
          `unrecognized configuration parameter "${name}"`,
        );
      }
    }
    const session = new FakeSession(options, sink, this);
    this.sessions.set(options.pid, session);
    return session;
  }

  reportedSettings(): readonly (readonly [string, string])[] {
    return [
      ['client_encoding', 'UTF8'],
      ['server_version', '15.0'],
    ];
  }

  onDurable(seq: Seq, callback: () => void): void {
    if (seq <= this.durable) callback();
    else this.waiting.push({seq, callback});
  }

  makeDurable(seq: bigint): void {
    this.durable = seq;
    const ready = this.waiting.filter(entry => entry.seq <= seq);
    for (const entry of ready) this.waiting.splice(this.waiting.indexOf(entry), 1);
    for (const entry of ready) entry.callback();
  }
}

/** The batch of one int4 column that counts from a number. */
export function countingBatch(from: number, count: number): Batch {
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) values[i] = from + i;
  return {count, selection: null, vectors: [{kind: 'int32', values, nulls: null}]};
}

/** What a real session makes of a thrown value. */
export function asPgError(error: unknown): PgError {
  return error instanceof PgError ? error : internalError(String(error));
}
