import {randomBytes} from 'node:crypto';
import {join, sep} from 'node:path';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TableStorage} from '../contract.ts';
import {expandTemplate, SHARED_TEMPLATE, USER_TEMPLATE} from './path-template.ts';
import {DEFAULT_SHARD, type ShardFunction, shardFunction} from './shard.ts';
import {LOCAL_STORAGE, type StorageDefinition} from './storage-definition.ts';
import {isRemote, parseStorageUrl, storageUrl} from './storage-url.ts';

/** What decides where new segments lie. */
export interface SegmentPlacesOptions {
  /** The directory of the storage `local`. */
  readonly localRoot: string;
  /** This data directory's own id: part of every path. */
  readonly incarnation: string;
  /** A storage as the newest catalog has it. */
  readonly definition: (name: string) => StorageDefinition | undefined;
  readonly ownerName: (owner: Oid) => string;
  readonly shards: ReadonlyMap<string, ShardFunction>;
}

/** Where segments of tables lie: by the storage of the table and its path template. */
export class SegmentPlaces {
  readonly #options: SegmentPlacesOptions;
  /**
   * In names of files elsewhere: a restored or copied data directory has the identity and the counters of another, whose files it
   * must neither meet nor take for its own.
   */
  readonly #start = randomBytes(5).toString('hex');

  constructor(options: SegmentPlacesOptions) {
    this.#options = options;
  }

  /** The path of a new segment; `id` is never used twice, so that no two files have one name. */
  pathOf(table: TableStorage, owner: number, id: number): string {
    const {incarnation} = this.#options;
    const definition = this.#definitionOf(table);
    const template = this.#templateOf(table, definition);
    if (definition === null) {
      const base = join(this.#options.localRoot, incarnation, String(table.databaseOid));
      if (template !== null)
        return join(base, this.#expand(template, table, owner, definition), `${id}.parquet`);
      const namespace = encodeURIComponent(table.namespace).replace(/\./g, '%2E').slice(0, 200);
      return join(base, namespace, String(table.oid), String(owner), `${id}.parquet`);
    }
    const directory = this.#expand(template!, table, owner, definition);
    const file = `${directory}/${incarnation}-${id}-${this.#start}.parquet`;
    return definition.type === 's3'
      ? storageUrl(definition.name, file)
      : join(definition.options['base_directory']!, file);
  }

  /** Whether a segment lies in the storage of its table. */
  isPlaced(table: TableStorage, path: string): boolean {
    const definition = this.#definitionOf(table);
    if (definition === null) return isBelow(path, this.#options.localRoot);
    return lies(path, definition);
  }

  #definitionOf(table: TableStorage): StorageDefinition | null {
    const name = table.options['storage'] ?? LOCAL_STORAGE;
    if (name === LOCAL_STORAGE) return null;
    const found = this.#options.definition(name);
    if (found === undefined)
      throw new PgError(SqlState.undefinedObject, `storage "${name}" does not exist`);
    return found;
  }

  #templateOf(table: TableStorage, definition: StorageDefinition | null): string | null {
    const own = table.options['path_template'];
    if (own !== undefined) return own;
    if (definition === null) return null;
    const {options} = definition;
    return table.kind === 'shared'
      ? (options['shared_tables_template'] ?? SHARED_TEMPLATE)
      : (options['user_tables_template'] ?? USER_TEMPLATE);
  }

  #expand(
    template: string,
    table: TableStorage,
    owner: number,
    definition: StorageDefinition | null,
  ): string {
    const {ownerName, shards} = this.#options;
    const shard = table.options['shard'] ?? definition?.options['shard'] ?? DEFAULT_SHARD;
    return expandTemplate(template, {
      storage: definition?.name ?? LOCAL_STORAGE,
      namespace: table.namespace,
      tableName: table.name,
      userId: String(owner),
      shard: template.includes('{shard}')
        ? shardFunction(shard, shards)({name: ownerName(oid(owner)), id: owner})
        : '',
    });
  }
}

/** Whether a segment of this path lies in a storage. */
export function lies(path: string, definition: StorageDefinition): boolean {
  if (definition.type === 's3')
    return isRemote(path) && parseStorageUrl(path).storage === definition.name;
  return !isRemote(path) && isBelow(path, definition.options['base_directory']!);
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}
