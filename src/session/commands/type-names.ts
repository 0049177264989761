import type {TypeDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';
import type {QualifiedName} from './ast-values.ts';
import {findSchema, nameText} from './object-names.ts';

/** Any type of a name along the search path, undefined when there is none. */
export function lookupType(session: SessionContext, name: QualifiedName): TypeInstance | undefined {
  const {catalog} = session.transaction;
  const schemas: (Oid | undefined)[] =
    name.schema === null ? [...session.searchPath()] : [findSchema(session, name.schema)?.oid];
  for (const schema of schemas) {
    const found = schema === undefined ? undefined : catalog.typeByName(schema, name.name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A user-made type or domain; 42704 when there is none, 42809 when a domain was asked for and it is none. */
export function typeDescriptorNamed(
  session: SessionContext,
  name: QualifiedName,
  word: 'type' | 'domain',
): TypeDescriptor {
  const type = lookupType(session, name);
  if (type === undefined)
    throw new PgError(SqlState.undefinedObject, `type "${nameText(name)}" does not exist`);
  const descriptor = session.transaction.catalog.typeDescriptorByOid(type.oid);
  if (word === 'domain' && type.kind !== 'd')
    throw new PgError(SqlState.wrongObjectType, `${nameText(name)} is not a domain`);
  if (descriptor === undefined)
    throw featureNotSupported(`type ${nameText(name)} cannot be changed`);
  return descriptor;
}
