import type Database from 'better-sqlite3';
import type {Oid, Rid} from '../common/ids.ts';
import type {TypeLookup} from '../types/contract.ts';
import type {Holds} from './backup/holds.ts';
import type {ColdTables} from './cold-tables.ts';
import type {SegmentStore} from './cold/contract.ts';
import type {CommitEvent, TableStorage} from './contract.ts';
import type {Durability} from './hot/durability.ts';
import type {HotStore} from './hot/hot-store.ts';
import type {LogIndex} from './hot/log-index.ts';
import type {LockManager} from './locks/lock-manager.ts';
import type {FileGarbage} from './file-garbage.ts';
import type {SegmentPlaces} from './objects/segment-places.ts';
import type {Sequences} from './sequences.ts';
import type {StorageLogger, StorageSettings} from './settings.ts';
import type {Callers} from './tx/callers.ts';
import type {CommitQueue, Counters} from './tx/commit.ts';
import type {SerializableTransactions} from './tx/serializable.ts';
import type {SnapshotRegistry} from './tx/snapshot.ts';
import type {UniqueChecker} from './tx/unique.ts';
import type {HeldRows} from './tx/write-room.ts';

/** The parts of an open data directory, as transactions and jobs of storage use them. */
export interface Engine {
  readonly dataDir: string;
  readonly incarnation: string;
  readonly db: Database;
  readonly settings: StorageSettings;
  readonly logger: StorageLogger;
  readonly types: TypeLookup;
  readonly resolveTable: (oid: Oid) => TableStorage | undefined;
  readonly hot: HotStore;
  readonly cold: ColdTables;
  readonly segments: SegmentStore;
  readonly places: SegmentPlaces;
  readonly garbage: FileGarbage;
  readonly locks: LockManager;
  readonly snapshots: SnapshotRegistry;
  readonly serializables: SerializableTransactions;
  readonly durability: Durability;
  readonly logIndex: LogIndex;
  readonly commits: CommitQueue;
  readonly callers: Callers;
  readonly sequences: Sequences;
  readonly unique: UniqueChecker;
  readonly counters: Counters;
  /** New rows of open transactions in memory. */
  readonly held: HeldRows;
  /** What backups and the archive still need. */
  readonly holds: Holds;
  readonly listeners: Set<(event: CommitEvent) => void>;
}

/** The next row identity. */
export function nextRid(engine: Engine): number {
  return engine.counters.nextRid++;
}

/** A rid as transactions hand it out. */
export function ridOf(rid: number): Rid {
  return BigInt(rid) as Rid;
}
