import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Descriptor} from './descriptors.ts';

/** The error of a name that is already taken, with PostgreSQL's SQLSTATE and text. */
export function clashError(descriptor: Descriptor, relation?: string): PgError {
  const name = descriptor.name;
  switch (descriptor.kind) {
    case 'schema':
      return new PgError(SqlState.duplicateSchema, `schema "${name}" already exists`);
    case 'database':
      return new PgError(SqlState.duplicateDatabase, `database "${name}" already exists`);
    case 'table':
    case 'view':
    case 'sequence':
    case 'index':
      return new PgError(SqlState.duplicateTable, `relation "${name}" already exists`);
    case 'function':
      return new PgError(
        SqlState.duplicateFunction,
        `function "${name}" already exists with same argument types`,
      );
    case 'constraint':
      return new PgError(
        SqlState.duplicateObject,
        relation === undefined
          ? `constraint "${name}" already exists`
          : `constraint "${name}" for relation "${relation}" already exists`,
      );
    case 'liveQuery':
      return new PgError(SqlState.duplicateObject, `live query "${name}" already exists`);
    case 'policy':
      return new PgError(
        SqlState.duplicateObject,
        `policy "${name}" for table "${relation ?? ''}" already exists`,
      );
    case 'defaultAcl':
      return new PgError(SqlState.duplicateObject, 'these default privileges were changed already');
    case 'cast':
      return new PgError(SqlState.duplicateObject, 'this cast already exists');
    case 'type':
    case 'role':
    case 'storage':
      return new PgError(SqlState.duplicateObject, `${descriptor.kind} "${name}" already exists`);
  }
}
