import {randomBytes} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {
  bootstrapCatalog,
  clusterDescriptors,
  createCatalogBase,
  databaseDescriptors,
  loadCatalog,
  loadCatalogs,
} from './catalog/bootstrap.ts';
import type {CatalogChange, CatalogSnapshot} from './catalog/contract.ts';
import {createTypeMakers} from './catalog/default-makers.ts';
import {descriptorKey, descriptorToJson} from './catalog/descriptor-json.ts';
import {Snapshot, type CatalogBase} from './catalog/snapshot.ts';
import {CatalogRelations} from './catalog/system/system-relations.ts';
import {DatabaseOid} from './catalog/well-known.ts';
import {assert, PgError} from './common/errors.ts';
import type {Oid, Seq} from './common/ids.ts';
import {SqlState} from './common/sqlstate.ts';
import {removeSpillFiles} from './exec/spill/spill-file.ts';
import {FactoryCache} from './expr/factory-cache.ts';
import {createFunctionLibrary} from './functions/library.ts';
import {ArchiveKeeper} from './jobs/archive-keeper.ts';
import {JobService} from './jobs/service.ts';
import {LiveService} from './live/service.ts';
import {CatalogTurns} from './session/catalog-turns.ts';
import {checkAdmission} from './session/admission.ts';
import type {
  LoginRole,
  ResultSink,
  Session,
  SessionHost,
  SessionOptions,
} from './session/contract.ts';
import type {Engine, PlanEntry, SessionLogger} from './session/session-context.ts';
import {EngineLibrary} from './session/engine-library.ts';
import {EmbeddedSession, sessionBeside} from './session/embedded-session.ts';
import {nowMicros} from './session/eval-context.ts';
import {LIVE_FUNCTIONS, LIVE_SET_FUNCTIONS, liveCall} from './session/live-functions.ts';
import {JOB_FUNCTIONS, jobCall} from './session/job-functions.ts';
import {makeIndexKey} from './session/index-keys.ts';
import {NotifyHub} from './session/notify-hub.ts';
import {STORAGE_FUNCTIONS, storageCall} from './session/storage-functions.ts';
import {storageParts, type StorageParts, type StoragesConfig} from './session/storage-parts.ts';
import {SESSION_SET_FUNCTIONS} from './session/session-set-functions.ts';
import {SessionFacts} from './session/runtime-facts.ts';
import {defaultSettings, loadSettingDefinitions} from './session/setting-defaults.ts';
import {TableStorages} from './session/table-storages.ts';
import {dropTemporaryObjects, leftoverTemporarySchemas} from './session/temporary.ts';
import {AuditLog} from './session/audit-log.ts';
import {AuditRetention} from './session/audit-retention.ts';
import {ParsedTexts} from './session/parsed-texts.ts';
import {WadiSession} from './session/wadi-session.ts';
import {SqlParser} from './sql/parse/parser.ts';
import {PlanCache} from './sql/plan/plan-cache.ts';
import {createSegmentStore} from './storage/cold/segment-store.ts';
import type {Storage, TableStorage} from './storage/contract.ts';
import {openFileObjectStore} from './storage/objects/file-object-store.ts';
import {openStorage} from './storage/open-storage.ts';
import {snapshotBounds, type SnapshotBounds} from './storage/settings.ts';
import type {Datum, TypeLookup} from './types/contract.ts';
import {VERSION} from './common/version.ts';

export {PgError};
export type {Notice} from './common/errors.ts';
export type {
  EmbeddedField,
  EmbeddedParameter,
  EmbeddedResult,
  EmbeddedSession,
  EmbeddedValue,
  NotificationCallback,
} from './session/embedded-session.ts';

/** How a data directory is opened. */
export interface OpenDatabaseOptions extends SnapshotBounds {
  /** Made when it does not exist. */
  readonly dataDir: string;
  /** Nothing is logged without one. */
  readonly logger?: SessionLogger;
  /** Bytes of decoded segment pages kept in memory. */
  readonly coldCacheBytes?: number;
  /** Moves all hot rows to segments at close. Without it they stay hot, which is as durable. */
  readonly flushOnShutdown?: boolean;
  /** Test mode: every operator pauses before every batch. */
  readonly injectsPauses?: boolean;
  /** Directory that gets the change log as it grows, for a restore to a point in time; absent: none is kept. */
  readonly archiveDir?: string;
  /** Records of the audit log that are older are removed; absent: they stay. */
  readonly auditRetentionDays?: number;
  /** Only looks at what is stored: no background work begins and no file is removed. */
  readonly inspects?: boolean;
  /** A running job that tells of no progress for so long is ended; half an hour without it. */
  readonly jobStuckMs?: number;
  /** What storages beside the data directory need. */
  readonly storages?: StoragesConfig;
}

/** Kinds of objects that all databases of a cluster share. */
const SHARED_KINDS: ReadonlySet<string> = new Set(['role', 'database', 'storage']);
const DEFAULT_COLD_CACHE = 256 * 1024 * 1024;

const silent: SessionLogger = {debug: () => {}, info: () => {}, warn: () => {}, error: () => {}};

/** Opens a data directory: the same engine for the server and for embedded use. */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const logger = options.logger ?? silent;
  const base = createCatalogBase(createTypeMakers());
  const catalogs = new Map<Oid, Snapshot>();
  const parser = SqlParser.create();
  let opened: Database | null = null;
  const storages = new TableStorages((table, index, catalog) => {
    assert(opened !== null, 'tables are used after the database is open');
    return makeIndexKey(opened.engine, table, index, catalog);
  });
  const remote = storageParts(options.dataDir, options.storages ?? {}, {
    definition: name => catalogs.get(DatabaseOid.postgres)?.storageByName(name),
    ownerName: owner => catalogs.get(DatabaseOid.postgres)?.roleByOid(owner)?.name ?? '',
  });
  const storage = openStorage({
    dataDir: options.dataDir,
    logger: {
      info: message => logger.info({}, message),
      warn: message => logger.warn({}, message),
      error: message => logger.error({}, message),
    },
    segments: createSegmentStore({
      cacheBytes: options.coldCacheBytes ?? DEFAULT_COLD_CACHE,
      remote: remote.remote,
    }),
    places: remote.places,
    // Tests with pauses take the paths of large tables for small ones.
    settings: {
      ...snapshotBounds(options),
      archives: options.inspects === true ? 'asBefore' : options.archiveDir !== undefined,
      ...(injectsPauses(options) ? {orderedRows: 0, largeCommitRows: 0, sliceMs: 0} : {}),
    },
    types: clusterTypes(base, catalogs),
    resolveTable: table => {
      for (const catalog of catalogs.values()) {
        const found = catalog.tableByOid(table);
        if (found !== undefined) return storages.of(catalog, found);
      }
      return undefined;
    },
  });
  try {
    await loadAllCatalogs(base, storage, catalogs);
    mkdirSync(join(options.dataDir, 'spill'), {recursive: true});
    removeSpillFiles(join(options.dataDir, 'spill'));
    const archive =
      options.archiveDir === undefined
        ? null
        : new ArchiveKeeper(storage, await openFileObjectStore(options.archiveDir), logger);
    const shared = {base, catalogs, storage, storages, logger, remote, archive};
    const parts = {...shared, parser: await parser, options};
    opened = new Database(parts);
    await opened.dropLeftovers();
    await opened.makeAuditTables();
    if (options.inspects === true) storage.admin.keepFiles();
    else opened.begin();
    return opened;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function injectsPauses(options: OpenDatabaseOptions): boolean {
  return options.injectsPauses ?? process.env['WADI_TEST_PAUSE'] === '1';
}

/** Types by OID in any database: built-in ones before the catalogs are loaded. */
function clusterTypes(base: CatalogBase, catalogs: ReadonlyMap<Oid, Snapshot>): TypeLookup {
  return {
    typeByOid(type) {
      const builtin = base.types.typeByOid(type);
      if (builtin !== undefined) return builtin;
      for (const catalog of catalogs.values()) {
        const found = catalog.typeByOid(type);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** Reads the catalogs from storage; a new cluster gets its first roles, databases and schemas, durable before use. */
async function loadAllCatalogs(
  base: CatalogBase,
  storage: Storage,
  catalogs: Map<Oid, Snapshot>,
): Promise<void> {
  const loaded = loadCatalogs(base, storage.catalogRecords(), 1);
  if (loaded !== undefined) {
    for (const [database, snapshot] of loaded) catalogs.set(database, snapshot);
    return;
  }
  const snapshot = bootstrapCatalog(base);
  const tx = storage.begin({
    isolation: 'read committed',
    isReadOnly: false,
    databaseOid: DatabaseOid.postgres,
    waiter: {pid: 0, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000},
  });
  tx.beginStatement();
  const databases = [DatabaseOid.postgres, DatabaseOid.template1, DatabaseOid.template0];
  const descriptors = [...clusterDescriptors(), ...databaseDescriptors()];
  for (const database of databases) {
    for (const descriptor of descriptors) {
      const key = descriptorKey(database, descriptor.kind, descriptor.oid);
      tx.ddl({kind: 'catalog', key, json: descriptorToJson(descriptor, snapshot)});
    }
  }
  tx.endStatement();
  await tx.commit();
  if (tx.commitSeq !== null) await storage.whenDurable(tx.commitSeq);
  for (const database of databases)
    catalogs.set(database, Snapshot.of(base, database, 1, descriptors));
}

interface DatabaseParts {
  readonly base: CatalogBase;
  readonly catalogs: Map<Oid, Snapshot>;
  readonly storage: Storage;
  readonly storages: TableStorages;
  readonly logger: SessionLogger;
  readonly remote: StorageParts;
  readonly archive: ArchiveKeeper | null;
  readonly parser: SqlParser;
  readonly options: OpenDatabaseOptions;
}

/** An open data directory: makes sessions, holds what they share. */
export class Database implements SessionHost {
  readonly engine: Engine;
  /** Secret of this data directory: salts of unknown users, resume tokens. */
  readonly authSecret: Buffer;
  readonly #catalogs: Map<Oid, Snapshot>;
  readonly #storage: Storage;
  readonly #base: CatalogBase;
  readonly #flushOnShutdown: boolean;
  readonly #retention: AuditRetention;
  /** Sessions without sockets count down, those of the server up. */
  #nextPid = 0x7fff_ffff;

  constructor(parts: DatabaseParts) {
    this.#catalogs = parts.catalogs;
    this.#storage = parts.storage;
    this.#base = parts.base;
    this.#flushOnShutdown = parts.options.flushOnShutdown === true;
    this.authSecret = loadSecret(parts.options.dataDir);
    this.engine = this.#makeEngine(parts);
    this.#retention = new AuditRetention(this.engine, parts.options, () => this.#catalogs.keys());
  }

  #makeEngine(parts: DatabaseParts): Engine {
    const {base, storage, storages, logger, parser, options} = parts;
    const live = new LiveService({
      storage,
      secret: this.authSecret,
      ownerName: owner => this.#roleName(owner),
      now: nowMicros,
    });
    const jobs = new JobService({
      storage,
      logger,
      resolveTable: table => this.#tableStorage(table),
      tables: () => this.#tableStorages(),
      now: nowMicros,
      ...(options.jobStuckMs === undefined ? {} : {stuckMs: options.jobStuckMs}),
    });
    const feeds = new Map<string, () => readonly (readonly Datum[])[]>([
      ['system.live_queries', () => live.rows()],
    ]);
    const audit = new AuditLog({
      storage,
      storages,
      catalog: database => this.#catalog(database),
      publishCatalogChanges: (database, changes) =>
        this.engine.publishCatalogChanges(database, changes),
      now: nowMicros,
    });
    return {
      storage,
      storages,
      audit,
      library: new EngineLibrary(
        createFunctionLibrary(),
        new Set([...LIVE_FUNCTIONS, ...STORAGE_FUNCTIONS, ...JOB_FUNCTIONS]),
        new Map([...LIVE_SET_FUNCTIONS, ...SESSION_SET_FUNCTIONS]),
      ),
      parser,
      factories: new FactoryCache(),
      plans: new PlanCache<PlanEntry>(),
      bindCache: new ParsedTexts(),
      systemRelations: new CatalogRelations(base),
      notifications: new NotifyHub(),
      objectStores: parts.remote.objectStores,
      definitionContext: parts.remote.definitionContext,
      live,
      jobs,
      archive: parts.archive,
      settingDefinitions: loadSettingDefinitions(),
      settingDefaults: defaultSettings(options.dataDir),
      sessions: new Map(),
      logger,
      startedAt: nowMicros(),
      spillDir: join(options.dataDir, 'spill'),
      versionText: `PostgreSQL 15.20 (Wadi ${VERSION}) on ${process.arch}-${process.platform}, Node ${process.versions.node}, 64-bit`,
      injectsPauses: injectsPauses(options),
      extensions: {
        call: (session, source, args) =>
          liveCall(session, source, args) ??
          storageCall(session, source, args) ??
          jobCall(session, source, args),
        checkListen: (session, channel) => live.channels.checkListen(channel, session.currentRole),
      },
      catalog: database => this.#catalog(database),
      catalogTurns: new CatalogTurns(),
      checkCatalogChanges: (database, changes) => void this.#catalog(database).apply(changes),
      publishCatalogChanges: (database, changes) => this.#publish(database, changes),
      factsFor: session => new SessionFacts(session, feeds),
      openBeside: from => sessionBeside(from, this, this.#nextPid--),
      sessionEnded: session => dropTemporaryObjects(session),
    };
  }

  #catalog(database: Oid): CatalogSnapshot {
    const found = this.#catalogs.get(database);
    if (found === undefined)
      throw new PgError(SqlState.databaseDropped, 'the database was dropped', {severity: 'FATAL'});
    return found;
  }

  #tableStorage(table: Oid): TableStorage | undefined {
    for (const catalog of this.#catalogs.values()) {
      const found = catalog.tableByOid(table);
      if (found !== undefined) return this.engine.storages.of(catalog, found);
    }
    return undefined;
  }

  *#tableStorages(): Iterable<TableStorage> {
    for (const catalog of this.#catalogs.values()) {
      for (const table of catalog.tables()) yield this.engine.storages.of(catalog, table);
    }
  }

  #roleName(role: Oid): string {
    for (const catalog of this.#catalogs.values()) {
      const found = catalog.roleByOid(role);
      if (found !== undefined) return found.name;
    }
    return `unknown (OID=${role})`;
  }

  #publish(database: Oid, changes: readonly CatalogChange[]): void {
    const shared = changes.filter(change =>
      SHARED_KINDS.has(change.op === 'put' ? change.descriptor.kind : change.kind),
    );
    for (const [oid, snapshot] of this.#catalogs) {
      const own = oid === database ? changes : shared;
      if (own.length === 0) continue;
      const next = snapshot.apply(own) as Snapshot;
      this.#catalogs.set(oid, next);
      this.engine.live.catalogChanged(oid, next);
    }
    for (const change of shared) this.#databaseChanged(change);
  }

  /** A new database has a catalog, as its records in storage tell it; a dropped one has none. */
  #databaseChanged(change: CatalogChange): void {
    if (change.op === 'delete') {
      if (change.kind === 'database') this.#catalogs.delete(change.oid);
      return;
    }
    const {descriptor} = change;
    if (descriptor.kind !== 'database' || this.#catalogs.has(descriptor.oid)) return;
    const own = loadCatalog(this.#base, descriptor.oid, this.#storage.catalogRecords());
    const common = this.#catalogs.get(DatabaseOid.postgres);
    this.#catalogs.set(descriptor.oid, common === undefined ? own : own.withCommonOf(common));
    this.engine.audit.ensure(descriptor.oid).catch((error: unknown) => {
      this.engine.logger.error({error}, 'the audit log of a new database');
    });
  }

  loginRole(name: string): LoginRole | undefined {
    const role = this.#catalog(DatabaseOid.postgres).roleByName(name);
    if (role === undefined) return undefined;
    const {oid, canLogin, password, validUntil, isSuperuser} = role;
    return {oid, name, canLogin, password, validUntil, isSuperuser};
  }

  hasDatabase(name: string): boolean {
    return this.#catalog(DatabaseOid.postgres).databaseByName(name) !== undefined;
  }

  openSession(options: SessionOptions, sink: ResultSink): Session {
    const catalog = this.#catalog(DatabaseOid.postgres);
    const role = catalog.roleByName(options.user);
    if (role === undefined)
      throw fatal(
        SqlState.invalidAuthorizationSpecification,
        `role "${options.user}" does not exist`,
      );
    const database = catalog.databaseByName(options.database);
    if (database === undefined || !this.#catalogs.has(database.oid)) {
      throw fatal(SqlState.invalidCatalogName, `database "${options.database}" does not exist`);
    }
    const {isAnonymous = false} = options;
    checkAdmission(role, database, catalog, this.engine.sessions.values(), isAnonymous);
    try {
      const session = new WadiSession(this.engine, options, sink, role, database);
      this.engine.sessions.set(session.pid, session);
      return session;
    } catch (error) {
      throw error instanceof PgError
        ? new PgError(error.code, error.message, {...error.fields, severity: 'FATAL'})
        : error;
    }
  }

  /** A session in this process, without sockets: answers go to the sink. */
  connect(user: string, sink: ResultSink, database = 'postgres'): Session {
    return this.openSession(
      {
        user,
        database,
        settings: [],
        remoteAddress: '',
        remotePort: -1,
        isLoopback: true,
        pid: this.#nextPid--,
      },
      sink,
    );
  }

  /** A session for embedded use: SQL in, JavaScript values out. */
  session(options: {readonly user?: string; readonly database?: string} = {}): EmbeddedSession {
    const {user = 'postgres', database = 'postgres'} = options;
    return new EmbeddedSession(sink => this.connect(user, sink, database), this);
  }

  reportedSettings(session: Session): readonly (readonly [name: string, value: string])[] {
    return session instanceof WadiSession ? session.settings.allReports() : [];
  }

  onDurable(seq: Seq, callback: () => void): void {
    this.#storage.onDurable(seq, callback);
  }

  hurry(): void {
    this.#storage.hurry();
  }

  /** Temporary objects of sessions that a crash ended. */
  async dropLeftovers(): Promise<void> {
    for (const [database, catalog] of this.#catalogs) {
      const schemas = leftoverTemporarySchemas(catalog);
      if (schemas.length > 0)
        await dropTemporaryObjects({engine: this.engine, databaseOid: database, schemas});
    }
  }

  /** Each database has its audit log. */
  async makeAuditTables(): Promise<void> {
    for (const database of this.#catalogs.keys()) await this.engine.audit.ensure(database);
  }

  /** Background work begins. */
  begin(): void {
    this.engine.jobs.open();
    this.#retention.start();
  }

  /** Ends what runs in the background, checkpoints, releases the directory. */
  async close(): Promise<void> {
    this.engine.live.close();
    this.#retention.close();
    await Promise.all([...this.engine.sessions.values()].map(session => session.end()));
    await this.engine.jobs.close(this.#flushOnShutdown);
    await this.engine.archive?.close();
    await this.engine.objectStores.close();
    await this.#storage.close();
  }
}

function fatal(code: string, message: string): PgError {
  return new PgError(code, message, {severity: 'FATAL'});
}

/** 32 random bytes kept in the data directory, readable by its owner only. */
function loadSecret(dataDir: string): Buffer {
  const path = join(dataDir, 'secret');
  if (!existsSync(path)) writeFileSync(path, randomBytes(32), {mode: 0o600, flush: true});
  return readFileSync(path);
}
