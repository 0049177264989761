import {PgError} from '../common/errors.ts';
import {oid, type Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {FunctionRow, OperatorRow} from './contract.ts';
import {
  catalogIndexOid,
  isFunctionVisible,
  qualifiedName,
  relationLocation,
  relationName,
  schemaName,
  typeName,
  type NameScope,
} from './names.ts';
import {quoteIdentifier} from './quote.ts';
import {SchemaOid} from './well-known.ts';
import {parseTypeName} from './type-names.ts';

/** Text of a reg* value: the object's name, qualified when not visible; `-` for 0, the number when it is gone. */
export function regOut(scope: NameScope, type: string, value: number): string {
  if (value === 0) return '-';
  const key = oid(value);
  switch (type) {
    case 'regclass':
      return relationLocation(scope.snapshot, key) === undefined
        ? compositeName(scope, key)
        : relationName(scope, key);
    case 'regtype': {
      const name = typeName(scope, key);
      return name === '???' ? String(value) : name;
    }
    case 'regproc':
      return procOut(scope, key);
    case 'regprocedure':
      return procedureOut(scope, key);
    case 'regoper':
      return operOut(scope, key);
    case 'regoperator':
      return operatorOut(scope, key);
    default:
      return simpleOut(scope, type, key);
  }
}

/** regclass of a composite type, whose pg_class row has the type's OID. */
function compositeName(scope: NameScope, key: Oid): string {
  const type = scope.snapshot.typeDescriptorByOid(key);
  return type?.typeKind === 'c' ? typeName(scope, key) : String(key);
}

function procOut(scope: NameScope, key: Oid): string {
  const fn = scope.snapshot.functionByOid(key);
  if (fn === undefined) return String(key);
  const first = scope.searchPath.flatMap(schema => [
    ...scope.snapshot.functionsByName(schema, fn.name),
  ]);
  const isBare = first.length === 1 && first[0]?.oid === fn.oid;
  return isBare ? quoteIdentifier(fn.name) : qualifiedName(scope.snapshot, fn.schema, fn.name);
}

function procedureOut(scope: NameScope, key: Oid): string {
  const fn = scope.snapshot.functionByOid(key);
  if (fn === undefined) return String(key);
  const name = isFunctionVisible(scope, fn)
    ? quoteIdentifier(fn.name)
    : qualifiedName(scope.snapshot, fn.schema, fn.name);
  return `${name}(${fn.argTypes.map(type => typeName(scope, type)).join(',')})`;
}

function operOut(scope: NameScope, key: Oid): string {
  const operator = scope.snapshot.builtin.operatorByOid(key);
  if (operator === undefined) return String(key);
  const same = scope.snapshot.builtin.operatorsByName(operator.name);
  return same.length === 1
    ? operator.name
    : `${schemaName(scope.snapshot, operator.schema)}.${operator.name}`;
}

function operatorOut(scope: NameScope, key: Oid): string {
  const operator = scope.snapshot.builtin.operatorByOid(key);
  if (operator === undefined) return String(key);
  const side = (type: Oid): string => (type === 0 ? 'NONE' : typeName(scope, type));
  const isVisible = scope.searchPath.includes(operator.schema);
  const name = isVisible
    ? operator.name
    : `${schemaName(scope.snapshot, operator.schema)}.${operator.name}`;
  return `${name}(${side(operator.left)},${side(operator.right)})`;
}

/** Catalogs of the reg types whose objects are built-in rows named in the second column. */
const namedCatalogs = {
  regconfig: 'pg_ts_config',
  regdictionary: 'pg_ts_dict',
  regcollation: 'pg_collation',
} as const;

function simpleOut(scope: NameScope, type: string, key: Oid): string {
  const {snapshot} = scope;
  if (type === 'regrole') {
    const role = snapshot.roleByOid(key);
    return role === undefined ? String(key) : quoteIdentifier(role.name);
  }
  if (type === 'regnamespace') {
    const schema = snapshot.schemaByOid(key);
    return schema === undefined ? String(key) : quoteIdentifier(schema.name);
  }
  if (!(type in namedCatalogs)) return String(key);
  const table = snapshot.builtin.data.table(namedCatalogs[type as keyof typeof namedCatalogs]);
  const index = table.byKey(key)[0];
  return index === undefined ? String(key) : quoteIdentifier(table.row(index)[1] as string);
}

/** Reads a reg* value: a number, `-`, or a name; raises PostgreSQL's error for what does not exist. */
export function regIn(scope: NameScope, type: string, text: string): number {
  const trimmed = text.trim();
  if (trimmed === '-') return 0;
  if (/^\d+$/.test(trimmed)) return Number(trimmed);
  const found = regLookup(scope, type, trimmed);
  if (found === undefined) throw notFound(scope, type, trimmed);
  return found;
}

/** The OID of a name as to_reg* gives it; undefined when there is no such object. */
export function regLookup(scope: NameScope, type: string, text: string): number | undefined {
  switch (type) {
    case 'regclass':
      return relationOid(scope, splitName(text));
    case 'regtype':
      return parseTypeName(scope, text)?.oid;
    case 'regproc':
      return procOid(scope, splitName(text));
    case 'regprocedure':
      return procedureOid(scope, text);
    case 'regoper':
      return operOid(scope, text);
    case 'regoperator':
      return operatorOid(scope, text);
    default:
      return simpleOid(scope, type, splitName(text));
  }
}

function relationOid(scope: NameScope, parts: readonly string[]): Oid | undefined {
  const {snapshot} = scope;
  const name = parts.at(-1) ?? '';
  for (const schema of schemasOf(scope, parts)) {
    const relation = snapshot.relationByName(schema, name);
    if (relation !== undefined) return relation.oid;
    const type = snapshot.typeByName(schema, name);
    if (type !== undefined && snapshot.typeDescriptorByOid(type.oid)?.typeKind === 'c')
      return type.oid;
    const index = schema === SchemaOid.pgCatalog ? catalogIndexOid(snapshot, name) : undefined;
    if (index !== undefined) return index;
  }
  return undefined;
}

/** The schema that a name says, or those of the path; a database before it must be this one, which is not checked. */
function schemasOf(scope: NameScope, parts: readonly string[]): readonly Oid[] {
  if (parts.length < 2) return scope.searchPath;
  const schema = scope.snapshot.schemaByName(parts.at(-2) ?? '');
  return schema === undefined ? [] : [schema.oid];
}

function functionsNamed(scope: NameScope, parts: readonly string[]): readonly FunctionRow[] {
  const name = parts.at(-1) ?? '';
  return schemasOf(scope, parts).flatMap(schema => [
    ...scope.snapshot.functionsByName(schema, name),
  ]);
}

function procOid(scope: NameScope, parts: readonly string[]): Oid | undefined {
  const found = functionsNamed(scope, parts);
  if (found.length > 1) {
    throw new PgError(
      SqlState.ambiguousFunction,
      `more than one function named "${parts.join('.')}"`,
    );
  }
  return found[0]?.oid;
}

function procedureOid(scope: NameScope, text: string): Oid | undefined {
  const open = text.indexOf('(');
  if (open < 0 || !text.endsWith(')')) {
    throw new PgError(SqlState.invalidTextRepresentation, 'expected a left parenthesis');
  }
  const types = argumentTypes(scope, text.slice(open + 1, -1));
  const found = functionsNamed(scope, splitName(text.slice(0, open))).find(
    fn =>
      fn.argTypes.length === types.length && fn.argTypes.every((type, at) => type === types[at]),
  );
  return found?.oid;
}

function argumentTypes(scope: NameScope, text: string): readonly Oid[] {
  if (text.trim() === '') return [];
  return splitOutside(text, ',').map(part => {
    if (/^none$/i.test(part.trim())) return oid(0);
    const type = parseTypeName(scope, part.trim());
    if (type === undefined) throw typeMissing(part.trim());
    return type.oid;
  });
}

function operators(scope: NameScope, text: string): readonly OperatorRow[] {
  const at = text.lastIndexOf('.');
  const name = at < 0 ? text : text.slice(at + 1);
  const found = scope.snapshot.builtin.operatorsByName(name.trim());
  if (at < 0) return found;
  const schemas = schemasOf(scope, [...splitName(text.slice(0, at)), name]);
  return found.filter(row => schemas.includes(row.schema));
}

function operOid(scope: NameScope, text: string): Oid | undefined {
  const found = operators(scope, text);
  if (found.length > 1) {
    throw new PgError(SqlState.ambiguousFunction, `more than one operator named ${text}`);
  }
  return found[0]?.oid;
}

function operatorOid(scope: NameScope, text: string): Oid | undefined {
  const open = text.indexOf('(');
  if (open < 0)
    throw new PgError(SqlState.invalidTextRepresentation, 'expected a left parenthesis');
  const types = argumentTypes(scope, text.slice(open + 1, -1));
  return operators(scope, text.slice(0, open)).find(
    row => row.left === types[0] && row.right === types[1],
  )?.oid;
}

function simpleOid(scope: NameScope, type: string, parts: readonly string[]): Oid | undefined {
  const {snapshot} = scope;
  const name = parts.at(-1) ?? '';
  if ((type === 'regrole' || type === 'regnamespace') && parts.length > 1) throw badName();
  if (type === 'regrole') return snapshot.roleByName(name)?.oid;
  if (type === 'regnamespace') return snapshot.schemaByName(name)?.oid;
  if (!(type in namedCatalogs)) return undefined;
  const table = snapshot.builtin.data.table(namedCatalogs[type as keyof typeof namedCatalogs]);
  const index = table.byName(name)[0];
  if (index === undefined) return undefined;
  const row = table.row(index);
  const isThere = parts.length < 2 || schemasOf(scope, parts).includes(row[2] as Oid);
  return isThere ? (row[0] as Oid) : undefined;
}

function badName(): PgError {
  return new PgError(SqlState.invalidName, 'invalid name syntax');
}

/** The schema that a name says, when there is none of that name. */
function missingSchema(scope: NameScope, type: string, text: string): string | undefined {
  if (type === 'regoperator') return undefined;
  const open = type === 'regprocedure' ? text.indexOf('(') : -1;
  const name = open < 0 ? text : text.slice(0, open);
  const at = name.lastIndexOf('.');
  if (type === 'regoper') {
    const schema = at < 0 ? undefined : splitName(name.slice(0, at)).at(-1);
    return schema !== undefined && scope.snapshot.schemaByName(schema) === undefined
      ? schema
      : undefined;
  }
  const schema = splitName(name).at(-2);
  return schema !== undefined && scope.snapshot.schemaByName(schema) === undefined
    ? schema
    : undefined;
}

function notFound(scope: NameScope, type: string, text: string): PgError {
  const isSigned = type === 'regprocedure' || type === 'regoperator' || type === 'regoper';
  const parts = isSigned ? [text] : splitName(text);
  const schema = missingSchema(scope, type, text);
  if (schema !== undefined)
    return new PgError(SqlState.invalidSchemaName, `schema "${schema}" does not exist`);
  switch (type) {
    case 'regclass':
      return new PgError(SqlState.undefinedTable, `relation "${parts.join('.')}" does not exist`);
    case 'regtype':
      return typeMissing(text);
    case 'regproc':
    case 'regprocedure':
      return new PgError(SqlState.undefinedFunction, `function "${text}" does not exist`);
    case 'regoper':
    case 'regoperator':
      return new PgError(SqlState.undefinedFunction, `operator does not exist: ${text}`);
    case 'regrole':
      return new PgError(SqlState.undefinedObject, `role "${parts.join('.')}" does not exist`);
    case 'regnamespace':
      return new PgError(SqlState.invalidSchemaName, `schema "${parts.join('.')}" does not exist`);
    case 'regcollation':
      return new PgError(
        SqlState.undefinedObject,
        `collation "${parts.join('.')}" for encoding "UTF8" does not exist`,
      );
    case 'regconfig':
      return new PgError(
        SqlState.undefinedObject,
        `text search configuration "${parts.join('.')}" does not exist`,
      );
    default:
      return new PgError(
        SqlState.undefinedObject,
        `text search dictionary "${parts.join('.')}" does not exist`,
      );
  }
}

function typeMissing(text: string): PgError {
  return new PgError(SqlState.undefinedObject, `type "${text}" does not exist`);
}

/** `a."B".c` as parts: unquoted ones in lower case. */
export function splitName(text: string): readonly string[] {
  return splitOutside(text, '.').map(part => {
    const trimmed = part.trim();
    if (trimmed.startsWith('"') && trimmed.endsWith('"') && trimmed.length > 1) {
      return trimmed.slice(1, -1).replaceAll('""', '"');
    }
    if (trimmed === '') throw badName();
    return trimmed.toLowerCase();
  });
}

/** Splits outside double quotes and parentheses. */
function splitOutside(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let isQuoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (char === '(' || char === '[') depth++;
    else if (char === ')' || char === ']') depth--;
    else if (char === separator && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}
