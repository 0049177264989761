import {readFileSync} from 'node:fs';
import {dirname, resolve} from 'node:path';
import {DEFAULT_TOKEN_SETTINGS, type TokenSettings} from './auth/credentials.ts';
import type {HttpFileConfig, TokenFileConfig} from './http/http-config.ts';
import {DEFAULT_HTTP_SETTINGS, type HttpSettings} from './http/http-options.ts';
import type {StorageFileConfig} from './storage-config.ts';
import type {StoragesConfig} from '../session/storage-parts.ts';
import {DEFAULT_SERVER_OPTIONS, type AuthMode, type ServerOptions} from './server-options.ts';

/** Levels of the log on stderr. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** How the command runs. */
export interface Config {
  readonly dataDir: string;
  /** Where the change log is archived; null = nowhere. */
  readonly archiveDir: string | null;
  /** Days after which records of the audit log are removed; null = never. */
  readonly auditRetentionDays: number | null;
  readonly httpPort: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly server: ServerOptions;
  readonly http: HttpSettings;
  readonly tokens: TokenSettings;
  readonly storages: StoragesConfig;
  readonly engine: EngineSettings;
}

/** What the file says about the engine itself; absent: its own defaults. */
export interface EngineSettings {
  readonly flushOnShutdown?: boolean;
  readonly snapshotKeepBytes?: number;
  readonly snapshotMaxAgeMs?: number;
}

/** A flag, variable or file that cannot be used; the message is one line for the operator. */
export class ConfigError extends Error {}

/** Settings as one source gives them, unset where it does not. */
export interface ConfigSource {
  readonly dataDir?: string | undefined;
  readonly archiveDir?: string | undefined;
  readonly auditRetentionDays?: string | undefined;
  readonly port?: string | undefined;
  readonly httpPort?: string | undefined;
  readonly listen?: string | undefined;
  readonly config?: string | undefined;
  readonly auth?: string | undefined;
  readonly logLevel?: string | undefined;
}

interface FileConfig extends StorageFileConfig {
  readonly data_dir?: string | undefined;
  readonly archive_dir?: string | undefined;
  readonly audit_retention_days?: number | undefined;
  readonly flush_on_shutdown?: boolean | undefined;
  readonly snapshot_keep_mb?: number | undefined;
  readonly snapshot_max_age?: number | undefined;
  readonly port?: number | undefined;
  readonly http_port?: number | undefined;
  readonly listen?: string | undefined;
  readonly auth?: AuthMode | undefined;
  readonly log_level?: (typeof LOG_LEVELS)[number] | undefined;
  readonly max_connections?: number | undefined;
  readonly superuser_reserved_connections?: number | undefined;
  readonly authentication_timeout?: number | undefined;
  readonly http?: HttpFileConfig | undefined;
  readonly tokens?: TokenFileConfig | undefined;
  readonly tls?: {readonly cert_file: string; readonly key_file: string} | undefined;
}

const defaultHttpPort = 5480;
const defaultDataDir = 'wadi-data';
const authModes: readonly AuthMode[] = ['trust-loopback', 'scram', 'password'];

/** Puts flags over the environment over the file over the defaults. */
export async function resolveConfig(flags: ConfigSource, env: NodeJS.ProcessEnv): Promise<Config> {
  const variables = fromEnvironment(env);
  const path = flags.config ?? variables.config;
  const file = path === undefined ? {} : await readConfigFile(path);
  const pick = (name: keyof ConfigSource): Given | null => {
    const flag = flags[name];
    if (flag !== undefined) return {value: flag, from: `--${kebab(name)}`};
    const variable = variables[name];
    return variable === undefined ? null : {value: variable, from: variableName(name)};
  };
  const defaults = DEFAULT_SERVER_OPTIONS;
  const tls = file.tls === undefined ? null : readTls(file.tls, dirname(path ?? ''));
  const {http, tokens} = await readHttp(file, path ?? '');
  if (http.usesTls && tls === null) throw new ConfigError(`${path}: http.tls: needs a table tls`);
  return {
    dataDir: resolve(pick('dataDir')?.value ?? file.data_dir ?? defaultDataDir),
    archiveDir: optionalPath(pick('archiveDir')?.value ?? file.archive_dir),
    auditRetentionDays: daysOf(pick('auditRetentionDays'), file.audit_retention_days),
    httpPort: port(pick('httpPort')) ?? file.http_port ?? defaultHttpPort,
    logLevel: oneOf(pick('logLevel'), LOG_LEVELS) ?? file.log_level ?? 'warn',
    ...{http, tokens, storages: await readStorages(file, path ?? ''), engine: engineOf(file)},
    server: {
      listen: pick('listen')?.value ?? file.listen ?? defaults.listen,
      port: port(pick('port')) ?? file.port ?? defaults.port,
      auth: oneOf(pick('auth'), authModes) ?? file.auth ?? defaults.auth,
      maxConnections: file.max_connections ?? defaults.maxConnections,
      superuserReservedConnections:
        file.superuser_reserved_connections ?? defaults.superuserReservedConnections,
      authenticationTimeoutMs:
        file.authentication_timeout === undefined
          ? defaults.authenticationTimeoutMs
          : file.authentication_timeout * 1000,
      maxUnauthenticated: defaults.maxUnauthenticated,
      tls,
    },
  };
}

function engineOf(file: FileConfig): EngineSettings {
  const {flush_on_shutdown: flush, snapshot_keep_mb: megabytes, snapshot_max_age: age} = file;
  return {
    ...(flush === undefined ? {} : {flushOnShutdown: flush}),
    ...(megabytes === undefined ? {} : {snapshotKeepBytes: megabytes * 1_048_576}),
    ...(age === undefined ? {} : {snapshotMaxAgeMs: age * 1000}),
  };
}

function optionalPath(path: string | undefined): string | null {
  return path === undefined ? null : resolve(path);
}

interface Given {
  readonly value: string;
  readonly from: string;
}

const names = [
  'dataDir',
  'archiveDir',
  'auditRetentionDays',
  'port',
  'httpPort',
  'listen',
  'config',
  'auth',
  'logLevel',
] as const;

function fromEnvironment(env: NodeJS.ProcessEnv): ConfigSource {
  const entries = names.map(name => [name, env[variableName(name)]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''));
}

function variableName(name: string): string {
  return `WADI_${kebab(name).replaceAll('-', '_').toUpperCase()}`;
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

function port(given: Given | null): number | undefined {
  if (given === null) return undefined;
  const value = /^\d{1,5}$/.test(given.value) ? Number(given.value) : -1;
  if (value < 0 || value > 65_535) {
    throw new ConfigError(`${given.from}: "${given.value}" is no port (0 to 65535)`);
  }
  return value;
}

function daysOf(given: Given | null, fromFile: number | undefined): number | null {
  if (given === null) return fromFile ?? null;
  const value = /^\d{1,5}$/.test(given.value) ? Number(given.value) : 0;
  if (value < 1 || value > 36_500) {
    throw new ConfigError(`${given.from}: "${given.value}" is no number of days (1 to 36500)`);
  }
  return value;
}

function oneOf<T extends string>(given: Given | null, values: readonly T[]): T | undefined {
  if (given === null) return undefined;
  const found = values.find(value => value === given.value);
  if (found === undefined) {
    throw new ConfigError(`${given.from}: "${given.value}" is none of ${values.join(', ')}`);
  }
  return found;
}

async function readConfigFile(path: string): Promise<FileConfig> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${path}: ${reason(error)}`);
  }
  // Loaded here, because most starts have no file and should not wait for them.
  const [{parse}, {z}, {httpSchemas}, {storageSchemas}] = await Promise.all([
    import('smol-toml'),
    import('zod'),
    import('./http/http-config.ts'),
    import('./storage-config.ts'),
  ]);
  const schemas = {...httpSchemas(z), ...storageSchemas(z)};
  const portNumber = z.int().min(0).max(65_535);
  const schema = z.strictObject({
    data_dir: z.string().min(1).optional(),
    archive_dir: z.string().min(1).optional(),
    audit_retention_days: z.number().int().min(1).max(36_500).optional(),
    flush_on_shutdown: z.boolean().optional(),
    snapshot_keep_mb: z.int().min(1).max(1_048_576).optional(),
    snapshot_max_age: z.int().min(1).max(31_536_000).optional(),
    port: portNumber.optional(),
    http_port: portNumber.optional(),
    listen: z.string().min(1).optional(),
    auth: z.enum(['trust-loopback', 'scram', 'password']).optional(),
    log_level: z.enum(LOG_LEVELS).optional(),
    max_connections: z.int().min(1).max(262_143).optional(),
    superuser_reserved_connections: z.int().min(0).max(262_143).optional(),
    authentication_timeout: z.int().min(1).max(600).optional(),
    http: schemas.http.optional(),
    tokens: schemas.tokens.optional(),
    storage: schemas.storage.optional(),
    credentials: schemas.credentials.optional(),
    shard_functions: schemas.shard_functions.optional(),
    tls: z.strictObject({cert_file: z.string(), key_file: z.string()}).optional(),
  });
  let values: unknown;
  try {
    values = parse(text);
  } catch (error) {
    throw new ConfigError(`${path}: ${reason(error)}`);
  }
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw new ConfigError(`${path}: ${where}${issue?.message ?? 'cannot be used'}`);
}

async function readStorages(file: FileConfig, path: string): Promise<StoragesConfig> {
  const {storage, credentials, shard_functions: shards} = file;
  if (storage === undefined && credentials === undefined && shards === undefined) return {};
  const {storagesConfig} = await import('./storage-config.ts');
  try {
    return await storagesConfig(file, dirname(path));
  } catch (error) {
    throw new ConfigError(`${path}: ${reason(error)}`);
  }
}

async function readHttp(
  file: FileConfig,
  path: string,
): Promise<{http: HttpSettings; tokens: TokenSettings}> {
  if (file.http === undefined && file.tokens === undefined)
    return {http: DEFAULT_HTTP_SETTINGS, tokens: DEFAULT_TOKEN_SETTINGS};
  const {httpSettings, tokenSettings} = await import('./http/http-config.ts');
  try {
    return {http: httpSettings(file.http), tokens: tokenSettings(file.tokens, dirname(path))};
  } catch (error) {
    throw new ConfigError(`${path}: ${reason(error)}`);
  }
}

function readTls(
  tls: {readonly cert_file: string; readonly key_file: string},
  folder: string,
): {cert: string; key: string} {
  const read = (path: string): string => {
    try {
      return readFileSync(resolve(folder, path), 'utf8');
    } catch (error) {
      throw new ConfigError(`${path}: ${reason(error)}`);
    }
  };
  return {cert: read(tls.cert_file), key: read(tls.key_file)};
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
