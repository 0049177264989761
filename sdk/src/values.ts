import type {Column, RawRow} from './protocol.ts';

/** A value of a parameter: text and numbers as they are, bigint and Date as text, bytes as bytea, anything else as JSON. */
export type Param =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | Uint8Array
  | readonly unknown[]
  | {readonly [name: string]: unknown};

/** By name of a type: makes what the application wants of a value that is not NULL. Without it values are as they come. */
export type Parsers = Readonly<Record<string, (value: never) => unknown>>;

/** A row when nothing is said of its type. */
export type Row = Record<string, unknown>;

/** Makes an object of a row. */
export type RowMaker = (row: RawRow) => Row;

/** Parameters as the protocol takes them. */
export function encodeParams(params: readonly Param[]): readonly unknown[] {
  return params.map((value, index) => {
    if (value === undefined) throw new TypeError(`parameter $${index + 1} is undefined`);
    if (typeof value === 'bigint') return String(value);
    if (value instanceof Date) return value.toISOString();
    if (value instanceof Uint8Array) {
      let text = '\\x';
      for (const byte of value) text += byte.toString(16).padStart(2, '0');
      return text;
    }
    // JSON has no NaN and no infinity.
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    if (typeof value !== 'object' || value === null) return value;
    return JSON.stringify(value);
  });
}

/** A list as the text of a PostgreSQL array, for `= ANY($1)`: array(['a', 'b']) is {"a","b"}. */
export function array(values: readonly (string | number | bigint | boolean | null)[]): string {
  const texts = values.map(value =>
    value === null ? 'NULL' : `"${String(value).replace(/["\\]/g, '\\$&')}"`,
  );
  return `{${texts.join(',')}}`;
}

/** Rows as objects. Of columns with the same name the last one counts. */
export function rowMaker(columns: readonly Column[], parsers: Parsers): RowMaker {
  const names = columns.map(column => column.name);
  const parses = columns.map(column => parsers[column.type] ?? null);
  return row => {
    const object: Row = {};
    for (let i = 0; i < names.length; i++) {
      const value = row[i];
      const parse = parses[i];
      object[names[i]!] = parse == null || value === null ? value : parse(value as never);
    }
    return object;
  };
}
