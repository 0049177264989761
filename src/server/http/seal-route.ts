import type {IncomingMessage} from 'node:http';
import {type Access, claimOf} from './access.ts';
import {badRequest, unauthorized} from './http-error.ts';
import type {HttpEngine} from './http-options.ts';
import {listMember, readJson, requireKnown, textMember} from './request-body.ts';

const maxBodyBytes = 64 * 1024;
const defaultTtlS = 3600;
const maxTtlS = 30 * 86_400;

/** A seal and its end. */
export interface SealAnswer {
  readonly sealed: string;
  readonly expires_in: number;
}

/** POST /seal: `{sql | query, args, database, ttl}` -> what others may subscribe to with the rights of the caller. */
export async function seal(
  request: IncomingMessage,
  access: Access,
  engine: HttpEngine,
): Promise<SealAnswer> {
  const {role, isAnonymous} = await access.identify(claimOf(request), request);
  if (isAnonymous) throw unauthorized('authentication is required');
  const body = await readJson(request, maxBodyBytes);
  requireKnown(body, ['sql', 'query', 'args', 'database', 'ttl']);
  const sql = textMember(body, 'sql');
  const query = textMember(body, 'query');
  if ((sql === null) === (query === null)) throw badRequest('one of "sql" and "query" is needed');
  const args = listMember(body, 'args') ?? [];
  const database = textMember(body, 'database') ?? 'postgres';
  const ttl = body['ttl'] ?? defaultTtlS;
  if (typeof ttl !== 'number' || !Number.isInteger(ttl) || ttl < 1 || ttl > maxTtlS)
    throw badRequest(`"ttl" must be an integer from 1 to ${maxTtlS}`);
  const sealed = await engine.credentials.tokens.seal(role, {database, sql, query, args}, ttl);
  return {sealed, expires_in: ttl};
}
