import type {Oid} from '../../common/ids.ts';
import type {ViewDescriptor} from '../descriptors.ts';
import {informationView, located, type NamedRow} from './information-common.ts';
import {rolesOfAsker} from './role-rows.ts';
import type {SystemContext} from './source.ts';

// What the queries of views use: told to who owns what is used.

interface Used {
  readonly view: ViewDescriptor;
  readonly relation: Oid;
  readonly columns: readonly number[];
}

function used(context: SystemContext): readonly Used[] {
  return [...context.snapshot.views()].flatMap(view =>
    (context.facts.viewUses?.(view) ?? []).map(use => ({view, ...use})),
  );
}

/** information_schema.view_table_usage */
export const informationViewTableUsage = informationView('view_table_usage', context =>
  distinct(
    used(context).flatMap(({view, relation}): readonly NamedRow[] => {
      const table = ownTable(context, relation);
      if (table === undefined) return [];
      const names = {
        ...located(context, 'view', view.schema, view.name),
        ...located(context, 'table', table.schema, table.name),
      };
      return [names];
    }),
  ),
);

/** information_schema.view_column_usage */
export const informationViewColumnUsage = informationView('view_column_usage', context =>
  distinct(
    used(context).flatMap(({view, relation, columns}) => {
      const table = ownTable(context, relation);
      if (table === undefined) return [];
      return table.columns
        .filter(column => columns.includes(column.attnum))
        .map(column => ({
          ...located(context, 'view', view.schema, view.name),
          ...located(context, 'table', table.schema, table.name),
          column_name: column.name,
        }));
    }),
  ),
);

/** information_schema.view_routine_usage */
export const informationViewRoutineUsage = informationView('view_routine_usage', context => {
  const has = rolesOfAsker(context);
  return [...context.snapshot.views()].flatMap(view =>
    (context.facts.viewRoutines?.(view) ?? []).flatMap((routine): readonly NamedRow[] => {
      const fn = context.snapshot.get('function', routine);
      if (fn?.kind !== 'function' || !has(fn.owner)) return [];
      const names = {
        ...located(context, 'table', view.schema, view.name),
        ...located(context, 'specific', fn.schema, `${fn.name}_${fn.oid}`),
      };
      return [names];
    }),
  );
});

/** A table or view that who asks owns. */
function ownTable(context: SystemContext, oid: Oid) {
  const found = context.snapshot.relationByOid(oid);
  if (found?.kind !== 'table' && found?.kind !== 'view') return undefined;
  return rolesOfAsker(context)(found.owner) ? found : undefined;
}

function distinct(rows: readonly NamedRow[]): readonly NamedRow[] {
  return [...new Map(rows.map(row => [JSON.stringify(row), row])).values()];
}
