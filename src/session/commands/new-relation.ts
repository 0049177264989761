import type {RangeVar} from '@pgsql/types';
import type {SchemaDescriptor} from '../../catalog/descriptors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {errorAt} from './ddl.ts';
import {creationSchema, isTemporary, nameOf, temporarySchema} from './object-names.ts';

/** Where a new table, view or sequence goes and how long it lives. */
export interface Placement {
  readonly schema: SchemaDescriptor;
  readonly name: string;
  readonly persistence: 'p' | 't' | 'u';
}

/** The schema and persistence of a new relation: TEMP goes to the session's own schema. */
export function tablePlacement(session: SessionContext, range: RangeVar, text: string): Placement {
  const name = nameOf(session, range);
  const wanted = (range.relpersistence ?? 'p') as Placement['persistence'];
  if (wanted === 't') {
    if (name.schema !== null && name.schema !== 'pg_temp') {
      throw errorAt(
        text,
        range.location,
        SqlState.invalidTableDefinition,
        'cannot create temporary relation in non-temporary schema',
      );
    }
    return {schema: temporarySchema(session), name: name.name, persistence: 't'};
  }
  const schema = creationSchema(session, name, {text, location: range.location});
  return {schema, name: name.name, persistence: isTemporary(schema) ? 't' : wanted};
}
