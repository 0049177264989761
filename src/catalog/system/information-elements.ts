import type {Oid} from '../../common/ids.ts';
import {
  collationColumns,
  dataTypeName,
  informationView,
  located,
  udtColumns,
  visibleRelations,
  type NamedRow,
} from './information-common.ts';
import {visibleRoutines} from './information-routines.ts';
import type {SystemContext} from './source.ts';

/** information_schema.element_types: elements of the arrays that columns, attributes, domains, parameters and results are. */
export const informationElementTypes = informationView('element_types', context => [
  ...visibleRelations(context).flatMap(relation => {
    const object = located(context, 'object', relation.schema, relation.name);
    return relation.columns
      .filter(column => !column.isDropped)
      .flatMap(column =>
        element(context, {...object, object_type: 'TABLE'}, column.attnum, column.typeOid).map(
          row => ({
            ...row,
            ...collationColumns(context, column.collation),
          }),
        ),
      );
  }),
  ...[...context.snapshot.userTypes()].flatMap(type => {
    const object = located(context, 'object', type.schema, type.name);
    if (type.typeKind === 'd')
      return element(context, {...object, object_type: 'DOMAIN'}, 1, type.baseType);
    return type.columns
      .filter(column => !column.isDropped)
      .flatMap(({attnum, typeOid}) =>
        element(context, {...object, object_type: 'USER-DEFINED TYPE'}, attnum, typeOid),
      );
  }),
  ...visibleRoutines(context).flatMap(({fn}) => {
    const object = {
      ...located(context, 'object', fn.schema, `${fn.name}_${fn.oid}`),
      object_type: 'ROUTINE',
    };
    const types = fn.allArgTypes.length > 0 ? fn.allArgTypes : fn.argTypes;
    return [
      ...types.flatMap((type, at) => element(context, object, at + 1, type)),
      ...(fn.kind === 'p' ? [] : element(context, object, 0, fn.returnType)),
    ];
  }),
]);

/** The row of an array's element; none for what is no array. */
function element(
  context: SystemContext,
  object: NamedRow,
  at: number,
  typeOid: Oid,
): readonly NamedRow[] {
  const type = context.snapshot.typeByOid(typeOid);
  if (type?.element == null || type.category !== 'A') return [];
  const row = {
    ...object,
    collection_type_identifier: String(at),
    data_type: dataTypeName(context, type.element.oid),
    ...udtColumns(context, type.element.oid),
    dtd_identifier: `a${at}`,
  };
  return [row];
}
