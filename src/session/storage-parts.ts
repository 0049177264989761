import {join, resolve} from 'node:path';
import type {Oid} from '../common/ids.ts';
import {ObjectStores} from '../storage/objects/object-stores.ts';
import type {S3Credentials} from '../storage/objects/s3-request.ts';
import type {SegmentCacheOptions} from '../storage/objects/segment-cache.ts';
import type {SegmentPlacesOptions} from '../storage/objects/segment-places.ts';
import type {ShardFunction} from '../storage/objects/shard.ts';
import type {DefinitionContext, StorageDefinition} from '../storage/objects/storage-definition.ts';

/** What an operator says of storages beside SQL; all of it has defaults. */
export interface StoragesConfig {
  /** Bytes of copies of remote segments kept on the local disk. */
  readonly cacheBytes?: number;
  /** Keys that `CREDENTIALS '{"config": "name"}'` means. */
  readonly credentials?: ReadonlyMap<string, S3Credentials>;
  /** Shard functions beside `alpha` and `hash:N`. */
  readonly shards?: ReadonlyMap<string, ShardFunction>;
}

/** Storages as the parts of an open database need them. */
export interface StorageParts {
  readonly objectStores: ObjectStores;
  readonly definitionContext: DefinitionContext;
  readonly remote: SegmentCacheOptions;
  readonly places: Omit<SegmentPlacesOptions, 'localRoot' | 'incarnation'>;
}

const DEFAULT_CACHE_BYTES = 10 * 1024 * 1024 * 1024;
const NO_CREDENTIALS: ReadonlyMap<string, S3Credentials> = new Map();
const NO_SHARDS: ReadonlyMap<string, ShardFunction> = new Map();

/** Joins the configuration of storages with the newest catalog. */
export function storageParts(
  dataDir: string,
  config: StoragesConfig,
  catalog: {
    readonly definition: (name: string) => StorageDefinition | undefined;
    readonly ownerName: (owner: Oid) => string;
  },
): StorageParts {
  const shards = config.shards ?? NO_SHARDS;
  const objectStores = new ObjectStores({
    definition: catalog.definition,
    credentials: config.credentials ?? NO_CREDENTIALS,
    environment: process.env,
  });
  return {
    objectStores,
    definitionContext: {dataDir: resolve(dataDir), shards},
    remote: {
      directory: join(dataDir, 'cache', 'segments'),
      maxBytes: config.cacheBytes ?? DEFAULT_CACHE_BYTES,
      store: name => objectStores.store(name),
    },
    places: {...catalog, shards},
  };
}
