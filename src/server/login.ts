import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {parseScramVerifier, type ScramVerifier} from '../common/scram.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {LoginRole} from '../session/contract.ts';
import {writeAuthentication, writeSaslMechanisms} from '../wire/backend-messages.ts';
import type {MessageCursor} from '../wire/message-cursor.ts';
import {SCRAM_SHA_256, ScramServer} from '../wire/scram-server.ts';
import type {StartupRequest} from '../wire/startup-packet.ts';
import type {ServedDatabase} from './server-options.ts';

/** What a login is checked against. */
export interface LoginContext {
  readonly database: ServedDatabase;
  readonly isTrusted: boolean;
  readonly mockSecret: Buffer;
}

/** The authentication of one connection: SCRAM, or trust. Every error is the end of the connection. */
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
    if (this.#context.isTrusted) {
      writeAuthentication(this.#out, 0);
      return true;
    }
    const {user} = this.request;
    const role = this.#context.database.loginRole(user);
    const verifier = role === undefined ? null : currentVerifier(role);
    this.#scram = new ScramServer({user, verifier, mockSecret: this.#context.mockSecret});
    writeSaslMechanisms(this.#out, [SCRAM_SHA_256]);
    return false;
  }

  /** Takes a SASL message; true when the password is right and AuthenticationOk is written. */
  answer(cursor: MessageCursor): boolean {
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
        return false;
      }
      if (length !== cursor.remaining) {
        throw new PgError(SqlState.protocolViolation, 'invalid message format');
      }
    }
    const message = readMessage(cursor);
    if (this.#state === 'first') {
      this.#state = 'final';
      writeAuthentication(this.#out, 11, Buffer.from(scram.start(message)));
      return false;
    }
    const proof = scram.finish(message);
    if (proof === null) throw passwordFailed(this.request.user);
    writeAuthentication(this.#out, 12, Buffer.from(proof));
    writeAuthentication(this.#out, 0);
    return true;
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

function currentVerifier(role: LoginRole): ScramVerifier | null {
  if (role.password === null || isExpired(role.validUntil)) return null;
  return parseScramVerifier(role.password);
}

function isExpired(validUntil: string | null): boolean {
  if (validUntil === null || validUntil === 'infinity') return false;
  if (validUntil === '-infinity') return true;
  const time = Date.parse(validUntil.replace(/([+-]\d\d)$/, '$1:00'));
  // What cannot be read lets nobody in.
  return Number.isNaN(time) || time <= Date.now();
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
