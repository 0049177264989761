import type {IncomingMessage} from 'node:http';
import type {IssuedTokens} from '../auth/tokens.ts';
import {type Access, claimOf} from './access.ts';
import {unauthorized} from './http-error.ts';
import type {HttpEngine} from './http-options.ts';
import {readJson, requireKnown, textMember} from './request-body.ts';

const maxBodyBytes = 16 * 1024;

/** The answer of a login, in the words of OAuth 2.0. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly role: string;
}

/** POST /auth: `{role, password}` or Basic credentials -> tokens. */
export async function login(
  request: IncomingMessage,
  access: Access,
  engine: HttpEngine,
): Promise<TokenAnswer> {
  const body = await readJson(request, maxBodyBytes);
  requireKnown(body, ['role', 'password']);
  const user = textMember(body, 'role');
  const claim =
    user === null ? claimOf(request) : {user, password: textMember(body, 'password'), token: null};
  // A token buys no other: it would never end.
  if (claim.user === null) throw unauthorized('authentication is required');
  const {role} = await access.identify({...claim, token: null}, request);
  return answer(await engine.credentials.tokens.issue(role), role.name);
}

/** POST /auth/refresh: `{refresh_token}` -> new tokens; the old refresh token is used up. */
export async function refresh(
  request: IncomingMessage,
  access: Access,
  engine: HttpEngine,
): Promise<TokenAnswer> {
  access.requirePrivacy(request);
  const body = await readJson(request, maxBodyBytes);
  requireKnown(body, ['refresh_token']);
  const token = textMember(body, 'refresh_token') ?? '';
  const renewed = await engine.credentials.tokens.refresh(token);
  if (renewed === null) throw unauthorized();
  return answer(renewed.tokens, renewed.role);
}

function answer(tokens: IssuedTokens, role: string): TokenAnswer {
  return {
    ...{access_token: tokens.accessToken, refresh_token: tokens.refreshToken},
    ...{token_type: 'Bearer', expires_in: tokens.expiresInS, role},
  };
}
