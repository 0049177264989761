import {encodingName, encodingNumber} from '../catalog/info/encodings.ts';
import {SingleByteEncoding} from '../common/client-encoding.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {IsolationLevel} from '../storage/contract.ts';
import type {FormatSettings} from '../types/contract.ts';
import {parseDateStyle} from './date-style.ts';
import {
  assertActs,
  checkSetting,
  displaySetting,
  invalid,
  type SettingDefinition,
} from './setting-values.ts';
import {checkTimeZone} from './time-zone.ts';

/** Settings whose changes are told to the client, in PostgreSQL's start-up order (wire.md 4.1). */
export const REPORTED: readonly string[] = [
  'application_name',
  'client_encoding',
  'DateStyle',
  'default_transaction_read_only',
  'in_hot_standby',
  'integer_datetimes',
  'IntervalStyle',
  'is_superuser',
  'server_encoding',
  'server_version',
  'session_authorization',
  'standard_conforming_strings',
  'TimeZone',
];

/** The definitions of all settings, by lower-case name. */
export type SettingDefinitions = ReadonlyMap<string, SettingDefinition>;

interface Undo {
  readonly name: string;
  readonly before: string | undefined;
  /** SET LOCAL ends with the transaction even when it commits. */
  readonly isLocal: boolean;
}

/** What every statement asks for. */
export interface StatementSettings {
  readonly version: number;
  readonly statementTimeout: number;
  readonly idleInTransactionTimeout: number;
  readonly idleSessionTimeout: number;
  readonly isCommitAsynchronous: boolean;
  readonly isolation: IsolationLevel;
  readonly isReadOnly: boolean;
  readonly logStatement: string;
  readonly logsDurations: boolean;
  /** standard_conforming_strings; backslash_quote = off. */
  readonly isStandard: boolean;
  readonly forbidsQuotes: boolean;
  /** restrict_nonsystem_relation_kind names views. */
  readonly restrictsViews: boolean;
}

/** The settings of one session: values over defaults, undone by ROLLBACK, local ones by any end of the transaction. */
export class SessionSettings {
  readonly #definitions: SettingDefinitions;
  /** Whether the role in force may set what is for superusers. */
  maySetSuperuserOnes: () => boolean = () => true;
  readonly #defaults: Map<string, string>;
  /** Where a default came from that is not the server's own. */
  readonly #sources = new Map<string, SettingSource>();
  readonly #values = new Map<string, string>();
  /** Custom `a.b` settings. */
  readonly #custom = new Map<string, string>();
  #undo: Undo[] = [];
  #changed = new Set<string>();
  /** What the client was told last. */
  readonly #reported = new Map<string, string>();
  #format: FormatSettings | null = null;
  #ofStatements: StatementSettings | null = null;
  /** Grows with each change: what depends on settings compares it. */
  version = 0;
  /** What the client's texts are encoded in; null: UTF-8. */
  clientEncoding: SingleByteEncoding | null = null;

  constructor(definitions: SettingDefinitions, defaults: ReadonlyMap<string, string>) {
    this.#definitions = definitions;
    this.#defaults = new Map(defaults);
  }

  definition(name: string): SettingDefinition | undefined {
    return this.#definitions.get(name.toLowerCase());
  }

  /** Read once for each change of any setting. */
  get ofStatements(): StatementSettings {
    const known = this.#ofStatements;
    if (known !== null && known.version === this.version) return known;
    this.#ofStatements = {
      version: this.version,
      statementTimeout: this.number('statement_timeout'),
      idleInTransactionTimeout: this.number('idle_in_transaction_session_timeout'),
      idleSessionTimeout: this.number('idle_session_timeout'),
      isCommitAsynchronous: this.raw('synchronous_commit') === 'off',
      isolation: this.raw('default_transaction_isolation') as IsolationLevel,
      isReadOnly: this.boolean('default_transaction_read_only'),
      logStatement: this.raw('log_statement') ?? 'none',
      logsDurations:
        this.boolean('log_duration') ||
        this.number('log_min_duration_statement') >= 0 ||
        this.number('log_min_duration_sample') >= 0,
      isStandard: this.boolean('standard_conforming_strings'),
      forbidsQuotes: this.raw('backslash_quote') === 'off',
      restrictsViews: (this.raw('restrict_nonsystem_relation_kind') ?? '').includes('view'),
    };
    return this.#ofStatements;
  }

  /** Every definition, for pg_settings and SHOW ALL. */
  definitions(): Iterable<SettingDefinition> {
    return this.#definitions.values();
  }

  /** Stored value, or undefined when there is no such setting. */
  raw(name: string): string | undefined {
    const key = name.toLowerCase();
    const definition = this.#definitions.get(key);
    if (definition === undefined) return this.#custom.get(key);
    return this.#values.get(key) ?? this.#defaults.get(key) ?? definition.boot;
  }

  /** The value as SHOW prints it. */
  show(name: string): string | undefined {
    const value = this.raw(name);
    const definition = this.definition(name);
    return value === undefined || definition === undefined
      ? value
      : displaySetting(definition, value);
  }

  number(name: string): number {
    return Number(this.raw(name));
  }

  boolean(name: string): boolean {
    return this.raw(name) === 'on';
  }

  /** Where the value comes from (pg_settings.source). */
  source(name: string): SettingSource {
    const key = name.toLowerCase();
    if (key.startsWith('transaction_')) return 'override';
    if (this.#values.has(key)) return 'session';
    return this.#sources.get(key) ?? SERVER_SOURCES[key] ?? 'default';
  }

  resetValue(name: string): string | undefined {
    const key = name.toLowerCase();
    return this.#defaults.get(key) ?? this.#definitions.get(key)?.boot;
  }

  /** SET, SET LOCAL: checks, canonicalises, remembers how to undo. */
  set(name: string, value: string, isLocal: boolean): void {
    const key = name.toLowerCase();
    const definition = this.#definitions.get(key);
    if (definition === undefined) return this.#setCustom(name, value, isLocal);
    this.#assertSettable(definition);
    this.#assign(key, this.#check(definition, value), isLocal);
  }

  /** Sets what only the server may set (is_superuser, session_authorization); checked by the caller. */
  force(name: string, value: string): void {
    const key = name.toLowerCase();
    if (this.raw(key) !== value) this.#changed.add(key);
    this.#values.set(key, value);
    this.version++;
  }

  #setCustom(name: string, value: string, isLocal: boolean): void {
    if (!/^[a-z_][\w$]*(\.[a-z_][\w$]*)+$/i.test(name)) throw unrecognized(name);
    const key = name.toLowerCase();
    this.#undo.push({name: key, before: this.#custom.get(key), isLocal});
    this.#custom.set(key, value);
    this.version++;
  }

  /** The value that ALTER ROLE or ALTER DATABASE would keep: one that SET would take. */
  check(name: string, value: string): void {
    const definition = this.definition(name);
    if (definition === undefined) return;
    const {context} = definition;
    if (context !== 'backend' && context !== 'superuser-backend') this.#assertSettable(definition);
    else if (context === 'superuser-backend' && !this.maySetSuperuserOnes())
      throw forSuperusers(definition.name);
    this.#check(definition, value);
  }

  #assertSettable(definition: SettingDefinition): void {
    const {context, name} = definition;
    if (context === 'superuser' && !this.maySetSuperuserOnes()) throw forSuperusers(name);
    if (context === 'internal')
      throw new PgError(SqlState.cantChangeRuntimeParam, `parameter "${name}" cannot be changed`);
    if (context === 'postmaster') {
      throw new PgError(
        SqlState.cantChangeRuntimeParam,
        `parameter "${name}" cannot be changed without restarting the server`,
      );
    }
    if (context === 'sighup')
      throw new PgError(
        SqlState.cantChangeRuntimeParam,
        `parameter "${name}" cannot be changed now`,
      );
    if (context === 'backend' || context === 'superuser-backend') {
      throw new PgError(
        SqlState.cantChangeRuntimeParam,
        `parameter "${name}" cannot be set after connection start`,
      );
    }
  }

  #check(definition: SettingDefinition, value: string): string {
    switch (definition.name) {
      case 'DateStyle': {
        const {dateStyle, dateOrder} = this.format();
        const {style, order} = parseDateStyle(value, {style: dateStyle, order: dateOrder});
        return `${style}, ${order}`;
      }
      case 'TimeZone':
        return checkTimeZone(value);
      case 'client_encoding':
        return checkEncoding(value);
      default: {
        const checked = checkSetting(definition, value);
        assertActs(definition, checked);
        return checked;
      }
    }
  }

  #assign(key: string, value: string, isLocal: boolean): void {
    this.#undo.push({name: key, before: this.#values.get(key), isLocal});
    this.#write(key, value);
  }

  #write(key: string, value: string | undefined): void {
    const before = this.raw(key);
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
    if (this.raw(key) === before) return;
    if (key === 'client_encoding')
      this.clientEncoding = SingleByteEncoding.named(this.raw(key) ?? 'UTF8');
    this.#changed.add(key);
    this.#format = null;
    this.version++;
  }

  /** RESET name. */
  reset(name: string): void {
    const key = name.toLowerCase();
    const definition = this.#definitions.get(key);
    if (definition === undefined) {
      if (!this.#custom.has(key)) throw unrecognized(name);
      this.#undo.push({name: key, before: this.#custom.get(key), isLocal: false});
      this.#custom.set(key, '');
      return;
    }
    this.#assertSettable(definition);
    this.#undo.push({name: key, before: this.#values.get(key), isLocal: false});
    this.#write(key, undefined);
  }

  /** RESET ALL. */
  resetAll(): void {
    for (const key of [...this.#values.keys()]) {
      const context = this.#definitions.get(key)?.context;
      if (NOT_RESET.has(key) || (context !== 'user' && context !== 'superuser')) continue;
      this.#undo.push({name: key, before: this.#values.get(key), isLocal: false});
      this.#write(key, undefined);
    }
  }

  /** Makes a value the session's default (start-up packet, ALTER ROLE SET): RESET returns to it. */
  setDefault(name: string, value: string, source: SettingSource): void {
    const definition = this.definition(name);
    if (definition === undefined) {
      if (!name.includes('.')) throw unrecognized(name);
      this.#custom.set(name.toLowerCase(), value);
      return;
    }
    const {context} = definition;
    if (context !== 'backend' && context !== 'superuser-backend') this.#assertSettable(definition);
    else if (context === 'superuser-backend' && !this.maySetSuperuserOnes())
      throw forSuperusers(definition.name);
    this.#defaults.set(name.toLowerCase(), this.#check(definition, value));
    this.#sources.set(name.toLowerCase(), source);
    if (definition.name === 'client_encoding')
      this.clientEncoding = SingleByteEncoding.named(this.raw(definition.name) ?? 'UTF8');
    this.#format = null;
    this.version++;
  }

  /** Makes defaults of the `name=value` pairs of ALTER DATABASE or ALTER ROLE SET; answers why those are wrong that it leaves out. */
  setDefaults(pairs: readonly string[], source: SettingSource): readonly PgError[] {
    const wrong: PgError[] = [];
    for (const pair of pairs) {
      const at = pair.indexOf('=');
      try {
        this.setDefault(pair.slice(0, at), pair.slice(at + 1), source);
      } catch (error) {
        if (!(error instanceof PgError)) throw error;
        wrong.push(error);
      }
    }
    return wrong;
  }

  /** A position to roll back to. */
  mark(): number {
    return this.#undo.length;
  }

  rollbackTo(mark: number): void {
    while (this.#undo.length > mark) this.#restore(this.#undo.pop()!);
  }

  /** COMMIT keeps what SET did and undoes SET LOCAL; ROLLBACK undoes both. */
  endTransaction(isCommit: boolean): void {
    const undo = this.#undo;
    if (undo.length === 0) return;
    this.#undo = [];
    for (let i = undo.length - 1; i >= 0; i--)
      if (!isCommit || undo[i]!.isLocal) this.#restore(undo[i]!);
  }

  #restore(undo: Undo): void {
    if (this.#definitions.has(undo.name)) this.#write(undo.name, undo.before);
    else if (undo.before === undefined) this.#custom.set(undo.name, '');
    else this.#custom.set(undo.name, undo.before);
  }

  /** Reported settings changed since the last call, with their values as ParameterStatus. */
  takeReports(): readonly (readonly [string, string])[] {
    if (this.#changed.size === 0) return NO_REPORTS;
    const changed = this.#changed;
    this.#changed = new Set();
    const reports: (readonly [string, string])[] = [];
    for (const name of REPORTED) {
      if (!changed.has(name.toLowerCase())) continue;
      const value = this.show(name) ?? '';
      if (this.#reported.get(name) === value) continue;
      this.#reported.set(name, value);
      reports.push([name, value]);
    }
    return reports.sort(([a], [b]) => a.toLowerCase().localeCompare(b.toLowerCase()));
  }

  /** All reported settings at start-up. */
  allReports(): readonly (readonly [string, string])[] {
    this.#changed.clear();
    for (const name of REPORTED) this.#reported.set(name, this.show(name) ?? '');
    return [...this.#reported];
  }

  /** How values are read and written now; the transaction's time and names are added by the session. */
  format(): FormatSettings {
    this.#format ??= this.#makeFormat();
    return this.#format;
  }

  #makeFormat(): FormatSettings {
    const [style, order] = (this.raw('datestyle') ?? 'ISO, MDY').split(', ');
    return {
      dateStyle: style as FormatSettings['dateStyle'],
      dateOrder: order as FormatSettings['dateOrder'],
      intervalStyle: this.raw('intervalstyle') as FormatSettings['intervalStyle'],
      timeZone: this.raw('timezone') ?? 'UTC',
      extraFloatDigits: this.number('extra_float_digits'),
      byteaOutput: this.raw('bytea_output') as FormatSettings['byteaOutput'],
      transactionTimestamp: 0n,
      names: null,
    };
  }
}

/** The sources of pg_settings. */
export type SettingSource =
  | 'default'
  | 'configuration file'
  | 'override'
  | 'database'
  | 'user'
  | 'client'
  | 'session';

/** Those of what a new data directory brings with it. */
const SERVER_SOURCES: Readonly<Record<string, SettingSource>> = {
  data_directory: 'override',
  default_text_search_config: 'configuration file',
  lc_messages: 'configuration file',
  lc_monetary: 'configuration file',
  lc_numeric: 'configuration file',
  lc_time: 'configuration file',
  log_timezone: 'configuration file',
  timezone: 'configuration file',
};

const NO_REPORTS: readonly never[] = [];
/** Settings that RESET ALL leaves alone (GUC_NO_RESET_ALL). */
const NOT_RESET = new Set([
  'role',
  'session_authorization',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
  'is_superuser',
]);

function forSuperusers(name: string): PgError {
  return new PgError(
    SqlState.insufficientPrivilege,
    `permission denied to set parameter "${name}"`,
  );
}

function unrecognized(name: string): PgError {
  return new PgError(SqlState.undefinedObject, `unrecognized configuration parameter "${name}"`);
}

/** PostgreSQL's name of UTF-8, SQL_ASCII or an encoding of one byte per character; others are refused. */
function checkEncoding(value: string): string {
  const name = encodingName(encodingNumber(value));
  if (name === 'UTF8' || name === 'SQL_ASCII' || SingleByteEncoding.named(name) !== null)
    return name;
  throw invalid(`invalid value for parameter "client_encoding": "${value}"`);
}
