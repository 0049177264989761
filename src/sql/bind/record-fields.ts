import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from './binding.ts';
import {isPolymorphic} from './type-oids.ts';

/** Fields of an anonymous row that are known: of a column that is a function's row, or of a call with OUT parameters. */
export function knownFields(
  binding: Binding,
  value: BoundExpr,
):
  | readonly {readonly name: string; readonly type: TypeInstance; readonly typmod: number}[]
  | undefined {
  if (value.kind !== 'call')
    return binding.recordFields.get(value.kind === 'column' ? value.index : -1);
  const row = binding.context.catalog.functionByOid(value.function);
  if (row === undefined || row.argModes === '' || row.allArgTypes.some(isPolymorphic))
    return undefined;
  const fields = row.allArgTypes.flatMap((type, at) =>
    'obt'.includes(row.argModes[at]!)
      ? [{name: row.argNames[at] ?? '', type: binding.type(type), typmod: -1}]
      : [],
  );
  return fields.map((field, at) =>
    field.name === '' ? {...field, name: `column${at + 1}`} : field,
  );
}
