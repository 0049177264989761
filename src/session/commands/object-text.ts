import type {Descriptor} from '../../catalog/descriptors.ts';
import {
  isFunctionVisible,
  formatType,
  qualifiedName,
  relationName,
  typeName,
  type NameScope,
} from '../../catalog/names.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {relationWord} from '../../catalog/stored-queries.ts';
import type {Oid} from '../../common/ids.ts';
import type {SessionContext} from '../session-context.ts';

/** Where names of a session's errors and notices are printed. */
export function nameScope(session: SessionContext): NameScope {
  return {snapshot: session.transaction.catalog, searchPath: session.searchPath()};
}

/** An object as PostgreSQL's dependency texts tell it: `table t`, `constraint c on table t`. */
export function objectText(scope: NameScope, object: Descriptor): string {
  switch (object.kind) {
    case 'table':
    case 'view':
    case 'sequence':
    case 'index':
      return `${relationWord(object)} ${relationName(scope, object.oid)}`;
    case 'type':
      return `type ${typeName(scope, object.oid)}`;
    case 'constraint':
      return object.table === 0
        ? `constraint ${quoteIdentifier(object.name)} on type ${typeName(scope, object.domain)}`
        : `constraint ${quoteIdentifier(object.name)} on table ${relationName(scope, object.table)}`;
    case 'function':
      return `function ${functionText(scope, object.oid)}`;
    case 'liveQuery':
      return `live query ${qualifiedName(scope.snapshot, object.schema, object.name)}`;
    case 'policy':
      return `policy ${quoteIdentifier(object.name)} on table ${relationName(scope, object.table)}`;
    case 'cast':
      return `cast from ${formatType(scope, object.source, null)} to ${formatType(scope, object.target, null)}`;
    case 'defaultAcl':
      return defaultAclText(scope, object);
    case 'schema':
    case 'database':
    case 'role':
    case 'storage':
      return `${object.kind} ${quoteIdentifier(object.name)}`;
  }
}

const DEFAULT_OBJECTS = {
  r: 'relations',
  S: 'sequences',
  f: 'functions',
  T: 'types',
  n: 'schemas',
} as const;

function defaultAclText(scope: NameScope, acl: Extract<Descriptor, {kind: 'defaultAcl'}>): string {
  const role = quoteIdentifier(scope.snapshot.roleByOid(acl.owner)?.name ?? String(acl.owner));
  const schema = scope.snapshot.schemaByOid(acl.schema);
  const place = schema === undefined ? '' : ` in schema ${quoteIdentifier(schema.name)}`;
  return `default privileges on new ${DEFAULT_OBJECTS[acl.objectType]} belonging to role ${role}${place}`;
}

/** A column: `column a of table t`. */
export function columnText(scope: NameScope, relation: Oid, attnum: number): string {
  const found = scope.snapshot.relationByOid(relation);
  const column =
    found !== undefined && 'columns' in found
      ? found.columns.find(each => each.attnum === attnum)
      : undefined;
  const word = found === undefined ? 'table' : relationWord(found);
  const name = quoteIdentifier(column?.name ?? '???');
  return `column ${name} of ${word} ${relationName(scope, relation)}`;
}

/** A function with its argument types: `f(integer,text)`. */
export function functionText(scope: NameScope, fn: Oid): string {
  const row = scope.snapshot.functionByOid(fn);
  if (row === undefined) return String(fn);
  const name = isFunctionVisible(scope, row)
    ? quoteIdentifier(row.name)
    : qualifiedName(scope.snapshot, row.schema, row.name);
  return `${name}(${row.argTypes.map(type => formatType(scope, type, null)).join(',')})`;
}
