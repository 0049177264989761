import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {parseScramVerifier} from '../common/scram.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {LoginRole} from '../session/contract.ts';
import {writeAuthentication, writeSaslMechanisms} from '../wire/backend-messages.ts';
import type {MessageCursor} from '../wire/message-cursor.ts';
import {SCRAM_SHA_256, ScramServer} from '../wire/scram-server.ts';
import type {StartupRequest} from '../wire/startup-packet.ts';
import type {Credentials} from './auth/credentials.ts';
import {currentVerifier} from './auth/role-login.ts';
import type {ServedDatabase} from './server-options.ts';

/** What a login is checked against. */
export interface LoginContext {
  readonly database: ServedDatabase;
  readonly method: LoginMethod;
  readonly mockSecret: Buffer;
  readonly credentials: Credentials;
  readonly remoteAddress: string;
}

/** How a client proves itself: not at all, by SCRAM, or by a password (or a token in its place) in clear text. */
export type LoginMethod = 'trust' | 'scram' | 'password';

/** The authentication of one connection. Every error is the end of the connection. */
export class Login {
  readonly request: StartupRequest;
  readonly #context: LoginContext;
  readonly #out: ByteWriter;
  #scram: ScramServer | null = null;
  #state: 'mechanism' | 'first' | 'final' = 'mechanism';

  constructor(request: StartupRequest, context: LoginContext, out: ByteWriter) {
    this.request = request;
    this.#context = context;
    this.#out = out;
  }

  /** Asks for the password; true when none is needed and AuthenticationOk is written. */
  begin(): boolean {
    if (this.method === 'trust') {
      writeAuthentication(this.#out, 0);
      return true;
    }
    if (this.method === 'password') {
      writeAuthentication(this.#out, 3);
      return false;
    }
    const {user} = this.request;
    const text = currentVerifier(this.#context.database.loginRole(user));
    const verifier = text === null ? null : parseScramVerifier(text);
    this.#scram = new ScramServer({user, verifier, mockSecret: this.#context.mockSecret});
    writeSaslMechanisms(this.#out, [SCRAM_SHA_256]);
    return false;
  }

  get method(): LoginMethod {
    return this.#context.method;
  }

  /** Takes the password message; resolves when it is right and AuthenticationOk is written. */
  async password(cursor: MessageCursor): Promise<void> {
    const password = cursor.cstring();
    cursor.finish();
    const {user} = this.request;
    const {credentials, remoteAddress} = this.#context;
    if (password === '') {
      throw new PgError(SqlState.invalidPassword, 'empty password returned by client');
    }
    const role = await credentials.checkPassword(user, password, remoteAddress);
    if (role === null) throw passwordFailed(user);
    writeAuthentication(this.#out, 0);
  }

  /** Takes a SASL message. A promise for the last one: it resolves when the password is right and AuthenticationOk is written. */
  answer(cursor: MessageCursor): Promise<void> | null {
    const scram = this.#scram!;
    if (this.#state === 'mechanism') {
      if (cursor.cstring() !== SCRAM_SHA_256) {
        throw new PgError(
          SqlState.protocolViolation,
          'client selected an invalid SASL authentication mechanism',
        );
      }
      this.#state = 'first';
      const length = cursor.int32();
      if (length === -1) {
        cursor.finish();
        writeAuthentication(this.#out, 11);
        return null;
      }
      if (length !== cursor.remaining) {
        throw new PgError(SqlState.protocolViolation, 'invalid message format');
      }
    }
    const message = readMessage(cursor);
    if (this.#state === 'first') {
      this.#state = 'final';
      writeAuthentication(this.#out, 11, Buffer.from(scram.start(message)));
      return null;
    }
    return this.#finish(scram, message);
  }

  async #finish(scram: ScramServer, message: string): Promise<void> {
    const {user} = this.request;
    const {credentials, remoteAddress} = this.#context;
    const proof = await credentials.checkProof(user, remoteAddress, () => scram.finish(message));
    if (proof === null) throw passwordFailed(user);
    writeAuthentication(this.#out, 12, Buffer.from(proof));
    writeAuthentication(this.#out, 0);
  }

  /** After AuthenticationOk: the role and database that are let in. */
  admit(): LoginRole {
    const {user, database} = this.request;
    const role = this.#context.database.loginRole(user);
    if (role === undefined) {
      throw new PgError(
        SqlState.invalidAuthorizationSpecification,
        `role "${user}" does not exist`,
      );
    }
    if (!role.canLogin) {
      throw new PgError(
        SqlState.invalidAuthorizationSpecification,
        `role "${user}" is not permitted to log in`,
      );
    }
    if (!this.#context.database.hasDatabase(database)) {
      throw new PgError(SqlState.invalidCatalogName, `database "${database}" does not exist`);
    }
    return role;
  }
}

/** The one answer to every failed login. */
export function passwordFailed(user: string): PgError {
  return new PgError(SqlState.invalidPassword, `password authentication failed for user "${user}"`);
}

function readMessage(cursor: MessageCursor): string {
  const size = cursor.remaining;
  const at = cursor.skip(size);
  const text = cursor.buffer.utf8Slice(at, at + size);
  if (text.includes('\0')) {
    throw new PgError(SqlState.protocolViolation, 'malformed SCRAM message', {
      detail: 'Message length does not match input length.',
    });
  }
  return text;
}
