import type {Oid} from '../../common/ids.ts';
import type {PgArray} from '../../types/array-value.ts';
import {isSuperuser} from '../acl.ts';
import type {ConstraintDescriptor, IndexDescriptor, TableDescriptor} from '../descriptors.ts';
import {allConstraints} from './index-rows.ts';
import {
  informationView,
  located,
  relationsNamed,
  visibleRelations,
  yesNo,
  type NamedRow,
} from './information-common.ts';
import type {SystemContext} from './source.ts';
import {askerCan} from './view-rows.ts';

/** What of a table these views need; built-in ones have it, too. */
type ConstrainedTable = Pick<TableDescriptor, 'oid' | 'schema' | 'name' | 'columns'>;

/** What of a constraint these views need. */
type TableConstraint = Pick<
  ConstraintDescriptor,
  | 'name'
  | 'schema'
  | 'type'
  | 'columns'
  | 'isDeferrable'
  | 'isDeferred'
  | 'index'
  | 'referencedTable'
  | 'referencedColumns'
  | 'onUpdate'
  | 'onDelete'
  | 'match'
>;

/** A constraint with its table. */
interface OnTable {
  readonly constraint: TableConstraint;
  readonly table: ConstrainedTable;
}

/** Keys of the catalogs themselves: what a superuser sees beside user tables. */
function builtinConstraints(context: SystemContext): readonly OnTable[] {
  const {currentRole} = context.facts;
  if (currentRole !== undefined && !isSuperuser(currentRole, context.snapshot)) return [];
  return context.rows.all('pg_constraint').flatMap(row => {
    const table = context.snapshot.relationByOid(row[7] as Oid);
    if (table?.kind !== 'systemRelation') return [];
    const constraint: TableConstraint = {
      name: row[1] as string,
      schema: row[2] as Oid,
      type: row[3] as ConstraintDescriptor['type'],
      columns: (row[18] as PgArray).elements as readonly number[],
      isDeferrable: false,
      isDeferred: false,
      index: row[9] as Oid,
      referencedTable: 0 as Oid,
      referencedColumns: [],
      onUpdate: 'a',
      onDelete: 'a',
      match: 's',
    };
    return [{constraint, table}];
  });
}

/** Tables with NOT NULL columns that the asking role has rights on. */
function constrainedTables(context: SystemContext): readonly ConstrainedTable[] {
  const own = [...context.snapshot.tables()].filter(({owner, acl}) =>
    askerCan(context, {kind: 'r', owner, acl}, 'awdDxt'),
  );
  const {currentRole} = context.facts;
  if (currentRole !== undefined && !isSuperuser(currentRole, context.snapshot)) return own;
  const builtin = visibleRelations(context).filter(
    relation => relation.kind === 'systemRelation' && !relation.isView,
  );
  return [...builtin, ...own];
}

/** Constraints of tables on which the asking role has more than SELECT. */
function tableConstraints(context: SystemContext, rights: string): readonly OnTable[] {
  const own = allConstraints(context).flatMap(constraint => {
    const table = context.snapshot.tableByOid(constraint.table);
    if (table === undefined) return [];
    const {owner, acl} = table;
    return askerCan(context, {kind: 'r', owner, acl}, rights) ? [{constraint, table}] : [];
  });
  return [...builtinConstraints(context), ...own];
}

function constraintName(
  context: SystemContext,
  constraint: Pick<ConstraintDescriptor, 'schema' | 'name'>,
): NamedRow {
  return located(context, 'constraint', constraint.schema, constraint.name);
}

const typeNames: Readonly<Record<ConstraintDescriptor['type'], string>> = {
  p: 'PRIMARY KEY',
  u: 'UNIQUE',
  c: 'CHECK',
  f: 'FOREIGN KEY',
  x: 'EXCLUDE',
};

/** Names of NOT NULL as checks: `<schema>_<table>_<attnum>_not_null`. */
function notNullNames(table: ConstrainedTable): readonly {name: string; column: string}[] {
  return table.columns
    .filter(column => column.isNotNull && !column.isDropped)
    .map(column => ({
      name: `${table.schema}_${table.oid}_${column.attnum}_not_null`,
      column: column.name,
    }));
}

/** information_schema.table_constraints */
export const informationTableConstraints = informationView('table_constraints', context => [
  ...tableConstraints(context, 'awdDxt')
    .filter(({constraint}) => constraint.type !== 'x')
    .map(({constraint, table}) => ({
      ...constraintName(context, constraint),
      ...located(context, 'table', table.schema, table.name),
      constraint_type: typeNames[constraint.type],
      is_deferrable: yesNo(constraint.isDeferrable),
      initially_deferred: yesNo(constraint.isDeferred),
      enforced: 'YES',
      nulls_distinct: constraint.type === 'u' ? yesNo(!isNotDistinct(context, constraint)) : null,
    })),
  ...constrainedTables(context).flatMap(table =>
    notNullNames(table).map(({name}) => ({
      ...located(context, 'constraint', table.schema, name),
      ...located(context, 'table', table.schema, table.name),
      constraint_type: 'CHECK',
      is_deferrable: 'NO',
      initially_deferred: 'NO',
      enforced: 'YES',
    })),
  ),
]);

function isNotDistinct(context: SystemContext, constraint: TableConstraint): boolean {
  const index = context.snapshot.get('index', constraint.index) as IndexDescriptor | undefined;
  return index?.nullsNotDistinct === true;
}

/** information_schema.key_column_usage */
export const informationKeyColumnUsage = informationView(
  'key_column_usage',
  context => tableConstraints(context, 'rawx').flatMap(each => keyColumns(context, each)),
  {
    table_name: (context, value) =>
      relationsNamed(context, value).flatMap(table =>
        table.kind !== 'table'
          ? []
          : context.snapshot
              .constraintsOf(table.oid)
              .flatMap(constraint => keyColumns(context, {constraint, table})),
      ),
  },
);

function keyColumns(context: SystemContext, {constraint, table}: OnTable): readonly NamedRow[] {
  if (constraint.type === 'c' || constraint.type === 'x') return [];
  const unique = constraint.type === 'f' ? uniqueColumns(context, constraint) : [];
  return constraint.columns.map((attnum, at) => ({
    ...constraintName(context, constraint),
    ...located(context, 'table', table.schema, table.name),
    column_name: table.columns.find(column => column.attnum === attnum)?.name ?? null,
    ordinal_position: at + 1,
    position_in_unique_constraint:
      constraint.type === 'f'
        ? unique.indexOf(constraint.referencedColumns[at] ?? 0) + 1 || null
        : null,
  }));
}

/** attnums of the unique key that a foreign key references, in the index's order. */
function uniqueColumns(context: SystemContext, constraint: TableConstraint): readonly number[] {
  const index = context.snapshot.get('index', constraint.index) as IndexDescriptor | undefined;
  return index?.keys.map(key => key.attnum) ?? constraint.referencedColumns;
}

/** information_schema.constraint_column_usage: columns that a check uses, keys of unique constraints, targets of foreign keys. */
export const informationConstraintColumnUsage = informationView(
  'constraint_column_usage',
  context =>
    tableConstraints(context, 'rawdDxt').flatMap(({constraint, table}) => {
      const isForeign = constraint.type === 'f';
      const target = isForeign ? context.snapshot.tableByOid(constraint.referencedTable) : table;
      if (target === undefined || constraint.type === 'x') return [];
      return (isForeign ? constraint.referencedColumns : constraint.columns).map(attnum => ({
        ...located(context, 'table', target.schema, target.name),
        column_name: target.columns.find(column => column.attnum === attnum)?.name ?? null,
        ...constraintName(context, constraint),
      }));
    }),
);

/** information_schema.constraint_table_usage */
export const informationConstraintTableUsage = informationView('constraint_table_usage', context =>
  tableConstraints(context, 'rawdDxt').flatMap(({constraint, table}) => {
    const isForeign = constraint.type === 'f';
    const target = isForeign ? context.snapshot.tableByOid(constraint.referencedTable) : table;
    if (target === undefined || constraint.type === 'c' || constraint.type === 'x') return [];
    return [
      {
        ...located(context, 'table', target.schema, target.name),
        ...constraintName(context, constraint),
      },
    ];
  }),
);

const actionNames: Readonly<Record<ConstraintDescriptor['onDelete'], string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};

/** information_schema.referential_constraints */
export const informationReferentialConstraints = informationView(
  'referential_constraints',
  context =>
    tableConstraints(context, 'awdDxt')
      .filter(({constraint}) => constraint.type === 'f')
      .map(({constraint}) => ({
        ...constraintName(context, constraint),
        ...uniqueConstraint(context, constraint),
        match_option: constraint.match === 'f' ? 'FULL' : 'NONE',
        update_rule: actionNames[constraint.onUpdate],
        delete_rule: actionNames[constraint.onDelete],
      })),
);

/** Columns of a key whatever their order. */
function sortedKey(attnums: readonly number[]): string {
  return attnums.toSorted((a, b) => a - b).join();
}

function uniqueConstraint(context: SystemContext, constraint: TableConstraint): NamedRow {
  const wanted = sortedKey(constraint.referencedColumns);
  const found = context.snapshot
    .constraintsOf(constraint.referencedTable)
    .find(
      each =>
        (each.type === 'p' || each.type === 'u') &&
        (each.index === constraint.index || sortedKey(each.columns) === wanted),
    );
  return found === undefined ? {} : located(context, 'unique_constraint', found.schema, found.name);
}

/** information_schema.check_constraints, with NOT NULL of columns. */
export const informationCheckConstraints = informationView('check_constraints', context => [
  ...allConstraints(context)
    .filter(constraint => constraint.type === 'c')
    .map(constraint => ({
      ...constraintName(context, constraint),
      check_clause: `(${constraint.expressionText ?? ''})${constraint.isValidated ? '' : ' NOT VALID'}`,
    })),
  ...builtinChecks(context),
  ...constrainedTables(context).flatMap(table =>
    notNullNames(table).map(({name, column}) => ({
      ...located(context, 'constraint', table.schema, name),
      check_clause: `${column} IS NOT NULL`,
    })),
  ),
]);

/** Checks of information_schema's own domains. */
function builtinChecks(context: SystemContext): readonly NamedRow[] {
  return context.rows
    .all('pg_constraint')
    .filter(row => row[3] === 'c')
    .map(row => ({
      ...located(context, 'constraint', row[2] as Oid, row[1] as string),
      check_clause: `(${String(row[25])})`,
    }));
}

/** information_schema.domain_constraints */
export const informationDomainConstraints = informationView('domain_constraints', context => [
  ...context.rows
    .all('pg_constraint')
    .filter(row => row[8] !== 0)
    .map(row => ({
      ...located(context, 'constraint', row[2] as Oid, row[1] as string),
      ...located(context, 'domain', row[2] as Oid, domainName(context, row[8] as Oid)),
      is_deferrable: 'NO',
      initially_deferred: 'NO',
    })),
  ...allConstraints(context).flatMap(constraint => {
    const domain = context.snapshot.typeDescriptorByOid(constraint.domain);
    if (domain === undefined) return [];
    return [
      {
        ...constraintName(context, constraint),
        ...located(context, 'domain', domain.schema, domain.name),
        is_deferrable: yesNo(constraint.isDeferrable),
        initially_deferred: yesNo(constraint.isDeferred),
      },
    ];
  }),
]);

function domainName(context: SystemContext, type: Oid): string {
  return context.snapshot.typeByOid(type)?.name ?? '';
}
