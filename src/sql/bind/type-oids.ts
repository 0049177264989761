import {oid, type Oid} from '../../common/ids.ts';

const table = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int2vector: 22,
  int4: 23,
  regproc: 24,
  text: 25,
  oid: 26,
  tid: 27,
  xid: 28,
  cid: 29,
  oidvector: 30,
  json: 114,
  xml: 142,
  float4: 700,
  float8: 701,
  unknown: 705,
  money: 790,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  timetz: 1266,
  bit: 1560,
  varbit: 1562,
  numeric: 1700,
  record: 2249,
  cstring: 2275,
  any: 2276,
  anyarray: 2277,
  void: 2278,
  trigger: 2279,
  internal: 2281,
  anyelement: 2283,
  anynonarray: 2776,
  uuid: 2950,
  anyenum: 3500,
  jsonb: 3802,
  anyrange: 3831,
  anymultirange: 4537,
  anycompatiblemultirange: 4538,
  recordArray: 2287,
  textArray: 1009,
  anycompatible: 5077,
  anycompatiblearray: 5078,
  anycompatiblenonarray: 5079,
  anycompatiblerange: 5080,
  cstringArray: 1263,
  regclass: 2205,
  regtype: 2206,
  int8Array: 1016,
  int4Array: 1007,
  oidArray: 1028,
  regprocedure: 2202,
} as const;

type TypeName = keyof typeof table;

/** OIDs of the built-in types that binding names. */
export const TypeOid: {readonly [name in TypeName]: Oid} = Object.fromEntries(
  Object.entries(table).map(([name, value]) => [name, oid(value)]),
) as {readonly [name in TypeName]: Oid};

/** Pseudo-types that stand for any type and are resolved by the actual arguments. */
export function isPolymorphic(type: Oid): boolean {
  return isPolymorphicFamily1(type) || isPolymorphicFamily2(type);
}

/** anyelement and its kin: all arguments have one type. */
export function isPolymorphicFamily1(type: Oid): boolean {
  return (
    type === TypeOid.anyelement ||
    type === TypeOid.anyarray ||
    type === TypeOid.anynonarray ||
    type === TypeOid.anyenum ||
    type === TypeOid.anyrange ||
    type === TypeOid.anymultirange
  );
}

/** anycompatible and its kin: arguments are converted to a common type. */
export function isPolymorphicFamily2(type: Oid): boolean {
  return (
    type === TypeOid.anycompatible ||
    type === TypeOid.anycompatiblearray ||
    type === TypeOid.anycompatiblenonarray ||
    type === TypeOid.anycompatiblerange ||
    type === TypeOid.anycompatiblemultirange
  );
}
