import type {Oid} from '../../common/ids.ts';
import {findAuditTable} from '../audit-table.ts';
import {wadiFunctionComments} from '../data/wadi-functions.ts';
import type {Descriptor, IndexDescriptor, QueryRelation, TableDescriptor} from '../descriptors.ts';
import {FIRST_NORMAL_OID} from '../../common/ids.ts';
import type {CatalogSnapshot} from '../contract.ts';
import {queryRelations} from '../stored-queries.ts';
import {wadiFunctions} from '../data/wadi-functions.ts';
import {ClassOid, SchemaOid} from '../well-known.ts';
import {asOid, derivedOid, type Row, type SystemContext, type SystemSource} from './source.ts';
import {systemSchemaRelations} from './system-schema.ts';

const CLASS = ClassOid.pg_class ?? 0;
const TYPE = ClassOid.pg_type ?? 0;
const CONSTRAINT = ClassOid.pg_constraint ?? 0;
const ATTRDEF = ClassOid.pg_attrdef ?? 0;
const NAMESPACE = ClassOid.pg_namespace ?? 0;
const EXTENSION = ClassOid.pg_extension ?? 0;
const PROC = ClassOid.pg_proc ?? 0;
const REWRITE = ClassOid.pg_rewrite ?? 0;

/** Kinds whose comments lie in pg_description, with the catalog that names their class. */
const commented: readonly (readonly [kind: Descriptor['kind'], catalog: string])[] = [
  ['table', 'pg_class'],
  ['view', 'pg_class'],
  ['sequence', 'pg_class'],
  ['index', 'pg_class'],
  ['constraint', 'pg_constraint'],
  ['type', 'pg_type'],
  ['function', 'pg_proc'],
  ['schema', 'pg_namespace'],
  ['policy', 'pg_policy'],
  ['cast', 'pg_cast'],
];

/** Whether a built-in comment is on something that is here: there are no ICU collations, and schemas keep their comments themselves. */
function isOfHere(context: SystemContext, row: Row): boolean {
  if (row[1] === NAMESPACE) return false;
  return (
    row[1] !== ClassOid.pg_collation || context.rows.byKey('pg_collation', row[0] as Oid).length > 0
  );
}

/** pg_description. */
export const pgDescription: SystemSource = {
  all: context => [
    ...context.rows.all('pg_description').filter(row => isOfHere(context, row)),
    ...systemSchemaRelations.map(relation => [relation.oid, CLASS, 0, relation.comment]),
    ...wadiFunctionComments.map(([fn, comment]) => [fn, ClassOid.pg_proc ?? 0, 0, comment]),
    ...userObjects(context).flatMap(object => commentRows(object)),
  ],
  by: {
    objoid: (context, value) => {
      const key = asOid(value);
      const rows = context.rows.byKey('pg_description', key).filter(row => isOfHere(context, row));
      if (key >= FIRST_NORMAL_OID) return objectsByOid(context, key).flatMap(commentRows);
      return [
        ...rows,
        ...systemSchemaRelations
          .filter(relation => relation.oid === key)
          .map(relation => [relation.oid, CLASS, 0, relation.comment]),
        ...wadiFunctionComments
          .filter(([fn]) => fn === key)
          .map(([fn, comment]) => [fn, ClassOid.pg_proc ?? 0, 0, comment]),
        ...objectsByOid(context, key).flatMap(commentRows),
      ];
    },
  },
};

/** Descriptors that can have comments. */
function userObjects(context: SystemContext): readonly Descriptor[] {
  const {snapshot} = context;
  return [
    ...snapshot.schemas(),
    ...snapshot.userTypes(),
    ...snapshot.userFunctions(),
    ...snapshot.list('cast'),
    ...snapshot.views(),
    ...snapshot.sequences(),
    ...[...snapshot.tables()].flatMap(table => [
      table,
      ...snapshot.indexesOf(table.oid),
      ...snapshot.constraintsOf(table.oid),
      ...snapshot.policiesOf(table.oid),
    ]),
    ...[...snapshot.userTypes()].flatMap(type => [...snapshot.constraintsOf(type.oid)]),
  ];
}

function objectsByOid(context: SystemContext, key: Oid): readonly Descriptor[] {
  return commented.flatMap(([kind]) => context.snapshot.get(kind, key) ?? []);
}

function commentRows(object: Descriptor): readonly Row[] {
  const catalog = commented.find(([kind]) => kind === object.kind)?.[1] ?? '';
  const classOid = ClassOid[catalog] ?? 0;
  const rows: Row[] = [];
  if (object.comment !== null) rows.push([object.oid, classOid, 0, object.comment]);
  if (object.kind !== 'table' && object.kind !== 'view' && object.kind !== 'type') return rows;
  for (const column of object.columns) {
    if (column.comment !== null && !column.isDropped) {
      rows.push([object.oid, CLASS, column.attnum, column.comment]);
    }
  }
  return rows;
}

/** pg_shdescription. */
export const pgShdescription: SystemSource = {
  all: context => [
    ...[...context.snapshot.databases()].flatMap(database =>
      database.comment === null
        ? []
        : [[database.oid, ClassOid.pg_database ?? 0, database.comment]],
    ),
    ...[...context.snapshot.roles()].flatMap(role =>
      role.comment === null ? [] : [[role.oid, ClassOid.pg_authid ?? 0, role.comment]],
    ),
  ],
};

/** pg_depend, as far as clients ask: owned sequences, indexes of constraints, defaults, foreign keys, row types, views. */
export const pgDepend: SystemSource = {
  all: context => allDependencies(context),
  by: {
    objid: (context, value) => {
      const key = asOid(value);
      return allDependencies(context).filter(row => row[1] === key);
    },
    refobjid: (context, value) => {
      const key = asOid(value);
      const {snapshot} = context;
      const table = snapshot.tableByOid(key);
      if (table === undefined) return allDependencies(context).filter(row => row[4] === key);
      const sequences = [...snapshot.sequences()].filter(each => each.ownedByTable === key);
      return [
        ...tableDependencies(context, table),
        ...allViewDependencies(context).filter(row => row[4] === key),
        ...sequences.flatMap(sequence => sequenceDependencies(context, sequence)),
        ...snapshot.referencingConstraints(key).flatMap(constraint => {
          const owner = snapshot.tableByOid(constraint.table);
          return owner === undefined ? [] : tableDependencies(context, owner);
        }),
      ];
    },
  },
};

function allDependencies(context: SystemContext): readonly Row[] {
  const {snapshot} = context;
  return snapshot.memo('depend-rows.all', () => [
    ...extensionMembers(snapshot),
    ...[...snapshot.tables()].flatMap(table => tableDependencies(context, table)),
    ...[...snapshot.sequences()].flatMap(sequence => sequenceDependencies(context, sequence)),
    ...allViewDependencies(context),
    ...[...snapshot.userTypes()].map(type => [TYPE, type.oid, 0, NAMESPACE, type.schema, 0, 'n']),
    ...rangeDependencies(snapshot),
    ...castDependencies(snapshot),
    ...aggregateDependencies(snapshot),
  ]);
}

/** Aggregates on their functions and the type of their state, as far as these are user-made. */
function aggregateDependencies(snapshot: CatalogSnapshot): Row[] {
  return [...snapshot.userFunctions()].flatMap((fn): Row[] => {
    if (fn.aggregate === undefined) return [];
    const {transition, final, combine, stateType} = fn.aggregate;
    const on: readonly (readonly [number, Oid])[] = [
      ...[transition, final, combine].map(each => [PROC, each] as const),
      [TYPE, stateType],
    ];
    return on
      .filter(([, object]) => object >= FIRST_NORMAL_OID)
      .map(([classOid, object]) => [PROC, fn.oid, 0, classOid, object, 0, 'n']);
  });
}

/** Casts on their types and function, as far as these are user-made. */
function castDependencies(snapshot: CatalogSnapshot): Row[] {
  return snapshot.list('cast').flatMap((cast): Row[] => {
    if (cast.kind !== 'cast' || cast.isRetired === true) return [];
    const on: readonly (readonly [number, Oid])[] = [
      [TYPE, cast.source],
      [TYPE, cast.target],
      [PROC, cast.function],
    ];
    return on
      .filter(([, object]) => object >= FIRST_NORMAL_OID)
      .map(([classOid, object]) => [ClassOid.pg_cast ?? 0, cast.oid, 0, classOid, object, 0, 'n']);
  });
}

/** Ranges on their subtypes; what came with a range, on it: multirange, constructors. */
function rangeDependencies(snapshot: CatalogSnapshot): Row[] {
  const types = [...snapshot.userTypes()].flatMap((type): Row[] => {
    if (type.typeKind !== 'r' && type.typeKind !== 'm') return [];
    if (type.typeKind === 'r' && type.baseType < FIRST_NORMAL_OID) return [];
    return [[TYPE, type.oid, 0, TYPE, type.baseType, 0, type.typeKind === 'r' ? 'n' : 'i']];
  });
  const constructors = [...snapshot.userFunctions()].filter(fn => fn.language === 'internal');
  return [
    ...types,
    ...constructors.map((fn): Row => [PROC, fn.oid, 0, TYPE, fn.returnType, 0, 'i']),
  ];
}

/**
 * Schema `system` and what lies in it count as members of the one extension that initdb makes: PostgreSQL's tools (pg_dump) leave
 * out an extension's members.
 */
function extensionMembers(snapshot: CatalogSnapshot): Row[] {
  const extension = snapshot.builtin.data.table('pg_extension').rows()[0]?.[0] as
    | number
    | undefined;
  if (extension === undefined) return [];
  const member = (classOid: number, object: number): Row => [
    classOid,
    object,
    0,
    EXTENSION,
    extension,
    0,
    'e',
  ];
  const audit = findAuditTable(snapshot);
  const functions = wadiFunctions.filter(fn => fn.schema === SchemaOid.system);
  return [
    member(NAMESPACE, SchemaOid.system),
    ...systemSchemaRelations.map(relation => member(CLASS, relation.oid)),
    ...functions.map(fn => member(PROC, fn.oid)),
    ...(audit === undefined ? [] : [member(CLASS, audit.oid)]),
  ];
}

function sequenceDependencies(
  context: SystemContext,
  sequence: Extract<Descriptor, {kind: 'sequence'}>,
): readonly Row[] {
  const rows: Row[] = [[CLASS, sequence.oid, 0, NAMESPACE, sequence.schema, 0, 'n']];
  if (sequence.ownedByTable === 0) return rows;
  const table = context.snapshot.tableByOid(sequence.ownedByTable);
  const column = table?.columns.find(each => each.attnum === sequence.ownedByAttnum);
  const kind = column !== undefined && column.identity !== '' ? 'i' : 'a';
  rows.push([CLASS, sequence.oid, 0, CLASS, sequence.ownedByTable, sequence.ownedByAttnum, kind]);
  return rows;
}

function allViewDependencies(context: SystemContext): readonly Row[] {
  const {snapshot} = context;
  return snapshot.memo('depend-rows.views', () =>
    queryRelations(snapshot).flatMap(view => viewDependencies(context, view)),
  );
}

/** Columns that an index depends on; 0, the whole table, when it has no key that is a column. */
function indexedColumns(table: TableDescriptor, index: IndexDescriptor): readonly number[] {
  const plain = [...index.keys.map(key => key.attnum), ...index.included];
  const texts = [...index.keys.map(key => key.expressionText ?? ''), index.predicateText ?? ''];
  const words = texts.join(' ').replaceAll(/'(?:[^']|'')*'/g, "''");
  const named = new Set(
    [...words.matchAll(/(?<!::)"((?:[^"]|"")+)"|(?<![:.\w])([a-z_][\w$]*)(?![\w$]*[(.])/g)].map(
      ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare,
    ),
  );
  const used = table.columns.filter(column => !column.isDropped && named.has(column.name));
  const all = [...plain.filter(attnum => attnum !== 0), ...used.map(column => column.attnum)];
  return [...new Set(plain.every(attnum => attnum === 0) ? [0, ...all] : all)];
}

function viewDependencies(context: SystemContext, view: QueryRelation): readonly Row[] {
  const rule = derivedOid(view.oid, 0);
  const own: Row[] = [
    [CLASS, view.oid, 0, NAMESPACE, view.schema, 0, 'n'],
    [TYPE, view.rowType, 0, CLASS, view.oid, 0, 'i'],
  ];
  return [
    // A materialized view has these as what is stored.
    ...(view.kind === 'view' ? own : []),
    [REWRITE, rule, 0, CLASS, view.oid, 0, 'i'],
    [REWRITE, rule, 0, CLASS, view.oid, 0, 'n'],
    ...(context.facts.viewUses?.(view) ?? []).flatMap(({relation, columns}) =>
      (columns.length === 0 ? [0] : columns).map(
        (attnum): Row => [REWRITE, rule, 0, CLASS, relation, attnum, 'n'],
      ),
    ),
  ];
}

/** The sequence that a default of the form nextval('name'::regclass) reads; 0 if none. */
function sequenceOfDefault(
  snapshot: CatalogSnapshot,
  table: TableDescriptor,
  text: string,
): number {
  const shown = /nextval\('((?:[^']|'')+)'::regclass\)/.exec(text)?.[1];
  if (shown === undefined) return 0;
  if (/^\d+$/.test(shown)) return Number(shown);
  const parts = [...shown.matchAll(/"((?:[^"]|"")+)"|([^".]+)/g)].map(
    part => part[1]?.replaceAll('""', '"') ?? part[2] ?? '',
  );
  const name = parts.at(-1) ?? '';
  const schema = parts.length > 1 ? snapshot.schemaByName(parts.at(-2) ?? '')?.oid : table.schema;
  const found = schema === undefined ? undefined : snapshot.relationByName(schema, name);
  return found?.kind === 'sequence' ? found.oid : 0;
}

function tableDependencies(context: SystemContext, table: TableDescriptor): readonly Row[] {
  const {snapshot} = context;
  const indexes = snapshot.indexesOf(table.oid);
  const constraints = snapshot.constraintsOf(table.oid);
  return context.memo.get(table, 'pg_depend', [indexes, constraints], () => {
    const rows: Row[] = [
      [TYPE, table.rowType, 0, CLASS, table.oid, 0, 'i'],
      [CLASS, table.oid, 0, NAMESPACE, table.schema, 0, 'n'],
    ];
    for (const column of table.columns) {
      if (column.defaultText === null || column.isDropped) continue;
      const object = derivedOid(table.oid, column.attnum);
      rows.push([ATTRDEF, object, 0, CLASS, table.oid, column.attnum, 'a']);
      const sequence =
        column.sequence !== 0
          ? column.sequence
          : sequenceOfDefault(snapshot, table, column.defaultText);
      if (sequence !== 0 && column.identity === '')
        rows.push([ATTRDEF, object, 0, CLASS, sequence, 0, 'n']);
    }
    for (const constraint of constraints) {
      for (const attnum of constraint.columns) {
        rows.push([CONSTRAINT, constraint.oid, 0, CLASS, table.oid, attnum, 'a']);
      }
      for (const attnum of constraint.referencedColumns) {
        rows.push([CONSTRAINT, constraint.oid, 0, CLASS, constraint.referencedTable, attnum, 'n']);
      }
      if (constraint.type === 'f' && constraint.index !== 0) {
        rows.push([CONSTRAINT, constraint.oid, 0, CLASS, constraint.index, 0, 'n']);
      }
    }
    for (const index of indexes) {
      if (index.constraint !== 0) {
        rows.push([CLASS, index.oid, 0, CONSTRAINT, index.constraint, 0, 'i']);
        continue;
      }
      for (const attnum of indexedColumns(table, index)) {
        rows.push([CLASS, index.oid, 0, CLASS, table.oid, attnum, 'a']);
      }
    }
    return rows;
  });
}
