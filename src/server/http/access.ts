import type {IncomingMessage} from 'node:http';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {LoginRole} from '../../session/contract.ts';
import {isLoopback} from '../auth/role-login.ts';
import {HttpError, unauthorized} from './http-error.ts';
import type {HttpEngine, HttpOptions} from './http-options.ts';

/** Who a client is. */
export interface Identity {
  readonly role: LoginRole;
  /** When its token ends, in milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
  /** It did not say who it is. */
  readonly isAnonymous: boolean;
}

/** What a client says of itself, from a header or a message. */
export interface Claim {
  readonly user: string | null;
  readonly password: string | null;
  readonly token: string | null;
}

/** Who may do what before any statement: origins, credentials. */
export class Access {
  readonly #options: HttpOptions;
  readonly #engine: HttpEngine;

  constructor(options: HttpOptions, engine: HttpEngine) {
    this.#options = options;
    this.#engine = engine;
  }

  /** Finds who it is. Rejects with 401, 403 or 429; what was wrong is not told. */
  async identify(claim: Claim, request: IncomingMessage): Promise<Identity> {
    const address = addressOf(request);
    const isTrusted = this.#isTrusted(address);
    if (claim.token !== null || claim.password !== null) this.requirePrivacy(request);
    if (claim.token !== null) {
      const identity = await this.#engine.credentials.checkToken(claim.token);
      if (identity === null) throw unauthorized();
      return {...identity, isAnonymous: false};
    }
    if (claim.user === null) return this.#anonymous();
    if (isTrusted) return known(this.#existing(claim.user));
    const {credentials} = this.#engine;
    const origin = this.#options.settings.isBehindProxy ? forwardedFor(request) : address;
    const role = await credentials.checkPassword(claim.user, claim.password ?? '', origin, true);
    if (role === null) throw unauthorized();
    return known(role);
  }

  #isTrusted(address: string): boolean {
    const {auth, settings} = this.#options;
    return auth === 'trust-loopback' && isLoopback(address) && !settings.isBehindProxy;
  }

  /** The address of this machine needs no password when PostgreSQL clients from there need none. */
  #existing(user: string): LoginRole {
    const role = this.#engine.database.loginRole(user);
    if (role === undefined || !role.canLogin) throw unauthorized();
    return role;
  }

  #anonymous(): Identity {
    if (!this.#options.settings.allowsAnonymous) throw unauthorized('authentication is required');
    const role = this.#engine.database.loginRole('wadi_anonymous');
    if (role === undefined) throw unauthorized('authentication is required');
    return {role, expiresAt: null, isAnonymous: true};
  }

  /** 403 when what it says could be read on its way. */
  requirePrivacy(request: IncomingMessage): void {
    const isEncrypted = 'encrypted' in request.socket;
    if (isEncrypted || isLoopback(addressOf(request)) || this.#options.settings.isBehindProxy)
      return;
    throw new HttpError(
      403,
      new PgError(
        SqlState.invalidAuthorizationSpecification,
        'passwords and tokens are taken over TLS only',
      ),
    );
  }
}

function known(role: LoginRole): Identity {
  return {role, expiresAt: null, isAnonymous: false};
}

/** The address that the proxy saw, or ''. What stands before it in the header anybody could have written. */
function forwardedFor(request: IncomingMessage): string {
  const header = request.headers['x-forwarded-for'];
  return [header ?? ''].flat().join(',').split(',').at(-1)!.trim().slice(0, 64);
}

/** The client's address, or ''. */
export function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? '';
}

/** Reads `Authorization: Basic` or `Bearer`; nothing at all is nobody. */
export function claimOf(request: IncomingMessage): Claim {
  const header = request.headers.authorization;
  if (header === undefined) return {user: null, password: null, token: null};
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(header) ?? [];
  if (/^bearer$/i.test(scheme)) return {user: null, password: null, token: value};
  if (!/^basic$/i.test(scheme)) throw unauthorized();
  const text = Buffer.from(value, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon < 1) throw unauthorized();
  return {user: text.slice(0, colon), password: text.slice(colon + 1), token: null};
}

/** Whether a request names this machine; another name that leads here may be that of a page which wants to read it. */
export function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host);
}

/**
 * Whether a web page may call: one of the list, or one that this server itself gave out under a name that only this machine
 * can have (another host's name that leads here is no proof). Programs that are no browsers send no origin.
 */
export function isAllowedOrigin(request: IncomingMessage, allowed: readonly string[]): boolean {
  const {origin, host} = request.headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  if (!isLoopbackHost(host)) return false;
  return origin === `http://${host}` || origin === `https://${host}`;
}
