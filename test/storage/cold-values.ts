import {readFileSync} from 'node:fs';
import {zstdDecompressSync} from 'node:zlib';
import type {DuckDBConnection} from '@duckdb/node-api';
import {DuckDBInstance} from '@duckdb/node-api';
import {parquetMetadata, parquetReadObjects} from 'hyparquet';
import type {SegmentColumn} from '../../src/storage/cold/contract.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {defaultFormatSettings} from '../../src/types/format-settings.ts';
import {typeNamed} from './cold-support.ts';

const PAGE_TEXTS = [
  '',
  'a',
  'b',
  'é',
  '😀',
  '\u{ffff}',
  '\u{10ffff}',
  'z\u0001',
  "it's",
  'same',
  'same',
];

/** Texts of extreme and ordinary values per type. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  int2: ['0', '-32768', '32767', '7'],
  int4: ['0', '-2147483648', '2147483647', '-1', '42'],
  int8: ['0', '-9223372036854775808', '9223372036854775807', '9007199254740993', '-1'],
  oid: ['0', '4294967295', '2147483648', '25'],
  bool: ['t', 'f'],
  float4: ['0', '-0', '1.5', 'NaN', 'Infinity', '-Infinity', '3.4e38', '1e-40'],
  float8: ['0', '-0', '1.5', 'NaN', 'Infinity', '-Infinity', '1.7976931348623157e308', '5e-324'],
  numeric: ['0', '1', '1.0', '1.00', '-12345678901234567890.123456789', 'NaN', 'Infinity', '1e100'],
  text: PAGE_TEXTS,
  varchar: PAGE_TEXTS,
  bpchar: ['a', 'a  ', 'b', ' c'],
  name: ['pg_class', 'ä'],
  bytea: ['\\x', '\\x00', '\\xff00ff', '\\xdeadbeef'],
  uuid: [
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '9ad06d99-9cfc-a0b3-a51b-50a3b9f66620',
  ],
  date: ['infinity', '-infinity', '1969-12-31', '2000-01-01', '2024-02-29', '4713-01-01 BC'],
  timestamp: [
    'infinity',
    '-infinity',
    '1969-12-31 23:59:59.999999',
    '2000-01-01',
    '4713-01-01 BC',
    '294276-12-31 23:59:59.999999',
    '294247-01-10 04:00:54.775806',
    '294247-01-10 04:00:54.775807',
    '294247-01-10 04:00:54.775808',
  ],
  timestamptz: ['infinity', '-infinity', '1969-12-31 23:59:59.999999+00', '2024-02-29 12:00+02'],
  time: ['00:00', '24:00', '23:59:59.999999'],
  interval: ['1 day', '24 hours', '-1 mon 3 days', '0'],
  json: ['{"a": 1}', 'null', '[1,  2]'],
  jsonb: ['{"a": 1}', 'null', '[1, 2.50]', '"😀"'],
  _int4: ['{}', '{1,2,NULL}', '{{1},{2}}'],
  _text: ['{}', '{a,"b c",NULL,"{"}'],
};

/** Names of all types that the tests use. */
export const TYPE_NAMES: readonly string[] = Object.keys(SAMPLES);

/** A random value: a sample, or one made from a number. */
export function randomDatum(typeName: string, random: () => number): Datum {
  const samples = SAMPLES[typeName]!;
  const isPlain = random() < 0.5;
  const number = Math.floor(random() * 30_000);
  const made = isPlain ? madeText(typeName, number) : null;
  const text = made ?? samples[Math.floor(random() * samples.length)]!;
  return typeNamed(typeName).input(text, -1, defaultFormatSettings);
}

function madeText(typeName: string, number: number): string | null {
  switch (typeName) {
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
      return String(number);
    case 'float4':
    case 'float8':
    case 'numeric':
      return String(number / 8);
    case 'text':
    case 'varchar':
      return `text number ${number} `.repeat(1 + (number % 7));
    case 'bytea':
      return `\\x${number.toString(16).padStart(8, '0')}`;
    case 'uuid':
      return `9ad06d99-9cfc-a0b3-a51b-${number.toString(16).padStart(12, '0')}`;
    case 'timestamp':
      return `2020-01-01 00:00:00.${String(number).padStart(6, '0')}`;
    case '_int4':
      return `{${number}}`;
    case 'jsonb':
      return `{"n": ${number}}`;
    default:
      return null;
  }
}

/** A Datum as text that tells all values apart that differ, -0 included. */
export function shown(type: TypeInstance, value: Datum): string | null {
  return value === null ? null : type.output(value, defaultFormatSettings);
}

/** A stored value as text that tells all apart. */
export function shownStored(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'string') return `bytes ${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  throw new Error(`unexpected ${String(value)}`);
}

/** Rows as hyparquet reads them, without any interpretation of types. */
export async function readByHyparquet(
  path: string,
  columns: readonly SegmentColumn[],
): Promise<(string | null)[][]> {
  const bytes = readFileSync(path);
  const buffer = bytes.buffer.slice(
    bytes.byteOffset,
    bytes.byteOffset + bytes.length,
  ) as ArrayBuffer;
  const metadata = parquetMetadata(buffer);
  for (const element of metadata.schema) {
    delete element.converted_type;
    delete element.logical_type;
  }
  const rows = await parquetReadObjects({
    file: buffer,
    metadata,
    utf8: false,
    compressors: {ZSTD: input => zstdDecompressSync(input)},
  });
  return rows.map(row => columns.map(({name}) => shownStored(row[name])));
}

/** DuckDB in memory, for tests. */
export async function connectDuckDb(): Promise<DuckDBConnection> {
  return (await DuckDBInstance.create(':memory:')).connect();
}

/** Rows as DuckDB reads them, reduced to stored values. */
export async function readByDuckDb(
  connection: DuckDBConnection,
  path: string,
  columns: readonly SegmentColumn[],
): Promise<(string | null)[][]> {
  const result = await connection.runAndReadAll(`select * from '${path}'`);
  return result
    .getRows()
    .map(row => row.map((value, i) => shownStored(reduced(value, columns[i]!))));
}

function reduced(value: unknown, column: SegmentColumn): unknown {
  if (value === null || typeof value !== 'object') {
    const {physicalType} = column.type.parquet;
    if (physicalType === 'INT64' && typeof value === 'number') return BigInt(value);
    return physicalType === 'INT32' && typeof value === 'bigint' ? Number(value) : value;
  }
  if ('micros' in value) return value.micros;
  if ('days' in value) return value.days;
  if ('bytes' in value) return value.bytes;
  return Buffer.from(String(value).replaceAll('-', ''), 'hex');
}
