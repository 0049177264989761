import type {Oid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {
  IndexDescriptor,
  RelationDescriptor,
  SequenceDescriptor,
  TableDescriptor,
  TypeDescriptor,
  ViewDescriptor,
} from '../descriptors.ts';
import {isMaterialized} from '../stored-queries.ts';
import {systemSchemaRelations} from './system-schema.ts';
import {RoleOid, SchemaOid} from '../well-known.ts';
import {
  aclDatum,
  arrayOrNull,
  asOid,
  type Row,
  type SystemContext,
  type SystemSource,
} from './source.ts';

const HEAP = 2;
const FIRST_XID = 3;

/** OIDs of index access methods; `bloom` is ours. */
export const accessMethods: Readonly<Record<IndexDescriptor['method'], number>> = {
  btree: 403,
  hash: 405,
  bloom: 9910,
};

/** pg_class. */
export const pgClass: SystemSource = {
  all: context => [
    ...context.rows.all('pg_class'),
    ...systemSchemaRelations.map(relation => ownViewRow(relation.oid)),
    ...userRelations(context).flatMap(relation => classRows(context, relation)),
  ],
  by: {
    oid: (context, value) => {
      const key = asOid(value);
      const own = systemSchemaRelations.find(relation => relation.oid === key);
      if (own !== undefined) return [ownViewRow(own.oid)];
      const found = userRelation(context, key);
      return found === undefined ? context.rows.byKey('pg_class', key) : classRows(context, found);
    },
    relname: (context, value) => {
      if (typeof value !== 'string') return [];
      const own = systemSchemaRelations.filter(relation => relation.name === value);
      return [
        ...context.rows.byName('pg_class', value),
        ...own.map(relation => ownViewRow(relation.oid)),
        ...relationsNamed(context, value).flatMap(relation => classRows(context, relation)),
      ];
    },
    reltype: (context, value) => {
      const key = asOid(value);
      return userRelations(context)
        .filter(relation => rowTypeOf(relation) === key)
        .flatMap(relation => classRows(context, relation))
        .concat(context.rows.all('pg_class').filter(row => row[3] === key));
    },
  },
};

/** User-made things that have a row in pg_class: a composite type's has the type's own OID. */
export type ClassDescriptor =
  | Exclude<RelationDescriptor, {kind: 'systemRelation'}>
  | TypeDescriptor;

function rowTypeOf(relation: ClassDescriptor): Oid | null {
  if (relation.kind === 'type') return relation.oid;
  return 'rowType' in relation ? relation.rowType : null;
}

/** All of them in OID order. */
export function userRelations(context: SystemContext): readonly ClassDescriptor[] {
  const {snapshot} = context;
  return snapshot.memo('class-rows.relations', () => {
    const found: ClassDescriptor[] = [...snapshot.views(), ...snapshot.sequences()];
    for (const type of snapshot.userTypes()) if (type.typeKind === 'c') found.push(type);
    for (const table of snapshot.tables()) {
      found.push(table, ...snapshot.indexesOf(table.oid));
    }
    return found.sort((a, b) => a.oid - b.oid);
  });
}

/** One of them by OID. */
export function userRelation(context: SystemContext, key: Oid): ClassDescriptor | undefined {
  const relation = context.snapshot.relationByOid(key);
  if (relation !== undefined) return relation.kind === 'systemRelation' ? undefined : relation;
  const type = context.snapshot.typeDescriptorByOid(key);
  return type?.typeKind === 'c' ? type : undefined;
}

function relationsNamed(context: SystemContext, name: string): readonly ClassDescriptor[] {
  const found: ClassDescriptor[] = [];
  for (const schema of context.snapshot.schemas()) {
    const relation = context.snapshot.relationByName(schema.oid, name);
    if (relation !== undefined && relation.kind !== 'systemRelation') found.push(relation);
  }
  for (const type of context.snapshot.userTypes()) {
    if (type.typeKind === 'c' && type.name === name) found.push(type);
  }
  return found;
}

function classRows(context: SystemContext, relation: ClassDescriptor): readonly Row[] {
  const {snapshot} = context;
  const indexes = relation.kind === 'table' ? snapshot.indexesOf(relation.oid) : null;
  const constraints = relation.kind === 'table' ? snapshot.constraintsOf(relation.oid) : null;
  const referencing =
    relation.kind === 'table' ? snapshot.referencingConstraints(relation.oid) : null;
  return context.memo.get(relation, 'pg_class', [indexes, constraints, referencing], () => [
    classRow(context, relation),
  ]);
}

/** The columns in which kinds of relations differ. */
interface ClassFacts {
  readonly type?: number;
  readonly method?: number;
  readonly file?: number;
  readonly kind: string;
  readonly persistence?: string;
  readonly columns: number;
  readonly hasIndex?: boolean;
  readonly checks?: number;
  readonly hasRules?: boolean;
  readonly isPopulated?: boolean;
  readonly hasTriggers?: boolean;
  readonly rowSecurity?: boolean;
  readonly forceRowSecurity?: boolean;
  readonly identity?: string;
  readonly isHeap?: boolean;
  readonly options?: Datum;
}

function classRow(context: SystemContext, relation: ClassDescriptor): Row {
  switch (relation.kind) {
    case 'table':
      return row(context, relation, tableFacts(context, relation));
    case 'view':
      return row(context, relation, viewFacts(relation));
    case 'sequence':
      return row(context, relation, sequenceFacts(relation));
    case 'index':
      return row(context, relation, indexFacts(context, relation));
    case 'type':
      return row(context, relation, {
        type: relation.oid,
        kind: 'c',
        columns: relation.columns.length,
      });
  }
}

function tableFacts(context: SystemContext, table: TableDescriptor): ClassFacts {
  const {snapshot} = context;
  const constraints = snapshot.constraintsOf(table.oid);
  return {
    type: table.rowType,
    method: HEAP,
    file: table.oid,
    kind: isMaterialized(table) ? 'm' : 'r',
    persistence: table.persistence,
    columns: table.columns.length,
    hasIndex: snapshot.indexesOf(table.oid).length > 0,
    hasRules: isMaterialized(table),
    isPopulated: table.materialized?.isPopulated ?? true,
    checks: constraints.filter(each => each.type === 'c').length,
    hasTriggers:
      constraints.some(each => each.type === 'f') ||
      snapshot.referencingConstraints(table.oid).length > 0,
    rowSecurity: table.rowSecurity,
    forceRowSecurity: table.forceRowSecurity,
    identity: table.replicaIdentity ?? 'd',
    isHeap: true,
    options: optionsOf(table.options),
  };
}

function viewFacts(view: ViewDescriptor): ClassFacts {
  return {
    type: view.rowType,
    kind: 'v',
    columns: view.columns.length,
    hasRules: true,
    options: optionsOf(view.options),
  };
}

function sequenceFacts(sequence: SequenceDescriptor): ClassFacts {
  return {file: sequence.oid, kind: 'S', persistence: sequence.persistence, columns: 3};
}

function indexFacts(context: SystemContext, index: IndexDescriptor): ClassFacts {
  return {
    method: accessMethods[index.method],
    file: index.oid,
    kind: 'i',
    persistence: context.snapshot.tableByOid(index.table)?.persistence ?? 'p',
    columns: index.keys.length + index.included.length,
    options: arrayOrNull(index.options),
  };
}

function optionsOf(options: Readonly<Record<string, string>>): Datum {
  return arrayOrNull(Object.entries(options).map(([name, value]) => `${name}=${value}`));
}

function row(context: SystemContext, relation: ClassDescriptor, facts: ClassFacts): Row {
  const named = [
    ...[relation.oid, relation.name, relation.schema, facts.type ?? 0, 0, relation.owner],
    ...[facts.method ?? 0, facts.file ?? 0, 0, 0],
  ];
  const isIndexed = facts.kind === 'i' || facts.kind === 'v' || facts.kind === 'c' ? 0 : -1;
  return [
    ...named,
    ...[isIndexed, 0, 0, facts.hasIndex ?? false, false],
    ...[facts.persistence ?? 'p', facts.kind, facts.columns, facts.checks ?? 0],
    ...[facts.hasRules ?? false, facts.hasTriggers ?? false, false],
    ...[facts.rowSecurity ?? false, facts.forceRowSecurity ?? false, facts.isPopulated ?? true],
    ...[facts.identity ?? 'n', false, 0],
    ...(facts.isHeap === true ? [FIRST_XID, 1] : [0, 0]),
    ...[aclDatum(relation.acl, context.snapshot), facts.options ?? null, null],
  ];
}

/** pg_class of a view of schema `system`. */
function ownViewRow(relation: number): Row {
  const own = systemSchemaRelations.find(each => each.oid === relation);
  const base = [relation, own?.name ?? '', SchemaOid.system, relation + 1, 0, RoleOid.postgres];
  return [
    ...[...base, 0, 0, 0, 0, 0, 0, 0, false, false, 'p', 'v', own?.columns.length ?? 0, 0],
    ...[true, false, false, false, false, true, 'n', false, 0, 0, 0, null, null, null],
  ];
}
