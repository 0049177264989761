import {randomBytes, timingSafeEqual} from 'node:crypto';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  SCRAM_DEFAULT_ITERATIONS,
  SCRAM_SALT_LENGTH,
  hmacSha256,
  sha256,
  type ScramVerifier,
} from '../common/scram.ts';

/** The mechanism offered without TLS channel binding. */
export const SCRAM_SHA_256 = 'SCRAM-SHA-256';

/** Whom the exchange is about. */
export interface ScramSubject {
  readonly user: string;
  /** Null for unknown users and roles without a valid password: the exchange goes on and fails at its end. */
  readonly verifier: ScramVerifier | null;
  /** Secret of this server; makes the salt of unknown users, so that it is the same at each try. */
  readonly mockSecret: Buffer;
}

/**
 * The server's side of one SCRAM-SHA-256 exchange (RFC 5802, RFC 7677) without channel binding.
 * Malformed messages raise 08P01; a wrong password is told by `finish` returning null.
 */
export class ScramServer {
  readonly #verifier: ScramVerifier;
  readonly #isDoomed: boolean;
  readonly #nonce: string;
  #clientFirstBare = '';
  #serverFirst = '';
  #fullNonce = '';
  #bindingFlag = '';

  constructor(subject: ScramSubject, nonce: string = randomBytes(18).toString('base64')) {
    this.#isDoomed = subject.verifier === null;
    this.#verifier = subject.verifier ?? mockVerifier(subject);
    this.#nonce = nonce;
  }

  /** Takes client-first-message; returns server-first-message. */
  start(message: string): string {
    const flag = message.charAt(0);
    if (message === '') throw malformed('The message is empty.');
    if (flag === 'p') {
      throw malformed(
        'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
      );
    }
    if (flag !== 'n' && flag !== 'y') {
      throw malformed(`Unexpected channel-binding flag "${printable(flag)}".`);
    }
    if (message.charAt(1) !== ',')
      throw malformed(`Comma expected, but found character "${printable(message.charAt(1))}".`);
    if (message.charAt(2) === 'a') {
      throw new PgError(
        SqlState.featureNotSupported,
        'client uses authorization identity, but it is not supported',
      );
    }
    if (message.charAt(2) !== ',') {
      throw malformed(
        `Unexpected attribute "${printable(message.charAt(2))}" in client-first-message.`,
      );
    }
    this.#bindingFlag = flag;
    this.#clientFirstBare = message.slice(3);
    if (this.#clientFirstBare.startsWith('m=')) {
      throw new PgError(
        SqlState.featureNotSupported,
        'client requires an unsupported SCRAM extension',
      );
    }
    const match = /^n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?$/s.exec(this.#clientFirstBare);
    if (match === null) throw malformed('Expected user name and nonce in client-first-message.');
    this.#fullNonce = `${match[1]}${this.#nonce}`;
    const {salt, iterations} = this.#verifier;
    this.#serverFirst = `r=${this.#fullNonce},s=${salt.toString('base64')},i=${iterations}`;
    return this.#serverFirst;
  }

  /** Takes client-final-message; returns server-final-message, or null when the password is wrong. */
  finish(message: string): string | null {
    const match = /^c=([^,]*),r=([^,]*)((?:,[^,]*)*?),p=([^,]*)$/s.exec(message);
    if (match === null)
      throw malformed('Expected channel binding, nonce and proof in client-final-message.');
    const [, binding = '', nonce = '', , proofText = ''] = match;
    if (binding !== (this.#bindingFlag === 'n' ? 'biws' : 'eSws')) {
      throw new PgError(
        SqlState.protocolViolation,
        'unexpected SCRAM channel-binding attribute in client-final-message',
      );
    }
    if (!safeEqual(Buffer.from(nonce), Buffer.from(this.#fullNonce))) {
      throw new PgError(SqlState.protocolViolation, 'invalid SCRAM response', {
        detail: 'Nonce does not match.',
      });
    }
    const proof = Buffer.from(proofText, 'base64');
    if (proof.length !== 32 || proof.toString('base64') !== proofText) {
      throw malformed('Malformed proof in client-final-message.');
    }
    const withoutProof = message.slice(0, message.length - proofText.length - 3);
    const authMessage = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`;
    const {storedKey, serverKey} = this.#verifier;
    const signature = hmacSha256(storedKey, authMessage);
    for (let i = 0; i < 32; i++) proof[i] = proof[i]! ^ signature[i]!;
    const isRight = safeEqual(sha256(proof), storedKey);
    const serverSignature = hmacSha256(serverKey, authMessage).toString('base64');
    return isRight && !this.#isDoomed ? `v=${serverSignature}` : null;
  }
}

function mockVerifier({user, mockSecret}: ScramSubject): ScramVerifier {
  const seed = hmacSha256(mockSecret, user);
  return {
    iterations: SCRAM_DEFAULT_ITERATIONS,
    salt: seed.subarray(0, SCRAM_SALT_LENGTH),
    storedKey: sha256(seed),
    serverKey: sha256(sha256(seed)),
  };
}

function safeEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function printable(character: string): string {
  return /^[\x21-\x7e]$/.test(character)
    ? character
    : `0x${(character.charCodeAt(0) || 0).toString(16).padStart(2, '0')}`;
}

function malformed(detail: string): PgError {
  return new PgError(SqlState.protocolViolation, 'malformed SCRAM message', {detail});
}
