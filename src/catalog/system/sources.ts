import {pgAggregate} from './aggregate-rows.ts';
import {pgAttrdef, pgAttribute} from './attribute-rows.ts';
import {pgClass} from './class-rows.ts';
import {pgDepend, pgDescription, pgShdescription} from './depend-rows.ts';
import {
  pgAvailableExtensions,
  pgAvailableExtensionVersions,
  pgSettings,
  pgTimezoneAbbrevs,
  pgTimezoneNames,
} from './fact-rows.ts';
import {pgConstraint, pgIndex} from './index-rows.ts';
import {
  informationCheckConstraints,
  informationConstraintColumnUsage,
  informationConstraintTableUsage,
  informationDomainConstraints,
  informationKeyColumnUsage,
  informationReferentialConstraints,
  informationTableConstraints,
} from './information-constraints.ts';
import {
  informationColumnPrivileges,
  informationDataTypePrivileges,
  informationParameters,
  informationRoleColumnGrants,
  informationRoleRoutineGrants,
  informationRoleTableGrants,
  informationRoleUdtGrants,
  informationRoleUsageGrants,
  informationRoutinePrivileges,
  informationRoutines,
  informationTablePrivileges,
  informationUdtPrivileges,
  informationUsagePrivileges,
} from './information-routines.ts';
import {
  informationAttributes,
  informationColumnDomainUsage,
  informationColumns,
  informationColumnUdtUsage,
  informationDomains,
  informationDomainUdtUsage,
  informationNames,
  informationSchemata,
  informationSequences,
  informationTables,
  informationUserTypes,
  informationViews,
} from './information-tables.ts';
import {informationElementTypes} from './information-elements.ts';
import {
  informationViewColumnUsage,
  informationViewRoutineUsage,
  informationViewTableUsage,
} from './information-usage.ts';
import {pgProc} from './proc-rows.ts';
import {
  pgAuthid,
  pgAuthMembers,
  pgDatabase,
  pgDbRoleSetting,
  pgGroup,
  pgNamespace,
  pgRoles,
  pgShadow,
  pgUser,
} from './role-rows.ts';
import {pgDefaultAcl, pgPolicies, pgPolicy} from './security-rows.ts';
import type {SystemSource} from './source.ts';
import {pgCast, pgEnum, pgRange, pgType} from './type-rows.ts';
import {
  indexStatistics,
  pgAm,
  pgIndexes,
  pgMatviews,
  pgRewrite,
  pgSequence,
  pgSequences,
  pgTables,
  pgViews,
  sequenceStatistics,
  tableStatistics,
} from './view-rows.ts';
import {
  systemColumns,
  systemLiveQueryDefinitions,
  systemNamespaces,
  systemSchemaVersions,
  systemSettings,
  systemStorages,
  systemTables,
  systemUsers,
} from './wadi-rows.ts';

const tableCounters = 'nnnnnnnnlnnnttttnnnn';
const transactionCounters = 'nnnnnnnn';
const blockCounters = 'nnnnnnnn';
const INDEX_SCANS = 3;
const INDEX_BLOCKS = 2;

/** How pg_catalog's relations are computed; those absent have only built-in rows, or none. */
export const catalogSources: Readonly<Record<string, SystemSource>> = {
  pg_aggregate: pgAggregate,
  pg_am: pgAm,
  pg_attrdef: pgAttrdef,
  pg_attribute: pgAttribute,
  pg_auth_members: pgAuthMembers,
  pg_authid: pgAuthid,
  pg_available_extension_versions: pgAvailableExtensionVersions,
  pg_available_extensions: pgAvailableExtensions,
  pg_cast: pgCast,
  pg_class: pgClass,
  pg_constraint: pgConstraint,
  pg_database: pgDatabase,
  pg_db_role_setting: pgDbRoleSetting,
  pg_default_acl: pgDefaultAcl,
  pg_depend: pgDepend,
  pg_description: pgDescription,
  pg_enum: pgEnum,
  pg_group: pgGroup,
  pg_index: pgIndex,
  pg_indexes: pgIndexes,
  pg_namespace: pgNamespace,
  pg_policies: pgPolicies,
  pg_policy: pgPolicy,
  pg_proc: pgProc,
  pg_matviews: pgMatviews,
  pg_range: pgRange,
  pg_rewrite: pgRewrite,
  pg_roles: pgRoles,
  pg_sequence: pgSequence,
  pg_sequences: pgSequences,
  pg_settings: pgSettings,
  pg_shadow: pgShadow,
  pg_shdescription: pgShdescription,
  pg_stat_all_indexes: indexStatistics('all', INDEX_SCANS),
  pg_stat_all_tables: tableStatistics('all', tableCounters),
  pg_stat_sys_indexes: indexStatistics('sys', INDEX_SCANS),
  pg_stat_sys_tables: tableStatistics('sys', tableCounters),
  pg_stat_user_indexes: indexStatistics('user', INDEX_SCANS),
  pg_stat_user_tables: tableStatistics('user', tableCounters),
  pg_stat_xact_all_tables: tableStatistics('all', transactionCounters),
  pg_stat_xact_sys_tables: tableStatistics('sys', transactionCounters),
  pg_stat_xact_user_tables: tableStatistics('user', transactionCounters),
  pg_statio_all_indexes: indexStatistics('all', INDEX_BLOCKS),
  pg_statio_all_sequences: sequenceStatistics,
  pg_statio_all_tables: tableStatistics('all', blockCounters),
  pg_statio_sys_indexes: indexStatistics('sys', INDEX_BLOCKS),
  pg_statio_sys_tables: tableStatistics('sys', blockCounters),
  pg_statio_user_indexes: indexStatistics('user', INDEX_BLOCKS),
  pg_statio_user_sequences: sequenceStatistics,
  pg_statio_user_tables: tableStatistics('user', blockCounters),
  pg_tables: pgTables,
  pg_timezone_abbrevs: pgTimezoneAbbrevs,
  pg_timezone_names: pgTimezoneNames,
  pg_type: pgType,
  pg_user: pgUser,
  pg_views: pgViews,
};

/** The same for information_schema. */
export const informationSources: Readonly<Record<string, SystemSource>> = {
  ...informationNames,
  attributes: informationAttributes,
  check_constraints: informationCheckConstraints,
  column_domain_usage: informationColumnDomainUsage,
  column_privileges: informationColumnPrivileges,
  column_udt_usage: informationColumnUdtUsage,
  columns: informationColumns,
  constraint_column_usage: informationConstraintColumnUsage,
  constraint_table_usage: informationConstraintTableUsage,
  data_type_privileges: informationDataTypePrivileges,
  domain_constraints: informationDomainConstraints,
  domain_udt_usage: informationDomainUdtUsage,
  domains: informationDomains,
  element_types: informationElementTypes,
  key_column_usage: informationKeyColumnUsage,
  parameters: informationParameters,
  referential_constraints: informationReferentialConstraints,
  role_column_grants: informationRoleColumnGrants,
  role_routine_grants: informationRoleRoutineGrants,
  role_table_grants: informationRoleTableGrants,
  role_udt_grants: informationRoleUdtGrants,
  role_usage_grants: informationRoleUsageGrants,
  routine_privileges: informationRoutinePrivileges,
  routines: informationRoutines,
  schemata: informationSchemata,
  sequences: informationSequences,
  table_constraints: informationTableConstraints,
  table_privileges: informationTablePrivileges,
  tables: informationTables,
  udt_privileges: informationUdtPrivileges,
  usage_privileges: informationUsagePrivileges,
  user_defined_types: informationUserTypes,
  view_column_usage: informationViewColumnUsage,
  view_routine_usage: informationViewRoutineUsage,
  view_table_usage: informationViewTableUsage,
  views: informationViews,
};

/** The same for schema `system`; the others come as facts from what runs. */
export const wadiSources: Readonly<Record<string, SystemSource>> = {
  columns: systemColumns,
  live_query_definitions: systemLiveQueryDefinitions,
  namespaces: systemNamespaces,
  schema_versions: systemSchemaVersions,
  settings: systemSettings,
  storages: systemStorages,
  tables: systemTables,
  users: systemUsers,
};
