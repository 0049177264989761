import type {GrantStmt, Node} from '@pgsql/types';
import type {AclObjectKind} from '../../catalog/acl.ts';
import type {AclItem, CatalogObject, Descriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, listName, stringList} from './ast-values.ts';
import {findFunction} from './function-names.ts';
import {nameText, relationNamed, schemaNamed} from './object-names.ts';
import {typeDescriptorNamed} from './type-names.ts';

/** An object whose acl GRANT changes. */
export type Grantable = Extract<
  Descriptor,
  CatalogObject & {readonly acl: readonly AclItem[] | null}
>;

/** An object to grant on: its ACL kind, and the word of error texts. */
export interface GrantTarget {
  readonly object: Grantable;
  readonly kind: AclObjectKind;
  readonly word: string;
}

/** The objects that a GRANT or REVOKE names. */
export function grantTargets(session: SessionContext, node: GrantStmt): GrantTarget[] {
  if (node.targtype === 'ACL_TARGET_ALL_IN_SCHEMA')
    return (node.objects ?? []).flatMap(each => allInSchema(session, node, constantText(each)));
  if (node.targtype === 'ACL_TARGET_DEFAULTS')
    throw featureNotSupported('ALTER DEFAULT PRIVILEGES is not supported');
  return (node.objects ?? []).map(each => grantTarget(session, node, each));
}

function grantTarget(session: SessionContext, node: GrantStmt, item: Node): GrantTarget {
  const {catalog} = session.transaction;
  switch (node.objtype) {
    case 'OBJECT_TABLE':
    case 'OBJECT_SEQUENCE':
      return relationTarget(session, node, item);
    case 'OBJECT_SCHEMA':
      return {object: schemaNamed(session, constantText(item)), kind: 'n', word: 'schema'};
    case 'OBJECT_DATABASE': {
      const name = constantText(item);
      const object = catalog.databaseByName(name);
      if (object === undefined)
        throw new PgError(SqlState.invalidCatalogName, `database "${name}" does not exist`);
      return {object, kind: 'd', word: 'database'};
    }
    case 'OBJECT_TYPE':
    case 'OBJECT_DOMAIN': {
      const name = listName(
        stringList(
          'List' in item ? item.List.items : 'TypeName' in item ? item.TypeName.names : [item],
        ),
      );
      return {object: typeDescriptorNamed(session, name, 'type'), kind: 'T', word: 'type'};
    }
    case 'OBJECT_FUNCTION':
    case 'OBJECT_PROCEDURE':
    case 'OBJECT_ROUTINE': {
      if (!('ObjectWithArgs' in item)) break;
      const asked = (node.objtype ?? '').replace('OBJECT_', '').toLowerCase();
      const object = findFunction(session, item.ObjectWithArgs, asked);
      const word = object.functionKind === 'p' ? 'procedure' : 'function';
      return {object, kind: 'f', word};
    }
    default:
  }
  const what = (node.objtype ?? '').replace('OBJECT_', '').toLowerCase().replaceAll('_', ' ');
  throw featureNotSupported(`privileges on a ${what} cannot be changed`);
}

function relationTarget(session: SessionContext, node: GrantStmt, item: Node): GrantTarget {
  if (!('RangeVar' in item)) throw featureNotSupported('GRANT on this object is not supported');
  const object = relationNamed(session, item.RangeVar);
  if (object.kind === 'index')
    throw new PgError(SqlState.wrongObjectType, `"${object.name}" is an index`);
  if (object.kind === 'systemRelation')
    throw featureNotSupported(`privileges of system relation "${object.name}" cannot be changed`);
  if (object.kind === 'sequence') return {object, kind: 's', word: 'sequence'};
  if (node.objtype === 'OBJECT_SEQUENCE')
    throw new PgError(SqlState.wrongObjectType, `"${object.name}" is not a sequence`);
  return {object, kind: 'r', word: object.kind};
}

function allInSchema(session: SessionContext, node: GrantStmt, name: string): GrantTarget[] {
  const {catalog} = session.transaction;
  const schema = schemaNamed(session, name);
  const inside = <T extends {readonly schema: number}>(objects: Iterable<T>): T[] =>
    [...objects].filter(each => each.schema === schema.oid);
  switch (node.objtype) {
    case 'OBJECT_TABLE':
      return [...inside(catalog.tables()), ...inside(catalog.views())].map(object => ({
        object,
        kind: 'r',
        word: object.kind,
      }));
    case 'OBJECT_SEQUENCE':
      return inside(catalog.sequences()).map(object => ({object, kind: 's', word: 'sequence'}));
    case 'OBJECT_FUNCTION':
    case 'OBJECT_PROCEDURE':
    case 'OBJECT_ROUTINE':
      return inside(catalog.userFunctions())
        .filter(
          each =>
            node.objtype === 'OBJECT_ROUTINE' ||
            (each.functionKind === 'p') === (node.objtype === 'OBJECT_PROCEDURE'),
        )
        .map(object => ({object, kind: 'f', word: 'function'}));
    default:
      throw featureNotSupported(
        `GRANT ON ALL of this kind IN SCHEMA ${nameText({schema: null, name})} is not supported`,
      );
  }
}
