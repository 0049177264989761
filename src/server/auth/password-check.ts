import {createHmac, pbkdf2, timingSafeEqual} from 'node:crypto';
import {promisify} from 'node:util';
import {PgError} from '../../common/errors.ts';
import {parseScramVerifier, saslPrep, SCRAM_DEFAULT_ITERATIONS} from '../../common/scram.ts';
import {SqlState} from '../../common/sqlstate.ts';

const deriveKey = promisify(pbkdf2);
const keyLength = 32;
const mockSaltLength = 16;
/** Checks that run at once and that may wait: one of argon2id takes 19 MiB. */
const maxRunning = 2;
const maxWaiting = 256;

/** Checks passwords against verifiers off the event loop, a few at a time. */
export class PasswordChecks {
  readonly #mockSecret: Buffer;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(mockSecret: Buffer) {
    this.#mockSecret = mockSecret;
  }

  /** False for a wrong password, and after as much work when there is no verifier. 53400 when too many wait. */
  async matches(user: string, password: string, verifier: string | null): Promise<boolean> {
    if (password.length > 4096) return false;
    await this.#enter();
    try {
      return await this.#check(user, password, verifier);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running >= maxRunning) {
      if (this.#waiting.length >= maxWaiting) {
        throw new PgError(
          SqlState.configurationLimitExceeded,
          'too many logins at once, try again later',
        );
      }
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
    this.#running++;
  }

  async #check(user: string, password: string, verifier: string | null): Promise<boolean> {
    if (verifier?.startsWith('$argon2id$') === true) {
      const {default: argon2} = await import('argon2');
      // A hash that cannot be read lets nobody in.
      return argon2.verify(verifier, saslPrep(password)).catch(() => false);
    }
    const scram = verifier === null ? null : parseScramVerifier(verifier);
    const salt = scram?.salt ?? this.#mockSalt(user);
    const iterations = scram?.iterations ?? SCRAM_DEFAULT_ITERATIONS;
    const salted = await deriveKey(saslPrep(password), salt, iterations, keyLength, 'sha256');
    const serverKey = createHmac('sha256', salted).update('Server Key').digest();
    return scram !== null && timingSafeEqual(serverKey, scram.serverKey);
  }

  #mockSalt(user: string): Buffer {
    const digest = createHmac('sha256', this.#mockSecret).update(user).digest();
    return digest.subarray(0, mockSaltLength);
  }
}
