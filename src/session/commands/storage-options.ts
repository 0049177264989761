import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** What CREATE or ALTER STORAGE says: options as the catalog keeps them, the description apart. */
export interface StorageOptions {
  readonly options: Record<string, string>;
  readonly description: string | undefined;
}

/** Spellings of the same option. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  path: 'base_directory',
  directory: 'base_directory',
};

/**
 * Options as they are written. CREDENTIALS and CONFIG are JSON: of the one only a reference is kept, the members of the other are
 * options. `s3://bucket/prefix` as the directory of a bucket says both.
 */
export function readStorageOptions(
  type: 'fs' | 's3',
  given: Iterable<readonly [string, string]>,
): StorageOptions {
  const options: Record<string, string> = {};
  let description: string | undefined;
  const set = (name: string, value: string): void => {
    if (options[name] !== undefined)
      throw new PgError(SqlState.syntaxError, 'conflicting or redundant options', {
        detail: `The option "${name}" is given more than once.`,
      });
    options[name] = value;
  };
  for (const [word, value] of given) {
    const name = OTHER_NAMES[word] ?? word;
    if (name === 'description') description = value;
    else if (name === 'credentials') set(name, credentialReference(value));
    else if (name === 'config')
      for (const [key, each] of Object.entries(jsonObject(name, value))) set(key, each);
    else if (name === 'base_directory' && type === 's3') setBucket(value, set);
    else set(name, value);
  }
  return {options, description};
}

function setBucket(value: string, set: (name: string, value: string) => void): void {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(value);
  if (match === null) {
    throw new PgError(
      SqlState.invalidParameterValue,
      `invalid value for option "base_directory": "${value}"`,
      {hint: 'Write s3://bucket/prefix.'},
    );
  }
  set('bucket', match[1]!);
  if (match[2] !== '') set('prefix', match[2]!);
}

/** `{"env": "NAME"}` or `{"config": "name"}`; anything else is refused without being repeated. */
function credentialReference(value: string): string {
  if (!value.trimStart().startsWith('{')) return value;
  const members = Object.entries(jsonObject('credentials', value));
  const [first] = members;
  return members.length === 1 &&
    first !== undefined &&
    (first[0] === 'env' || first[0] === 'config')
    ? `${first[0]}:${first[1]}`
    : '';
}

/** The members of a JSON object as text; 22023 when it is none. */
export function jsonObject(name: string, text: string): Record<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = isObject ? Object.entries(value as object) : [];
  const isFlat = entries.every(([, each]) => ['string', 'number', 'boolean'].includes(typeof each));
  if (isObject && isFlat)
    return Object.fromEntries(entries.map(([key, each]) => [key, String(each)]));
  throw new PgError(SqlState.invalidParameterValue, `invalid value for option "${name}"`, {
    detail: 'It is a JSON object of texts and numbers.',
  });
}
