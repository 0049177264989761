import {randomUUID} from 'node:crypto';
import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import type {CallTypes, EvalContext, FunctionCode} from './contract.ts';
import {dayOfTimestamp, dayOfWeek, timestampToFields} from '../types/datetime-calendar.ts';
import {localFromUtc, secondsOfTimestamp} from '../types/datetime-math.ts';
import {numericFromInt} from '../types/numeric-convert.ts';
import {numericAdd, numericRound, numericSub} from '../types/numeric-math.ts';
import type {Numeric} from '../types/numeric-value.ts';
import {dayNames, monthNames} from './format-date.ts';
import {sessionZone} from './session-clock.ts';
import {formatBytes, formatBytesNumeric, parseSize} from './size.ts';
import type {FunctionTable} from './table.ts';
import {alias} from './table.ts';
import {formatText, quoteIdent, quoteLiteral} from './quote.ts';

/** A function that an upper layer answers. */
function external(...sources: readonly string[]): FunctionTable {
  return Object.fromEntries(
    sources.map(source => [
      source,
      {
        fnCtx: (...args: unknown[]) =>
          (args[args.length - 1] as EvalContext).extern.call(source, args.slice(0, -1) as Datum[]),
      },
    ]),
  );
}

/** Text of each argument as concat() writes it. */
function outputs(types: CallTypes): (args: readonly Datum[]) => (string | null)[] {
  return args => {
    const settings = types.context().format;
    return args.map((arg, index) =>
      arg === null ? null : (types.args[index] as TypeInstance).output(arg, settings),
    );
  };
}

const concat: FunctionCode = {
  fnTyped: types => {
    const texts = outputs(types);
    return (...args: Datum[]) => texts(args).join('');
  },
};

const concatWs: FunctionCode = {
  fnTyped: types => {
    const texts = outputs(types);
    return (...args: Datum[]) => {
      if (args[0] === null) return null;
      return texts(args)
        .slice(1)
        .filter(text => text !== null)
        .join(args[0] as string);
    };
  },
};

const format: FunctionCode = {
  fnTyped: types => {
    const texts = outputs(types);
    return (...args: Datum[]) =>
      args[0] === null ? null : formatText(args[0] as string, texts(args).slice(1));
  },
};

function currentSetting(
  name: string,
  isMissingOk: boolean | undefined,
  context: EvalContext,
): Datum {
  const value = context.settings.get(name);
  if (value !== undefined) return value;
  if (isMissingOk === true) return null;
  throw new PgError(SqlState.undefinedObject, `unrecognized configuration parameter "${name}"`);
}

function setConfig(
  name: string | null,
  value: string | null,
  isLocal: boolean | null,
  context: EvalContext,
): Datum {
  if (name === null) throw new PgError(SqlState.nullValueNotAllowed, 'SET requires parameter name');
  return context.settings.set(name, value ?? '', isLocal === true);
}

function parseIdent(text: string, isStrict: boolean): Datum {
  const bad = (detail?: string): PgError =>
    new PgError(
      SqlState.invalidParameterValue,
      `string is not a valid identifier: ${quoteWhole(text)}`,
      detail === undefined ? {} : {detail},
    );
  const parts: string[] = [];
  let rest = text.replace(/^\s+/, '');
  for (;;) {
    const match =
      /^(?:"((?:[^"]|"")*)"|([A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*))\s*/.exec(rest);
    if (match === null) {
      if (rest.startsWith('"')) throw bad('String has unclosed double quotes.');
      if (rest.startsWith('.')) throw bad('No valid identifier before ".".');
      throw parts.length > 0 ? bad('No valid identifier after ".".') : bad();
    }
    if (match[1] === '') throw bad('Quoted identifier must not be empty.');
    parts.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2]!.toLowerCase());
    rest = rest.slice(match[0].length);
    if (!rest.startsWith('.')) break;
    rest = rest.slice(1).replace(/^\s+/, '');
  }
  if (rest !== '' && isStrict) throw bad();
  return PgArray.of(parts);
}

const quoteWhole = (text: string): string => `"${text}"`;

function uuid(context: EvalContext): string {
  const bytes = Buffer.from(context.random.bytes(16));
  if (bytes.length !== 16) return randomUUID();
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const countNulls = (wanted: boolean): FunctionCode => ({
  fn: (...args: Datum[]) =>
    args.reduce<number>((count, arg) => count + ((arg === null) === wanted ? 1 : 0), 0),
});

/** The clock as `Wed Feb 14 18:30:45.123456 2024 EST`. */
function timeOfDay(context: EvalContext): string {
  const now = context.clock.clockTimestamp();
  const zone = sessionZone(context);
  const seconds = secondsOfTimestamp(now);
  const {year, month, day, micros} = timestampToFields(localFromUtc(now, zone));
  const days = dayOfTimestamp(localFromUtc(now, zone));
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0');
  const second = Math.trunc(micros / 1_000_000);
  const clock = `${two(second / 3600)}:${two((second / 60) % 60)}:${two(second % 60)}.${String(micros % 1_000_000).padStart(6, '0')}`;
  const names = `${dayNames[dayOfWeek(days)]!.slice(0, 3)} ${monthNames[month - 1]!.slice(0, 3)}`;
  return `${names} ${two(day)} ${clock} ${year} ${zone.abbreviationAt(seconds)}`;
}

const nanLsn = (what: string): PgError =>
  new PgError(SqlState.featureNotSupported, `cannot ${what} pg_lsn`);

/** pg_lsn of a number of bytes. */
function lsnOfNumeric(bytes: Numeric): bigint {
  if (bytes.kind === 'nan') throw nanLsn('convert NaN to');
  if (bytes.kind !== 'finite') throw nanLsn('convert infinity to');
  const {digits} = numericRound(bytes, 0);
  if (digits < 0n || digits > 0xffffffffffffffffn)
    throw new PgError(SqlState.invalidParameterValue, 'pg_lsn out of range');
  return digits;
}

const session = (read: (context: EvalContext) => Datum): FunctionCode => ({fnCtx: read});

/** Session information, settings, sequences, quoting, and what upper layers answer. */
export const miscFunctions: FunctionTable = {
  text_concat: concat,
  text_concat_ws: concatWs,
  text_format: format,
  text_format_nv: {fn: (text: string | null) => (text === null ? null : formatText(text, []))},
  quote_ident: {fn: quoteIdent},
  quote_literal: {fn: quoteLiteral},
  quote_nullable: {fn: (text: string | null) => (text === null ? 'NULL' : quoteLiteral(text))},
  parse_ident: {fn: parseIdent},
  show_config_by_name: {
    fnCtx: (name: string, context: EvalContext) => currentSetting(name, false, context),
  },
  show_config_by_name_missing_ok: {fnCtx: currentSetting},
  set_config_by_name: {fnCtx: setConfig},
  current_user: session(context => context.session.currentUser()),
  session_user: session(context => context.session.sessionUser()),
  current_database: session(context => context.session.currentDatabase()),
  current_schema: session(context => context.session.currentSchemas(false)[0] ?? null),
  current_schemas: {
    fnCtx: (all: boolean, context: EvalContext) => PgArray.of(context.session.currentSchemas(all)),
  },
  pg_backend_pid: session(context => context.session.backendPid()),
  nextval_oid: {
    fnCtx: (sequence: number, context: EvalContext) => context.sequences.nextval(sequence),
  },
  currval_oid: {
    fnCtx: (sequence: number, context: EvalContext) => context.sequences.currval(sequence),
  },
  setval_oid: {
    fnCtx: (sequence: number, value: bigint, context: EvalContext) =>
      context.sequences.setval(sequence, value, true),
  },
  setval3_oid: {
    fnCtx: (sequence: number, value: bigint, isCalled: boolean, context: EvalContext) =>
      context.sequences.setval(sequence, value, isCalled),
  },
  lastval: session(context => context.sequences.lastval()),
  gen_random_uuid: session(uuid),
  now: session(context => context.clock.transactionTimestamp()),
  statement_timestamp: session(context => context.clock.statementTimestamp()),
  clock_timestamp: session(context => context.clock.clockTimestamp()),
  pg_num_nulls: countNulls(true),
  pg_num_nonnulls: countNulls(false),
  timeofday: session(timeOfDay),
  xid8toxid: {fn: (xid: bigint) => Number(BigInt.asUintN(32, xid))},
  pg_wal_lsn_diff: {fn: (a: bigint, b: bigint) => numericFromInt(a - b)},
  pg_lsn_mi: {fn: (a: bigint, b: bigint) => numericFromInt(a - b)},
  numeric_pg_lsn: {fn: lsnOfNumeric},
  pg_lsn_pli: {
    fn: (lsn: bigint, bytes: Numeric) => {
      if (bytes.kind === 'nan') throw nanLsn('add NaN to');
      return lsnOfNumeric(numericAdd(numericFromInt(lsn), bytes));
    },
  },
  pg_lsn_mii: {
    fn: (lsn: bigint, bytes: Numeric) => {
      if (bytes.kind === 'nan') throw nanLsn('subtract NaN from');
      return lsnOfNumeric(numericSub(numericFromInt(lsn), bytes));
    },
  },
  text_regclass: {
    fnCtx: (name: string, context: EvalContext) => {
      if (context.format.names === null) throw featureNotSupported('names cannot be resolved here');
      return context.format.names.regIn('regclass', name);
    },
  },
  pg_typeof: {fnTyped: types => () => types.args[0]!.oid},
  ...alias(['aclitemeq', 'aclitem_eq'], {fn: (a: Datum, b: Datum) => a === b}),
  pg_size_pretty: {fn: formatBytes},
  pg_size_pretty_numeric: {fn: formatBytesNumeric},
  pg_size_bytes: {fn: parseSize},
  getdatabaseencoding: {fn: () => 'UTF8'},
  pg_client_encoding: session(context => context.settings.get('client_encoding') ?? 'UTF8'),
  ...alias(['boolout', 'enum_out'], {
    fnTyped: types => (value: Datum) =>
      value === null ? null : types.args[0]!.output(value, types.context().format),
  }),
  ...external(
    'pgsql_version',
    'pg_sleep',
    'pg_notify',
    'pg_cancel_backend',
    'pg_terminate_backend',
    'pg_is_in_recovery',
    'pg_postmaster_start_time',
    'pg_conf_load_time',
    'pg_advisory_lock_int8',
    'pg_advisory_lock_int4',
    'pg_advisory_lock_shared_int8',
    'pg_advisory_lock_shared_int4',
    'pg_advisory_xact_lock_int8',
    'pg_advisory_xact_lock_int4',
    'pg_advisory_xact_lock_shared_int8',
    'pg_advisory_xact_lock_shared_int4',
    'pg_try_advisory_lock_int8',
    'pg_try_advisory_lock_int4',
    'pg_try_advisory_lock_shared_int8',
    'pg_try_advisory_lock_shared_int4',
    'pg_try_advisory_xact_lock_int8',
    'pg_try_advisory_xact_lock_int4',
    'pg_try_advisory_xact_lock_shared_int8',
    'pg_try_advisory_xact_lock_shared_int4',
    'pg_advisory_unlock_int8',
    'pg_advisory_unlock_int4',
    'pg_advisory_unlock_shared_int8',
    'pg_advisory_unlock_shared_int4',
    'pg_advisory_unlock_all',
    'pg_current_xact_id',
    'pg_current_xact_id_if_assigned',
    'pg_xact_status',
    'pg_current_snapshot',
    'pg_current_wal_lsn',
    'pg_reload_conf',
    'pg_trigger_depth',
    'pg_notification_queue_usage',
    'pg_export_snapshot',
    'pg_blocking_pids',
    'pg_safe_snapshot_blocking_pids',
    'pg_jit_available',
    'current_query',
    'pg_last_xact_replay_timestamp',
    'pg_last_wal_replay_lsn',
    'pg_last_wal_receive_lsn',
    'inet_client_addr',
    'inet_client_port',
    'inet_server_addr',
    'inet_server_port',
    'pg_log_backend_memory_contexts',
    'pg_rotate_logfile',
    'pg_promote',
    'pg_switch_wal',
  ),
};
