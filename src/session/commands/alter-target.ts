import type {Node, ObjectType} from '@pgsql/types';
import type {CatalogObject, Descriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, listName, stringList} from './ast-values.ts';
import {findFunction} from './function-names.ts';
import {schemaNamed} from './object-names.ts';
import {typeDescriptorNamed} from './type-names.ts';

/** The word of an object type in tags and texts. */
export function objectWord(type: ObjectType | undefined): string {
  if (type === 'OBJECT_MATVIEW') return 'materialized view';
  return (type ?? '').replace('OBJECT_', '').replaceAll('_', ' ').toLowerCase();
}

/** The object, no relation, that ALTER ... RENAME, OWNER TO or SET SCHEMA names. */
export function alterTarget(
  session: SessionContext,
  type: ObjectType | undefined,
  node: Node | undefined,
): Extract<Descriptor, CatalogObject> {
  const {catalog} = session.transaction;
  if (node === undefined)
    throw featureNotSupported(`ALTER ${objectWord(type).toUpperCase()} is not supported`);
  switch (type) {
    case 'OBJECT_SCHEMA':
      return schemaNamed(session, constantText(node));
    case 'OBJECT_DATABASE': {
      const found = catalog.databaseByName(constantText(node));
      if (found === undefined)
        throw new PgError(
          SqlState.invalidCatalogName,
          `database "${constantText(node)}" does not exist`,
        );
      return found;
    }
    case 'OBJECT_TYPE':
    case 'OBJECT_DOMAIN': {
      const names = stringList(
        'List' in node ? node.List.items : 'TypeName' in node ? node.TypeName.names : [node],
      );
      return typeDescriptorNamed(
        session,
        listName(names),
        type === 'OBJECT_DOMAIN' ? 'domain' : 'type',
      );
    }
    case 'OBJECT_FUNCTION':
    case 'OBJECT_AGGREGATE':
    case 'OBJECT_PROCEDURE':
    case 'OBJECT_ROUTINE':
      if ('ObjectWithArgs' in node)
        return findFunction(session, node.ObjectWithArgs, objectWord(type));
      break;
    default:
  }
  throw featureNotSupported(`ALTER ${objectWord(type).toUpperCase()} is not supported`);
}
