import type {TypeInstance} from '../types/contract.ts';
import type {FieldDescription, ResultShape} from './contract.ts';

/** A result shape from columns with their origin; domains become their base type. */
export function shapeOf(columns: readonly (Omit<FieldDescription, 'type'> & {readonly type: TypeInstance})[]): ResultShape {
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
export function computedShape(columns: readonly (readonly [name: string, type: TypeInstance])[]): ResultShape {
  return {fields: columns.map(([name, type]) => ({name, type, typmod: -1, tableOid: 0 as FieldDescription['tableOid'], attnum: 0}))};
}
