import type {TypeInstance} from '../../types/contract.ts';
import {TypeOid} from './type-oids.ts';

const sqlNames: Readonly<Record<number, string>> = {
  16: 'boolean',
  18: '"char"',
  20: 'bigint',
  21: 'smallint',
  23: 'integer',
  700: 'real',
  701: 'double precision',
  1042: 'character',
  1043: 'character varying',
  1083: 'time without time zone',
  1186: 'interval',
  1114: 'timestamp without time zone',
  1184: 'timestamp with time zone',
  1266: 'time with time zone',
  1560: 'bit',
  1562: 'bit varying',
  1700: 'numeric',
};

/** A type's name as PostgreSQL's format_type prints it; `qualify` gives the schema of types outside the search path. */
export function displayType(
  type: TypeInstance,
  typmod = -1,
  qualify: (type: TypeInstance) => string = () => '',
): string {
  if (isTrueArray(type) && type.name.startsWith('_'))
    return `${displayType(type.element!, typmod, qualify)}[]`;
  const known = sqlNames[type.oid];
  if (known === undefined) return qualify(type) + quoteIdentifier(type.name);
  if (typmod < 0) return type.oid === TypeOid.bpchar ? 'bpchar' : known;
  return withModifier(type, known, typmod);
}

/** As displayType, but without modifier and with `character` for bpchar, as error texts name types. */
export function errorType(type: TypeInstance): string {
  if (type.oid === TypeOid.bpchar) return 'character';
  return displayType(type);
}

/** Arrays with real array behaviour (int2vector and oidvector too), not `name` or `point`. */
export function isTrueArray(type: TypeInstance): boolean {
  return type.element !== null && (type.category === 'A' || type.oid === TypeOid.recordArray);
}

function withModifier(type: TypeInstance, name: string, typmod: number): string {
  switch (type.oid) {
    case TypeOid.bpchar:
    case TypeOid.varchar:
      return typmod > 4 ? `${name}(${typmod - 4})` : name;
    case TypeOid.numeric: {
      if (typmod < 4) return name;
      const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
      return `${name}(${((typmod - 4) >> 16) & 0xffff},${scale})`;
    }
    case TypeOid.interval:
      return name + intervalModifier(typmod);
    case TypeOid.time:
    case TypeOid.timestamp:
      return name.replace(' without', `(${typmod}) without`);
    case TypeOid.timestamptz:
    case TypeOid.timetz:
      return name.replace(' with', `(${typmod}) with`);
    case TypeOid.bit:
    case TypeOid.varbit:
      return `${name}(${typmod})`;
    default:
      return name;
  }
}

const intervalFields: Readonly<Record<number, string>> = {
  4: ' year',
  2: ' month',
  8: ' day',
  1024: ' hour',
  2048: ' minute',
  4096: ' second',
  6: ' year to month',
  1032: ' day to hour',
  3080: ' day to minute',
  7176: ' day to second',
  3072: ' hour to minute',
  7168: ' hour to second',
  6144: ' minute to second',
};

function intervalModifier(typmod: number): string {
  const fields = (typmod >> 16) & 0x7fff;
  const precision = typmod & 0xffff;
  return (intervalFields[fields] ?? '') + (precision === 0xffff ? '' : `(${precision})`);
}

/** An identifier as SQL text, in double quotes where it needs them. */
export function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) && !needsQuotes.has(name)
    ? name
    : `"${name.replaceAll('"', '""')}"`;
}

/** Keywords that are not unreserved: quote_identifier quotes them. */
const needsQuotes: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
  cast char character check coalesce collate collation column concurrently constraint create cross
  current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
  decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
  freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect
  interval into is isnull join lateral leading least left like limit localtime localtimestamp national natural
  nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
  placing position precision primary real references returning right row select session_user setof similar
  smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true union
  unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement
  xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`.split(/\s+/),
);
