import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ObjectStore} from './contract.ts';
import {openFileObjectStore} from './file-object-store.ts';
import {openS3ObjectStore} from './s3-object-store.ts';
import type {S3Credentials} from './s3-request.ts';
import type {StorageDefinition} from './storage-definition.ts';

/** What an operator gives beside SQL. */
export interface ObjectStoresOptions {
  /** A storage as the newest catalog has it. */
  readonly definition: (name: string) => StorageDefinition | undefined;
  /** Sections `[credentials.name]` of the configuration. */
  readonly credentials: ReadonlyMap<string, S3Credentials>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_ATTEMPTS = 6;
const PAUSE_MS = 100;
const PART_BYTES = 8 * 1024 * 1024;

interface Opened {
  readonly definition: StorageDefinition;
  readonly store: Promise<ObjectStore>;
}

/** The open stores by name of storage: opened at first use, again when their definition changes. */
export class ObjectStores {
  readonly #options: ObjectStoresOptions;
  readonly #opened = new Map<string, Opened>();
  #isClosed = false;

  constructor(options: ObjectStoresOptions) {
    this.#options = options;
  }

  /** The store of a storage; 42704 when there is none of that name. */
  async store(name: string): Promise<ObjectStore> {
    if (this.#isClosed) throw new PgError(SqlState.ioError, `storage "${name}" is closed`);
    const definition = this.#options.definition(name);
    if (definition === undefined)
      throw new PgError(SqlState.undefinedObject, `storage "${name}" does not exist`);
    const known = this.#opened.get(name);
    if (known !== undefined && known.definition === definition) return known.store;
    const store = this.open(definition);
    this.#opened.set(name, {definition, store});
    store.catch(() => this.#opened.delete(name));
    return store;
  }

  /** A store that is the caller's to close: for a definition that is being checked. */
  async open(definition: StorageDefinition): Promise<ObjectStore> {
    const {options, name} = definition;
    if (definition.type === 'fs') return openFileObjectStore(options['base_directory'] ?? '');
    const endpoint = options['endpoint'] ?? null;
    const bucket = options['bucket'] ?? '';
    // A bucket with a dot has no certificate as a host name; other servers than Amazon's know paths at least.
    const isPathStyle = options['path_style'] ?? String(endpoint !== null || bucket.includes('.'));
    return openS3ObjectStore({
      name,
      bucket,
      prefix: options['prefix'] ?? '',
      region: options['region'] ?? 'us-east-1',
      endpoint,
      isPathStyle: isPathStyle === 'true',
      credentials: () => this.#credentials(name, options['credentials'] ?? 'env:AWS'),
      timeoutMs: Number(options['timeout_ms'] ?? DEFAULT_TIMEOUT_MS),
      attempts: Number(options['attempts'] ?? DEFAULT_ATTEMPTS),
      pauseMs: PAUSE_MS,
      partBytes: PART_BYTES,
    });
  }

  /** Ends what is under way: nobody waits for a server that does not answer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    await Promise.all(opened.map(({store}) => store.then(each => each.close()).catch(() => null)));
  }

  #credentials(storage: string, reference: string): S3Credentials {
    const [kind, name = ''] = reference.split(':', 2);
    const {credentials, environment} = this.#options;
    if (kind === 'config') {
      const found = credentials.get(name);
      if (found !== undefined) return found;
      throw missing(storage, `The configuration has no section [credentials.${name}].`);
    }
    const accessKeyId = environment[`${name}_ACCESS_KEY_ID`] ?? '';
    const secretAccessKey = environment[`${name}_SECRET_ACCESS_KEY`] ?? '';
    if (accessKeyId === '' || secretAccessKey === '')
      throw missing(
        storage,
        `${name}_ACCESS_KEY_ID and ${name}_SECRET_ACCESS_KEY are not set in the server's environment.`,
      );
    return {
      accessKeyId,
      secretAccessKey,
      sessionToken: environment[`${name}_SESSION_TOKEN`] ?? null,
    };
  }
}

function missing(storage: string, detail: string): PgError {
  return new PgError(SqlState.ioError, `credentials of storage "${storage}" are not there`, {
    detail,
  });
}
