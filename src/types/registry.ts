import type {Oid} from '../common/ids.ts';
import {makeArrayType, VectorType} from './array.ts';
import {BitType} from './bit.ts';
import {BoolType} from './bool.ts';
import {ByteaType} from './bytea.ts';
import type {TypeInstance, TypeLookup} from './contract.ts';
import {DateType, TimestampType, TimestampTzType} from './datetime-types.ts';
import {makeFloat4, makeFloat8} from './floats.ts';
import {makeGeometryTypes} from './geometry.ts';
import {Int8Type, makeInt2, makeInt4} from './integers.ts';
import {JsonbType, JsonType} from './jsonb.ts';
import {JsonPathType} from './jsonpath.ts';
import {SnapshotType} from './snapshot-type.ts';
import {MoneyType} from './money.ts';
import {MacType, NetworkType} from './network.ts';
import {NumericType} from './numeric.ts';
import {opaqueRows, PseudoType, pseudoRows, VoidType} from './pseudo.ts';
import {makeMultirangeType, makeRangeType, rangeRows} from './range.ts';
import {RecordType} from './record.ts';
import {PgLsnType, RegType, TidType, Uint32Type, Xid8Type} from './system-integers.ts';
import {
  AclItemType,
  BpcharType,
  CharType,
  NameType,
  TextType,
  UnorderedTextType,
  VarcharType,
} from './text.ts';
import {IntervalType, TimeType, TimeTzType} from './time-types.ts';
import {TsQueryType} from './tsquery.ts';
import {TsVectorType} from './tsvector.ts';
import {UuidType} from './uuid.ts';

/** The built-in types; by OID, by pg_type.typname, and all of them. */
export interface BuiltinTypes extends TypeLookup {
  byName(name: string): TypeInstance | undefined;
  readonly all: readonly TypeInstance[];
}

const regTypes: readonly (readonly [number, string, number])[] = [
  [24, 'regproc', 1008],
  [2202, 'regprocedure', 2207],
  [2203, 'regoper', 2208],
  [2204, 'regoperator', 2209],
  [2205, 'regclass', 2210],
  [2206, 'regtype', 2211],
  [3734, 'regconfig', 3735],
  [3769, 'regdictionary', 3770],
  [4089, 'regnamespace', 4090],
  [4096, 'regrole', 4097],
  [4191, 'regcollation', 4192],
];

/** All built-in types of PostgreSQL 15 that Wadi knows, with their arrays, under PostgreSQL's OIDs. */
export function createBuiltinTypes(): BuiltinTypes {
  const byOid = new Map<Oid, TypeInstance>();
  const byName = new Map<string, TypeInstance>();
  const all: TypeInstance[] = [];
  const lookup: TypeLookup = {typeByOid: oid => byOid.get(oid)};
  const add = (type: TypeInstance): void => {
    byOid.set(type.oid, type);
    byName.set(type.name, type);
    all.push(type);
  };
  const scalars = [...coreTypes(), ...textTypes(), ...systemTypes(), ...vectorTypes()];
  scalars.push(
    new RecordType(
      {oid: 2249, name: 'record', arrayOid: 2287, category: 'P', kind: 'p', length: -1},
      lookup,
    ),
  );
  for (const type of scalars) {
    add(type);
    if (type.arrayOid !== 0) add(makeArrayType(type));
  }
  for (const type of makeGeometryTypes(byName.get('float8')!)) {
    add(type);
    add(makeArrayType(type));
  }
  for (const type of rangeTypes(name => byName.get(name)!)) {
    add(type);
    add(makeArrayType(type));
  }
  for (const type of pseudoTypes()) add(type);
  return {typeByOid: lookup.typeByOid, byName: name => byName.get(name), all};
}

function coreTypes(): TypeInstance[] {
  return [
    new BoolType(),
    makeInt2(),
    makeInt4(),
    new Int8Type(),
    makeFloat4(),
    makeFloat8(),
    new NumericType(),
    new ByteaType(),
    new UuidType(),
    new JsonbType(),
    new DateType(),
    new TimeType(),
    new TimeTzType(),
    new TimestampType(),
    new TimestampTzType(),
    new IntervalType(),
    new MoneyType(),
    new BitType({oid: 1560, name: 'bit', arrayOid: 1561, category: 'V', length: -1}),
    new BitType({
      oid: 1562,
      name: 'varbit',
      arrayOid: 1563,
      category: 'V',
      length: -1,
      isPreferred: true,
    }),
    new TsVectorType(),
    new TsQueryType(),
    new NetworkType({
      oid: 869,
      name: 'inet',
      arrayOid: 1041,
      category: 'I',
      length: -1,
      isPreferred: true,
    }),
    new NetworkType({oid: 650, name: 'cidr', arrayOid: 651, category: 'I', length: -1}),
    new MacType({oid: 829, name: 'macaddr', arrayOid: 1040, category: 'U', length: 6}),
    new MacType({oid: 774, name: 'macaddr8', arrayOid: 775, category: 'U', length: 8}),
  ];
}

function textTypes(): TypeInstance[] {
  const character = new CharType();
  const collatable = {length: -1, category: 'S', isCollatable: true};
  return [
    character,
    new NameType(
      {oid: 19, name: 'name', arrayOid: 1003, category: 'S', length: 64, isCollatable: true},
      character,
    ),
    new TextType({oid: 25, name: 'text', arrayOid: 1009, isPreferred: true, ...collatable}),
    new VarcharType({oid: 1043, name: 'varchar', arrayOid: 1015, ...collatable}),
    new BpcharType({oid: 1042, name: 'bpchar', arrayOid: 1014, ...collatable}),
    new JsonType({oid: 114, name: 'json', arrayOid: 199, category: 'U', length: -1}),
    new JsonPathType(),
    new SnapshotType({oid: 2970, name: 'txid_snapshot', arrayOid: 2949, category: 'U', length: -1}),
    new SnapshotType({oid: 5038, name: 'pg_snapshot', arrayOid: 5039, category: 'U', length: -1}),
    new UnorderedTextType({oid: 142, name: 'xml', arrayOid: 143, category: 'U', length: -1}),
    new UnorderedTextType({
      oid: 1790,
      name: 'refcursor',
      arrayOid: 2201,
      category: 'U',
      length: -1,
    }),
    new TextType({oid: 705, name: 'unknown', arrayOid: 0, category: 'X', kind: 'p', length: -2}),
    new TextType({
      oid: 2275,
      name: 'cstring',
      arrayOid: 1263,
      category: 'P',
      kind: 'p',
      length: -2,
    }),
    new UnorderedTextType({
      oid: 194,
      name: 'pg_node_tree',
      arrayOid: 0,
      category: 'Z',
      length: -1,
      isCollatable: true,
    }),
    new AclItemType({oid: 1033, name: 'aclitem', arrayOid: 1034, category: 'U', length: 12}),
  ];
}

function systemTypes(): TypeInstance[] {
  return [
    new Uint32Type(
      {oid: 26, name: 'oid', arrayOid: 1028, category: 'N', length: 4, isPreferred: true},
      false,
    ),
    new Uint32Type({oid: 28, name: 'xid', arrayOid: 1011, category: 'U', length: 4}, true),
    new Uint32Type({oid: 29, name: 'cid', arrayOid: 1012, category: 'U', length: 4}, true),
    new Xid8Type(),
    new TidType(),
    new PgLsnType(),
    ...regTypes.map(
      ([oid, name, arrayOid]) => new RegType({oid, name, arrayOid, category: 'N', length: 4}),
    ),
  ];
}

function vectorTypes(): TypeInstance[] {
  const int2 = makeInt2();
  const oid = new Uint32Type(
    {oid: 26, name: 'oid', arrayOid: 1028, category: 'N', length: 4},
    false,
  );
  return [
    new VectorType({oid: 22, name: 'int2vector', arrayOid: 1006, category: 'A', length: -1}, int2),
    new VectorType({oid: 30, name: 'oidvector', arrayOid: 1013, category: 'A', length: -1}, oid),
  ];
}

function rangeTypes(byName: (name: string) => TypeInstance): TypeInstance[] {
  return rangeRows.flatMap(([oid, name, arrayOid, subtype, multiOid, multiName, multiArray]) => {
    const range = makeRangeType({oid, name, arrayOid}, byName(subtype), multiOid);
    return [
      range,
      makeMultirangeType({oid: multiOid, name: multiName, arrayOid: multiArray}, range),
    ];
  });
}

function pseudoTypes(): TypeInstance[] {
  return [
    new VoidType({oid: 2278, name: 'void', arrayOid: 0, category: 'P', kind: 'p', length: 4}),
    ...opaqueRows.map(
      ([oid, name]) =>
        new PseudoType({oid, name, length: -1, arrayOid: 0, category: 'Z', isCollatable: true}),
    ),
    ...pseudoRows.map(
      ([oid, name, length]) =>
        new PseudoType({oid, name, length, arrayOid: 0, category: 'P', kind: 'p'}),
    ),
  ];
}
