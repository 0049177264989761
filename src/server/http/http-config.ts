import {readFileSync} from 'node:fs';
import {resolve} from 'node:path';
import type {z as Zod} from 'zod';
import {DEFAULT_TOKEN_SETTINGS, type TokenSettings} from '../auth/credentials.ts';
import type {IssuerKey, TokenIssuer} from '../auth/tokens.ts';
import {DEFAULT_HTTP_SETTINGS, type HttpSettings} from './http-options.ts';

/** Table `[http]` of the configuration file. */
export interface HttpFileConfig {
  readonly origins?: readonly string[] | undefined;
  readonly anonymous?: boolean | undefined;
  readonly behind_proxy?: boolean | undefined;
  readonly tls?: boolean | undefined;
  readonly max_body_bytes?: number | undefined;
  readonly max_requests?: number | undefined;
  readonly max_websockets?: number | undefined;
  readonly max_subscriptions?: number | undefined;
}

/** Table `[tokens]` of the configuration file. */
export interface TokenFileConfig {
  readonly access_ttl?: number | undefined;
  readonly refresh_ttl?: number | undefined;
  readonly issuers?:
    | readonly {
        readonly issuer: string;
        readonly audience: string;
        readonly role_claim?: string | undefined;
        readonly superusers?: boolean | undefined;
        readonly secret_file?: string | undefined;
        readonly jwks_file?: string | undefined;
      }[]
    | undefined;
}

/** What the two tables may hold. */
export function httpSchemas(z: typeof Zod): {
  readonly http: Zod.ZodType<HttpFileConfig>;
  readonly tokens: Zod.ZodType<TokenFileConfig>;
} {
  const origin = z.string().regex(/^https?:\/\/[^/\s]+$/, 'must be an origin: https://app.example');
  const count = z.int().min(1).max(1_000_000);
  return {
    http: z.strictObject({
      origins: z.array(origin).optional(),
      anonymous: z.boolean().optional(),
      behind_proxy: z.boolean().optional(),
      tls: z.boolean().optional(),
      max_body_bytes: z
        .int()
        .min(1024)
        .max(64 * 1024 * 1024)
        .optional(),
      max_requests: count.optional(),
      max_websockets: count.optional(),
      max_subscriptions: count.optional(),
    }),
    tokens: z.strictObject({
      access_ttl: z.int().min(1).max(86_400).optional(),
      refresh_ttl: z
        .int()
        .min(1)
        .max(90 * 86_400)
        .optional(),
      issuers: z
        .array(
          z.strictObject({
            issuer: z.string().min(1),
            audience: z.string().min(1),
            role_claim: z.string().min(1).optional(),
            superusers: z.boolean().optional(),
            secret_file: z.string().optional(),
            jwks_file: z.string().optional(),
          }),
        )
        .optional(),
    }),
  };
}

/** Settings of HTTP, with their defaults. */
export function httpSettings(file: HttpFileConfig | undefined): HttpSettings {
  const defaults = DEFAULT_HTTP_SETTINGS;
  return {
    origins: file?.origins ?? defaults.origins,
    allowsAnonymous: file?.anonymous ?? defaults.allowsAnonymous,
    isBehindProxy: file?.behind_proxy ?? defaults.isBehindProxy,
    usesTls: file?.tls ?? defaults.usesTls,
    maxBodyBytes: file?.max_body_bytes ?? defaults.maxBodyBytes,
    maxRequests: file?.max_requests ?? defaults.maxRequests,
    maxWebSockets: file?.max_websockets ?? defaults.maxWebSockets,
    maxSubscriptions: file?.max_subscriptions ?? defaults.maxSubscriptions,
    helloTimeoutMs: defaults.helloTimeoutMs,
    pingIntervalMs: defaults.pingIntervalMs,
  };
}

/** Settings of tokens; keys of issuers are read from their files. Throws an Error whose message is for the operator. */
export function tokenSettings(file: TokenFileConfig | undefined, folder: string): TokenSettings {
  const defaults = DEFAULT_TOKEN_SETTINGS;
  return {
    accessTtlS: file?.access_ttl ?? defaults.accessTtlS,
    refreshTtlS: file?.refresh_ttl ?? defaults.refreshTtlS,
    issuers: (file?.issuers ?? []).map(each => issuerOf(each, folder)),
  };
}

type IssuerConfig = NonNullable<TokenFileConfig['issuers']>[number];

function issuerOf(config: IssuerConfig, folder: string): TokenIssuer {
  const {issuer, audience, role_claim: roleClaim = 'sub', superusers = false} = config;
  if (issuer === 'wadi') throw new Error('tokens.issuers: "wadi" is the name of our own tokens');
  return {issuer, audience, roleClaim, namesSuperusers: superusers, key: keyOf(config, folder)};
}

const minSecretBytes = 32;

function keyOf({issuer, secret_file, jwks_file}: IssuerConfig, folder: string): IssuerKey {
  if ((secret_file === undefined) === (jwks_file === undefined))
    throw new Error(`tokens.issuers: ${issuer} needs either secret_file or jwks_file`);
  if (secret_file !== undefined) {
    const secret = Buffer.from(readFileSync(resolve(folder, secret_file), 'utf8').trim());
    if (secret.length < minSecretBytes)
      throw new Error(`${secret_file}: a secret has at least ${minSecretBytes} bytes`);
    return {kind: 'secret', secret};
  }
  const path = jwks_file!;
  const jwks: unknown = JSON.parse(readFileSync(resolve(folder, path), 'utf8'));
  const {keys} = (jwks ?? {}) as {readonly keys?: unknown};
  const isKey = (key: unknown): key is Record<string, unknown> =>
    typeof key === 'object' && key !== null && 'kty' in key && key.kty !== 'oct';
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isKey))
    throw new Error(`${path}: a JWKS holds a list "keys" of public keys`);
  return {kind: 'jwks', jwks: {keys}};
}
