import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

const MAX_KEY_BYTES = 1024;

/** 22023 unless a key is a relative path with `/` that stays where it is. */
export function checkObjectKey(key: string): void {
  const isSafe = key
    .split('/')
    .every(
      part =>
        part !== '' &&
        part !== '.' &&
        part !== '..' &&
        !part.includes('\0') &&
        !part.includes('\\'),
    );
  if (!isSafe || Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new PgError(SqlState.invalidParameterValue, `invalid object key "${key}"`);
}
