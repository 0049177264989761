import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** Says which shard a user belongs to. Deterministic: what it says today it says tomorrow. */
export type ShardFunction = (user: {readonly name: string; readonly id: number}) => string;

/** Where users go unless a storage or table says otherwise. */
export const DEFAULT_SHARD = 'alpha';

const MAX_SHARDS = 65_536;

/** `alpha`, `hash:N`, or a function of the configuration by its name; 22023 otherwise. */
export function shardFunction(
  text: string,
  configured: ReadonlyMap<string, ShardFunction>,
): ShardFunction {
  if (text === 'alpha') return alpha;
  const hash = /^hash:(\d{1,5})$/.exec(text);
  const count = hash === null ? 0 : Number(hash[1]);
  if (count >= 1 && count <= MAX_SHARDS) return ({id}) => String(hashOf(id) % count);
  const own = configured.get(text);
  if (own !== undefined) return own;
  throw new PgError(SqlState.invalidParameterValue, `invalid value for option "shard": "${text}"`, {
    hint: `Shard functions are alpha, hash:N with N from 1 to ${MAX_SHARDS}, and those that the configuration names.`,
  });
}

/** The first letter of the name, a to z; every other beginning is `other`. */
function alpha({name}: {readonly name: string}): string {
  const first = name.slice(0, 1).toLowerCase();
  return /^[a-z]$/.test(first) ? first : 'other';
}

/** FNV-1a of the id's four bytes, mixed once more so that low bits depend on high ones. */
function hashOf(id: number): number {
  let hash = 0x811c9dc5;
  for (let shift = 0; shift < 32; shift += 8) {
    hash = Math.imul(hash ^ ((id >>> shift) & 0xff), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
