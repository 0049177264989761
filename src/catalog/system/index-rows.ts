import type {Oid} from '../../common/ids.ts';
import type {ConstraintDescriptor, IndexDescriptor} from '../descriptors.ts';
import {TypeOid} from '../well-known.ts';
import {attnumArray} from './attribute-rows.ts';
import {asOid, vector, type Row, type SystemContext, type SystemSource} from './source.ts';

/** pg_index. */
export const pgIndex: SystemSource = {
  all: context => [
    ...context.rows.all('pg_index'),
    ...allIndexes(context).map(index => indexRow(context, index)),
  ],
  by: {
    indrelid: (context, value) => {
      const key = asOid(value);
      const own = context.snapshot.indexesOf(key).map(index => indexRow(context, index));
      if (own.length > 0) return own;
      return context.rows.all('pg_index').filter(row => row[1] === key);
    },
    indexrelid: (context, value) => {
      const key = asOid(value);
      const index = context.snapshot.relationByOid(key);
      if (index?.kind === 'index') return [indexRow(context, index)];
      return context.rows.byKey('pg_index', key);
    },
  },
};

/** All user-made indexes by OID. */
export function allIndexes(context: SystemContext): readonly IndexDescriptor[] {
  const {snapshot} = context;
  return snapshot.memo('index-rows.all', () =>
    [...snapshot.tables()]
      .flatMap(table => [...snapshot.indexesOf(table.oid)])
      .sort((a, b) => a.oid - b.oid),
  );
}

function indexRow(context: SystemContext, index: IndexDescriptor): Row {
  const [row = []] = context.memo.get(index, 'pg_index', [], () => [makeIndexRow(context, index)]);
  return row;
}

function makeIndexRow(context: SystemContext, index: IndexDescriptor): Row {
  const columns = context.snapshot.tableByOid(index.table)?.columns ?? [];
  const expressions = index.keys.flatMap(key => key.expressionText ?? []);
  const attnums = [...index.keys.map(key => key.attnum), ...index.included];
  const opclasses = index.keys.map(key => {
    const column = columns.find(each => each.attnum === key.attnum);
    const type = column?.typeOid ?? key.typeOid ?? TypeOid.text;
    return key.opclass === 0 ? defaultOpclass(context, index, type) : key.opclass;
  });
  const constraint = context.snapshot.constraintByOid(index.constraint);
  return [
    ...[index.oid, index.table, attnums.length, index.keys.length, index.isUnique],
    ...[index.nullsNotDistinct, index.isPrimary, false, constraint?.isDeferrable !== true],
    ...[index.isClustered ?? false, true, false, true, true, index.isReplicaIdentity ?? false],
    vector(attnums),
    vector(index.keys.map(key => key.collation)),
    vector(opclasses),
    vector(index.keys.map(key => (key.descending ? 1 : 0) + (key.nullsFirst ? 2 : 0))),
    expressions.length === 0 ? null : expressions.join(', '),
    index.predicateText,
  ];
}

/** pg_opclass: the default class of the method for a type, 0 when there is none. */
function defaultOpclass(context: SystemContext, index: IndexDescriptor, type: Oid): number {
  const method = index.method === 'hash' ? 405 : 403;
  const wanted = opclassInput(context, type);
  for (const row of context.rows.all('pg_opclass')) {
    if (row[1] === method && row[6] === wanted && row[7] === true) return row[0] as number;
  }
  return 0;
}

/** The type by which pg_opclass knows a type: text for varchar, the base of a domain, a pseudo-type for arrays and made types. */
function opclassInput(context: SystemContext, typeOid: Oid): number {
  if (typeOid === VARCHAR) return TypeOid.text;
  if (typeOid === CIDR) return INET;
  const type = context.snapshot.typeByOid(typeOid);
  if (type?.base != null) return opclassInput(context, type.base.oid);
  if (type?.category === 'A') return ANYARRAY;
  return pseudoTypes[type?.kind ?? ''] ?? typeOid;
}

const [VARCHAR, CIDR, INET, ANYARRAY] = [1043, 650, 869, 2277];
const pseudoTypes: Readonly<Record<string, number>> = {e: 3500, r: 3831, m: 4537, c: 2249};

/** pg_constraint. */
export const pgConstraint: SystemSource = {
  all: context => [
    ...context.rows.all('pg_constraint'),
    ...allConstraints(context).map(constraint => constraintRow(context, constraint)),
  ],
  by: {
    oid: (context, value) => {
      const key = asOid(value);
      const own = context.snapshot.constraintByOid(key);
      if (own !== undefined) return [constraintRow(context, own)];
      return context.rows.byKey('pg_constraint', key);
    },
    conrelid: (context, value) => byOwner(context, asOid(value), 7),
    contypid: (context, value) => byOwner(context, asOid(value), 8),
    confrelid: (context, value) => {
      const key = asOid(value);
      const own = context.snapshot.referencingConstraints(key);
      return own.map(constraint => constraintRow(context, constraint));
    },
    conindid: (context, value) => {
      const key = asOid(value);
      const own = allConstraints(context).filter(constraint => constraint.index === key);
      const builtin = context.rows.all('pg_constraint').filter(row => row[9] === key);
      return [...builtin, ...own.map(constraint => constraintRow(context, constraint))];
    },
  },
};

function byOwner(context: SystemContext, key: number, column: number): readonly Row[] {
  const own = context.snapshot.constraintsOf(key as never);
  if (own.length > 0) return own.map(constraint => constraintRow(context, constraint));
  return context.rows.all('pg_constraint').filter(row => row[column] === key);
}

/** All user-made constraints by OID, those of domains too. */
export function allConstraints(context: SystemContext): readonly ConstraintDescriptor[] {
  const {snapshot} = context;
  return snapshot.memo('index-rows.constraints', () =>
    [...snapshot.tables(), ...snapshot.userTypes()]
      .flatMap(owner => [...snapshot.constraintsOf(owner.oid)])
      .sort((a, b) => a.oid - b.oid),
  );
}

function constraintRow(context: SystemContext, constraint: ConstraintDescriptor): Row {
  const [row = []] = context.memo.get(constraint, 'pg_constraint', [], () => [
    makeConstraintRow(constraint),
  ]);
  return row;
}

function makeConstraintRow(constraint: ConstraintDescriptor): Row {
  const isForeign = constraint.type === 'f';
  return [
    ...[constraint.oid, constraint.name, constraint.schema, constraint.type],
    ...[constraint.isDeferrable, constraint.isDeferred, constraint.isValidated],
    ...[constraint.table, constraint.domain, constraint.index, 0, constraint.referencedTable],
    ...(isForeign ? [constraint.onUpdate, constraint.onDelete, constraint.match] : [' ', ' ', ' ']),
    ...[true, 0, constraint.type !== 'c'],
    attnumArray(constraint.columns),
    isForeign ? attnumArray(constraint.referencedColumns) : null,
    ...[null, null, null],
    constraint.onDeleteColumns === undefined ? null : attnumArray(constraint.onDeleteColumns),
    null,
    constraint.type === 'c' ? constraint.expressionText : null,
  ];
}
