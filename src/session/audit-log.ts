import {auditTable, findAuditTable} from '../catalog/audit-table.ts';
import type {CatalogChange, CatalogSnapshot} from '../catalog/contract.ts';
import {descriptorKey, descriptorToJson} from '../catalog/descriptor-json.ts';
import {assert} from '../common/errors.ts';
import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import type {Storage, TableStorage, Transaction} from '../storage/contract.ts';
import {JsonbObject, JsonbValue} from '../types/jsonb-value.ts';
import type {TableStorages} from './table-storages.ts';

/** What an act on another user's data or in his name was. */
export type AuditAction =
  | 'execute as user'
  | 'set role'
  | 'set session authorization'
  | 'read all owners'
  | 'read as user'
  | 'write as user'
  | 'subscribe all owners'
  | 'export user data'
  | 'import user data'
  | 'delete user data';

/** One record: who (`actor`, the session's user) did what, to whose data (`subject`, null = everybody's) in which table. */
export interface AuditRecord {
  readonly actor: string;
  readonly subject: string | null;
  readonly action: AuditAction;
  readonly target: string | null;
  readonly details: Readonly<Record<string, string>>;
  readonly clientAddress: string | null;
}

/** What the log needs of the engine. */
export interface AuditHost {
  readonly storage: Storage;
  readonly storages: TableStorages;
  catalog(databaseOid: Oid): CatalogSnapshot;
  publishCatalogChanges(databaseOid: Oid, changes: readonly CatalogChange[]): void;
  /** Microseconds since 2000-01-01 UTC. */
  now(): bigint;
}

const NOBODY = {pid: 0, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000};

/**
 * system.audit_log of each database: a record is a commit of its own, so that it stays when the statement that it tells of is rolled
 * back (STORAGE section 6.3).
 */
export class AuditLog {
  readonly #host: AuditHost;
  #lastId = 0n;

  constructor(host: AuditHost) {
    this.#host = host;
  }

  /** Makes the table in a database that has none yet. */
  async ensure(databaseOid: Oid): Promise<void> {
    if (findAuditTable(this.#host.catalog(databaseOid)) !== undefined) return;
    await this.#commit(databaseOid, () => undefined).applied;
  }

  /**
   * Writes a record. `applied` is undefined when its commit is in place already; `seq()` tells, from then on, what must be durable before
   * a row that the act reaches may leave the process.
   */
  append(databaseOid: Oid, record: AuditRecord): AppendedRecord {
    return this.#commit(databaseOid, (tx, table) => {
      const now = this.#host.now();
      this.#lastId = now > this.#lastId ? now : this.#lastId + 1n;
      const keys = Object.keys(record.details).sort(
        (a, b) => a.length - b.length || (a < b ? -1 : 1),
      );
      const details = new JsonbObject(
        keys,
        keys.map(key => record.details[key] ?? null),
      );
      const written = tx.insert(table, 0 as OwnerId, [
        this.#lastId,
        now,
        record.actor,
        record.subject,
        record.action,
        record.target,
        new JsonbValue(details),
        record.clientAddress,
      ]);
      assert(written === 'done', 'the audit log has no keys to wait for');
    });
  }

  /** The log of a database as storage has it; undefined before it was made. */
  storageOf(databaseOid: Oid): TableStorage | undefined {
    const catalog = this.#host.catalog(databaseOid);
    const descriptor = findAuditTable(catalog);
    return descriptor === undefined ? undefined : this.#host.storages.get(catalog, descriptor.oid);
  }

  #commit(databaseOid: Oid, write: (tx: Transaction, table: TableStorage) => void): AppendedRecord {
    const {storage} = this.#host;
    let catalog = this.#host.catalog(databaseOid);
    const changes: CatalogChange[] = [];
    const tx = storage.begin({
      isolation: 'read committed',
      isReadOnly: false,
      databaseOid,
      waiter: NOBODY,
    });
    tx.beginStatement();
    let descriptor = findAuditTable(catalog);
    if (descriptor === undefined) {
      descriptor = auditTable(storage.allocateOid(), rowTypeOid(storage));
      changes.push({op: 'put', descriptor});
      const key = descriptorKey(databaseOid, 'table', descriptor.oid);
      tx.ddl({kind: 'catalog', key, json: descriptorToJson(descriptor, catalog)});
      catalog = catalog.apply(changes);
      tx.ddl({kind: 'createTable', table: this.#host.storages.get(catalog, descriptor.oid)});
    }
    write(tx, this.#host.storages.get(catalog, descriptor.oid));
    tx.endStatement();
    const waiting = tx.commit(true);
    if (waiting !== undefined) storage.flushCommits();
    const seq = (): Seq => tx.commitSeq ?? storage.lastSeq;
    const publish = (): void => {
      if (changes.length > 0) this.#host.publishCatalogChanges(databaseOid, changes);
    };
    if (waiting === undefined || tx.commitSeq !== null) {
      publish();
      return {applied: undefined, seq};
    }
    return {applied: waiting.then(publish), seq};
  }
}

/** A record on its way. */
export interface AppendedRecord {
  readonly applied: Promise<void> | undefined;
  seq(): Seq;
}

/** A row type's array has the OID after its own. */
function rowTypeOid(storage: Storage): Oid {
  const rowType = storage.allocateOid();
  const array = storage.allocateOid();
  assert(array === rowType + 1, 'OIDs are given out one by one');
  return rowType;
}
