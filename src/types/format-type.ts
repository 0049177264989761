import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeInstance} from './contract.ts';
import {intervalBits} from './interval-input.ts';
import {parseInt4} from './int-parse.ts';
import {numericTypmodParts} from './numeric-convert.ts';

const MAX_PRECISION = 6;
const MAX_LENGTH = 10485760;
const MAX_BITS = 83886080;

const sqlNames: Readonly<Record<number, string>> = {
  16: 'boolean',
  18: '"char"',
  20: 'bigint',
  21: 'smallint',
  23: 'integer',
  700: 'real',
  701: 'double precision',
};

/** pg_catalog.format_type: SQL name of a type with its typmod; null typmod is format_type(oid, NULL). */
export function formatType(type: TypeInstance, typmod: number | null): string {
  const element = type.element;
  const isTrueArray = element !== null && element.arrayOid === type.oid;
  return isTrueArray ? `${formatScalar(element, typmod)}[]` : formatScalar(type, typmod);
}

function formatScalar(type: TypeInstance, typmod: number | null): string {
  const modifier = typmod === null ? -1 : typmod;
  switch (type.oid as number) {
    case 1042:
      if (modifier >= 4) return `character(${modifier - 4})`;
      return typmod === null ? 'character' : 'bpchar';
    case 1043:
      return modifier >= 4 ? `character varying(${modifier - 4})` : 'character varying';
    case 1560:
      if (modifier >= 0) return `bit(${modifier})`;
      return typmod === null ? 'bit' : '"bit"';
    case 1562:
      return modifier >= 0 ? `bit varying(${modifier})` : 'bit varying';
    case 1700:
      return `numeric${typmodText(1700, modifier)}`;
    case 1083:
      return `time${typmodText(1083, modifier)} without time zone`;
    case 1266:
      return `time${typmodText(1083, modifier)} with time zone`;
    case 1114:
      return `timestamp${typmodText(1083, modifier)} without time zone`;
    case 1184:
      return `timestamp${typmodText(1083, modifier)} with time zone`;
    case 1186:
      return `interval${intervalModifier(modifier)}`;
    default:
      return sqlNames[type.oid] ?? quoteTypeName(type.name);
  }
}

function quoteTypeName(name: string): string {
  const isPlain = /^[a-z_][a-z0-9_$]*$/.test(name) && !reservedTypeNames.has(name);
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`;
}

const reservedTypeNames: ReadonlySet<string> = new Set(['any', 'user', 'table', 'order', 'select']);

function typmodText(kind: 1700 | 1083, typmod: number): string {
  if (kind === 1083) return typmod >= 0 ? `(${typmod})` : '';
  if (typmod < 4) return '';
  const {precision, scale} = numericTypmodParts(typmod);
  return `(${precision},${scale})`;
}

const {year, month, day, hour, minute, second} = intervalBits;
const intervalRanges: ReadonlyMap<number, string> = new Map([
  [year, ' year'],
  [month, ' month'],
  [day, ' day'],
  [hour, ' hour'],
  [minute, ' minute'],
  [second, ' second'],
  [year | month, ' year to month'],
  [day | hour, ' day to hour'],
  [day | hour | minute, ' day to minute'],
  [day | hour | minute | second, ' day to second'],
  [hour | minute, ' hour to minute'],
  [hour | minute | second, ' hour to second'],
  [minute | second, ' minute to second'],
]);

function intervalModifier(typmod: number): string {
  if (typmod < 0) return '';
  const precision = typmod & 0xffff;
  const range = intervalRanges.get((typmod >> 16) & 0x7fff) ?? '';
  return precision === 0xffff ? range : `${range}(${precision})`;
}

function invalidParameter(message: string): PgError {
  return new PgError(SqlState.invalidParameterValue, message);
}

/** typmod of a type's modifiers as typmodin gives it; -1 for none. `typeName` is pg_type.typname. */
export function typmodIn(typeName: string, args: readonly (string | number)[]): number {
  if (args.length === 0) return -1;
  const values = args.map(arg => (typeof arg === 'number' ? arg : parseInt4(arg)));
  switch (typeName) {
    case 'numeric':
      return numericTypmod(values);
    case 'varchar':
    case 'bpchar':
      return lengthTypmod(typeName === 'bpchar' ? 'char' : 'varchar', values, MAX_LENGTH) + 4;
    case 'bit':
    case 'varbit':
      return lengthTypmod(typeName === 'bit' ? 'bit' : 'varbit', values, MAX_BITS);
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return precisionTypmod(typeName, values);
    case 'interval':
      return intervalTypmod(values);
    default:
      throw new PgError(
        SqlState.syntaxError,
        `type modifier is not allowed for type "${typeName}"`,
      );
  }
}

function numericTypmod(values: readonly number[]): number {
  const [precision, scale = 0] = values as [number, number?];
  if (values.length > 2) throw invalidParameter('invalid NUMERIC type modifier');
  if (precision < 1 || precision > 1000) {
    throw invalidParameter(`NUMERIC precision ${precision} must be between 1 and 1000`);
  }
  if (scale < -1000 || scale > 1000) {
    throw invalidParameter(`NUMERIC scale ${scale} must be between -1000 and 1000`);
  }
  return ((precision << 16) | (scale & 0x7ff)) + 4;
}

function lengthTypmod(name: string, values: readonly number[], most: number): number {
  const [size] = values as [number];
  if (values.length !== 1) throw invalidParameter('invalid type modifier');
  if (size < 1) throw invalidParameter(`length for type ${name} must be at least 1`);
  if (size > most) throw invalidParameter(`length for type ${name} cannot exceed ${most}`);
  return size;
}

function precisionTypmod(typeName: string, values: readonly number[]): number {
  const [precision] = values as [number];
  if (values.length !== 1) throw invalidParameter('invalid type modifier');
  if (precision < 0) {
    const zone = typeName.endsWith('tz') ? ' WITH TIME ZONE' : '';
    const base = typeName.startsWith('timestamp') ? 'TIMESTAMP' : 'TIME';
    throw invalidParameter(`${base}(${precision})${zone} precision must not be negative`);
  }
  return Math.min(precision, MAX_PRECISION);
}

/** Modifiers as the grammar gives them: range bits, then precision. */
function intervalTypmod(values: readonly number[]): number {
  const [range, precision] = values as [number, number?];
  if (values.length > 2) throw invalidParameter('invalid INTERVAL type modifier');
  if (range !== 0x7fff && !intervalRanges.has(range))
    throw invalidParameter('invalid INTERVAL type modifier');
  if (precision === undefined) return range === 0x7fff ? -1 : (range << 16) | 0xffff;
  if (precision < 0)
    throw invalidParameter(`INTERVAL(${precision}) precision must not be negative`);
  return (range << 16) | Math.min(precision, MAX_PRECISION);
}
