import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {parseBool} from '../types/bool.ts';

/** Checked options of one COPY; column lists are flags by position in the column list. */
export interface CopyOptions {
  readonly format: 'text' | 'csv' | 'binary';
  /** ENCODING was named: it holds whatever client_encoding is. */
  readonly hasEncoding?: boolean;
  readonly delimiter: string;
  readonly nullText: string;
  readonly header: 'none' | 'yes' | 'match';
  readonly quote: string;
  readonly escape: string;
  readonly forceQuote: readonly boolean[];
  readonly forceNotNull: readonly boolean[];
  readonly forceNull: readonly boolean[];
  readonly freeze: boolean;
}

/** One option as the grammar gives it: column lists as arrays, `*` as itself, absent values as null. */
export interface CopyOption {
  readonly name: string;
  readonly value: string | readonly string[] | null;
}

/** The relation (or query) and the columns that a COPY reads or writes, for errors and headers. */
export interface CopyTarget {
  readonly relation: string;
  readonly columns: readonly string[];
}

function invalid(message: string): PgError {
  return new PgError(SqlState.invalidParameterValue, message);
}

function syntax(message: string): PgError {
  return new PgError(SqlState.syntaxError, message);
}

/** Checks options as ProcessCopyOptions does, with its errors and defaults. */
export function makeCopyOptions(
  given: readonly CopyOption[],
  direction: 'from' | 'to',
  columns: readonly string[],
): CopyOptions {
  const options = collect(given);
  const format = formatOf(options.get('format'));
  const isCsv = format === 'csv';
  const text = (name: string): string | undefined => textValue(name, options.get(name));
  if (format === 'binary') {
    if (options.has('delimiter')) throw syntax('cannot specify DELIMITER in BINARY mode');
    if (options.has('null')) throw syntax('cannot specify NULL in BINARY mode');
  }
  const header = headerOf(options, direction);
  if (format === 'binary' && header !== 'none') {
    throw featureNotSupported('cannot specify HEADER in BINARY mode');
  }
  const quote = text('quote') ?? '"';
  const result: CopyOptions = {
    format,
    hasEncoding: options.has('encoding'),
    delimiter: text('delimiter') ?? (isCsv ? ',' : '\t'),
    nullText: text('null') ?? (isCsv ? '' : '\\N'),
    header,
    quote,
    escape: text('escape') ?? quote,
    forceQuote: columnFlags(options.get('force_quote'), columns, 'FORCE_QUOTE'),
    forceNotNull: columnFlags(options.get('force_not_null'), columns, 'FORCE_NOT_NULL'),
    forceNull: columnFlags(options.get('force_null'), columns, 'FORCE_NULL'),
    freeze: options.has('freeze') && booleanOf('freeze', options.get('freeze')),
  };
  checkEncoding(text('encoding'));
  if (format !== 'binary') checkCharacters(result, isCsv);
  checkCsvOnly(options, isCsv, direction);
  checkNullText(result, isCsv);
  return result;
}

type Given = ReadonlyMap<string, CopyOption['value']>;

const knownOptions: ReadonlySet<string> = new Set([
  'format',
  'freeze',
  'delimiter',
  'null',
  'header',
  'quote',
  'escape',
  'force_quote',
  'force_not_null',
  'force_null',
  'encoding',
]);

function collect(given: readonly CopyOption[]): Given {
  const options = new Map<string, CopyOption['value']>();
  for (const {name, value} of given) {
    if (!knownOptions.has(name)) throw syntax(`option "${name}" not recognized`);
    if (options.has(name)) throw syntax('conflicting or redundant options');
    options.set(name, value);
  }
  return options;
}

function formatOf(value: CopyOption['value'] | undefined): CopyOptions['format'] {
  if (value === undefined || value === 'text') return 'text';
  if (value === 'csv' || value === 'binary') return value;
  throw invalid(`COPY format "${String(value)}" not recognized`);
}

function textValue(name: string, value: CopyOption['value'] | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw syntax(`${name} requires a parameter`);
  return value;
}

function booleanOf(name: string, value: CopyOption['value'] | undefined): boolean {
  if (value === null || value === undefined) return true;
  const parsed = typeof value === 'string' ? parseBool(value) : null;
  if (parsed === null) throw syntax(`${name} requires a Boolean value`);
  return parsed;
}

function headerOf(options: Given, direction: 'from' | 'to'): CopyOptions['header'] {
  if (!options.has('header')) return 'none';
  const value = options.get('header');
  if (value === null || value === undefined) return 'yes';
  if (typeof value === 'string') {
    if (value.toLowerCase() === 'match') {
      if (direction === 'to')
        throw featureNotSupported('cannot use "match" with HEADER in COPY TO');
      return 'match';
    }
    const parsed = parseBool(value);
    if (parsed !== null) return parsed ? 'yes' : 'none';
  }
  throw syntax('header requires a Boolean value or "match"');
}

function columnFlags(
  value: CopyOption['value'] | undefined,
  columns: readonly string[],
  option: string,
): readonly boolean[] {
  if (value === undefined || value === null) return columns.map(() => false);
  if (value === '*') return columns.map(() => true);
  const names = typeof value === 'string' ? [value] : value;
  for (const name of names) {
    if (!columns.includes(name)) {
      throw new PgError(
        SqlState.invalidColumnReference,
        `${option} column "${name}" not referenced by COPY`,
      );
    }
  }
  return columns.map(column => names.includes(column));
}

function isOneByte(text: string): boolean {
  return text.length === 1 && text.charCodeAt(0) < 128;
}

function checkCharacters(options: CopyOptions, isCsv: boolean): void {
  const {delimiter, nullText, quote, escape} = options;
  if (!isOneByte(delimiter)) {
    throw featureNotSupported('COPY delimiter must be a single one-byte character');
  }
  if (/[\r\n]/.test(delimiter))
    throw invalid('COPY delimiter cannot be newline or carriage return');
  if (/[\r\n]/.test(nullText)) {
    throw invalid('COPY null representation cannot use newline or carriage return');
  }
  if (!isCsv && /[\\.a-z0-9]/.test(delimiter)) {
    throw invalid(`COPY delimiter cannot be "${delimiter}"`);
  }
  if (!isCsv) return;
  if (!isOneByte(quote))
    throw featureNotSupported('COPY quote must be a single one-byte character');
  if (delimiter === quote) throw invalid('COPY delimiter and quote must be different');
  if (!isOneByte(escape)) {
    throw featureNotSupported('COPY escape must be a single one-byte character');
  }
}

function checkCsvOnly(options: Given, isCsv: boolean, direction: 'from' | 'to'): void {
  const csvOnly = [
    ['quote', 'quote', null],
    ['escape', 'escape', null],
    ['force_quote', 'force quote', 'to'],
    ['force_not_null', 'force not null', 'from'],
    ['force_null', 'force null', 'from'],
  ] as const;
  for (const [name, words, only] of csvOnly) {
    if (!options.has(name)) continue;
    if (!isCsv) throw featureNotSupported(`COPY ${words} available only in CSV mode`);
    if (only !== null && only !== direction) {
      throw featureNotSupported(`COPY ${words} only available using COPY ${only.toUpperCase()}`);
    }
  }
}

function checkNullText(options: CopyOptions, isCsv: boolean): void {
  if (options.format === 'binary') return;
  if (options.nullText.includes(options.delimiter)) {
    throw featureNotSupported('COPY delimiter must not appear in the NULL specification');
  }
  if (isCsv && options.nullText.includes(options.quote)) {
    throw featureNotSupported('CSV quote character must not appear in the NULL specification');
  }
}

function checkEncoding(encoding: string | undefined): void {
  if (encoding === undefined) return;
  const name = encoding.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (name === 'utf8' || name === 'unicode' || name === 'sqlascii') return;
  if (
    /^(latin\d+|iso8859\d+|win\d+|windows\d+|euc\w+|sjis|big5|gb\w+|koi8\w*|johab|uhc)$/.test(name)
  ) {
    throw featureNotSupported(`COPY with encoding "${encoding}" is not supported`);
  }
  throw invalid('argument to option "encoding" must be a valid encoding name');
}
