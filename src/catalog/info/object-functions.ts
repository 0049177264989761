import {PgError} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {PgArray} from '../../types/array-value.ts';
import {PgRecord} from '../../types/record-value.ts';
import type {Datum} from '../../types/contract.ts';
import {
  aclItem,
  aclText,
  defaultAcl,
  parseAcl,
  privilegeLetters,
  type AclObjectKind,
} from '../acl.ts';
import type {Descriptor, IndexDescriptor, SequenceDescriptor} from '../descriptors.ts';
import {
  isFunctionVisible,
  isRelationVisible,
  isTypeVisible,
  relationLocation,
  typeFacts,
} from '../names.ts';
import {wadiFunctionComments} from '../data/wadi-functions.ts';
import {regIn, regLookup} from '../reg-names.ts';
import {policiesBind} from '../row-security.ts';
import {ClassOid, SchemaOid, TypeOid} from '../well-known.ts';
import {encodingNumber, encodingName} from './encodings.ts';
import {isMaterialized} from '../stored-queries.ts';
import {intArg, oidArg, textArg, type InfoContext, type InfoFunction} from './context.ts';

/** Visibility by the built-in row's schema: catalogs whose objects all are built-in. */
function staticVisible(catalog: StaticCatalog, schemaColumn: number): InfoFunction {
  return (context, args) => {
    const table = context.snapshot.builtin.data.table(catalog);
    const at = table.byKey(oidArg(args, 0))[0];
    return at === undefined
      ? null
      : context.searchPath.includes(table.row(at)[schemaColumn] as Oid);
  };
}

type StaticCatalog = Parameters<InfoContext['snapshot']['builtin']['data']['table']>[0];

const visibilityFunctions: Readonly<Record<string, InfoFunction>> = {
  pg_table_is_visible: (context, args) => {
    const found = relationLocation(context.snapshot, oidArg(args, 0));
    if (found !== undefined) return isRelationVisible(context, found.schema, found.name);
    const type = context.snapshot.typeDescriptorByOid(oidArg(args, 0));
    return type?.typeKind === 'c' ? isTypeVisible(context, type.schema, type.name) : null;
  },
  pg_type_is_visible: (context, args) => {
    const key = oidArg(args, 0);
    const facts = typeFacts(context.snapshot, key);
    if (facts === undefined) return null;
    return isTypeVisible(context, context.snapshot.typeSchema(key), facts.name);
  },
  pg_function_is_visible: (context, args) => {
    const fn = context.snapshot.functionByOid(oidArg(args, 0));
    return fn === undefined ? null : isFunctionVisible(context, fn);
  },
  pg_operator_is_visible: staticVisible('pg_operator', 2),
  pg_opclass_is_visible: staticVisible('pg_opclass', 3),
  pg_opfamily_is_visible: staticVisible('pg_opfamily', 3),
  pg_collation_is_visible: staticVisible('pg_collation', 2),
  pg_conversion_is_visible: staticVisible('pg_conversion', 2),
  pg_ts_config_is_visible: staticVisible('pg_ts_config', 2),
  pg_ts_dict_is_visible: staticVisible('pg_ts_dict', 2),
  pg_ts_parser_is_visible: staticVisible('pg_ts_parser', 2),
  pg_ts_template_is_visible: staticVisible('pg_ts_template', 2),
  pg_statistics_obj_is_visible: () => null,
};

/** Events as bits: 4 UPDATE, 8 INSERT, 16 DELETE. */
function relationIsUpdatable(context: InfoContext, args: readonly Datum[]): Datum {
  const relation = context.snapshot.relationByOid(oidArg(args, 0));
  if (relation?.kind !== 'view')
    return relation?.kind === 'table' && !isMaterialized(relation) ? UPDATE_INSERT_DELETE : 0;
  const columns = context.updatableColumns?.(relation) ?? null;
  if (columns === null) return 0;
  return columns.length > 0 ? UPDATE_INSERT_DELETE : DELETE_ONLY;
}

function columnIsUpdatable(context: InfoContext, args: readonly Datum[]): Datum {
  const relation = context.snapshot.relationByOid(oidArg(args, 0));
  const column = intArg(args, 1);
  if (relation?.kind === 'view')
    return context.updatableColumns?.(relation)?.includes(column) ?? false;
  return relation?.kind === 'table' && !isMaterialized(relation) && column > 0;
}

/** Kinds of descriptors whose comments pg_description holds. */
const commentKinds: Readonly<Record<string, readonly Descriptor['kind'][]>> = {
  pg_class: ['table', 'view', 'sequence', 'index'],
  pg_constraint: ['constraint'],
  pg_type: ['type'],
  pg_proc: ['function'],
  pg_namespace: ['schema'],
  pg_policy: ['policy'],
  pg_cast: ['cast'],
};

/** Comment of an object; `catalog` null means any class. */
function comment(context: InfoContext, key: Oid, catalog: string | null): Datum {
  const {snapshot} = context;
  const catalogs = catalog === null ? Object.keys(commentKinds) : [catalog];
  for (const each of catalogs) {
    for (const kind of commentKinds[each] ?? []) {
      const found = snapshot.get(kind, key);
      if (found !== undefined && found.comment !== null) return found.comment;
    }
  }
  const classOid = catalog === null ? undefined : classOf(context, catalog);
  if (catalog !== null && classOid === undefined) return null;
  if (classOid === ClassOid['pg_namespace']) return null;
  const own = wadiFunctionComments.find(([fn]) => fn === key);
  if (own !== undefined && (catalog === null || catalog === 'pg_proc')) return own[1];
  return staticComment(context, key, classOid, 0);
}

function classOf(context: InfoContext, catalog: string): Oid | undefined {
  return ClassOid[catalog] ?? context.snapshot.relationByName(SchemaOid.pgCatalog, catalog)?.oid;
}

function staticComment(
  context: InfoContext,
  key: Oid,
  classOid: Oid | undefined,
  sub: number,
): Datum {
  const table = context.snapshot.builtin.data.table('pg_description');
  for (const at of table.byKey(key)) {
    const row = table.row(at);
    if (row[2] === sub && (classOid === undefined || row[1] === classOid)) return row[3] as string;
  }
  return null;
}

const columnComment: InfoFunction = (context, args) => {
  const key = oidArg(args, 0);
  const attnum = intArg(args, 1);
  const relation = context.snapshot.relationByOid(key) ?? context.snapshot.typeDescriptorByOid(key);
  if (relation === undefined) return null;
  if (attnum === 0) return comment(context, key, 'pg_class');
  const columns = 'columns' in relation ? relation.columns : [];
  return columns.find(column => column.attnum === attnum && !column.isDropped)?.comment ?? null;
};

const sharedComment: InfoFunction = (context, args) => {
  const kind = ({pg_database: 'database', pg_authid: 'role'} as const)[textArg(args, 1)];
  return kind === undefined ? null : (context.snapshot.get(kind, oidArg(args, 0))?.comment ?? null);
};

/** to_regclass and its kin: NULL for what does not exist, and for numbers that name nothing. */
function toReg(type: string): InfoFunction {
  return (context, args) => {
    const text = textArg(args, 0).trim();
    if (/^\d+$/.test(text)) return Number(text);
    try {
      return regLookup(context, type, text) ?? null;
    } catch (error) {
      if (error instanceof PgError && error.code !== SqlState.invalidName) return null;
      throw error;
    }
  };
}

/** pg_indexes_size, pg_table_size, pg_total_relation_size, pg_relation_size: NULL when there is no such relation. */
function size(withTable: boolean, withIndexes: boolean): InfoFunction {
  return (context, args) => {
    const key = oidArg(args, 0);
    if (relationLocation(context.snapshot, key) === undefined) return null;
    let total = withTable ? context.relationSize(key) : 0n;
    if (withIndexes) {
      for (const index of context.snapshot.indexesOf(key)) total += context.relationSize(index.oid);
    }
    return total;
  };
}

const forks: ReadonlySet<string> = new Set(['main', 'fsm', 'vm', 'init']);

const relationSize: InfoFunction = (context, args) => {
  const fork = args.length > 1 ? textArg(args, 1) : 'main';
  if (!forks.has(fork)) {
    throw new PgError(SqlState.invalidParameterValue, 'invalid fork name', {
      hint: 'Valid fork names are "main", "fsm", "vm", and "init".',
    });
  }
  return fork === 'main' ? size(true, false)(context, args) : 0n;
};

const sizeFunctions: Readonly<Record<string, InfoFunction>> = {
  pg_relation_size: relationSize,
  pg_table_size: size(true, false),
  pg_indexes_size: size(false, true),
  pg_total_relation_size: size(true, true),
  pg_database_size_oid: (context, args) =>
    context.snapshot.get('database', oidArg(args, 0)) === undefined
      ? null
      : context.databaseSize(oidArg(args, 0)),
  pg_database_size_name: (context, args) => {
    const found = context.snapshot.databaseByName(textArg(args, 0));
    if (found !== undefined) return context.databaseSize(found.oid);
    throw new PgError(SqlState.invalidCatalogName, `database "${textArg(args, 0)}" does not exist`);
  },
  pg_tablespace_size_oid: context => allDatabases(context),
  pg_tablespace_size_name: context => allDatabases(context),
};

function allDatabases(context: InfoContext): bigint {
  let total = 0n;
  for (const database of context.snapshot.databases()) total += context.databaseSize(database.oid);
  return total;
}

const indexProperties: Readonly<Record<string, (index: IndexDescriptor, at: number) => Datum>> = {
  asc: (index, at) => isOrdered(index) && index.keys[at]?.descending === false,
  desc: (index, at) => isOrdered(index) && index.keys[at]?.descending === true,
  nulls_first: (index, at) => isOrdered(index) && index.keys[at]?.nullsFirst === true,
  nulls_last: (index, at) => isOrdered(index) && index.keys[at]?.nullsFirst === false,
  orderable: index => isOrdered(index),
  distance_orderable: () => false,
  returnable: index => isOrdered(index),
  search_array: index => isOrdered(index),
  search_nulls: index => isOrdered(index),
};

function isOrdered(index: IndexDescriptor): boolean {
  return index.method === 'btree';
}

const indexColumnProperty: InfoFunction = (context, args) => {
  const index = context.snapshot.relationByOid(oidArg(args, 0));
  if (index?.kind !== 'index') return null;
  const at = intArg(args, 1) - 1;
  if (at < 0 || at >= index.keys.length + index.included.length) return null;
  const property = indexProperties[textArg(args, 2).toLowerCase()];
  if (property === undefined) return null;
  if (at < index.keys.length) return property(index, at);
  const name = textArg(args, 2).toLowerCase();
  return name === 'orderable' ? false : name === 'returnable' ? true : null;
};

const btreeOnly: ReadonlySet<string> = new Set([
  'can_order',
  'can_unique',
  'can_include',
  'can_multi_col',
]);
const BTREE = 403;

const accessMethodProperty: InfoFunction = (_context, args) => {
  const property = textArg(args, 1).toLowerCase();
  if (property === 'can_exclude') return oidArg(args, 0) === oid(BTREE);
  return btreeOnly.has(property) ? oidArg(args, 0) === oid(BTREE) : null;
};

const indexProperty: InfoFunction = (context, args) => {
  const index = context.snapshot.relationByOid(oidArg(args, 0));
  if (index?.kind !== 'index') return null;
  const property = textArg(args, 1).toLowerCase();
  if (property === 'backward_scan' || property === 'clusterable') return isOrdered(index);
  return property === 'index_scan' || property === 'bitmap_scan' ? true : null;
};

const sequenceParameters: InfoFunction = (context, args) => {
  const sequence = context.snapshot.get('sequence', oidArg(args, 0)) as
    | SequenceDescriptor
    | undefined;
  if (sequence === undefined) return null;
  const {int8, bool} = TypeOid;
  return new PgRecord(
    TypeOid.record,
    [int8, int8, int8, int8, bool, int8, TypeOid.oid],
    [
      ...[sequence.start, sequence.min, sequence.max, sequence.increment, sequence.isCycled],
      ...[sequence.cache, sequence.typeOid],
    ],
  );
};

/** acldefault(kind, owner): kinds as PostgreSQL's letters; 'S' there is a server, 's' a sequence. */
const aclDefault: InfoFunction = (context, args) => {
  const kind = textArg(args, 0);
  if (!'crsdflLntFSTp'.includes(kind) || kind.length !== 1) {
    throw new PgError(SqlState.internalError, `unrecognized object type abbreviation: ${kind}`);
  }
  const items = defaultAcl(kind as AclObjectKind, oidArg(args, 1));
  return PgArray.of(items.map(item => aclText(item, context.snapshot)));
};

const makeAclItem: InfoFunction = (context, args) => {
  const letters = textArg(args, 2)
    .split(',')
    .map(part => {
      const name = part.trim().toUpperCase();
      const letter = privilegeLetters[name];
      if (letter !== undefined) return letter;
      const text = `unrecognized privilege type: "${part.trim()}"`;
      throw new PgError(SqlState.invalidParameterValue, text);
    })
    .join('');
  const item = aclItem(oidArg(args, 0), oidArg(args, 1), letters, args[3] === true ? letters : '');
  return aclText(item, context.snapshot);
};

const aclContains: InfoFunction = (context, args) => {
  const wanted = parseAcl(textArg(args, 1), context.snapshot);
  if (wanted === undefined) return false;
  return (args[0] as PgArray).elements.some(element => {
    const item = parseAcl(element as string, context.snapshot);
    return (
      item !== undefined &&
      item.grantee === wanted.grantee &&
      item.grantor === wanted.grantor &&
      [...wanted.privileges].every(letter => item.privileges.includes(letter))
    );
  });
};

const isTable = (context: InfoContext, key: Oid): boolean =>
  context.snapshot.tableByOid(key) !== undefined;

const DELETE_ONLY = 16;
const UPDATE_INSERT_DELETE = 28;
const FIRST_NORMAL_XID = 3;
/** Age of the special transaction ids; others never wrap here and have age 0. */
const MAX_AGE = 2147483647;

function isRowSecurityActive(context: InfoContext, relation: Oid): boolean {
  const table = context.snapshot.tableByOid(relation);
  return table !== undefined && policiesBind(context.snapshot, table, context.currentRole, 'on');
}

/** Functions about objects that print no definition. */
export const objectFunctions: Readonly<Record<string, InfoFunction>> = {
  ...visibilityFunctions,
  ...sizeFunctions,
  acldefault_sql: aclDefault,
  makeaclitem: makeAclItem,
  aclcontains: aclContains,
  obj_description: (context, args) =>
    comment(context, oidArg(args, 0), args.length > 1 ? textArg(args, 1) : null),
  col_description: columnComment,
  shobj_description: sharedComment,
  to_regclass: toReg('regclass'),
  to_regcollation: toReg('regcollation'),
  to_regnamespace: toReg('regnamespace'),
  to_regoper: toReg('regoper'),
  to_regoperator: toReg('regoperator'),
  to_regproc: toReg('regproc'),
  to_regprocedure: toReg('regprocedure'),
  to_regrole: toReg('regrole'),
  to_regtype: toReg('regtype'),
  PG_encoding_to_char: (_context, args) => encodingName(intArg(args, 0)),
  PG_char_to_encoding: (_context, args) => encodingNumber(textArg(args, 0)),
  pg_encoding_max_length_sql: (_context, args) => (intArg(args, 0) === 6 ? 4 : null),
  pg_tablespace_location: () => '',
  pg_my_temp_schema: context => context.tempSchema,
  pg_is_other_temp_schema: (context, args) => {
    const schema = context.snapshot.schemaByOid(oidArg(args, 0));
    return (
      schema !== undefined && schema.oid !== context.tempSchema && /^pg_temp_/.test(schema.name)
    );
  },
  pg_partition_root: () => null,
  pg_index_column_has_property: indexColumnProperty,
  pg_index_has_property: indexProperty,
  pg_indexam_has_property: accessMethodProperty,
  pg_relation_is_publishable: (context, args) =>
    relationLocation(context.snapshot, oidArg(args, 0)) === undefined
      ? null
      : context.snapshot.tableByOid(oidArg(args, 0))?.persistence === 'p',
  pg_relation_is_updatable: relationIsUpdatable,
  pg_column_is_updatable: columnIsUpdatable,
  pg_relation_filenode: (context, args) =>
    isTable(context, oidArg(args, 0)) ? oidArg(args, 0) : null,
  pg_relation_filepath: () => null,
  pg_get_replica_identity_index: (context, args) =>
    context.snapshot.indexesOf(oidArg(args, 0)).find(index => index.isPrimary)?.oid ?? null,
  pg_sequence_parameters: sequenceParameters,
  pg_sequence_last_value: (context, args) => context.sequenceLastValue(oidArg(args, 0)),
  pg_collation_actual_version: () => null,
  pg_stat_get_numscans: () => 0n,
  xid_age: (_context, args) => (intArg(args, 0) < FIRST_NORMAL_XID ? MAX_AGE : 0),
  row_security_active: (context, args) => isRowSecurityActive(context, oidArg(args, 0)),
  row_security_active_name: (context, args) =>
    isRowSecurityActive(context, regIn(context, 'regclass', textArg(args, 0)) as Oid),
};
