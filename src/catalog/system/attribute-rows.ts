import type {Oid} from '../../common/ids.ts';
import {PgArray} from '../../types/array-value.ts';
import type {ColumnDescriptor, IndexDescriptor} from '../descriptors.ts';
import {makeColumn} from '../system-descriptors.ts';
import {TypeOid} from '../well-known.ts';
import {userRelation, userRelations, type ClassDescriptor} from './class-rows.ts';
import {
  aclDatum,
  asOid,
  derivedOid,
  type Row,
  type SystemContext,
  type SystemSource,
} from './source.ts';
import {systemSchemaRelations} from './system-schema.ts';
import {typeShape} from './type-rows.ts';

/** pg_attribute. */
export const pgAttribute: SystemSource = {
  all: context => [
    ...context.rows.all('pg_attribute'),
    ...systemSchemaRelations.flatMap(relation => ownRows(context, relation.oid as Oid)),
    ...userRelations(context).flatMap(relation => attributeRows(context, relation)),
  ],
  by: {
    attrelid: (context, value) => {
      const key = asOid(value);
      const found = userRelation(context, key);
      if (found !== undefined) return attributeRows(context, found);
      const own = systemSchemaRelations.some(relation => relation.oid === key);
      return own ? ownRows(context, key) : context.rows.byKey('pg_attribute', key);
    },
  },
};

/** pg_attrdef. */
export const pgAttrdef: SystemSource = {
  all: context => userRelations(context).flatMap(relation => defaultRows(context, relation)),
  by: {
    adrelid: (context, value) => {
      const found = userRelation(context, asOid(value));
      return found === undefined ? [] : defaultRows(context, found);
    },
  },
};

const systemAttributes: readonly (readonly [name: string, attnum: number, type: number])[] = [
  ['ctid', -1, 27],
  ['xmin', -2, 28],
  ['cmin', -3, 29],
  ['xmax', -4, 28],
  ['cmax', -5, 29],
  ['tableoid', -6, 26],
];

function attributeRows(context: SystemContext, relation: ClassDescriptor): readonly Row[] {
  return context.memo.get(relation, 'pg_attribute', [], () => {
    const rows = columnsOf(context, relation).map(column =>
      attribute(context, relation.oid, column),
    );
    if (relation.kind === 'table' || relation.kind === 'sequence') {
      for (const [name, attnum, type] of systemAttributes) {
        const more = {typmod: -1, isNotNull: true, collation: 0 as Oid};
        rows.push(attribute(context, relation.oid, makeColumn(attnum, name, type as Oid, more)));
      }
    }
    return rows;
  });
}

function ownRows(context: SystemContext, relation: Oid): readonly Row[] {
  const descriptor = context.snapshot.relationByOid(relation);
  if (descriptor?.kind !== 'systemRelation') return [];
  return context.memo.get(descriptor, 'pg_attribute', [], () =>
    descriptor.columns.map(column => attribute(context, relation, column)),
  );
}

/** Columns as pg_attribute has them; an index's are named after the table's. */
function columnsOf(context: SystemContext, relation: ClassDescriptor): readonly ColumnDescriptor[] {
  switch (relation.kind) {
    case 'table':
    case 'view':
    case 'type':
      return relation.columns;
    case 'sequence':
      return [
        plain(1, 'last_value', TypeOid.int8, true),
        plain(2, 'log_cnt', TypeOid.int8, true),
        plain(3, 'is_called', TypeOid.bool, true),
      ];
    case 'index':
      return indexColumns(context, relation);
  }
}

function indexColumns(context: SystemContext, index: IndexDescriptor): readonly ColumnDescriptor[] {
  const columns = context.snapshot.tableByOid(index.table)?.columns ?? [];
  const attnums = [...index.keys.map(key => key.attnum), ...index.included];
  const taken = new Set<string>();
  return attnums.map((attnum, at) => {
    const column = columns.find(each => each.attnum === attnum);
    const key = index.keys[at];
    const collation = key?.collation ?? (0 as Oid);
    if (column === undefined) {
      const name = freeName(expressionName(key?.expressionText ?? ''), taken);
      const type = key?.typeOid ?? TypeOid.text;
      const more = {typmod: -1, isNotNull: false, collation};
      return makeColumn(at + 1, name, keptType(index, type), more);
    }
    taken.add(column.name);
    const type = key === undefined ? column.typeOid : keptType(index, column.typeOid);
    const typmod = type === column.typeOid ? column.typmod : -1;
    return makeColumn(at + 1, column.name, type, {typmod, isNotNull: false, collation});
  });
}

/** What an index keeps of a key: hash its hash, a B-tree names as strings. */
function keptType(index: IndexDescriptor, type: Oid): Oid {
  if (index.method === 'hash') return TypeOid.int4;
  return type === TypeOid.name ? (CSTRING as Oid) : type;
}

const CSTRING = 2275;

/** The column name of an index expression: the function's, else `expr`. */
function expressionName(text: string): string {
  return /^\(?([a-z_]\w*)\(/.exec(text)?.[1] ?? 'expr';
}

/** The name, with a number while taken. */
function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let n = 1; taken.has(free); n++) free = `${name}${n}`;
  taken.add(free);
  return free;
}

function plain(attnum: number, name: string, type: Oid, isNotNull: boolean): ColumnDescriptor {
  return makeColumn(attnum, name, type, {typmod: -1, isNotNull, collation: 0 as Oid});
}

function attribute(context: SystemContext, relation: Oid, column: ColumnDescriptor): Row {
  const shape = typeShape(context, column.typeOid);
  const isDropped = column.isDropped;
  const hasDefault = column.defaultText !== null && !isDropped;
  const isArray = context.snapshot.typeByOid(column.typeOid)?.category === 'A';
  const stats = column.attnum > 0 ? (column.statistics ?? -1) : 0;
  const storage = column.storage ?? shape.storage;
  return [
    ...[relation, isDropped ? `........pg.dropped.${column.attnum}........` : column.name],
    ...[isDropped ? 0 : column.typeOid, isDropped ? 0 : stats, shape.length, column.attnum],
    ...[isArray ? 1 : 0, -1, column.typmod, shape.byValue, shape.align, storage],
    column.compression ?? '',
    ...[column.isNotNull && !isDropped, hasDefault, false, column.identity, column.generated],
    ...[isDropped, true, 0, column.collation],
    ...[aclDatum(column.acl, context.snapshot), null, null, null],
  ];
}

function defaultRows(context: SystemContext, relation: ClassDescriptor): readonly Row[] {
  if (relation.kind !== 'table' && relation.kind !== 'view') return [];
  return context.memo.get(relation, 'pg_attrdef', [], () =>
    relation.columns
      .filter(column => column.defaultText !== null && !column.isDropped)
      .map(column => [
        derivedOid(relation.oid, column.attnum),
        relation.oid,
        column.attnum,
        column.defaultText,
      ]),
  );
}

/** attnums as a smallint[] column, NULL when empty. */
export function attnumArray(attnums: readonly number[]): PgArray | null {
  return attnums.length === 0 ? null : PgArray.of(attnums);
}
