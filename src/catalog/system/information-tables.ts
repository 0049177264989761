import type {Oid} from '../../common/ids.ts';
import type {ColumnDescriptor, SequenceDescriptor} from '../descriptors.ts';
import {viewDefinition} from '../definitions.ts';
import {databaseName, roleName} from '../names.ts';
import {
  collationColumns,
  informationView,
  located,
  relationsNamed,
  relationsOfSchema,
  typeColumns,
  udtColumns,
  visibleRelations,
  yesNo,
  type InformationRelation,
  type NamedRow,
} from './information-common.ts';
import {shownInSchema} from '../stored-text.ts';
import type {SystemContext, SystemSource} from './source.ts';
import {askerCan} from './view-rows.ts';
import {rolesOfAsker} from './role-rows.ts';
import {RoleOid} from '../well-known.ts';

/** information_schema.tables */
export const informationTables = informationView(
  'tables',
  context => visibleRelations(context).map(relation => tableRow(context, relation)),
  {
    table_name: (context, value) =>
      relationsNamed(context, value).map(relation => tableRow(context, relation)),
    table_schema: (context, value) =>
      relationsOfSchema(context, value).map(relation => tableRow(context, relation)),
  },
);

function isViewLike(relation: InformationRelation): boolean {
  return relation.kind === 'view' || (relation.kind === 'systemRelation' && relation.isView);
}

/** attnums of the columns that can be set, null when rows cannot be changed. */
function changeableColumns(
  context: SystemContext,
  relation: InformationRelation,
): readonly number[] | null {
  if (relation.kind === 'view') return context.facts.updatableColumns?.(relation) ?? null;
  return isViewLike(relation) ? null : relation.columns.map(column => column.attnum);
}

function tableRow(context: SystemContext, relation: InformationRelation): NamedRow {
  const isTemporary = relation.kind === 'table' && relation.persistence === 't';
  const base = isTemporary ? 'LOCAL TEMPORARY' : 'BASE TABLE';
  return {
    ...located(context, 'table', relation.schema, relation.name),
    table_type: isViewLike(relation) ? 'VIEW' : base,
    is_insertable_into: yesNo((changeableColumns(context, relation) ?? []).length > 0),
    is_typed: 'NO',
    commit_action: null,
  };
}

/** information_schema.columns */
export const informationColumns = informationView(
  'columns',
  context => visibleRelations(context).flatMap(relation => columnRows(context, relation)),
  {
    table_name: (context, value) =>
      relationsNamed(context, value).flatMap(relation => columnRows(context, relation)),
    table_schema: (context, value) =>
      relationsOfSchema(context, value).flatMap(relation => columnRows(context, relation)),
  },
);

function columnRows(context: SystemContext, relation: InformationRelation): readonly NamedRow[] {
  const changeable = changeableColumns(context, relation) ?? [];
  return relation.columns
    .filter(column => !column.isDropped)
    .map(column => columnRow(context, relation, column, changeable.includes(column.attnum)));
}

function columnRow(
  context: SystemContext,
  relation: InformationRelation,
  column: ColumnDescriptor,
  isUpdatable: boolean,
): NamedRow {
  const type = context.snapshot.typeByOid(column.typeOid);
  const domain =
    type?.base == null
      ? {}
      : located(context, 'domain', context.snapshot.typeSchema(type.oid), type.name);
  return {
    ...located(context, 'table', relation.schema, relation.name),
    column_name: column.name,
    ordinal_position: column.attnum,
    column_default:
      column.generated === '' ? shownInSchema(context, relation.schema, column.defaultText) : null,
    is_nullable: yesNo(!column.isNotNull && !isNotNullDomain(context, column)),
    ...typeColumns(context, column.typeOid, column.typmod),
    ...collationColumns(context, column.collation),
    ...domain,
    ...udtColumns(context, column.typeOid),
    dtd_identifier: String(column.attnum),
    is_self_referencing: 'NO',
    ...identityColumns(context, column),
    is_generated: column.generated === '' ? 'NEVER' : 'ALWAYS',
    generation_expression:
      column.generated === '' ? null : shownInSchema(context, relation.schema, column.defaultText),
    is_updatable: yesNo(isUpdatable),
  };
}

function isNotNullDomain({snapshot}: SystemContext, column: ColumnDescriptor): boolean {
  return snapshot.typeDescriptorByOid(column.typeOid)?.isNotNull === true;
}

function identityColumns(context: SystemContext, column: ColumnDescriptor): NamedRow {
  const sequence = context.snapshot.get('sequence', column.sequence) as
    | SequenceDescriptor
    | undefined;
  if (column.identity === '' || sequence === undefined) {
    return {
      is_identity: yesNo(column.identity !== ''),
      identity_generation: generationOf(column),
      identity_cycle: 'NO',
    };
  }
  return {
    is_identity: 'YES',
    identity_generation: generationOf(column),
    identity_start: String(sequence.start),
    identity_increment: String(sequence.increment),
    identity_maximum: String(sequence.max),
    identity_minimum: String(sequence.min),
    identity_cycle: yesNo(sequence.isCycled),
  };
}

function generationOf(column: ColumnDescriptor): string | null {
  if (column.identity === '') return null;
  return column.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT';
}

/** information_schema.schemata: those that the asking role owns. */
export const informationSchemata = informationView('schemata', context => {
  const has = rolesOfAsker(context);
  return [...context.snapshot.schemas()]
    .filter(
      schema =>
        has(schema.owner) ||
        askerCan(context, {kind: 'n', owner: schema.owner, acl: schema.acl}, 'CU'),
    )
    .map(schema => ({
      catalog_name: databaseName(context.snapshot),
      schema_name: schema.name,
      schema_owner: roleName(context.snapshot, schema.owner),
    }));
});

/** information_schema.views */
export const informationViews = informationView('views', context =>
  visibleRelations(context)
    .filter(isViewLike)
    .map(relation => ({
      ...located(context, 'table', relation.schema, relation.name),
      view_definition: shownInSchema(
        context,
        relation.schema,
        viewDefinition(context.snapshot, relation.oid) ?? null,
      ),
      check_option: checkOption(relation),
      is_updatable: yesNo((changeableColumns(context, relation) ?? []).length > 0),
      is_insertable_into: yesNo((changeableColumns(context, relation) ?? []).length > 0),
      is_trigger_updatable: 'NO',
      is_trigger_deletable: 'NO',
      is_trigger_insertable_into: 'NO',
    })),
);

function checkOption(relation: InformationRelation): string {
  return (
    (relation.kind === 'view' ? relation.options['check_option'] : undefined)?.toUpperCase() ??
    'NONE'
  );
}

/** information_schema.sequences: those not behind identity columns. */
export const informationSequences = informationView('sequences', context =>
  [...context.snapshot.sequences()]
    .filter(sequence => !isIdentity(context, sequence))
    .filter(({owner, acl}) => askerCan(context, {kind: 's', owner, acl}, 'rwU'))
    .map(sequence => ({
      ...located(context, 'sequence', sequence.schema, sequence.name),
      ...typeColumns(context, sequence.typeOid, -1),
      start_value: String(sequence.start),
      minimum_value: String(sequence.min),
      maximum_value: String(sequence.max),
      increment: String(sequence.increment),
      cycle_option: yesNo(sequence.isCycled),
    })),
);

function isIdentity(context: SystemContext, sequence: SequenceDescriptor): boolean {
  const table = context.snapshot.tableByOid(sequence.ownedByTable);
  const column = table?.columns.find(each => each.attnum === sequence.ownedByAttnum);
  return column !== undefined && column.identity !== '';
}

/** information_schema.domains */
export const informationDomains = informationView('domains', context => [
  ...builtinDomains(context),
  ...[...context.snapshot.userTypes()]
    .filter(type => type.typeKind === 'd')
    .map(type => ({
      ...located(context, 'domain', type.schema, type.name),
      ...typeColumns(context, type.oid, -1),
      domain_default: shownInSchema(context, type.schema, type.defaultText),
      ...udtColumns(context, type.oid),
      dtd_identifier: '1',
    })),
]);

function builtinDomains(context: SystemContext): readonly NamedRow[] {
  return context.rows
    .all('pg_type')
    .filter(row => row[6] === 'd')
    .map(row => ({
      ...located(context, 'domain', row[2] as Oid, row[1] as string),
      ...typeColumns(context, row[0] as Oid, -1),
      ...collationColumns(context, row[28] as Oid),
      domain_default: row[30] ?? null,
      ...udtColumns(context, row[0] as Oid),
      dtd_identifier: '1',
    }));
}

/** information_schema.attributes and user_defined_types: composite types. */
export const informationAttributes = informationView('attributes', context =>
  [...context.snapshot.userTypes()]
    .filter(type => type.typeKind === 'c')
    .flatMap(type =>
      type.columns
        .filter(column => !column.isDropped)
        .map(column => ({
          ...located(context, 'udt', type.schema, type.name),
          attribute_name: column.name,
          ordinal_position: column.attnum,
          is_nullable: 'YES',
          ...typeColumns(context, column.typeOid, column.typmod),
          ...udtColumns(context, column.typeOid, 'attribute_udt'),
          dtd_identifier: String(column.attnum),
          is_derived_reference_attribute: 'NO',
        })),
    ),
);

/** information_schema.user_defined_types */
export const informationUserTypes = informationView('user_defined_types', context =>
  [...context.snapshot.userTypes()]
    .filter(type => type.typeKind === 'c')
    .map(type => ({
      ...located(context, 'user_defined_type', type.schema, type.name),
      user_defined_type_category: 'STRUCTURED',
      is_instantiable: 'YES',
    })),
);

/** column_domain_usage and column_udt_usage. */
export const informationColumnDomainUsage = informationView('column_domain_usage', context =>
  visibleRelations(context).flatMap(relation =>
    relation.columns.flatMap(column => {
      const type = context.snapshot.typeByOid(column.typeOid);
      if (column.isDropped || type?.base == null) return [];
      return [
        {
          ...located(context, 'domain', context.snapshot.typeSchema(type.oid), type.name),
          ...located(context, 'table', relation.schema, relation.name),
          column_name: column.name,
        },
      ];
    }),
  ),
);

/** information_schema.column_udt_usage */
export const informationColumnUdtUsage = informationView('column_udt_usage', context =>
  visibleRelations(context).flatMap(relation =>
    relation.columns
      .filter(column => !column.isDropped)
      .map(column => ({
        ...udtColumns(context, column.typeOid),
        ...located(context, 'table', relation.schema, relation.name),
        column_name: column.name,
      })),
  ),
);

/** information_schema.domain_udt_usage */
export const informationDomainUdtUsage = informationView('domain_udt_usage', context => [
  ...context.rows
    .all('pg_type')
    .filter(row => row[6] === 'd')
    .map(row => ({
      ...udtColumns(context, row[0] as Oid),
      ...located(context, 'domain', row[2] as Oid, row[1] as string),
    })),
  ...[...context.snapshot.userTypes()]
    .filter(type => type.typeKind === 'd')
    .map(type => ({
      ...udtColumns(context, type.oid),
      ...located(context, 'domain', type.schema, type.name),
    })),
]);

/** The small views about names: one row each, or a few. */
export const informationNames: Readonly<Record<string, SystemSource>> = {
  information_schema_catalog_name: informationView('information_schema_catalog_name', context => [
    {catalog_name: databaseName(context.snapshot)},
  ]),
  character_sets: informationView('character_sets', context => [
    {
      character_set_name: 'UTF8',
      character_repertoire: 'UCS',
      form_of_use: 'UTF8',
      default_collate_catalog: databaseName(context.snapshot),
    },
  ]),
  collations: informationView('collations', context =>
    context.rows.all('pg_collation').map(row => ({
      ...located(context, 'collation', row[2] as Oid, row[1] as string),
      pad_attribute: 'NO PAD',
    })),
  ),
  collation_character_set_applicability: informationView(
    'collation_character_set_applicability',
    context =>
      context.rows.all('pg_collation').map(row => ({
        ...located(context, 'collation', row[2] as Oid, row[1] as string),
        character_set_name: 'UTF8',
      })),
  ),
  enabled_roles: informationView('enabled_roles', context => {
    const has = rolesOfAsker(context);
    return [...context.snapshot.roles()]
      .filter(role => has(role.oid))
      .map(role => ({role_name: role.name}));
  }),
  applicable_roles: informationView('applicable_roles', context => {
    const has = rolesOfAsker(context);
    return memberships(context).filter(each => has(each.member));
  }),
  administrable_role_authorizations: informationView(
    'administrable_role_authorizations',
    context => {
      const has = rolesOfAsker(context);
      return memberships(context).filter(
        each => has(each.member) && each['is_grantable'] === 'YES',
      );
    },
  ),
};

function memberships(context: SystemContext): readonly (NamedRow & {readonly member: number})[] {
  const {snapshot} = context;
  const database = [...snapshot.databases()].find(each => each.oid === snapshot.databaseOid);
  const owner = database?.owner ?? RoleOid.postgres;
  return [
    ...[...snapshot.roles()].flatMap(role =>
      role.memberOf.map(each => ({
        member: role.oid,
        grantee: role.name,
        role_name: roleName(snapshot, each.role),
        is_grantable: yesNo(each.withAdmin),
      })),
    ),
    // Who owns the database is a member of pg_database_owner without being made one.
    {
      member: owner,
      grantee: roleName(snapshot, owner),
      role_name: 'pg_database_owner',
      is_grantable: 'NO',
    },
  ];
}

/** Columns, domains and attributes as data_type_privileges names them. */
export function describedTypes(context: SystemContext): readonly NamedRow[] {
  return [
    ...visibleRelations(context).flatMap(relation =>
      relation.columns
        .filter(column => !column.isDropped)
        .map(column => ({
          ...located(context, 'object', relation.schema, relation.name),
          object_type: 'TABLE',
          dtd_identifier: String(column.attnum),
        })),
    ),
    ...[...context.snapshot.userTypes()].flatMap(type => {
      const object = located(context, 'object', type.schema, type.name);
      if (type.typeKind === 'd') return [{...object, object_type: 'DOMAIN', dtd_identifier: '1'}];
      return type.columns
        .filter(column => !column.isDropped)
        .map(column => ({
          ...object,
          object_type: 'USER-DEFINED TYPE',
          dtd_identifier: String(column.attnum),
        }));
    }),
  ];
}
