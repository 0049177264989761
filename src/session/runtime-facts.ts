import {hasPrivileges} from '../catalog/acl.ts';
import type {RuntimeFacts} from '../catalog/contract.ts';
import type {QueryRelation, ViewDescriptor} from '../catalog/descriptors.ts';

import {settingFacts, settingRow, type SettingFacts} from '../catalog/system/fact-rows.ts';
import type {Oid} from '../common/ids.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum} from '../types/contract.ts';
import {UNIX_EPOCH_MICROS} from '../types/datetime-calendar.ts';
import {activityRows, databaseRows, liveTupleRows, seesActivity} from './activity-rows.ts';
import {viewRoutines, viewUpdatable, viewUses, type ViewUse} from './commands/view-uses.ts';
import {showValue} from './commands/variable.ts';
import {seesStorageOf} from './owner-visibility.ts';
import {inRole} from './role-context.ts';
import {hasServiceRight} from './run-context.ts';
import {schemaVersionRows} from './schema-version-rows.ts';
import type {SessionContext} from './session-context.ts';

type Row = readonly Datum[];
type Feed = (session: SessionContext) => readonly Row[];

/** Facts about what runs as one session sees them, by relation: one line each. */
const feeds: Readonly<Record<string, Feed>> = {
  'pg_catalog.pg_settings': settingRows,
  'pg_catalog.pg_stat_activity': activityRows,
  'pg_catalog.pg_stat_database': databaseRows,
  'pg_catalog.pg_stat_all_tables.n_live_tup': liveTupleRows,
  'pg_catalog.pg_locks': lockRows,
  'pg_catalog.pg_prepared_statements': preparedRows,
  'pg_catalog.pg_cursors': cursorRows,
  'pg_catalog.pg_sequences.last_value': sequenceValueRows,
  'system.segments': segmentRows,
  'system.jobs': jobRows,
  'system.schema_versions': schemaVersionRows,
  'system.stats': statsRows,
  'system.sessions': sessionRows,
  'system.transactions': transactionRows,
  'system.settings': wadiSettingRows,
};

/** Runtime facts for a session; `more` holds feeds of upper layers (live queries, jobs). */
export class SessionFacts implements RuntimeFacts {
  readonly #session: SessionContext;
  readonly #more: ReadonlyMap<string, () => readonly Row[]>;

  constructor(session: SessionContext, more: ReadonlyMap<string, () => readonly Row[]>) {
    this.#session = session;
    this.#more = more;
  }

  get currentRole(): Oid {
    return this.#session.currentRole;
  }

  viewUses(view: QueryRelation): readonly ViewUse[] {
    return viewUses(this.#session, view);
  }

  viewRoutines(view: QueryRelation): readonly Oid[] {
    return viewRoutines(this.#session, view);
  }

  get searchPath(): readonly Oid[] {
    return this.#session.searchPath();
  }

  updatableColumns(view: ViewDescriptor): readonly number[] | null {
    return viewUpdatable(this.#session, view);
  }

  as(role: Oid): RuntimeFacts {
    const session = this.#session;
    return {
      currentRole: role,
      searchPath: this.searchPath,
      viewUses: view => this.viewUses(view),
      viewRoutines: view => this.viewRoutines(view),
      updatableColumns: view => this.updatableColumns(view),
      rows: relation => inRole(session, role, () => this.rows(relation)),
    };
  }

  rows(relation: string): readonly Row[] | undefined {
    const feed = Object.hasOwn(feeds, relation) ? feeds[relation] : undefined;
    return feed === undefined ? this.#more.get(relation)?.() : feed(this.#session);
  }
}

function settingValue(session: SessionContext, facts: SettingFacts): string | null {
  if (facts.name.startsWith('transaction_')) return showValue(session, facts.name);
  return session.settings.raw(facts.name) ?? facts.bootValue;
}

function settingRows(session: SessionContext): readonly Row[] {
  const {settings} = session;
  return settingFacts().map(facts => {
    const reset = settings.resetValue(facts.name) ?? facts.bootValue;
    return settingRow(facts, settingValue(session, facts), settings.source(facts.name), reset);
  });
}

function wadiSettingRows(session: SessionContext): readonly Row[] {
  return settingFacts().map(facts => [
    facts.name,
    settingValue(session, facts),
    facts.unit,
    facts.category,
    facts.shortDescription,
    facts.context,
    session.settings.source(facts.name),
    facts.name.startsWith('wadi_'),
  ]);
}

function lockRows(session: SessionContext): readonly Row[] {
  const rows = session.engine.storage.locks().map((lock): Row => {
    const key = lock.key === null ? null : BigInt.asUintN(64, lock.key);
    return [
      lock.type,
      lock.database === 0 ? null : lock.database,
      lock.relation === 0 ? null : lock.relation,
      ...[null, null, null, lock.transaction],
      key === null ? null : Number(key >> 32n),
      key === null ? null : Number(key & 0xff_ff_ff_ffn),
      lock.key === null ? null : lock.key >> 64n === 1n ? 2 : 1,
      ...[`${lock.pid}/${lock.holder}`, lock.pid, lock.mode, lock.granted, false],
      lock.waitingSince === null ? null : timestampOf(lock.waitingSince),
    ];
  });
  for (const each of session.engine.sessions.values()) {
    const tx = each.transaction.openTx;
    if (tx === null) continue;
    const place = `${each.pid}/${tx.id}`;
    const held = [place, each.pid, 'ExclusiveLock', true, false, null];
    rows.push(['virtualxid', null, null, null, null, place, null, null, null, null, ...held]);
    if (tx.hasWrites)
      rows.push(['transactionid', null, null, null, null, null, tx.id, null, null, null, ...held]);
  }
  return rows;
}

/** Milliseconds since 1970 as a timestamp. */
function timestampOf(ms: number): bigint {
  return BigInt(ms) * 1000n - UNIX_EPOCH_MICROS;
}

/** Values of the sequences that the session may read. */
function sequenceValueRows(session: SessionContext): readonly Row[] {
  const {catalog} = session.transaction;
  return [...catalog.sequences()].flatMap((sequence): readonly Row[] => {
    const {owner, acl} = sequence;
    if (!hasPrivileges(catalog, session.currentRole, {kind: 's', owner, acl}, 'r')) {
      if (!hasPrivileges(catalog, session.currentRole, {kind: 's', owner, acl}, 'U')) return [];
    }
    const state = session.engine.storage.sequenceState(sequence.oid);
    return state === undefined || !state.isCalled ? [] : [[sequence.oid, state.lastValue]];
  });
}

function preparedRows(session: SessionContext): readonly Row[] {
  return [...session.extended.statements.values()]
    .filter(each => each.name !== '')
    .map(each => [
      each.name,
      each.text,
      each.preparedAt,
      PgArray.of(each.parameterTypes.map(type => type.oid)),
      each.fromSql,
      0n,
      0n,
    ]);
}

function cursorRows(session: SessionContext): readonly Row[] {
  const rows: Row[] = [];
  for (const portal of session.extended.portals.values()) {
    const {cursor} = portal;
    if (cursor === null) continue;
    rows.push([
      portal.name,
      cursor.text,
      cursor.isHoldable,
      cursor.isBinary,
      cursor.isScrollable,
      cursor.createdAt,
    ]);
  }
  return rows;
}

function segmentRows(session: SessionContext): readonly Row[] {
  const {catalog} = session.transaction;
  const rows: Row[] = [];
  const isService = hasServiceRight(catalog, session.currentRole);
  for (const segment of session.engine.storage.segments()) {
    const table = catalog.tableByOid(segment.table);
    if (table === undefined) continue;
    const isOwn = segment.owner !== 0 && segment.owner === session.effectiveOwner;
    const isShared = table.tableKind === 'shared' && seesStorageOf(session, table);
    if (!isOwn && !isShared && !isService) continue;
    rows.push([
      catalog.schemaByOid(table.schema)?.name ?? '',
      table.name,
      segment.owner === 0
        ? null
        : (catalog.roleByOid(segment.owner)?.name ?? String(segment.owner)),
      BigInt(segment.id),
      // Where files lie is the operators' business.
      isService ? segment.path : null,
      BigInt(segment.rows),
      BigInt(segment.deletedRows),
      BigInt(segment.bytes),
      segment.minSeq,
      segment.maxSeq,
      segment.schemaVersion,
      segment.createdAt,
    ]);
  }
  return rows;
}

function jobRows(session: SessionContext): readonly Row[] {
  return session.engine.jobs
    .rows()
    .filter(job => job.createdBy === session.currentUser || seesJobsOf(session, job))
    .map(job => [
      BigInt(job.id),
      job.type,
      job.status,
      job.namespace,
      job.table,
      job.progress,
      job.message,
      job.error,
      job.createdBy,
      job.createdAt,
      job.startedAt,
      job.finishedAt,
      job.retries,
    ]);
}

/** A job's message tells how many rows a table has. */
function seesJobsOf(
  session: SessionContext,
  job: {readonly namespace: string | null; readonly table: string | null},
): boolean {
  const {catalog} = session.transaction;
  if (hasServiceRight(catalog, session.currentRole)) return true;
  if (job.namespace === null || job.table === null) return false;
  const schema = catalog.schemaByName(job.namespace);
  const table = schema && catalog.relationByName(schema.oid, job.table);
  return table?.kind === 'table' && seesStorageOf(session, table);
}

function statsRows(session: SessionContext): readonly Row[] {
  const {catalog} = session.transaction;
  const {storage, storages} = session.engine;
  const rows: Row[] = [];
  for (const table of catalog.tables()) {
    if (!seesStorageOf(session, table)) continue;
    const stats = storage.tableStats(storages.of(catalog, table));
    rows.push([
      catalog.schemaByOid(table.schema)?.name ?? '',
      table.name,
      BigInt(stats.hotRows),
      BigInt(stats.coldRows),
      BigInt(stats.segments),
      BigInt(stats.hotBytes),
      BigInt(stats.coldBytes),
    ]);
  }
  return rows;
}

function sessionRows(session: SessionContext): readonly Row[] {
  const {catalog} = session.transaction;
  const isSeen = seesActivity(session);
  return [...session.engine.sessions.values()].map(each => [
    BigInt(each.pid),
    each.pid,
    catalog.roleByOid(each.sessionRole)?.name ?? '',
    each.database.name,
    each.settings.raw('application_name') ?? '',
    isSeen(each.sessionRole) && each.options.remoteAddress !== ''
      ? each.options.remoteAddress
      : null,
    'postgres',
    ...(isSeen(each.sessionRole)
      ? [
          ...[each.activity.state, each.activity.query],
          ...[each.startedAt, each.queryStartedAt, each.stateChangedAt],
        ]
      : [null, '<insufficient privilege>', null, null, null]),
  ]);
}

function transactionRows(session: SessionContext): readonly Row[] {
  const rows: Row[] = [];
  for (const each of session.engine.sessions.values()) {
    const tx = each.transaction.openTx;
    if (tx === null) continue;
    const locks = session.engine.storage
      .locks()
      .filter(lock => lock.pid === each.pid && lock.granted).length;
    rows.push([
      BigInt(tx.id),
      each.pid,
      each.currentUser,
      each.transaction.status,
      tx.isolation,
      null,
      null,
      null,
      BigInt(locks),
      each.transaction.startedAt,
    ]);
  }
  return rows;
}
