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

/** Values that would change what statements answer, and do not here: refused rather than ignored. */
const refusedValues: Readonly<Record<string, string>> = {
  array_nulls: 'off',
  backslash_quote: 'off',
  quote_all_identifiers: 'on',
  session_replication_role: 'replica',
  transform_null_equals: 'on',
  xmloption: 'document',
};

/** 0A000 for a checked value of a setting that could only be ignored. */
export function assertActs({name}: SettingDefinition, value: string): void {
  if (refusedValues[name] === value)
    throw featureNotSupported(`setting "${name}" to "${value}" is not supported`);
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
export function invalid(message: string, hint?: string): PgError {
  return new PgError(SqlState.invalidParameterValue, message, {hint});
}
