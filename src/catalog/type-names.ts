import type {Oid} from '../common/ids.ts';
import {typeFacts, typeOidByName, type NameScope} from './names.ts';

/** Spellings of SQL's grammar for types, by lower-case words. */
const spellings: Readonly<Record<string, string>> = {
  int: 'int4',
  integer: 'int4',
  smallint: 'int2',
  bigint: 'int8',
  real: 'float4',
  float: 'float8',
  'double precision': 'float8',
  decimal: 'numeric',
  dec: 'numeric',
  numeric: 'numeric',
  boolean: 'bool',
  character: 'bpchar',
  char: 'bpchar',
  nchar: 'bpchar',
  'national character': 'bpchar',
  'national char': 'bpchar',
  'character varying': 'varchar',
  'char varying': 'varchar',
  'national character varying': 'varchar',
  'national char varying': 'varchar',
  'nchar varying': 'varchar',
  'bit varying': 'varbit',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
};

/** Grammar types whose bare spelling carries a length of one. */
const oneLong: ReadonlySet<string> = new Set([
  'character',
  'char',
  'nchar',
  'national character',
  'national char',
  'bit',
]);

/** A type by its SQL text: OID and the numbers in its modifier, if any. */
export interface ParsedType {
  readonly oid: Oid;
  readonly modifiers: readonly number[];
}

/** Finds `schema.name`, `"Name"`, `varchar(10)[]`, `timestamp(3) with time zone`; undefined when there is no such type. */
export function parseTypeName(scope: NameScope, text: string): ParsedType | undefined {
  let rest = text.trim().replace(/^setof\s+/i, '');
  let dimensions = 0;
  for (;;) {
    const shorter = rest.replace(/\s*\[\s*\d*\s*\]$/, '').replace(/\s+array$/i, '');
    if (shorter === rest) break;
    rest = shorter;
    dimensions++;
  }
  const match = /\(\s*([\d\s,-]+)\)/.exec(rest);
  const modifiers = match === null ? [] : (match[1] ?? '').split(',').map(Number);
  if (match !== null) rest = rest.replace(match[0], ' ').replace(/\s+/g, ' ').trim();
  const found = elementType(scope, rest);
  if (found === undefined) return undefined;
  const isOne = match === null && oneLong.has(rest.toLowerCase());
  const shown = isOne ? [1] : modifiers;
  return dimensions === 0 ? {oid: found, modifiers: shown} : arrayOf(scope, found, shown);
}

function arrayOf(
  scope: NameScope,
  element: Oid,
  modifiers: readonly number[],
): ParsedType | undefined {
  const array = scope.snapshot.typeByOid(element)?.arrayOid ?? staticArray(scope, element);
  return array === undefined || array === 0 ? undefined : {oid: array, modifiers};
}

function staticArray(scope: NameScope, element: Oid): Oid | undefined {
  const table = scope.snapshot.builtin.data.table('pg_type');
  const index = table.byKey(element)[0];
  return index === undefined ? undefined : (table.row(index)[14] as Oid);
}

function elementType(scope: NameScope, text: string): Oid | undefined {
  const lower = text.toLowerCase().replace(/\s+/g, ' ');
  const spelled = spellings[lower] ?? (/^interval\b/.test(lower) ? 'interval' : undefined);
  if (spelled !== undefined) return typeOidByName(scope.snapshot, 11 as Oid, spelled);
  const parts = [...text.matchAll(/"((?:[^"]|"")*)"|([^.\s"]+)/g)].map(part =>
    part[1] === undefined ? (part[2] ?? '').toLowerCase() : part[1].replaceAll('""', '"'),
  );
  const name = parts.at(-1);
  if (name === undefined || /\s/.test(text.replace(/"[^"]*"/g, '').trim())) return undefined;
  const schemas = parts.length < 2 ? scope.searchPath : schemaNamed(scope, parts.at(-2) ?? '');
  for (const schema of schemas) {
    const found = typeOidByName(scope.snapshot, schema, name);
    if (found !== undefined && typeFacts(scope.snapshot, found) !== undefined) return found;
  }
  return undefined;
}

function schemaNamed(scope: NameScope, name: string): readonly Oid[] {
  const schema = scope.snapshot.schemaByName(name);
  return schema === undefined ? [] : [schema.oid];
}
