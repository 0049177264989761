import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeInstance} from '../types/contract.ts';
import type {FieldDescription, ResultShape} from './contract.ts';

/** A result shape from columns with their origin; domains become their base type. */
export function shapeOf(
  columns: readonly (Omit<FieldDescription, 'type'> & {readonly type: TypeInstance})[],
): ResultShape {
  return {
    fields: columns.map(column => {
      let {type, typmod} = column;
      while (type.kind === 'd' && type.base !== null) {
        typmod = type.baseTypmod;
        type = type.base;
      }
      return {name: column.name, tableOid: column.tableOid, attnum: column.attnum, type, typmod};
    }),
  };
}

/** A shape of computed columns that belong to no table. */
export function computedShape(
  columns: readonly (readonly [name: string, type: TypeInstance])[],
): ResultShape {
  return {
    fields: columns.map(([name, type]) => ({
      name,
      type,
      typmod: -1,
      tableOid: 0 as FieldDescription['tableOid'],
      attnum: 0,
    })),
  };
}

/** Whether clients may take rows of one for rows of the other: names and types. */
export function sameShape(a: ResultShape | null, b: ResultShape | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.fields.length !== b.fields.length) return false;
  return a.fields.every((field, i) => {
    const other = b.fields[i]!;
    return (
      field.name === other.name &&
      field.type.oid === other.type.oid &&
      field.typmod === other.typmod
    );
  });
}

/** 0A000: what the client was told of the result is not so any more. Drivers know it by the routine, and prepare again. */
export function resultChanged(): PgError {
  return new PgError(SqlState.featureNotSupported, 'cached plan must not change result type', {
    routine: 'RevalidateCachedQuery',
  });
}
