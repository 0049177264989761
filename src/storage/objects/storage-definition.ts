import {realpathSync} from 'node:fs';
import {basename, dirname, isAbsolute, join, normalize, relative, resolve, sep} from 'node:path';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {checkTemplate} from './path-template.ts';
import {type ShardFunction, shardFunction} from './shard.ts';

/** The storage that always exists: the directory `segments` of the data directory. */
export const LOCAL_STORAGE = 'local';

/** A storage as the catalog keeps it: its options are checked, and hold references to credentials only. */
export interface StorageDefinition {
  readonly name: string;
  readonly type: 'fs' | 's3';
  readonly options: Readonly<Record<string, string>>;
}

/** What options are checked against. */
export interface DefinitionContext {
  readonly dataDir: string;
  readonly shards: ReadonlyMap<string, ShardFunction>;
}

type Check = (value: string, name: string, context: DefinitionContext) => string;

const COMMON: Readonly<Record<string, Check>> = {
  name: value => value,
  shared_tables_template: (value, name) => checkTemplate(name, value, false),
  user_tables_template: (value, name) => checkTemplate(name, value, true),
  shard: (value, _, {shards}) => (shardFunction(value, shards), value),
};

const FS: Readonly<Record<string, Check>> = {...COMMON, base_directory: checkDirectory};

const S3: Readonly<Record<string, Check>> = {
  ...COMMON,
  bucket: matching(/^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/),
  prefix: value => (value === '' ? '' : checkPrefix(value)),
  region: matching(/^[A-Za-z0-9-]{1,64}$/),
  endpoint: checkEndpoint,
  path_style: matching(/^(?:true|false)$/),
  credentials: checkCredentials,
  timeout_ms: between(100, 600_000),
  attempts: between(1, 20),
};

/** Options that say where segments lie: they stay as they are while there are any. */
export const PLACE_OPTIONS: readonly string[] = [
  'base_directory',
  'bucket',
  'prefix',
  'endpoint',
  'region',
];

/** Checks the options of a storage; 22023, or 42P17 for a directory that cannot be one. */
export function checkDefinition(
  type: StorageDefinition['type'],
  given: Readonly<Record<string, string>>,
  context: DefinitionContext,
): Record<string, string> {
  const known = type === 'fs' ? FS : S3;
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const check = known[name];
    if (check === undefined || !Object.hasOwn(known, name)) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `unrecognized option "${name}" for a storage of type "${type === 'fs' ? 'filesystem' : 's3'}"`,
        {hint: `Options are ${Object.keys(known).join(', ')}.`},
      );
    }
    options[name] = check(value, name, context);
  }
  const needed = type === 'fs' ? 'base_directory' : 'bucket';
  if (options[needed] === undefined)
    throw new PgError(
      SqlState.invalidParameterValue,
      `a storage of this type needs the option "${needed}"`,
    );
  return options;
}

function invalid(
  name: string,
  value: string,
  fields: {readonly detail?: string; readonly hint?: string} = {},
): PgError {
  return new PgError(
    SqlState.invalidParameterValue,
    `invalid value for option "${name}": "${value}"`,
    fields,
  );
}

function matching(pattern: RegExp): Check {
  return (value, name) => {
    if (pattern.test(value)) return value;
    throw invalid(name, value);
  };
}

function between(low: number, high: number): Check {
  return (value, name) => {
    if (/^\d{1,9}$/.test(value) && Number(value) >= low && Number(value) <= high) return value;
    throw invalid(name, value, {detail: `Valid values are between ${low} and ${high}.`});
  };
}

/** An absolute directory outside the data directory, which is not ours to be mixed with. */
function checkDirectory(value: string, _: string, {dataDir}: DefinitionContext): string {
  if (!isAbsolute(value) || value.includes('\0'))
    throw new PgError(
      SqlState.invalidObjectDefinition,
      'the location of a storage must be an absolute path',
    );
  const path = normalize(value).replace(/(?<=.)[/\\]+$/, '');
  const [real, data] = [realPath(path), realPath(resolve(dataDir))];
  if (isInside(real, data) || isInside(data, real)) {
    throw new PgError(
      SqlState.invalidObjectDefinition,
      'the location of a storage must not be inside the data directory or around it',
    );
  }
  return path;
}

/** A path without symbolic links, as far as it exists. */
export function realPath(path: string): string {
  for (let at = path, rest = ''; ; at = dirname(at)) {
    try {
      return join(realpathSync(at), rest);
    } catch {
      if (at === dirname(at)) return path;
      rest = join(basename(at), rest);
    }
  }
}

/** Whether a path is a directory or lies below it. */
export function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function checkPrefix(value: string): string {
  const prefix = value.replace(/^\/+|\/+$/g, '');
  const isSafe = prefix
    .split('/')
    .every(part => /^[A-Za-z0-9_.=-]+$/.test(part) && !/^\.+$/.test(part));
  if (!isSafe || prefix.length > 255) throw invalid('prefix', value);
  return prefix;
}

function checkEndpoint(value: string, name: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw invalid(name, url === null || url.username === '' ? value : '***', {
      hint: 'Write http://host:port or https://host.',
    });
  if (url.username !== '' || url.password !== '')
    throw invalid(name, '***', {detail: 'Credentials do not belong into an address.'});
  return url.href.replace(/\/$/, '');
}

/** `env:NAME`, `config:name`; the value is not repeated in the error, because it could be a secret. */
function checkCredentials(value: string, name: string): string {
  if (/^env:[A-Z][A-Z0-9_]{0,62}$/.test(value) || /^config:[A-Za-z0-9_-]{1,63}$/.test(value))
    return value;
  throw invalid(name, '***', {
    detail: 'Keys themselves are not accepted in SQL, which is logged and shown to others.',
    hint:
      `Write '{"env": "NAME"}' for the server's variables NAME_ACCESS_KEY_ID and NAME_SECRET_ACCESS_KEY, ` +
      `or '{"config": "name"}' for the section [credentials.name] of its configuration file.`,
  });
}
