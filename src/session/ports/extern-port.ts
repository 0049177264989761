import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {WaitSignal} from '../../common/wait-signal.ts';
import {PgArray} from '../../types/array-value.ts';
import type {Datum} from '../../types/contract.ts';
import type {Interval} from '../../types/interval-value.ts';
import type {SessionContext} from '../session-context.ts';
import {callSqlFunction} from '../sql-function.ts';

type Extern = (session: SessionContext, args: readonly Datum[]) => Datum;

/** Longest NOTIFY payload in bytes, as PostgreSQL's. */
const MAX_PAYLOAD = 8000;

/** Functions of the session layer by prosrc: one line each. */
const table: Readonly<Record<string, Extern>> = {
  pg_backend_pid: session => session.pid,
  pg_notify: (session, [channel, payload]) =>
    notify(session, channel as string | null, payload as string | null),
  pg_sleep: (session, [seconds]) => sleep(session, seconds as number),
  pg_sleep_for: (session, [span]) => sleep(session, secondsOf(span as unknown as Interval)),
  pg_cancel_backend: (session, [pid]) => signal(session, pid as number, target => target.cancel()),
  pg_terminate_backend: (session, [pid]) =>
    signal(session, pid as number, target =>
      target.terminate(
        new PgError(SqlState.adminShutdown, 'terminating connection due to administrator command', {
          severity: 'FATAL',
        }),
      ),
    ),
  pg_postmaster_start_time: session => session.engine.startedAt,
  pg_conf_load_time: session => session.engine.startedAt,
  pg_is_in_recovery: () => false,
  inet_client_addr: session =>
    session.options.isLoopback && session.options.remoteAddress === ''
      ? null
      : session.options.remoteAddress,
  inet_server_addr: session => session.options.localAddress ?? null,
  inet_server_port: session => session.options.localPort ?? null,
  inet_client_port: session => session.options.remotePort,
  pg_version: session => session.engine.versionText,
  pgsql_version: session => session.engine.versionText,
  txid_current: session => BigInt(session.transaction.tx.id),
  pg_current_xact_id: session => BigInt(session.transaction.tx.id),
  pg_current_xact_id_if_assigned: session => BigInt(session.transaction.tx.id),
  pg_current_snapshot: currentSnapshot,
  pg_blocking_pids: (session, [pid]) =>
    PgArray.of([...session.engine.storage.blockingPids(pid as number)]),
  // Serializable transactions never wait for a safe snapshot.
  pg_safe_snapshot_blocking_pids: () => PgArray.of([]),
  pg_advisory_lock_int8: (session, [key]) => advisory(session, key as bigint, false, true),
  pg_advisory_lock_shared_int8: (session, [key]) => advisory(session, key as bigint, true, true),
  pg_advisory_xact_lock_int8: (session, [key]) => advisory(session, key as bigint, false, false),
  pg_advisory_xact_lock_shared_int8: (session, [key]) =>
    advisory(session, key as bigint, true, false),
  pg_advisory_lock_int4: (session, [a, b]) => advisory(session, pairKey(a, b), false, true),
  pg_advisory_xact_lock_int4: (session, [a, b]) => advisory(session, pairKey(a, b), false, false),
  pg_try_advisory_lock_int8: (session, [key]) => tryAdvisory(session, key as bigint, false, true),
  pg_try_advisory_lock_int4: (session, [a, b]) => tryAdvisory(session, pairKey(a, b), false, true),
  pg_try_advisory_xact_lock_int8: (session, [key]) =>
    tryAdvisory(session, key as bigint, false, false),
  pg_try_advisory_xact_lock_int4: (session, [a, b]) =>
    tryAdvisory(session, pairKey(a, b), false, false),
  pg_advisory_lock_shared_int4: (session, [a, b]) => advisory(session, pairKey(a, b), true, true),
  pg_advisory_xact_lock_shared_int4: (session, [a, b]) =>
    advisory(session, pairKey(a, b), true, false),
  pg_try_advisory_lock_shared_int8: (session, [key]) =>
    tryAdvisory(session, key as bigint, true, true),
  pg_try_advisory_lock_shared_int4: (session, [a, b]) =>
    tryAdvisory(session, pairKey(a, b), true, true),
  pg_try_advisory_xact_lock_shared_int8: (session, [key]) =>
    tryAdvisory(session, key as bigint, true, false),
  pg_try_advisory_xact_lock_shared_int4: (session, [a, b]) =>
    tryAdvisory(session, pairKey(a, b), true, false),
  pg_advisory_unlock_int8: (session, [key]) => unlockAdvisory(session, key as bigint, false),
  pg_advisory_unlock_int4: (session, [a, b]) => unlockAdvisory(session, pairKey(a, b), false),
  pg_advisory_unlock_shared_int8: (session, [key]) => unlockAdvisory(session, key as bigint, true),
  pg_advisory_unlock_shared_int4: (session, [a, b]) => unlockAdvisory(session, pairKey(a, b), true),
  pg_advisory_unlock_all: session => {
    session.transaction.tx.unlockAllAdvisory();
    return '';
  },
  current_query: session => session.activity.query,
  pg_trigger_depth: () => 0,
  pg_jit_available: () => false,
  pg_notification_queue_usage: () => 0,
  pg_last_xact_replay_timestamp: () => null,
  pg_last_wal_replay_lsn: () => null,
  pg_last_wal_receive_lsn: () => null,
  sql_function: () => {
    throw featureNotSupported(
      'calling a SQL function with a body other than one SELECT is not supported in this place',
    );
  },
  'sql_function.run': (session, [fn, ...args]) =>
    callSqlFunction(session, fn as Oid, args) as unknown as Datum,
};

/** Calls a function that needs the session; upper layers' functions come through the engine's extensions. */
export function externCall(session: SessionContext, source: string, args: readonly Datum[]): Datum {
  const own = table[source];
  if (own !== undefined) return own(session, args);
  const extended = session.engine.extensions.call(session, source, args);
  if (extended !== undefined) return extended as Datum;
  throw featureNotSupported(`function ${source} is not supported`);
}

/** The transactions that run now are not visible, all earlier ones are. */
function currentSnapshot(session: SessionContext): string {
  const running = new Set([session.transaction.tx.id]);
  for (const each of session.engine.sessions.values()) {
    const tx = each.transaction.openTx;
    if (tx !== null) running.add(tx.id);
  }
  const ids = [...running].map(BigInt).sort((a, b) => (a < b ? -1 : 1));
  return `${ids[0]!}:${ids.at(-1)! + 1n}:${ids.join(',')}`;
}

function notify(session: SessionContext, channel: string | null, payload: string | null): string {
  session.notify(channel ?? '', payload ?? '');
  return '';
}

/** Checks a NOTIFY as PostgreSQL does (22023). */
export function checkNotify(channel: string, payload: string): void {
  if (channel === '')
    throw new PgError(SqlState.invalidParameterValue, 'channel name cannot be empty');
  if (Buffer.byteLength(channel) > 63)
    throw new PgError(SqlState.invalidParameterValue, 'channel name too long');
  if (Buffer.byteLength(payload) >= MAX_PAYLOAD)
    throw new PgError(SqlState.invalidParameterValue, 'payload string too long');
}

/** Waits once per call: the first evaluation starts the timer and pauses, its repetition after the wait returns. */
function sleep(session: SessionContext, seconds: number): string {
  const state = session.sleeping;
  if (state !== null && state.isOver) {
    session.sleeping = null;
    return '';
  }
  if (!(seconds > 0)) return '';
  const {promise, resolve} = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => {
      sleeping.isOver = true;
      resolve();
    },
    Math.min(seconds * 1000, 0x7fffffff),
  );
  const sleeping = {isOver: false, cancel: () => clearTimeout(timer)};
  session.sleeping = sleeping;
  throw new WaitSignal(promise);
}

function secondsOf(span: Interval): number {
  return Number(span.micros) / 1e6 + span.days * 86400 + span.months * 30 * 86400;
}

function signal(
  session: SessionContext,
  pid: number,
  act: (target: SessionContext) => void,
): boolean {
  const target = session.engine.sessions.get(pid);
  if (target === undefined) {
    session.warn(SqlState.warning, `PID ${pid} is not a PostgreSQL server process`);
    return false;
  }
  if (!session.isSuperuser && target.sessionUser !== session.currentUser) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      'must be a member of the role whose process is being signaled or member of pg_signal_backend',
    );
  }
  act(target);
  return true;
}

/** Keys of two numbers are others than those of one: they have a bit of their own. */
const TWO_NUMBERS = 1n << 64n;

function pairKey(high: Datum | undefined, low: Datum | undefined): bigint {
  const bits = BigInt.asUintN(64, (BigInt(high as number) << 32n) | BigInt((low as number) >>> 0));
  return TWO_NUMBERS | bits;
}

function advisory(
  session: SessionContext,
  key: bigint,
  shared: boolean,
  isSession: boolean,
): string {
  const result = session.transaction.tx.lockAdvisory(key, shared, isSession, 'wait');
  if (result instanceof Promise) throw new WaitSignal(result);
  return '';
}

function tryAdvisory(
  session: SessionContext,
  key: bigint,
  shared: boolean,
  isSession: boolean,
): boolean {
  return session.transaction.tx.lockAdvisory(key, shared, isSession, 'nowait') === 'granted';
}

/** False with a warning when the session does not hold the lock. */
function unlockAdvisory(session: SessionContext, key: bigint, shared: boolean): boolean {
  const isHeld = session.transaction.tx.unlockAdvisory(key, shared);
  if (!isHeld)
    session.warn(
      SqlState.warning,
      `you don't own a lock of type ${shared ? 'ShareLock' : 'ExclusiveLock'}`,
    );
  return isHeld;
}

/** Whether the session answers a prosrc. */
export function isExternFunction(source: string): boolean {
  return Object.hasOwn(table, source);
}
