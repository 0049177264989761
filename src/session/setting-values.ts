import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** A row of pg_settings as generated from PostgreSQL 15: what a setting accepts. */
export interface SettingDefinition {
  readonly name: string;
  readonly boot: string;
  readonly unit: string | null;
  readonly category: string;
  readonly shortDescription: string;
  readonly extraDescription: string | null;
  readonly context: string;
  readonly type: string;
  readonly min: string | null;
  readonly max: string | null;
  readonly enumValues: readonly string[] | null;
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  on: true,
  off: false,
  true: true,
  false: false,
  yes: true,
  no: false,
  '1': true,
  '0': false,
};
const MEMORY: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
  '8kB': 8192,
};
const TIME: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1000,
  s: 1e6,
  min: 6e7,
  h: 3.6e9,
  d: 8.64e10,
};

/** The canonical stored text of a value (numbers in the setting's base unit), or 22023 as PostgreSQL words it. */
export function checkSetting(definition: SettingDefinition, value: string): string {
  switch (definition.type) {
    case 'bool':
      return checkBoolean(definition, value);
    case 'enum':
      return checkEnum(definition, value);
    case 'integer':
    case 'real':
      return checkNumber(definition, value);
    default:
      return value;
  }
}

/** Values that would change what statements answer, protect or log, and do not here: refused rather than ignored. */
const refusedValues: Readonly<Record<string, string>> = {
  allow_in_place_tablespaces: 'on',
  allow_system_table_mods: 'on',
  array_nulls: 'off',
  compute_query_id: 'on',
  debug_print_parse: 'on',
  debug_print_plan: 'on',
  debug_print_rewritten: 'on',
  exit_on_error: 'on',
  ignore_checksum_failure: 'on',
  log_executor_stats: 'on',
  log_lock_waits: 'on',
  log_parser_stats: 'on',
  log_planner_stats: 'on',
  log_statement_stats: 'on',
  password_encryption: 'md5',
  quote_all_identifiers: 'on',
  session_replication_role: 'replica',
  trace_notify: 'on',
  trace_sort: 'on',
  track_activities: 'off',
  transform_null_equals: 'on',
  xmloption: 'document',
  zero_damaged_pages: 'on',
};

/** Settings with one value, for the same reasons. */
const fixedValues: Readonly<Record<string, readonly string[]>> = {
  backtrace_functions: [''],
  default_tablespace: ['', 'pg_default'],
  local_preload_libraries: [''],
  log_temp_files: ['-1'],
  log_transaction_sample_rate: ['0'],
  session_preload_libraries: [''],
  temp_file_limit: ['-1'],
  temp_tablespaces: ['', 'pg_default'],
  timezone_abbreviations: ['Default'],
  track_functions: ['none'],
  wal_consistency_checking: [''],
};

/** Names of the only locale. */
const LOCALES: ReadonlySet<string> = new Set(['C', 'POSIX', 'C.UTF-8', 'C.utf8', '']);
const LOCALE_SETTINGS: ReadonlySet<string> = new Set([
  'lc_messages',
  'lc_monetary',
  'lc_numeric',
  'lc_time',
]);

/** 0A000 for a checked value of a setting that could only be ignored; 22023 for names of what does not exist. */
export function assertActs({name}: SettingDefinition, value: string): void {
  if (refusedValues[name] === value || fixedValues[name]?.includes(value) === false)
    throw featureNotSupported(`setting "${name}" to "${value}" is not supported`);
  const wrong = (detail?: string): PgError =>
    invalid(`invalid value for parameter "${name}": "${value}"`, undefined, detail);
  if (LOCALE_SETTINGS.has(name) && !LOCALES.has(value)) throw wrong();
  if (name === 'default_table_access_method' && value !== 'heap')
    throw value === ''
      ? wrong(`${name} cannot be empty.`)
      : wrong(`Table access method "${value}" does not exist.`);
  if (name !== 'restrict_nonsystem_relation_kind') return;
  for (const word of value.split(',').map(each => each.trim().toLowerCase()))
    if (!['', 'view', 'foreign-table'].includes(word))
      throw wrong(`Unrecognized key word: "${word}".`);
}

/** A boolean by any unambiguous prefix, or undefined. */
export function parseBoolean(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  const exact = BOOLEANS[lower];
  if (exact !== undefined) return exact;
  for (const word of ['true', 'false', 'yes', 'no'])
    if (lower !== '' && word.startsWith(lower)) return BOOLEANS[word];
  return lower === 'of' ? false : undefined;
}

function checkBoolean(definition: SettingDefinition, value: string): string {
  const parsed = parseBoolean(value);
  if (parsed === undefined)
    throw invalid(`parameter "${definition.name}" requires a Boolean value`);
  return parsed ? 'on' : 'off';
}

function checkEnum(definition: SettingDefinition, value: string): string {
  const lower = value.toLowerCase();
  const values = definition.enumValues ?? [];
  const found = values.find(each => each === lower);
  if (found !== undefined) return found;
  const asBoolean = BOOLEANS[lower];
  if (asBoolean !== undefined && values.includes(asBoolean ? 'on' : 'off'))
    return asBoolean ? 'on' : 'off';
  if (definition.name === 'client_min_messages' && lower === 'debug') return 'debug2';
  throw invalid(
    `invalid value for parameter "${definition.name}": "${value}"`,
    `Available values: ${values.join(', ')}.`,
  );
}

function checkNumber(definition: SettingDefinition, value: string): string {
  const match = /^\s*([+-]?(?:0x[0-9a-f]+|\d*\.?\d+(?:e[+-]?\d+)?|\d+\.?))\s*([a-zA-Z]*)\s*$/i.exec(
    value,
  );
  if (match === null) throw invalid(`invalid value for parameter "${definition.name}": "${value}"`);
  let number = Number(match[1]);
  if (match[2] !== '') number = convertUnit(definition, value, number, match[2]!);
  if (definition.type === 'integer') number = Math.round(number);
  const min = Number(definition.min);
  const max = Number(definition.max);
  if (Number.isNaN(number))
    throw invalid(`invalid value for parameter "${definition.name}": "${value}"`);
  if (number < min || number > max) {
    const unit = definition.unit === null ? '' : ` ${definition.unit}`;
    throw invalid(
      `${number}${unit} is outside the valid range for parameter "${definition.name}" (${definition.min} .. ${definition.max})`,
    );
  }
  return String(number);
}

function convertUnit(
  definition: SettingDefinition,
  value: string,
  number: number,
  unit: string,
): number {
  const scale = definition.unit === null ? null : definition.unit in MEMORY ? MEMORY : TIME;
  const given = scale?.[unit];
  if (scale === null || given === undefined || unit === '8kB') {
    const hint =
      definition.unit === null
        ? undefined
        : scale === MEMORY
          ? 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'
          : 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".';
    throw invalid(`invalid value for parameter "${definition.name}": "${value}"`, hint);
  }
  return (number * given) / scale[definition.unit!]!;
}

/** What SHOW prints: the largest unit that divides the value exactly. */
export function displaySetting(definition: SettingDefinition, stored: string): string {
  if (definition.unit === null || definition.type !== 'integer') {
    return definition.unit !== null && Number(stored) > 0 ? stored + definition.unit : stored;
  }
  const number = Number(stored);
  if (number <= 0) return stored;
  const scale = definition.unit in MEMORY ? MEMORY : TIME;
  const base = number * scale[definition.unit]!;
  const units =
    scale === MEMORY ? ['TB', 'GB', 'MB', 'kB', 'B'] : ['d', 'h', 'min', 's', 'ms', 'us'];
  for (const unit of units) if (base % scale[unit]! === 0) return `${base / scale[unit]!}${unit}`;
  return stored;
}

/** 22023. */
export function invalid(message: string, hint?: string, detail?: string): PgError {
  return new PgError(SqlState.invalidParameterValue, message, {hint, detail});
}
