import type {LoginRole} from '../../session/contract.ts';
import type {ServedDatabase} from '../server-options.ts';
import {LoginThrottle} from './login-throttle.ts';
import {PasswordChecks} from './password-check.ts';
import {currentVerifier} from './role-login.ts';
import {type TokenIdentity, type TokenIssuer, Tokens} from './tokens.ts';

/** How tokens are made and whose are taken. */
export interface TokenSettings {
  readonly accessTtlS: number;
  readonly refreshTtlS: number;
  readonly issuers: readonly TokenIssuer[];
}

/** Fifteen minutes of access, a week to renew it, nobody else's tokens. */
export const DEFAULT_TOKEN_SETTINGS: TokenSettings = {
  accessTtlS: 15 * 60,
  refreshTtlS: 7 * 24 * 3600,
  issuers: [],
};

/** Checks who a client is, for HTTP and for the PostgreSQL listener: one throttle, one set of tokens. */
export class Credentials {
  readonly tokens: Tokens;
  readonly #database: ServedDatabase;
  readonly #throttle: LoginThrottle;
  readonly #checks: PasswordChecks;
  /** Logins that succeeded and failed since the start. */
  succeeded = 0;
  failed = 0;

  constructor(
    database: ServedDatabase,
    secret: Buffer,
    settings: TokenSettings = DEFAULT_TOKEN_SETTINGS,
    throttle = new LoginThrottle(),
  ) {
    this.#database = database;
    this.#throttle = throttle;
    this.#checks = new PasswordChecks(secret);
    this.tokens = new Tokens({
      ...settings,
      secret,
      loginRole: name => database.loginRole(name),
    });
  }

  /**
   * The role, when the password is its own, or a token of it. Null otherwise, always as late; `mustLogin`: also for a role that
   * may not log in. 53400 when too many fail.
   */
  async checkPassword(
    user: string,
    password: string,
    address: string,
    mustLogin = false,
  ): Promise<LoginRole | null> {
    const role = await this.#throttle.attempt(user, address, async () => {
      const found = await this.#check(user, password);
      return mustLogin && found?.canLogin === false ? null : found;
    });
    if (role === null) this.failed++;
    else this.succeeded++;
    return role;
  }

  /**
   * What a check of a proof of the password gives; null for a failure, which comes late, as that of a password. Others of the address are
   * not turned away for it: poolers have one address for all. 53400 when too many attempts for this user wait.
   */
  async checkProof<T>(user: string, address: string, check: () => T | null): Promise<T | null> {
    const result = await this.#throttle.attempt(user, address, async () => check(), false);
    if (result === null) this.failed++;
    else this.succeeded++;
    return result;
  }

  async #check(user: string, password: string): Promise<LoginRole | null> {
    if (Tokens.isToken(password)) {
      const identity = await this.tokens.identify(password);
      return identity?.role.name === user ? identity.role : null;
    }
    const role = this.#database.loginRole(user);
    const isRight = await this.#checks.matches(user, password, currentVerifier(role));
    return isRight ? (role ?? null) : null;
  }

  /** The role of a token; null when the token is not good. Nobody guesses a signature: no delay. */
  async checkToken(token: string): Promise<TokenIdentity | null> {
    const identity = await this.tokens.identify(token);
    if (identity === null) this.failed++;
    return identity;
  }
}
