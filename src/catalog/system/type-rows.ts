import type {Oid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {Descriptor, TypeDescriptor} from '../descriptors.ts';
import {RoleOid, rowArrayOid, SchemaOid} from '../well-known.ts';
import {aclDatum, asOid, type Row, type SystemContext, type SystemSource} from './source.ts';
import {systemSchemaRelations} from './system-schema.ts';

/** pg_type. */
export const pgType: SystemSource = {
  all: context => [
    ...context.rows.all('pg_type'),
    ...systemSchemaRelations.flatMap(relation => ownTypes(relation)),
    ...typeOwners(context)
      .flatMap(owner => typeRows(context, owner))
      .sort((a, b) => (a[0] as number) - (b[0] as number)),
  ],
  by: {
    oid: (context, value) => {
      const key = asOid(value);
      const builtin = context.rows.byKey('pg_type', key);
      if (builtin.length > 0) return builtin;
      const own = systemSchemaRelations.flatMap(relation => ownTypes(relation));
      const rows = own.filter(row => row[0] === key);
      if (rows.length > 0) return rows;
      const owner = ownerOf(context, key);
      return owner === undefined ? [] : typeRows(context, owner).filter(row => row[0] === key);
    },
    typname: (context, value) => {
      if (typeof value !== 'string') return [];
      const rows = [...context.rows.byName('pg_type', value)];
      for (const schema of context.snapshot.schemas()) {
        const type = context.snapshot.typeByName(schema.oid, value);
        if (type === undefined || rows.some(row => row[0] === type.oid)) continue;
        rows.push(...(pgType.by?.oid?.(context, type.oid) ?? []));
      }
      return rows;
    },
    typrelid: (context, value) => {
      const key = asOid(value);
      const relation = context.snapshot.relationByOid(key);
      if (relation?.kind === 'systemRelation') {
        return context.rows.all('pg_type').filter(row => row[11] === key);
      }
      const owner =
        relation?.kind === 'table' || relation?.kind === 'view'
          ? relation
          : context.snapshot.typeDescriptorByOid(key);
      return owner === undefined ? [] : typeRows(context, owner);
    },
  },
};

/** pg_enum. */
export const pgEnum: SystemSource = {
  all: context => [...context.snapshot.userTypes()].flatMap(type => enumRows(context, type)),
  by: {
    enumtypid: (context, value) => {
      const type = context.snapshot.typeDescriptorByOid(asOid(value));
      return type === undefined ? [] : enumRows(context, type);
    },
  },
};

/** pg_cast. */
export const pgCast: SystemSource = {
  all: context => [
    ...context.rows.all('pg_cast'),
    ...context.snapshot.list('cast').flatMap(cast => {
      if (cast.kind !== 'cast' || cast.isRetired === true) return [];
      const {oid, source, target, context: when, method} = cast;
      return [[oid, source, target, cast.function, when, method]];
    }),
  ],
};

/** pg_range. */
export const pgRange: SystemSource = {
  all: context => [
    ...context.rows.all('pg_range'),
    ...[...context.snapshot.userTypes()].flatMap(type =>
      type.range === undefined
        ? []
        : [
            [
              ...[type.oid, type.baseType, type.range.multirange, type.range.collation],
              ...[type.range.opclass, 0, type.range.diff],
            ],
          ],
    ),
  ],
};

type TypeOwner = Extract<Descriptor, {kind: 'table' | 'view' | 'type'}>;

function typeOwners(context: SystemContext): readonly TypeOwner[] {
  const {snapshot} = context;
  const tables = [...snapshot.tables(), ...snapshot.views()].filter(each => each.rowType !== 0);
  return [...snapshot.userTypes(), ...tables];
}

/** Who a user-made type OID belongs to: found through the instance's name and schema. */
function ownerOf(context: SystemContext, typeOid: Oid): TypeOwner | undefined {
  const {snapshot} = context;
  const type = snapshot.typeByOid(typeOid);
  if (type === undefined) return undefined;
  const isArray = type.category === 'A' && type.element !== null;
  const own = isArray && type.element !== null ? type.element : type;
  const made = snapshot.typeDescriptorByOid(own.oid);
  if (made !== undefined) return made;
  const relation = snapshot.relationByName(snapshot.typeSchema(own.oid), own.name);
  return relation?.kind === 'table' || relation?.kind === 'view' ? relation : undefined;
}

function enumRows(context: SystemContext, type: TypeDescriptor): readonly Row[] {
  if (type.typeKind !== 'e') return [];
  return context.memo.get(type, 'pg_enum', [], () =>
    [...type.labels]
      .sort((a, b) => a.sortOrder - b.sortOrder)
      .map(label => [label.oid, type.oid, label.sortOrder, label.label]),
  );
}

/** How a type lies in a row: what pg_attribute repeats of pg_type. */
export interface TypeShape {
  readonly length: number;
  readonly byValue: boolean;
  readonly align: string;
  readonly storage: string;
}

const varlena: TypeShape = {length: -1, byValue: false, align: 'd', storage: 'x'};
const enumShape: TypeShape = {length: 4, byValue: true, align: 'i', storage: 'p'};

/** Shape of a range or multirange. */
function rangeShape(context: SystemContext, subtype: Oid): TypeShape {
  return {...varlena, align: typeShape(context, subtype).align === 'd' ? 'd' : 'i'};
}

/** The shape of any type. */
export function typeShape(context: SystemContext, typeOid: Oid): TypeShape {
  const raw = context.rows.raw('pg_type', typeOid);
  if (raw !== undefined) {
    return {
      length: raw[4] as number,
      byValue: raw[5] as boolean,
      align: raw[22] as string,
      storage: raw[23] as string,
    };
  }
  const made = context.snapshot.typeDescriptorByOid(typeOid);
  if (made?.typeKind === 'e') return enumShape;
  if (made?.typeKind === 'd') return typeShape(context, made.baseType);
  if (made?.typeKind === 'r' || made?.typeKind === 'm') return rangeShape(context, made.baseType);
  const element = context.snapshot.typeByOid(typeOid)?.element;
  if (element == null) return varlena;
  return {...varlena, align: typeShape(context, element.oid).align === 'd' ? 'd' : 'i'};
}

/** I/O functions by pg_proc OID: in, out, receive, send. */
const recordIo = [2290, 2291, 2402, 2403];
const enumIo = [3506, 3507, 3532, 3533];
const arrayIo = [750, 751, 2400, 2401];
const rangeIo = [3834, 3835, 3836, 3837];
const multirangeIo = [4231, 4232, 4233, 4234];
const ARRAY_SUBSCRIPT = 6179;
const ARRAY_ANALYZE = 3816;
const RANGE_ANALYZE = 3916;
const MULTIRANGE_ANALYZE = 4242;
const DOMAIN_IN = 2597;
const DOMAIN_RECEIVE = 2598;

/** The columns in which user-made types differ. */
interface TypeFacts {
  readonly oid: number;
  readonly name: string;
  readonly shape: TypeShape;
  readonly kind: string;
  readonly category: string;
  readonly relation?: number;
  readonly element?: number;
  readonly array?: number;
  readonly io: readonly number[];
  readonly isNotNull?: boolean;
  readonly base?: number;
  readonly typmod?: number;
  readonly collation?: number;
  readonly defaultText?: string | null;
  readonly delimiter?: string;
  readonly dimensions?: number;
  readonly analyze?: number;
}

function typeRow(schema: number, owner: number, acl: Datum, facts: TypeFacts): Row {
  const isArray = facts.category === 'A';
  const {shape} = facts;
  return [
    ...[facts.oid, facts.name, schema, owner, shape.length, shape.byValue, facts.kind],
    ...[facts.category, false, true, facts.delimiter ?? ',', facts.relation ?? 0],
    ...[isArray ? ARRAY_SUBSCRIPT : 0, facts.element ?? 0, facts.array ?? 0, ...facts.io],
    ...[0, 0, isArray ? ARRAY_ANALYZE : (facts.analyze ?? 0), shape.align, shape.storage],
    ...[facts.isNotNull ?? false, facts.base ?? 0, facts.typmod ?? -1, facts.dimensions ?? 0],
    ...[facts.collation ?? 0, null, facts.defaultText ?? null, acl],
  ];
}

/** Rows of a type, table or view: its own type and the array of it. */
function typeRows(context: SystemContext, owner: TypeOwner): readonly Row[] {
  return context.memo.get(owner, 'pg_type', [], () => {
    const {snapshot} = context;
    const isMade = owner.kind === 'type';
    const facts = isMade
      ? madeFacts(context, owner)
      : rowFacts(owner.rowType, owner.oid, owner.name);
    const acl = isMade ? aclDatum(owner.acl, snapshot) : null;
    const array = facts.array ?? 0;
    const rows = [typeRow(owner.schema, owner.owner, acl, facts)];
    const arrayType = array === 0 ? undefined : snapshot.typeByOid(array as Oid);
    if (arrayType !== undefined) {
      const arrayFacts = arrayOf(facts, arrayType.name, array);
      rows.unshift(typeRow(owner.schema, owner.owner, null, arrayFacts));
    }
    return rows;
  });
}

function rowFacts(typeOid: number, relation: number, name: string): TypeFacts {
  const array = rowArrayOid(typeOid as Oid);
  return {
    oid: typeOid,
    name,
    shape: varlena,
    kind: 'c',
    category: 'C',
    relation,
    array,
    io: recordIo,
  };
}

function arrayOf(element: TypeFacts, name: string, array: number): TypeFacts {
  const shape = {...varlena, align: element.shape.align === 'd' ? 'd' : 'i'};
  return {
    oid: array,
    name,
    shape,
    kind: 'b',
    category: 'A',
    element: element.oid,
    io: arrayIo,
    collation: element.collation ?? 0,
  };
}

function madeFacts(context: SystemContext, type: TypeDescriptor): TypeFacts {
  const {oid, name, arrayOid: array} = type;
  if (type.typeKind === 'e') {
    return {oid, name, shape: enumShape, kind: 'e', category: 'E', array, io: enumIo};
  }
  if (type.typeKind === 'c') return {...rowFacts(oid, oid, name), array};
  if (type.typeKind === 'r' || type.typeKind === 'm') {
    const isRange = type.typeKind === 'r';
    const shape = rangeShape(context, type.baseType);
    const io = isRange ? rangeIo : multirangeIo;
    const analyze = isRange ? RANGE_ANALYZE : MULTIRANGE_ANALYZE;
    return {oid, name, shape, kind: type.typeKind, category: 'R', array, io, analyze};
  }
  return domainFacts(context, type);
}

function domainFacts(context: SystemContext, type: TypeDescriptor): TypeFacts {
  const base = pgType.by?.oid?.(context, type.baseType)[0] ?? [];
  return {
    oid: type.oid,
    name: type.name,
    shape: typeShape(context, type.baseType),
    kind: 'd',
    category: (base[7] as string | undefined) ?? 'U',
    array: type.arrayOid,
    io: [DOMAIN_IN, (base[16] as number) ?? 0, DOMAIN_RECEIVE, (base[18] as number) ?? 0],
    isNotNull: type.isNotNull,
    base: type.baseType,
    typmod: type.baseTypmod,
    collation: (base[28] as number | undefined) ?? 0,
    defaultText: type.defaultText,
    delimiter: (base[10] as string | undefined) ?? ',',
  };
}

/** Row type and its array of a view of schema `system`. */
function ownTypes(relation: (typeof systemSchemaRelations)[number]): readonly Row[] {
  const facts = rowFacts(relation.oid + 1, relation.oid, relation.name);
  const {system} = SchemaOid;
  return [
    typeRow(system, RoleOid.postgres, null, facts),
    typeRow(system, RoleOid.postgres, null, arrayOf(facts, `_${relation.name}`, relation.oid + 2)),
  ];
}
