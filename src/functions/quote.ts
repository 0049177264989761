import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {characterCount} from '../types/text-compare.ts';

/** Words that an identifier must be quoted for: keywords that are not unreserved. */
const reserved: ReadonlySet<string> = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char character check coalesce ' +
    'collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time ' +
    'current_timestamp current_user dec decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign ' +
    'freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join ' +
    'lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset on ' +
    'only or order out outer overlaps overlay placing position precision primary real references returning right row select session_user setof ' +
    'similar smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true union unique user using values ' +
    'varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot ' +
    'xmlserialize xmltable'
  ).split(' '),
);

/** quote_ident. */
export function quoteIdent(name: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && !reserved.has(name)) return name;
  return `"${name.replaceAll('"', '""')}"`;
}

/** quote_literal. */
export function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

const badFormat = (text: string, hint?: string): PgError =>
  new PgError(SqlState.invalidParameterValue, text, hint === undefined ? {} : {hint});
const unterminated = (): PgError =>
  badFormat('unterminated format() type specifier', 'For a single "%" use "%%".');

/** format(): %s, %I, %L with positions, - and widths. */
export function formatText(format: string, args: readonly (string | null)[]): string {
  let result = '';
  let next = 0;
  let at = 0;
  const take = (position: number | null): string | null => {
    if (position === 0)
      throw badFormat('format specifies argument 0, but arguments are numbered from 1');
    const index = position === null ? next : position - 1;
    next = index + 1;
    if (index >= args.length) throw badFormat('too few arguments for format()');
    return args[index]!;
  };
  while (at < format.length) {
    if (format[at] !== '%') {
      const end = format.indexOf('%', at);
      result += format.slice(at, end === -1 ? format.length : end);
      at = end === -1 ? format.length : end;
      continue;
    }
    if (format[at + 1] === '%') {
      result += '%';
      at += 2;
      continue;
    }
    const match = /^%(?:(\d+)\$)?(-*)(?:(\d+)|\*(?:(\d+)\$)?)?/.exec(format.slice(at))!;
    const [whole, position, minus, width, widthPosition] = match;
    at += whole.length;
    const kind = format[at];
    if (kind === undefined) throw unterminated();
    const isStar = whole.includes('*');
    let size = width === undefined ? 0 : Number(width);
    if (isStar)
      size = Number(take(widthPosition === undefined ? null : Number(widthPosition)) ?? 0);
    if (!'sIL'.includes(kind))
      throw badFormat(
        `unrecognized format() type specifier "${kind}"`,
        'For a single "%" use "%%".',
      );
    at++;
    result += padded(
      converted(kind, take(position === undefined ? null : Number(position))),
      minus !== '' ? -Math.abs(size) : size,
    );
  }
  return result;
}

function converted(kind: string, value: string | null): string {
  if (kind === 's') return value ?? '';
  if (kind === 'L') return value === null ? 'NULL' : quoteLiteral(value);
  if (value === null)
    throw new PgError(
      SqlState.nullValueNotAllowed,
      'null values cannot be formatted as an SQL identifier',
    );
  return quoteIdent(value);
}

function padded(text: string, width: number): string {
  if (width === 0) return text;
  const missing = Math.abs(width) - characterCount(text);
  if (missing <= 0) return text;
  return width < 0 ? text + ' '.repeat(missing) : ' '.repeat(missing) + text;
}
