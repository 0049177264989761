import {resolve} from 'node:path';
import {pathToFileURL} from 'node:url';
import type {z as Zod} from 'zod';
import type {StoragesConfig} from '../session/storage-parts.ts';

/** Tables `[storage]`, `[credentials.name]` and `[shard_functions]` of the configuration file. */
export interface StorageFileConfig {
  readonly storage?: {readonly segment_cache?: string | number | undefined} | undefined;
  readonly credentials?: Readonly<Record<string, CredentialFileConfig>> | undefined;
  readonly shard_functions?: Readonly<Record<string, string>> | undefined;
}

interface CredentialFileConfig {
  readonly access_key_id: string;
  readonly secret_access_key: string;
  readonly session_token?: string | undefined;
}

type ShardFunction =
  NonNullable<StoragesConfig['shards']> extends ReadonlyMap<string, infer F> ? F : never;

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  kB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
};
const SIZE = /^(\d{1,12})\s*(kB|MB|GB|TB)?$/;

/** What the three tables may hold. */
export function storageSchemas(z: typeof Zod): {
  readonly storage: Zod.ZodType<NonNullable<StorageFileConfig['storage']>>;
  readonly credentials: Zod.ZodType<NonNullable<StorageFileConfig['credentials']>>;
  readonly shard_functions: Zod.ZodType<NonNullable<StorageFileConfig['shard_functions']>>;
} {
  const name = z.string().regex(/^[A-Za-z0-9_-]{1,63}$/, 'must be letters, digits, "_" and "-"');
  const size = z.string().regex(SIZE, 'must be a size: "10GB"');
  return {
    storage: z.strictObject({segment_cache: z.union([size, z.int().min(0)]).optional()}),
    credentials: z.record(
      name,
      z.strictObject({
        access_key_id: z.string().min(1),
        secret_access_key: z.string().min(1),
        session_token: z.string().min(1).optional(),
      }),
    ),
    shard_functions: z.record(name, z.string().min(1)),
  };
}

/** Storages as the database takes them. Modules of shard functions are read relative to `folder`. */
export async function storagesConfig(
  file: StorageFileConfig,
  folder: string,
): Promise<StoragesConfig> {
  const shards = new Map<string, ShardFunction>();
  for (const [name, path] of Object.entries(file.shard_functions ?? {}))
    shards.set(name, await loadShard(name, resolve(folder, path)));
  const credentials = new Map(
    Object.entries(file.credentials ?? {}).map(([name, each]) => [
      name,
      {
        accessKeyId: each.access_key_id,
        secretAccessKey: each.secret_access_key,
        sessionToken: each.session_token ?? null,
      },
    ]),
  );
  const cache = file.storage?.segment_cache;
  return {credentials, shards, ...(cache === undefined ? {} : {cacheBytes: bytesOf(cache)})};
}

/** The default export of a module: `({name, id}) => text`. */
async function loadShard(name: string, path: string): Promise<ShardFunction> {
  const module = (await import(pathToFileURL(path).href)) as {readonly default?: unknown};
  const run = module.default;
  if (typeof run !== 'function') throw new Error(`${path} has no function as its default export`);
  return user => {
    const shard: unknown = (run as (user: unknown) => unknown)(user);
    if (typeof shard === 'string' && shard !== '') return shard;
    throw new Error(`the shard function "${name}" did not return a text`);
  };
}

function bytesOf(size: string | number): number {
  if (typeof size === 'number') return size;
  const [, count = '0', unit = ''] = SIZE.exec(size) ?? [];
  return Number(count) * UNITS[unit]!;
}
