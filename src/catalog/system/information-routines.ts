import type {Oid} from '../../common/ids.ts';
import {defaultAcl, privilegeLetters, type AclObjectKind} from '../acl.ts';
import type {FunctionRow} from '../contract.ts';
import type {AclItem, TypeDescriptor} from '../descriptors.ts';
import {roleName} from '../names.ts';
import {functionTarget, systemRelationAcl} from '../object-acl.ts';
import {RoleOid} from '../well-known.ts';
import {
  dataTypeName,
  informationView,
  located,
  udtColumns,
  visibleRelations,
  yesNo,
  type NamedRow,
} from './information-common.ts';
import {describedTypes} from './information-tables.ts';
import {pgProc} from './proc-rows.ts';
import {rolesOfAsker} from './role-rows.ts';
import type {SystemContext} from './source.ts';
import {askerCan} from './view-rows.ts';

const LANGUAGE_NAMES: Readonly<Record<number, string>> = {12: 'INTERNAL', 13: 'C', 14: 'SQL'};

/** A routine with what information_schema says of it. */
interface Routine {
  readonly fn: FunctionRow;
  readonly owner: Oid;
  readonly language: string;
  readonly source: string;
  readonly isDefiner: boolean;
  readonly acl: readonly AclItem[] | null;
}

/** Functions and procedures that who asks may call. */
export function visibleRoutines(context: SystemContext): readonly Routine[] {
  const {snapshot} = context;
  return pgProc.all(context).flatMap(row => {
    const fn = snapshot.functionByOid(row[0] as Oid);
    if (fn === undefined) return [];
    const acl = functionTarget(snapshot, fn.oid)?.acl ?? null;
    if (!askerCan(context, {kind: 'f', owner: row[3] as Oid, acl}, 'X')) return [];
    return [
      {
        fn,
        owner: row[3] as Oid,
        language: LANGUAGE_NAMES[row[4] as number] ?? 'PLPGSQL',
        source: row[25] as string,
        isDefiner: row[10] === true,
        acl,
      },
    ];
  });
}

function specificName(context: SystemContext, fn: FunctionRow): NamedRow {
  return located(context, 'specific', fn.schema, `${fn.name}_${fn.oid}`);
}

/** information_schema.routines */
export const informationRoutines = informationView('routines', context => {
  const has = rolesOfAsker(context);
  return visibleRoutines(context).map(({fn, owner, language, source, isDefiner}) => {
    const isProcedure = fn.kind === 'p';
    const type = isProcedure ? {} : udtColumns(context, fn.returnType, 'type_udt');
    return {
      ...specificName(context, fn),
      ...located(context, 'routine', fn.schema, fn.name),
      routine_type: isProcedure ? 'PROCEDURE' : fn.kind === 'f' ? 'FUNCTION' : null,
      ...type,
      data_type: isProcedure ? null : dataTypeName(context, fn.returnType),
      dtd_identifier: isProcedure ? null : '0',
      routine_body: language === 'SQL' ? 'SQL' : 'EXTERNAL',
      routine_definition: has(owner) ? source : null,
      external_name: language === 'C' ? source : null,
      external_language: language,
      parameter_style: 'GENERAL',
      is_deterministic: yesNo(fn.volatility === 'i'),
      sql_data_access: 'MODIFIES',
      is_null_call: isProcedure ? null : yesNo(fn.isStrict),
      schema_level_routine: 'YES',
      max_dynamic_result_sets: 0,
      security_type: isDefiner ? 'DEFINER' : 'INVOKER',
      as_locator: 'NO',
      is_udt_dependent: 'NO',
    };
  });
});

const modeNames: Readonly<Record<string, string>> = {
  i: 'IN',
  o: 'OUT',
  b: 'INOUT',
  v: 'IN',
  t: 'OUT',
};

/** information_schema.parameters */
export const informationParameters = informationView('parameters', context =>
  visibleRoutines(context).flatMap(({fn}) => {
    const types = fn.allArgTypes.length > 0 ? fn.allArgTypes : fn.argTypes;
    return types.map((type, at) => ({
      ...specificName(context, fn),
      ordinal_position: at + 1,
      parameter_mode: modeNames[fn.argModes[at] ?? 'i'] ?? 'IN',
      is_result: 'NO',
      as_locator: 'NO',
      parameter_name: fn.argNames[at] === '' ? null : (fn.argNames[at] ?? null),
      data_type: dataTypeName(context, type),
      ...udtColumns(context, type),
      dtd_identifier: String(at + 1),
      parameter_default: fn.defaultTexts[at - (fn.argTypes.length - fn.defaultCount)] ?? null,
    }));
  }),
);

const letterNames: ReadonlyMap<string, string> = new Map(
  Object.entries(privilegeLetters)
    .filter(([name]) => name !== 'TEMP')
    .map(([name, letter]) => [letter, name]),
);

/** One privilege of an ACL. */
interface Grant {
  readonly grantor: Oid;
  readonly grantee: Oid;
  readonly privilege: string;
  readonly isGrantable: boolean;
}

/** The privileges of an object one by one; the owner's are grantable. */
function grantsOf(
  kind: AclObjectKind,
  owner: Oid,
  acl: readonly AclItem[] | null,
  letters: string,
): readonly Grant[] {
  return (acl ?? defaultAcl(kind, owner)).flatMap(item =>
    [...item.privileges]
      .filter(letter => letters.includes(letter))
      .map(letter => ({
        grantor: item.grantor,
        grantee: item.grantee,
        privilege: letterNames.get(letter) ?? letter,
        isGrantable: item.grantee === owner || item.grantOptions.includes(letter),
      })),
  );
}

/** Columns of a grant, when the asking role is a party to it (`role_*` views leave out PUBLIC). */
function grantRows(
  context: SystemContext,
  grants: readonly Grant[],
  withPublic: boolean,
  object: NamedRow,
): readonly NamedRow[] {
  const has = rolesOfAsker(context);
  return grants
    .filter(each => has(each.grantor) || (each.grantee === 0 ? withPublic : has(each.grantee)))
    .map(each => ({
      grantor: roleName(context.snapshot, each.grantor),
      grantee: each.grantee === 0 ? 'PUBLIC' : roleName(context.snapshot, each.grantee),
      ...object,
      privilege_type: each.privilege,
      is_grantable: yesNo(each.isGrantable),
    }));
}

function tableGrants(context: SystemContext, withPublic: boolean): readonly NamedRow[] {
  return visibleRelations(context).flatMap(relation => {
    const isBuiltin = relation.kind === 'systemRelation';
    const owner = isBuiltin ? RoleOid.postgres : relation.owner;
    const acl = isBuiltin ? systemRelationAcl(context.snapshot, relation) : relation.acl;
    const object = located(context, 'table', relation.schema, relation.name);
    return grantRows(context, grantsOf('r', owner, acl, 'arwdDxt'), withPublic, object).map(
      row => ({
        ...row,
        with_hierarchy: yesNo(row['privilege_type'] === 'SELECT'),
      }),
    );
  });
}

/** information_schema.table_privileges */
export const informationTablePrivileges = informationView('table_privileges', context =>
  tableGrants(context, true),
);

/** information_schema.role_table_grants */
export const informationRoleTableGrants = informationView('role_table_grants', context =>
  tableGrants(context, false),
);

function columnGrants(context: SystemContext, withPublic: boolean): readonly NamedRow[] {
  return visibleRelations(context).flatMap(relation => {
    const isBuiltin = relation.kind === 'systemRelation';
    const owner = isBuiltin ? RoleOid.postgres : relation.owner;
    const acl = isBuiltin ? systemRelationAcl(context.snapshot, relation) : relation.acl;
    const ofTable = grantsOf('r', owner, acl, 'arwx');
    return relation.columns
      .filter(column => !column.isDropped)
      .flatMap(column => {
        const own = column.acl === null ? [] : grantsOf('c', owner, column.acl, 'arwx');
        const object = {
          ...located(context, 'table', relation.schema, relation.name),
          column_name: column.name,
        };
        return grantRows(context, [...ofTable, ...own], withPublic, object);
      });
  });
}

/** information_schema.column_privileges */
export const informationColumnPrivileges = informationView('column_privileges', context =>
  columnGrants(context, true),
);

/** information_schema.role_column_grants */
export const informationRoleColumnGrants = informationView('role_column_grants', context =>
  columnGrants(context, false),
);

function routineGrants(context: SystemContext, withPublic: boolean): readonly NamedRow[] {
  return visibleRoutines(context).flatMap(({fn, owner, acl}) => {
    const object = {
      ...specificName(context, fn),
      ...located(context, 'routine', fn.schema, fn.name),
    };
    return grantRows(context, grantsOf('f', owner, acl, 'X'), withPublic, object);
  });
}

/** information_schema.routine_privileges */
export const informationRoutinePrivileges = informationView('routine_privileges', context =>
  routineGrants(context, true),
);

/** information_schema.role_routine_grants */
export const informationRoleRoutineGrants = informationView('role_routine_grants', context =>
  routineGrants(context, false),
);

function usageGrants(context: SystemContext, withPublic: boolean): readonly NamedRow[] {
  const {snapshot} = context;
  const sequences = [...snapshot.sequences()].flatMap(sequence =>
    grantRows(context, grantsOf('s', sequence.owner, sequence.acl ?? [], 'U'), withPublic, {
      ...located(context, 'object', sequence.schema, sequence.name),
      object_type: 'SEQUENCE',
    }),
  );
  const domains = [...snapshot.userTypes(), ...builtinTypes(context, 'd')]
    .filter(type => type.typeKind === 'd')
    .flatMap(type =>
      grantRows(context, grantsOf('T', type.owner, type.acl, 'U'), withPublic, {
        ...located(context, 'object', type.schema, type.name),
        object_type: 'DOMAIN',
      }),
    );
  const collations = context.rows.all('pg_collation').map(row => ({
    grantor: 'postgres',
    grantee: 'PUBLIC',
    ...located(context, 'object', row[2] as Oid, row[1] as string),
    object_type: 'COLLATION',
    privilege_type: 'USAGE',
    is_grantable: 'NO',
  }));
  return [...collations, ...domains, ...sequences];
}

/** information_schema.usage_privileges */
export const informationUsagePrivileges = informationView('usage_privileges', context =>
  usageGrants(context, true),
);

/** information_schema.role_usage_grants */
export const informationRoleUsageGrants = informationView('role_usage_grants', context =>
  usageGrants(context, false),
);

/** Domains or row types that every database has. */
function builtinTypes(
  context: SystemContext,
  typeKind: 'd' | 'c',
): readonly Pick<TypeDescriptor, 'name' | 'schema' | 'owner' | 'acl' | 'typeKind'>[] {
  return context.rows
    .all('pg_type')
    .filter(row => row[6] === typeKind)
    .map(row => ({
      name: row[1] as string,
      schema: row[2] as Oid,
      owner: row[3] as Oid,
      acl: null,
      typeKind,
    }));
}

function udtGrants(context: SystemContext, withPublic: boolean): readonly NamedRow[] {
  const {snapshot} = context;
  const composites = [...snapshot.userTypes()].filter(type => type.typeKind === 'c');
  const rowTypes = [...snapshot.tables(), ...snapshot.views()].map(each => ({...each, acl: null}));
  return [...composites, ...rowTypes, ...builtinTypes(context, 'c')].flatMap(type =>
    grantRows(
      context,
      grantsOf('T', type.owner, type.acl, 'U'),
      withPublic,
      located(context, 'udt', type.schema, type.name),
    ).map(row => ({...row, privilege_type: 'TYPE USAGE'})),
  );
}

/** information_schema.udt_privileges */
export const informationUdtPrivileges = informationView('udt_privileges', context =>
  udtGrants(context, true),
);

/** information_schema.role_udt_grants */
export const informationRoleUdtGrants = informationView('role_udt_grants', context =>
  udtGrants(context, false),
);

/** information_schema.data_type_privileges: every described column, domain, attribute and routine. */
export const informationDataTypePrivileges = informationView('data_type_privileges', context => [
  ...describedTypes(context),
  ...visibleRoutines(context).flatMap(({fn}) => {
    const object = {
      ...located(context, 'object', fn.schema, `${fn.name}_${fn.oid}`),
      object_type: 'ROUTINE',
    };
    const types = fn.allArgTypes.length > 0 ? fn.allArgTypes : fn.argTypes;
    return [
      {...object, dtd_identifier: fn.kind === 'p' ? null : '0'},
      ...types.map((_, at) => ({...object, dtd_identifier: String(at + 1)})),
    ];
  }),
]);
