import type {CommentStmt, Node} from '@pgsql/types';
import type {CatalogObject, Descriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {relationWord} from '../../catalog/stored-queries.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, listName, stringList} from './ast-values.ts';
import {checkCastOwner, findCast} from './cast.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, puts} from './ddl.ts';
import {findFunction} from './function-names.ts';
import {findRelation, nameText, roleByName, schemaNamed} from './object-names.ts';
import {policyNamed} from './policy.ts';
import {typeDescriptorNamed} from './type-names.ts';

const RELATIONS: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'table',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'materialized view',
  OBJECT_INDEX: 'index',
  OBJECT_SEQUENCE: 'sequence',
};

/** COMMENT ON object IS 'text' | NULL. */
export function commentCommand({session, node}: CommandInput<CommentStmt>): Execution {
  return ddlExecution(session, 'COMMENT', async () => {
    const comment = node.comment === undefined || node.comment === '' ? null : node.comment;
    const object = node.object;
    if (object === undefined) throw featureNotSupported('COMMENT on this object is not supported');
    if (node.objtype === 'OBJECT_COLUMN') return commentColumn(session, names(object), comment);
    if (node.objtype === 'OBJECT_EXTENSION') return;
    const target = targetOf(session, node, object);
    change(session, puts({...target, comment}));
  });
}

function names(object: Node): string[] {
  if ('List' in object) return stringList(object.List.items);
  if ('TypeName' in object) return stringList(object.TypeName.names);
  return [constantText(object)];
}

function targetOf(session: SessionContext, node: CommentStmt, object: Node): Descriptor {
  const {catalog} = session.transaction;
  const owned = <T extends Descriptor & CatalogObject>(found: T, word: string): T => {
    checkOwner(catalog, session.currentRole, found, word);
    return found;
  };
  switch (node.objtype) {
    case 'OBJECT_TABLE':
    case 'OBJECT_VIEW':
    case 'OBJECT_MATVIEW':
    case 'OBJECT_INDEX':
    case 'OBJECT_SEQUENCE':
      return owned(
        relation(session, names(object), RELATIONS[node.objtype]!),
        RELATIONS[node.objtype]!,
      );
    case 'OBJECT_SCHEMA':
      return owned(schemaNamed(session, constantText(object)), 'schema');
    case 'OBJECT_DATABASE': {
      const found = catalog.databaseByName(constantText(object));
      if (found === undefined)
        throw new PgError(
          SqlState.invalidCatalogName,
          `database "${constantText(object)}" does not exist`,
        );
      return owned(found, 'database');
    }
    case 'OBJECT_ROLE': {
      const role = roleByName(catalog, constantText(object));
      if (!session.isSuperuser && catalog.roleByOid(session.currentRole)?.canCreateRole !== true) {
        throw new PgError(SqlState.insufficientPrivilege, 'must have CREATEROLE privilege');
      }
      return role;
    }
    case 'OBJECT_TYPE':
    case 'OBJECT_DOMAIN':
      return owned(
        typeDescriptorNamed(
          session,
          listName(names(object)),
          node.objtype === 'OBJECT_DOMAIN' ? 'domain' : 'type',
        ),
        'type',
      );
    case 'OBJECT_AGGREGATE':
      if (!('ObjectWithArgs' in object)) break;
      return owned(findFunction(session, object.ObjectWithArgs, 'aggregate'), 'aggregate');
    case 'OBJECT_FUNCTION':
    case 'OBJECT_PROCEDURE':
    case 'OBJECT_ROUTINE':
      if (!('ObjectWithArgs' in object)) break;
      return owned(findFunction(session, object.ObjectWithArgs, 'function'), 'function');
    case 'OBJECT_CAST': {
      const {cast, types, text} = findCast(session, object);
      if (cast === undefined) throw new PgError(SqlState.undefinedObject, `${text} does not exist`);
      if (cast === 'builtin')
        throw featureNotSupported('COMMENT ON a built-in cast is not supported');
      checkCastOwner(session, types[0], types[1]);
      return cast;
    }
    case 'OBJECT_POLICY': {
      const table = relation(session, names(object).slice(0, -1), 'table') as TableDescriptor;
      checkOwner(catalog, session.currentRole, table, 'table');
      return policyNamed(session, table, names(object).at(-1) ?? '');
    }
    case 'OBJECT_TABCONSTRAINT':
      return constraintOf(session, names(object));
    case 'OBJECT_DOMCONSTRAINT':
      return domainConstraint(session, object);
    default:
  }
  throw featureNotSupported(
    `COMMENT ON ${(node.objtype ?? '').replace('OBJECT_', '').replaceAll('_', ' ')} is not supported`,
  );
}

function relation(
  session: SessionContext,
  parts: readonly string[],
  word: string,
): Extract<Descriptor, {kind: 'table' | 'view' | 'index' | 'sequence'}> {
  const name = listName(parts);
  const found = findRelation(session, name, false);
  if (found === undefined)
    throw new PgError(SqlState.undefinedTable, `relation "${nameText(name)}" does not exist`);
  if (found.kind === 'systemRelation')
    throw new PgError(SqlState.insufficientPrivilege, `must be owner of table ${found.name}`);
  if (relationWord(found) === word) return found;
  throw new PgError(
    SqlState.wrongObjectType,
    `"${found.name}" is not ${word === 'index' ? 'an' : 'a'} ${word}`,
  );
}

function commentColumn(
  session: SessionContext,
  parts: readonly string[],
  comment: string | null,
): void {
  const column = parts.at(-1) ?? '';
  const name = listName(parts.slice(0, -1));
  const found = findRelation(session, name, false);
  const {catalog} = session.transaction;
  if (found === undefined) {
    const type = typeDescriptorNamed(session, name, 'type');
    if (type.typeKind !== 'c')
      throw new PgError(SqlState.undefinedTable, `relation "${nameText(name)}" does not exist`);
    checkOwner(catalog, session.currentRole, type, 'type');
    change(session, puts({...type, columns: withComment(type, column, comment)}));
    return;
  }
  if (found.kind !== 'table' && found.kind !== 'view') {
    throw new PgError(SqlState.wrongObjectType, `cannot set comment on relation "${found.name}"`);
  }
  checkOwner(catalog, session.currentRole, found, found.kind);
  change(session, puts({...found, columns: withComment(found, column, comment)}));
}

type Columns = Extract<Descriptor, {kind: 'table'}>['columns'];

function withComment(
  object: {readonly name: string; readonly columns: Columns},
  name: string,
  comment: string | null,
): Columns {
  if (!object.columns.some(column => column.name === name && !column.isDropped)) {
    throw new PgError(
      SqlState.undefinedColumn,
      `column "${name}" of relation "${object.name}" does not exist`,
    );
  }
  return object.columns.map(column => (column.name === name ? {...column, comment} : column));
}

function constraintOf(session: SessionContext, parts: readonly string[]): Descriptor {
  const table = relation(session, parts.slice(0, -1), 'table');
  const {catalog} = session.transaction;
  checkOwner(catalog, session.currentRole, table, 'table');
  const found = catalog.constraintsOf(table.oid).find(each => each.name === parts.at(-1));
  if (found !== undefined) return found;
  throw new PgError(
    SqlState.undefinedObject,
    `constraint "${parts.at(-1) ?? ''}" for table "${table.name}" does not exist`,
  );
}

function domainConstraint(session: SessionContext, object: Node): Descriptor {
  const items = 'List' in object ? (object.List.items ?? []) : [];
  const type = typeDescriptorNamed(
    session,
    listName(items[0] === undefined ? [] : names(items[0])),
    'domain',
  );
  const name = items[1] === undefined ? '' : constantText(items[1]);
  const found = session.transaction.catalog
    .constraintsOf(type.oid)
    .find(each => each.name === name);
  if (found !== undefined) return found;
  throw new PgError(
    SqlState.undefinedObject,
    `constraint "${name}" for domain "${type.name}" does not exist`,
  );
}
