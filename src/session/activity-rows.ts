import {oid} from '../common/ids.ts';
import {rolesWithPrivilegesOf} from '../catalog/acl.ts';
import type {Datum} from '../types/contract.ts';
import {seesStorageOf} from './owner-visibility.ts';
import type {SessionContext} from './session-context.ts';

type Row = readonly Datum[];

const READ_ALL_STATS = oid(3375);

/** Whether what a session of a role does is told to who asks (PostgreSQL HAS_PGSTAT_PERMISSIONS). */
export function seesActivity(session: SessionContext): (role: number) => boolean {
  if (session.isSuperuser) return () => true;
  const roles: ReadonlySet<number> = rolesWithPrivilegesOf(
    session.currentRole,
    session.transaction.catalog,
  );
  return role => roles.has(READ_ALL_STATS) || roles.has(role);
}

/** pg_stat_activity: of other roles' sessions only that they are there. */
export function activityRows(session: SessionContext): readonly Row[] {
  const {catalog} = session.transaction;
  const isSeen = seesActivity(session);
  const waits = new Map<number, string>();
  for (const lock of session.engine.storage.locks())
    if (!lock.granted) waits.set(lock.pid, lock.type);
  return [...session.engine.sessions.values()].map((each): Row => {
    const role = catalog.roleByOid(each.sessionRole);
    const known = [
      ...[each.database.oid, each.database.name, each.pid, null],
      ...[each.sessionRole, role?.name ?? null, each.settings.raw('application_name') ?? ''],
    ];
    if (!isSeen(each.sessionRole)) {
      const hidden = new Array<null>(13).fill(null);
      return [...known, ...hidden, '<insufficient privilege>', null];
    }
    const {activity, options} = each;
    const awaited = waits.get(each.pid);
    const isIdle = activity.state !== 'active';
    const tx = each.transaction.openTx;
    return [
      ...known,
      ...[options.remoteAddress === '' ? null : options.remoteAddress, null, options.remotePort],
      ...[each.startedAt, each.transaction.status === 'none' ? null : each.transaction.startedAt],
      ...[each.queryStartedAt, each.stateChangedAt],
      awaited !== undefined ? 'Lock' : isIdle ? 'Client' : null,
      awaited ?? (isIdle ? 'ClientRead' : null),
      ...[activity.state, tx?.hasWrites === true ? tx.id : null, null, null],
      ...[activity.query, 'client backend'],
    ];
  });
}

/** Columns of pg_stat_database from xact_commit to deadlocks, and those of times and sessions: nothing counts them. */
const COUNTERS = 13;
const TIMES = 5;
const SESSION_COUNTERS = 4;

/** pg_stat_database: who is connected; what nothing counts is 0. */
export function databaseRows(session: SessionContext): readonly Row[] {
  const connected = new Map<number, number>();
  for (const each of session.engine.sessions.values())
    connected.set(each.database.oid, (connected.get(each.database.oid) ?? 0) + 1);
  const row = (database: number, name: string | null): Row => [
    ...[database, name, connected.get(database) ?? 0],
    ...new Array<bigint>(COUNTERS).fill(0n),
    ...[null, null],
    ...new Array<number>(TIMES).fill(0),
    ...new Array<bigint>(SESSION_COUNTERS).fill(0n),
    null,
  ];
  const databases = [...session.transaction.catalog.databases()];
  return [row(0, null), ...databases.map(each => row(each.oid, each.name))];
}

/** Rows in each table, as far as the session may know them: table and number, null where it would have to be loaded. */
export function liveTupleRows(session: SessionContext): readonly Row[] {
  const {catalog} = session.transaction;
  const {storage, storages} = session.engine;
  return [...catalog.tables()].map((table): Row => {
    const stored = storages.of(catalog, table);
    if (seesStorageOf(session, table)) {
      const {hotRows, coldRows} = storage.tableStats(stored);
      return [table.oid, BigInt(hotRows + coldRows)];
    }
    if (table.tableKind === 'shared') return [table.oid, 0n];
    // Own rows are counted in the image; a figure is no reason to load one.
    const isKnown = storage.isLoaded(table.oid);
    return [table.oid, isKnown ? BigInt(storage.countRows(stored, session.effectiveOwner)) : null];
  });
}
