import type {TokenSource} from './connection.ts';
import {type ErrorFields, SqlState, WadiError} from './errors.ts';

/** Who logs in, where. */
export interface PasswordLogin {
  /** `http://localhost:5480`. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/**
 * A `getToken` that logs in by password once (POST /auth) and then lives on refresh tokens. Calls at the same time share one
 * request: a refresh token can be used once only.
 */
export function passwordTokens(login: PasswordLogin): TokenSource {
  const base = login.url.replace(/^ws/, 'http').replace(/\/$/, '');
  let tokens: Tokens | null = null;
  let running: Promise<string> | null = null;
  const fresh = async (): Promise<string> => {
    tokens =
      (tokens === null ? null : await refreshed(base, tokens)) ??
      (await post(`${base}/auth`, {role: login.user, password: login.password}));
    return tokens.access_token;
  };
  return () => {
    running ??= fresh().finally(() => (running = null));
    return running;
  };
}

/** Null when the refresh token is not good any more. */
async function refreshed(base: string, tokens: Tokens): Promise<Tokens | null> {
  try {
    return await post(`${base}/auth/refresh`, {refresh_token: tokens.refresh_token});
  } catch (error) {
    if (error instanceof WadiError && error.code.startsWith('28')) return null;
    throw error;
  }
}

async function post(url: string, body: object): Promise<Tokens> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {'content-type': 'application/json'},
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Tokens & {readonly error?: ErrorFields};
  if (response.ok) return answer;
  const unknown = {code: SqlState.connectionFailure, message: `login: HTTP ${response.status}`};
  throw new WadiError(answer.error ?? unknown);
}
