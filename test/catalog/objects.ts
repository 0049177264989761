import {oid} from '../../src/common/ids.ts';
import type {
  ColumnDescriptor,
  ConstraintDescriptor,
  IndexDescriptor,
  TableDescriptor,
  TypeDescriptor,
} from '../../src/catalog/descriptors.ts';
import {makeColumn} from '../../src/catalog/system-descriptors.ts';

const named = {owner: oid(10), acl: null, comment: null};

/** A table in schema public with columns `name type-oid`. */
export function table(
  tableOid: number,
  name: string,
  columns: readonly (readonly [name: string, type: number])[],
  more: Partial<TableDescriptor> = {},
): TableDescriptor {
  return {
    kind: 'table',
    oid: oid(tableOid),
    name,
    ...named,
    schema: oid(2200),
    tableKind: 'shared',
    persistence: 'p',
    columns: columns.map(([column, type], at) => plainColumn(at + 1, column, type)),
    rowType: oid(tableOid + 1),
    schemaVersion: 1,
    options: {},
    ttlMs: 0,
    rowSecurity: false,
    forceRowSecurity: false,
    ...more,
  };
}

/** A nullable column without default. */
export function plainColumn(attnum: number, name: string, type: number): ColumnDescriptor {
  const collation = oid(type === 25 || type === 1043 ? 100 : 0);
  return makeColumn(attnum, name, oid(type), {typmod: -1, isNotNull: false, collation});
}

/** A btree index over attnums. */
export function index(
  indexOid: number,
  name: string,
  tableOid: number,
  attnums: readonly number[],
  more: Partial<IndexDescriptor> = {},
): IndexDescriptor {
  return {
    kind: 'index',
    oid: oid(indexOid),
    name,
    ...named,
    schema: oid(2200),
    table: oid(tableOid),
    method: 'btree',
    keys: attnums.map(attnum => ({
      attnum,
      expressionText: null,
      descending: false,
      nullsFirst: false,
      opclass: oid(1978),
      collation: oid(0),
    })),
    included: [],
    isUnique: false,
    isPrimary: false,
    nullsNotDistinct: false,
    predicateText: null,
    options: [],
    constraint: oid(0),
    ...more,
  };
}

/** A constraint of a table. */
export function constraint(
  constraintOid: number,
  name: string,
  tableOid: number,
  type: ConstraintDescriptor['type'],
  columns: readonly number[],
  more: Partial<ConstraintDescriptor> = {},
): ConstraintDescriptor {
  return {
    kind: 'constraint',
    oid: oid(constraintOid),
    name,
    ...named,
    schema: oid(2200),
    table: oid(tableOid),
    domain: oid(0),
    type,
    columns,
    isDeferrable: false,
    isDeferred: false,
    isValidated: true,
    expressionText: null,
    index: oid(0),
    referencedTable: oid(0),
    referencedColumns: [],
    onUpdate: 'a',
    onDelete: 'a',
    match: 's',
    ...more,
  };
}

/** An enum type. */
export function enumType(typeOid: number, name: string, labels: readonly string[]): TypeDescriptor {
  return {
    kind: 'type',
    oid: oid(typeOid),
    name,
    ...named,
    schema: oid(2200),
    typeKind: 'e',
    arrayOid: oid(typeOid + 1),
    labels: labels.map((label, at) => ({oid: oid(typeOid + 10 + at), label, sortOrder: at + 1})),
    baseType: oid(0),
    baseTypmod: -1,
    isNotNull: false,
    defaultText: null,
    columns: [],
  };
}
