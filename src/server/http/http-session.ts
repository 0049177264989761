import type {IncomingMessage} from 'node:http';
import type {ResultSink, Session} from '../../session/contract.ts';
import {isLoopback} from '../auth/role-login.ts';
import {addressOf, type Identity} from './access.ts';
import type {HttpEngine} from './http-options.ts';

/** A session of a client that came by HTTP, with a process id of its own. */
export class HttpSession {
  readonly session: Session;
  readonly #engine: HttpEngine;
  readonly #pid: number;
  #hasEnded = false;

  /** Throws the PgError of a session that may not be. */
  constructor(
    engine: HttpEngine,
    identity: Identity,
    database: string,
    request: IncomingMessage,
    sink: ResultSink,
  ) {
    this.#engine = engine;
    this.#pid = engine.processes.reservePid();
    const remoteAddress = addressOf(request);
    try {
      this.session = engine.database.openSession(
        {
          ...{user: identity.role.name, database, settings: [], pid: this.#pid},
          ...{remoteAddress, remotePort: request.socket.remotePort ?? 0},
          isLoopback: isLoopback(remoteAddress),
          isAnonymous: identity.isAnonymous,
        },
        sink,
      );
    } catch (error) {
      engine.processes.releasePid(this.#pid);
      throw error;
    }
  }

  /** Rolls back, releases all. Never rejects. */
  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    try {
      await this.session.end();
    } catch (error) {
      this.#engine.logger.error({err: error, pid: this.#pid}, 'session did not end well');
    }
    this.#engine.processes.releasePid(this.#pid);
  }
}
