import {hash, timingSafeEqual} from 'node:crypto';
import {PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';

/** What a token is good for: one query with its values, asked by one role, over one generation of the table. */
export interface TokenScope {
  readonly role: Oid;
  /** Shape and values. */
  readonly query: string;
  readonly schemaVersion: number;
  /** The query as it was written, and its arguments: the same after a change of policies or views, which change `query`. */
  readonly asked: string;
}

/** What a valid token says; `isCurrent` false: the rows must be read anew (other epoch or schema). */
export interface ResumePoint {
  readonly seq: Seq;
  readonly isCurrent: boolean;
}

/**
 * Makes and reads resume tokens: `seq.epoch-schema-asked.signature`. The signature is over everything but the seq, so that a
 * frame's token costs a concatenation;
 * another seq reaches nothing that the role could not read with the query itself.
 */
export class ResumeTokens {
  readonly #mac: Mac;
  readonly #epoch: string;

  /** `epoch` names the history that seqs belong to: another data directory, another epoch. */
  constructor(secret: Buffer, epoch: string) {
    this.#mac = new Mac(secret);
    this.#epoch = epoch;
  }

  /** The part of a subscription's tokens that never changes. */
  tail(scope: TokenScope): string {
    const clear = `${this.#epoch}-${scope.schemaVersion}-${askedTag(scope)}`;
    // Joined, not added: a sum keeps all its parts, 200 bytes more in every subscription.
    return ['', clear, this.#sign(clear, scope)].join('.');
  }

  #sign(clear: string, scope: TokenScope): string {
    return this.#mac.of(`${clear}\n${scope.role}\n${scope.query}`).slice(0, 27);
  }

  /**
   * 22023 when the token is not one of this query and role. One of the same text that meant another query (a policy or a view has
   * changed since) is not current: a reset shows nothing that subscribing anew would not.
   */
  read(token: string, scope: TokenScope): ResumePoint {
    const match = /^([0-9a-z]{1,13})\.([0-9a-z]{1,40}-\d{1,10})-([0-9a-f]{8})\.([\w-]{27})$/.exec(
      token,
    );
    if (match === null) throw invalidToken();
    const [, seq, current, tag, signature] = match as unknown as readonly [
      string,
      string,
      string,
      string,
      string,
    ];
    const wanted = Buffer.from(this.#sign(`${current}-${tag}`, scope));
    const isSame = timingSafeEqual(wanted, Buffer.from(signature));
    if (!isSame && tag !== askedTag(scope)) throw invalidToken();
    return {
      seq: BigInt(Number.parseInt(seq, 36)) as Seq,
      isCurrent: isSame && current === `${this.#epoch}-${scope.schemaVersion}`,
    };
  }
}

/** Tells queries apart, not who may read them: that the signature does, or the subscription itself. */
function askedTag({role, asked}: TokenScope): string {
  return hash('sha256', `${role}\n${asked}`).slice(0, 8);
}

const BLOCK_BYTES = 64;

/** HMAC-SHA-256 (RFC 2104) by hashes of one call: a token is made with every frame, and hash objects cost five times as much. */
class Mac {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  constructor(secret: Buffer) {
    const key = secret.length > BLOCK_BYTES ? hash('sha256', secret, 'buffer') : secret;
    this.#inner = Buffer.alloc(BLOCK_BYTES, 0x36);
    this.#outer = Buffer.alloc(BLOCK_BYTES, 0x5c);
    for (let i = 0; i < key.length; i++) {
      this.#inner[i]! ^= key[i]!;
      this.#outer[i]! ^= key[i]!;
    }
  }

  of(text: string): string {
    const inner = hash('sha256', Buffer.concat([this.#inner, Buffer.from(text)]), 'buffer');
    return hash('sha256', Buffer.concat([this.#outer, inner]), 'base64url');
  }
}

/** The token of a frame. */
export function tokenAt(seq: Seq, tail: string): string {
  return Number(seq).toString(36) + tail;
}

function invalidToken(): PgError {
  return new PgError(SqlState.invalidParameterValue, 'invalid resume token', {
    detail: 'A resume token belongs to one query with its parameters, and to one role.',
  });
}
