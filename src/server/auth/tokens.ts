import {createHmac, randomUUID} from 'node:crypto';
import type {JWTPayload, JWTVerifyOptions, JWTVerifyResult} from 'jose';
import type {LoginRole} from '../../session/contract.ts';
import {isExpired} from './role-login.ts';

/** Somebody else whose tokens are taken: one key, fixed algorithms. */
export interface TokenIssuer {
  /** Claim `iss`, exactly. */
  readonly issuer: string;
  /** Claim `aud` must hold it. */
  readonly audience: string;
  /** The claim that names the role. */
  readonly roleClaim: string;
  /** Whether a token of theirs may name a superuser. */
  readonly namesSuperusers: boolean;
  readonly key: IssuerKey;
}

/** A shared secret (HS256), or a JWKS with public keys (RS256, PS256, ES256, EdDSA). */
export type IssuerKey =
  | {readonly kind: 'secret'; readonly secret: Buffer}
  | {readonly kind: 'jwks'; readonly jwks: {readonly keys: readonly Record<string, unknown>[]}};

/** What an accepted token says. */
export interface TokenIdentity {
  readonly role: LoginRole;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Tokens of one login. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresInS: number;
}

/** A live query that a role lets others subscribe to, exactly as it is. */
export interface SealedQuery {
  readonly database: string;
  /** Text of a SELECT, or null with `query`. */
  readonly sql: string | null;
  /** Name of a live query, or null with `sql`. */
  readonly query: string | null;
  readonly args: readonly unknown[];
}

/** What tokens are made and checked with. */
export interface TokenOptions {
  readonly secret: Buffer;
  readonly accessTtlS: number;
  readonly refreshTtlS: number;
  readonly issuers: readonly TokenIssuer[];
  loginRole(name: string): LoginRole | undefined;
}

const ownIssuer = 'wadi';
const maxTokenLength = 8192;
const clockToleranceS = 30;
const maxFamilies = 100_000;
const publicKeyAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];

/** Issues and checks JSON web tokens. A token is good for a role as it was: another password or another role of the name ends it. */
export class Tokens {
  readonly #options: TokenOptions;
  readonly #key: Uint8Array;
  /** The newest refresh token of each login: an older one that comes again was stolen, or its successor was. */
  readonly #families = new Map<string, number>();

  constructor(options: TokenOptions) {
    this.#options = options;
    this.#key = createHmac('sha256', options.secret).update('access tokens').digest();
  }

  /** Whether a password has the form of a token. */
  static isToken(text: string): boolean {
    return text.length <= maxTokenLength && /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(text);
  }

  /** Tokens of a new login. */
  issue(role: LoginRole): Promise<IssuedTokens> {
    return this.#issue(role, randomUUID(), 1);
  }

  /** New tokens for a refresh token, which is used up; null when it is not good. */
  async refresh(token: string): Promise<{tokens: IssuedTokens; role: string} | null> {
    const payload = await this.#ownPayload(token, 'refresh+jwt');
    if (payload === null) return null;
    const role = this.#roleOf(payload);
    const {fam: family, cnt: count} = payload;
    if (role === null || typeof family !== 'string' || typeof count !== 'number') return null;
    const newest = this.#families.get(family) ?? count;
    if (count !== newest) {
      this.#remember(family, -1);
      return null;
    }
    this.#remember(family, count + 1);
    return {tokens: await this.#issue(role, family, count + 1), role: role.name};
  }

  /** The role of an access token, ours or an issuer's; null when it is not good. */
  async identify(token: string): Promise<TokenIdentity | null> {
    if (!Tokens.isToken(token)) return null;
    const payload = await this.#ownPayload(token, 'at+jwt');
    if (payload !== null) return identity(this.#roleOf(payload), payload);
    const issuer = this.#issuerOf(token);
    if (issuer === null) return null;
    const foreign = await this.#foreignPayload(token, issuer);
    if (foreign === null) return null;
    const name = foreign[issuer.roleClaim];
    const role = typeof name === 'string' ? this.#options.loginRole(name) : undefined;
    const isGood =
      role?.canLogin === true &&
      !isExpired(role.validUntil) &&
      (!role.isSuperuser || issuer.namesSuperusers);
    return identity(isGood ? role : null, foreign);
  }

  /** A capability to subscribe to one query with the rights of a role, whoever shows it. */
  seal(role: LoginRole, query: SealedQuery, ttlS: number): Promise<string> {
    return this.#sign(role, 'sealed+jwt', ttlS, {query});
  }

  /** The query of a seal and whose rights it has; null when it is not good. */
  async unseal(token: string): Promise<(TokenIdentity & {readonly query: SealedQuery}) | null> {
    const payload = await this.#ownPayload(token, 'sealed+jwt');
    const found = payload === null ? null : identity(this.#roleOf(payload), payload);
    // It has our signature: it holds what `seal` put into it.
    return found === null ? null : {...found, query: payload!['query'] as SealedQuery};
  }

  async #sign(role: LoginRole, type: string, ttlS: number, claims: JWTPayload): Promise<string> {
    const {SignJWT} = await import('jose');
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({...claims, oid: role.oid, ver: this.#version(role)})
      .setProtectedHeader({alg: 'HS256', typ: type})
      .setIssuer(ownIssuer)
      .setAudience(ownIssuer)
      .setSubject(role.name)
      .setIssuedAt(now)
      .setExpirationTime(now + ttlS)
      .setJti(randomUUID())
      .sign(this.#key);
  }

  async #issue(role: LoginRole, family: string, count: number): Promise<IssuedTokens> {
    const {accessTtlS, refreshTtlS} = this.#options;
    return {
      accessToken: await this.#sign(role, 'at+jwt', accessTtlS, {}),
      refreshToken: await this.#sign(role, 'refresh+jwt', refreshTtlS, {fam: family, cnt: count}),
      expiresInS: accessTtlS,
    };
  }

  /** Changes with the role's password and the end of its time. */
  #version(role: LoginRole): string {
    return createHmac('sha256', this.#key)
      .update(`${role.password ?? ''}\n${role.validUntil ?? ''}`)
      .digest('base64url')
      .slice(0, 16);
  }

  #roleOf(payload: JWTPayload): LoginRole | null {
    const role = this.#options.loginRole(payload.sub ?? '');
    if (role === undefined || !role.canLogin || isExpired(role.validUntil)) return null;
    return payload['oid'] === role.oid && payload['ver'] === this.#version(role) ? role : null;
  }

  #ownPayload(token: string, typ: string): Promise<JWTPayload | null> {
    return verified(jose =>
      jose.jwtVerify(token, this.#key, {
        ...{algorithms: ['HS256'], issuer: ownIssuer, audience: ownIssuer},
        ...{typ, requiredClaims: ['exp', 'sub']},
      }),
    );
  }

  /** Chosen by the claim, which is checked with the signature afterwards; our own name is never another's. */
  #issuerOf(token: string): TokenIssuer | null {
    let claims: unknown;
    try {
      claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    } catch {
      return null;
    }
    const name = (claims as {readonly iss?: unknown} | null)?.iss;
    if (name === ownIssuer) return null;
    return this.#options.issuers.find(each => each.issuer === name) ?? null;
  }

  #foreignPayload(token: string, {issuer, audience, key}: TokenIssuer): Promise<JWTPayload | null> {
    const checks: JWTVerifyOptions = {
      ...{issuer, audience, clockTolerance: clockToleranceS, requiredClaims: ['exp']},
      algorithms: key.kind === 'secret' ? ['HS256'] : publicKeyAlgorithms,
    };
    return verified(jose =>
      key.kind === 'secret'
        ? jose.jwtVerify(token, key.secret, checks)
        : jose.jwtVerify(
            token,
            jose.createLocalJWKSet({keys: [...key.jwks.keys] as never}),
            checks,
          ),
    );
  }

  #remember(family: string, count: number): void {
    this.#families.delete(family);
    this.#families.set(family, count);
    if (this.#families.size <= maxFamilies) return;
    const [oldest] = this.#families.keys();
    if (oldest !== undefined) this.#families.delete(oldest);
  }
}

function identity(role: LoginRole | null, {exp}: JWTPayload): TokenIdentity | null {
  return role === null || exp === undefined ? null : {role, expiresAt: exp * 1000};
}

async function verified(
  verify: (jose: typeof import('jose')) => Promise<JWTVerifyResult>,
): Promise<JWTPayload | null> {
  try {
    const {payload} = await verify(await import('jose'));
    return payload;
  } catch {
    return null;
  }
}
