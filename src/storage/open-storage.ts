import {mkdirSync} from 'node:fs';
import {join, resolve} from 'node:path';
import Database from 'better-sqlite3';
import {FIRST_NORMAL_OID, type Oid, oid} from '../common/ids.ts';
import {assert} from '../common/errors.ts';
import type {TypeLookup} from '../types/contract.ts';
import {archiveStart, isArchived, stopArchive} from './backup/archive-state.ts';
import {Holds} from './backup/holds.ts';
import {ColdTables} from './cold-tables.ts';
import type {SegmentStore} from './cold/contract.ts';
import type {Storage, TableStorage} from './contract.ts';
import {DirectoryLock} from './directory-lock.ts';
import type {Engine} from './engine.ts';
import {Checkpointer} from './hot/checkpoint.ts';
import {Durability} from './hot/durability.ts';
import {HotStore} from './hot/hot-store.ts';
import {LogIndex} from './hot/log-index.ts';
import {WalReserve} from './hot/wal-reserve.ts';
import {openSchema} from './hot/schema.ts';
import {LockManager} from './locks/lock-manager.ts';
import {finishDrains, loadManifest, removeUnpublished, syncLeftWal} from './recovery.ts';
import {FileGarbage} from './file-garbage.ts';
import {SegmentPlaces, type SegmentPlacesOptions} from './objects/segment-places.ts';
import {Sequences} from './sequences.ts';
import {DEFAULT_STORAGE_SETTINGS, type StorageLogger, type StorageSettings} from './settings.ts';
import {DirectoryStorage} from './directory-storage.ts';
import {Callers} from './tx/callers.ts';
import {CommitQueue} from './tx/commit.ts';
import {SerializableTransactions} from './tx/serializable.ts';
import {SnapshotRegistry} from './tx/snapshot.ts';
import {UniqueChecker} from './tx/unique.ts';

const PG_EPOCH_MS = 946_684_800_000;
const SHRINK_EVERY_GROUPS = 256;
const INT8_OID = oid(20);

const NO_PLACES: NonNullable<OpenStorageOptions['places']> = {
  definition: () => undefined,
  ownerName: String,
  shards: new Map(),
};

/** What a data directory is opened with. */
export interface OpenStorageOptions {
  readonly dataDir: string;
  readonly logger: StorageLogger;
  readonly segments: SegmentStore;
  /** Types by OID, user-made ones too once the catalog is open: for log entries and segments. */
  readonly types: TypeLookup;
  /** The table of an OID as of the newest catalog: names in errors, change log readers. */
  readonly resolveTable: (table: Oid) => TableStorage | undefined;
  readonly settings?: Partial<StorageSettings>;
  /** Storages beside `local`; without them there are none. */
  readonly places?: Omit<SegmentPlacesOptions, 'localRoot' | 'incarnation'>;
}

/** Opens (or makes) a data directory: one process at a time, recovered before the first read. */
export function openStorage(options: OpenStorageOptions): Storage {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, {recursive: true, mode: 0o700});
  const lock = new DirectoryLock(dataDir);
  let db: Database | null = null;
  try {
    db = openFile(join(dataDir, 'wadi.db'));
    return open(options, dataDir, lock, db);
  } catch (error) {
    db?.close();
    lock.release();
    throw error;
  }
}

function openFile(path: string): Database {
  syncLeftWal(`${path}-wal`);
  const db = new Database(path, {timeout: 0});
  db.defaultSafeIntegers(true);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.pragma('wal_autocheckpoint = 0');
  db.pragma('cache_size = -65536');
  return db;
}

function open(
  options: OpenStorageOptions,
  dataDir: string,
  lock: DirectoryLock,
  db: Database,
): Storage {
  const settings: StorageSettings = {...DEFAULT_STORAGE_SETTINGS, ...options.settings};
  const path = join(dataDir, 'wadi.db');
  const meta = openSchema(db, FIRST_NORMAL_OID);
  const archives = settings.archives === 'asBefore' ? isArchived(db) : settings.archives;
  const removed = removeUnpublished(db, archives);
  finishDrains(db);
  if (removed > 0)
    options.logger.info(`removed ${removed} segment files that were never published`);
  // The durability thread opens the WAL file, which exists only after a first write.
  db.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)').run('opened_at', Date.now());

  const {resolveTable, types, segments, logger} = options;
  const nameOf = (table: Oid): string => resolveTable(table)?.name ?? String(table);
  const snapshots = new SnapshotRegistry(meta.lastSeq, loadManifest(db, types));
  const hot = new HotStore(db, settings.hotImageBytes, settings.sliceMs);
  const callers = new Callers();
  const walReserve = new WalReserve(`${path}-wal`, settings.checkpointBytes);
  const durability = new Durability(`${path}-wal`, snapshots, callers, logger);
  const cold = new ColdTables(
    segments,
    () => snapshots.current.manifest,
    () => {
      const int8 = types.typeByOid(INT8_OID);
      assert(int8 !== undefined, 'int8 is a type');
      return int8;
    },
  );
  const counters = {
    nextOid: meta.nextOid,
    nextRid: meta.nextRid,
    storedOid: meta.nextOid,
    storedRid: meta.nextRid,
    nextSegment: meta.nextSegment,
    storedSegment: meta.nextSegment,
    storedSeq: meta.lastSeq,
  };
  const logIndex = new LogIndex(db);
  const listeners = new Set<Parameters<Storage['onCommit']>[0]>();
  let groups = 0;
  const commits = new CommitQueue(
    {
      db,
      hot,
      logIndex,
      snapshots,
      durability,
      counters,
      listeners,
      logger,
      sliceMs: settings.sliceMs,
      now: () => BigInt(Date.now() - PG_EPOCH_MS) * 1000n,
      afterGroup: rows => {
        checkpointer.afterGroup(rows);
        walReserve.afterGroup();
        if (++groups % SHRINK_EVERY_GROUPS === 0) hot.shrink(snapshots.oldest());
      },
    },
    meta.lastSeq,
  );
  const checkpointer = new Checkpointer(path, settings, logger, isHeld => commits.hold(isHeld));
  const storedSequences = (
    db.prepare('SELECT oid, state FROM sequences').raw().all() as [bigint, string][]
  ).map(([id, state]) => [Number(id), state] as const);
  const sequences = new Sequences(
    storedSequences,
    (sequence, json, failed) => {
      commits.enqueue(
        {
          tables: [],
          bulk: [],
          ddl: [],
          sequences: [[sequence, json]],
          manifest: null,
          applied: () => {},
          failed: error => {
            logger.error(`sequence reservation failed: ${error.message}`);
            failed(error);
          },
        },
        true,
      );
      commits.flush();
    },
    nameOf,
  );
  const locks = new LockManager(nameOf);
  locks.onRowWait = () => commits.hasten();
  durability.onSynced = () => commits.flush();
  const engine: Engine = {
    dataDir,
    incarnation: meta.incarnation,
    db,
    settings,
    logger,
    types,
    resolveTable,
    hot,
    cold,
    segments,
    places: new SegmentPlaces({
      localRoot: settings.segmentDirectory ?? join(dataDir, 'segments'),
      incarnation: meta.incarnation,
      ...(options.places ?? NO_PLACES),
    }),
    garbage: new FileGarbage({db, segments, logger, commits}),
    locks,
    snapshots,
    durability,
    logIndex,
    commits,
    callers,
    serializables: new SerializableTransactions(),
    sequences,
    unique: new UniqueChecker(cold),
    counters,
    held: {bytes: 0},
    holds: new Holds(archives ? archiveStart(db) : stopArchive(db)),
    listeners,
  };
  return new DirectoryStorage(engine, checkpointer, walReserve, lock);
}
