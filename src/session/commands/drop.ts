import type {DropStmt, Node} from '@pgsql/types';
import {ownsObject} from '../../catalog/acl.ts';
import type {
  Descriptor,
  RelationDescriptor,
  SequenceDescriptor,
} from '../../catalog/descriptors.ts';
import {typeName} from '../../catalog/names.ts';
import {relationWord} from '../../catalog/stored-queries.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {FIRST_NORMAL_OID, oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, listName, stringList, type QualifiedName} from './ast-values.ts';
import {checkCastOwner, findCast, retireCast} from './cast.ts';
import type {CommandInput} from './command-types.ts';
import {ddlExecution, NO_OID, notice} from './ddl.ts';
import {isRangeCast, objectNode, type DependencyNode} from './dependencies.ts';
import {dropObjects} from './drop-objects.ts';
import {lookupFunction, missingFunctionText} from './function-names.ts';
import {findRelation, findSchema, nameText} from './object-names.ts';
import {columnText, nameScope, objectText} from './object-text.ts';
import {lookupType} from './type-names.ts';

const WORDS: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'table',
  OBJECT_VIEW: 'view',
  OBJECT_INDEX: 'index',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_MATVIEW: 'materialized view',
  OBJECT_FOREIGN_TABLE: 'foreign table',
  OBJECT_SCHEMA: 'schema',
  OBJECT_TYPE: 'type',
  OBJECT_DOMAIN: 'domain',
  OBJECT_FUNCTION: 'function',
  OBJECT_PROCEDURE: 'procedure',
  OBJECT_ROUTINE: 'routine',
  OBJECT_AGGREGATE: 'aggregate',
  OBJECT_EXTENSION: 'extension',
  OBJECT_TRIGGER: 'trigger',
  OBJECT_RULE: 'rule',
  OBJECT_POLICY: 'policy',
  OBJECT_CAST: 'cast',
};

/** DROP TABLE, VIEW, INDEX, SEQUENCE, SCHEMA, TYPE, DOMAIN, FUNCTION ... [IF EXISTS] ... [CASCADE]. */
export function dropCommand({session, node}: CommandInput<DropStmt>): Execution {
  const word = WORDS[node.removeType ?? ''];
  if (word === undefined)
    throw featureNotSupported(
      `DROP ${(node.removeType ?? '').replace('OBJECT_', '').replaceAll('_', ' ')} is not supported`,
    );
  return ddlExecution(session, `DROP ${word.toUpperCase()}`, async () => {
    if (node.concurrent === true && session.transaction.isInBlock) {
      throw new PgError(
        SqlState.activeSqlTransaction,
        'DROP INDEX CONCURRENTLY cannot run inside a transaction block',
      );
    }
    const found: DependencyNode[] = [];
    for (const item of node.objects ?? []) {
      const object = resolve(session, node, item, word);
      if (object !== undefined) found.push(objectNode(object));
    }
    if (found.length > 0) await dropObjects(session, found, node.behavior === 'DROP_CASCADE');
    for (const each of found)
      if (each.kind === 'object' && each.object.kind === 'cast') retireCast(session, each.object);
  });
}

function resolve(
  session: SessionContext,
  node: DropStmt,
  item: Node,
  word: string,
): Descriptor | undefined {
  switch (node.removeType) {
    case 'OBJECT_SCHEMA':
      return resolveSchema(session, node, constantText(item));
    case 'OBJECT_TYPE':
    case 'OBJECT_DOMAIN':
      return resolveType(session, node, item, word);
    case 'OBJECT_FUNCTION':
    case 'OBJECT_PROCEDURE':
    case 'OBJECT_ROUTINE':
    case 'OBJECT_AGGREGATE':
      return resolveFunction(session, node, item, word);
    case 'OBJECT_CAST':
      return resolveCast(session, node, item);
    case 'OBJECT_EXTENSION':
      return resolveExtension(session, node, constantText(item));
    case 'OBJECT_TRIGGER':
    case 'OBJECT_RULE':
    case 'OBJECT_POLICY':
      return resolveOnRelation(session, node, itemNames(item), word);
    default:
      return resolveRelation(session, node, listName(itemNames(item)), word);
  }
}

function itemNames(item: Node): string[] {
  return stringList(
    'List' in item ? item.List.items : 'TypeName' in item ? item.TypeName.names : [item],
  );
}

/** Missing: a notice with IF EXISTS, else an error. */
function missing(
  session: SessionContext,
  node: DropStmt,
  code: string,
  message: string,
): undefined {
  if (node.missing_ok !== true) throw new PgError(code, message);
  notice(session, `${message}, skipping`);
  return undefined;
}

function resolveRelation(
  session: SessionContext,
  node: DropStmt,
  name: QualifiedName,
  word: string,
): Descriptor | undefined {
  if (name.schema !== null && findSchema(session, name.schema) === undefined) {
    return missing(
      session,
      node,
      SqlState.invalidSchemaName,
      `schema "${name.schema}" does not exist`,
    );
  }
  const relation = findRelation(session, name, true);
  if (relation === undefined) {
    const code = word === 'index' ? SqlState.undefinedObject : SqlState.undefinedTable;
    return missing(
      session,
      node,
      code,
      `${word} "${node.missing_ok === true ? name.name : nameText(name)}" does not exist`,
    );
  }
  return checkedRelation(session, relation, word);
}

function checkedRelation(
  session: SessionContext,
  relation: RelationDescriptor,
  word: string,
): Descriptor {
  const kind =
    relation.kind === 'systemRelation'
      ? relation.isView
        ? 'view'
        : 'table'
      : relationWord(relation);
  if (kind !== word) throw wrongKind(relation.name, kind, word);
  if (relation.kind === 'systemRelation') {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied: "${relation.name}" is a system catalog`,
    );
  }
  checkDropOwner(session, relation, `${kind} ${relation.name}`, relation.schema);
  if (relation.kind === 'index' && relation.constraint !== NO_OID)
    throw requiredBy(session, relation.constraint, relation);
  if (relation.kind === 'sequence') checkIdentity(session, relation);
  return relation;
}

function wrongKind(name: string, kind: string, word: string): PgError {
  const article = /^[aeiou]/.test(word) ? 'an' : 'a';
  const ofKind = /^[aeiou]/.test(kind) ? 'an' : 'a';
  return new PgError(SqlState.wrongObjectType, `"${name}" is not ${article} ${word}`, {
    hint: `Use DROP ${kind.toUpperCase()} to remove ${ofKind} ${kind}.`,
  });
}

function requiredBy(session: SessionContext, constraint: Oid, index: Descriptor): PgError {
  const scope = nameScope(session);
  const owner = session.transaction.catalog.constraintByOid(constraint)!;
  const text = objectText(scope, owner);
  return new PgError(
    SqlState.dependentObjectsStillExist,
    `cannot drop ${objectText(scope, index)} because ${text} requires it`,
    {
      hint: `You can drop ${text} instead.`,
    },
  );
}

function checkIdentity(session: SessionContext, sequence: SequenceDescriptor): void {
  const table = session.transaction.catalog.tableByOid(sequence.ownedByTable);
  const column = table?.columns.find(
    each => each.attnum === sequence.ownedByAttnum && each.identity !== '',
  );
  if (table === undefined || column === undefined) return;
  const scope = nameScope(session);
  const text = columnText(scope, table.oid, column.attnum);
  throw new PgError(
    SqlState.dependentObjectsStillExist,
    `cannot drop ${objectText(scope, sequence)} because ${text} requires it`,
    {
      hint: `You can drop ${text} instead.`,
    },
  );
}

/** The owner of the object or of its schema may drop it. */
function checkDropOwner(
  session: SessionContext,
  object: {readonly owner: Oid},
  text: string,
  schema: Oid | null,
): void {
  const {catalog} = session.transaction;
  if (ownsObject(session.currentRole, object.owner, catalog)) return;
  const container = schema === null ? undefined : catalog.schemaByOid(schema);
  if (container !== undefined && ownsObject(session.currentRole, container.owner, catalog)) return;
  throw new PgError(SqlState.insufficientPrivilege, `must be owner of ${text}`);
}

function resolveSchema(
  session: SessionContext,
  node: DropStmt,
  name: string,
): Descriptor | undefined {
  const schema = findSchema(session, name);
  if (schema === undefined)
    return missing(session, node, SqlState.invalidSchemaName, `schema "${name}" does not exist`);
  checkDropOwner(session, schema, `schema ${name}`, null);
  if (schema.oid < oid(FIRST_NORMAL_OID) && schema.name !== 'public') {
    throw new PgError(
      SqlState.dependentObjectsStillExist,
      `cannot drop schema ${name} because it is required by the database system`,
    );
  }
  return schema;
}

function resolveType(
  session: SessionContext,
  node: DropStmt,
  item: Node,
  word: string,
): Descriptor | undefined {
  const name = listName(itemNames(item));
  if (name.schema !== null && findSchema(session, name.schema) === undefined) {
    return missing(
      session,
      node,
      SqlState.invalidSchemaName,
      `schema "${name.schema}" does not exist`,
    );
  }
  const type = lookupType(session, name);
  if (type === undefined)
    return missing(
      session,
      node,
      SqlState.undefinedObject,
      `type "${nameText(name)}" does not exist`,
    );
  if (word === 'domain' && type.kind !== 'd')
    throw new PgError(SqlState.wrongObjectType, `"${nameText(name)}" is not a domain`);
  const {catalog} = session.transaction;
  const descriptor = catalog.typeDescriptorByOid(type.oid);
  if (descriptor !== undefined) {
    if (descriptor.typeKind === 'm') throw ownedByRange(session, descriptor, descriptor.baseType);
    checkDropOwner(session, descriptor, `type ${descriptor.name}`, descriptor.schema);
    return descriptor;
  }
  throw requiredType(session, type.oid, nameText(name));
}

/** What came with a range type goes with it only. */
function ownedByRange(session: SessionContext, object: Descriptor, type: Oid | null): PgError {
  const scope = nameScope(session);
  // A cast goes with its function.
  const fn =
    object.kind === 'cast'
      ? session.transaction.catalog.get('function', object.function)
      : undefined;
  const owner =
    type === null && fn !== undefined ? objectText(scope, fn) : `type ${typeName(scope, type!)}`;
  return new PgError(
    SqlState.dependentObjectsStillExist,
    `cannot drop ${objectText(scope, object)} because ${owner} requires it`,
    {hint: `You can drop ${owner} instead.`},
  );
}

/** Built-in types, row types and array types cannot be dropped by themselves. */
function requiredType(session: SessionContext, type: Oid, name: string): PgError {
  const {catalog} = session.transaction;
  const scope = nameScope(session);
  for (const relation of [...catalog.tables(), ...catalog.views()]) {
    if (relation.rowType !== type) continue;
    const text = objectText(scope, relation);
    return new PgError(
      SqlState.dependentObjectsStillExist,
      `cannot drop type ${name} because ${text} requires it`,
      {hint: `You can drop ${text} instead.`},
    );
  }
  const shown = typeName(scope, type);
  return new PgError(
    SqlState.dependentObjectsStillExist,
    `cannot drop type ${shown} because it is required by the database system`,
  );
}

function resolveFunction(
  session: SessionContext,
  node: DropStmt,
  item: Node,
  word: string,
): Descriptor | undefined {
  if (!('ObjectWithArgs' in item))
    throw featureNotSupported('DROP of this object is not supported');
  const fn = lookupFunction(session, item.ObjectWithArgs, word);
  if (fn === undefined) {
    const text = missingFunctionText(session, item.ObjectWithArgs, word);
    if (node.missing_ok !== true) throw new PgError(SqlState.undefinedFunction, text);
    const {objname, objargs} = item.ObjectWithArgs;
    const args = (objargs ?? []).map(arg =>
      'TypeName' in arg ? stringList(arg.TypeName.names).join('.') : '',
    );
    notice(
      session,
      `${word} ${nameText(listName(stringList(objname)))}(${args.join(',')}) does not exist, skipping`,
    );
    return undefined;
  }
  if (word === 'function' && fn.functionKind === 'a')
    throw new PgError(SqlState.wrongObjectType, `"${fn.name}" is an aggregate function`, {
      hint: 'Use DROP AGGREGATE to drop aggregate functions.',
    });
  if (fn.language === 'internal') throw ownedByRange(session, fn, fn.returnType);
  checkDropOwner(session, fn, `${word} ${fn.name}`, fn.schema);
  return fn;
}

function resolveCast(session: SessionContext, node: DropStmt, item: Node): Descriptor | undefined {
  const {cast, types, text} = findCast(session, item);
  if (cast === undefined)
    return missing(session, node, SqlState.undefinedObject, `${text} does not exist`);
  if (cast === 'builtin')
    throw new PgError(
      SqlState.dependentObjectsStillExist,
      `cannot drop ${text.replace(/^cast from type (.*) to type /, 'cast from $1 to ')} because it is required by the database system`,
    );
  if (isRangeCast(session.transaction.catalog, cast)) throw ownedByRange(session, cast, null);
  checkCastOwner(session, types[0], types[1]);
  return cast;
}

function resolveExtension(session: SessionContext, node: DropStmt, name: string): undefined {
  if (name === 'plpgsql') throw featureNotSupported('extension "plpgsql" cannot be dropped');
  return missing(session, node, SqlState.undefinedObject, `extension "${name}" does not exist`);
}

/** Policies; of triggers and rules there are none yet. */
function resolveOnRelation(
  session: SessionContext,
  node: DropStmt,
  names: readonly string[],
  word: string,
): Descriptor | undefined {
  const name = names.at(-1) ?? '';
  const on = listName(names.slice(0, -1));
  const relation = findRelation(session, on, true);
  if (relation === undefined)
    return missing(
      session,
      node,
      SqlState.undefinedTable,
      `relation "${nameText(on)}" does not exist`,
    );
  const policy = session.transaction.catalog
    .policiesOf(relation.oid)
    .find(each => word === 'policy' && each.name === name);
  if (policy !== undefined && relation.kind === 'table') {
    checkOwner(session.transaction.catalog, session.currentRole, relation, 'table');
    return policy;
  }
  const kind = node.missing_ok === true || word === 'rule' ? 'relation' : 'table';
  return missing(
    session,
    node,
    SqlState.undefinedObject,
    `${word} "${name}" for ${kind} "${relation.name}" does not exist`,
  );
}
