import {oid, type Oid} from '../common/ids.ts';
import {internalError} from '../common/errors.ts';
import type {Datum, TypeInstance, TypeLookup} from '../types/contract.ts';
import type {ColumnDescriptor, Descriptor} from './descriptors.ts';

/** Kinds that belong to the cluster, not to one database: their records lie under database 0. */
const clusterKinds: ReadonlySet<string> = new Set(['role', 'database', 'storage']);

/** The storage key of a descriptor's record: `database/kind/oid`, database 0 for roles, databases and storages. */
export function descriptorKey(databaseOid: Oid, kind: Descriptor['kind'], objectOid: Oid): string {
  return `${clusterKinds.has(kind) ? 0 : databaseOid}/${kind}/${objectOid}`;
}

/** Reads a key made by descriptorKey. */
export function parseDescriptorKey(key: string): {
  readonly databaseOid: Oid;
  readonly kind: Descriptor['kind'];
  readonly oid: Oid;
} {
  const [database, kind, objectOid] = key.split('/');
  if (database === undefined || kind === undefined || objectOid === undefined) {
    throw internalError(`malformed catalog key ${key}`);
  }
  return {
    databaseOid: oid(Number(database)),
    kind: kind as Descriptor['kind'],
    oid: oid(Number(objectOid)),
  };
}

/** A descriptor as JSON text. bigint becomes {"$n":"1"}; a column's missing value goes through its type's SQLite form. */
export function descriptorToJson(descriptor: Descriptor, types: TypeLookup): string {
  return JSON.stringify(descriptor, function replace(this: unknown, key: string, value: unknown) {
    if (typeof value === 'bigint') return {$n: String(value)};
    if (key !== 'missingValue' || value === null) return value;
    return encodeMissing(this as ColumnDescriptor, types);
  });
}

/** Reads descriptorToJson's text. Missing values stay encoded until `decodeMissing` knows the types. */
export function descriptorFromJson(json: string): Descriptor {
  return JSON.parse(json, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if ('$n' in value) return BigInt(value.$n as string);
    if ('$b' in value) return Buffer.from(value.$b as string, 'base64');
    return value;
  }) as Descriptor;
}

function encodeMissing(column: ColumnDescriptor, types: TypeLookup): unknown {
  const type = typeOf(column, types);
  const stored = type.toSqlite(column.missingValue as never);
  if (typeof stored === 'bigint') return {$n: String(stored)};
  if (stored instanceof Uint8Array) return {$b: Buffer.from(stored).toString('base64')};
  if (typeof stored === 'number') return {$n64: float64Text(stored)};
  return {$t: stored};
}

/** JSON has no NaN, infinities or -0. */
function float64Text(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** A descriptor with its columns' missing values decoded; itself when it has none. */
export function decodeMissing<T extends Descriptor>(descriptor: T, types: TypeLookup): T {
  if (!('columns' in descriptor)) return descriptor;
  const columns = descriptor.columns as readonly (ColumnDescriptor | number)[];
  if (!columns.some(column => typeof column === 'object' && column.missingValue !== null)) {
    return descriptor;
  }
  const decoded = columns.map(column =>
    typeof column === 'object' && column.missingValue !== null
      ? {...column, missingValue: decodeValue(column, types)}
      : column,
  );
  return {...descriptor, columns: decoded};
}

function decodeValue(column: ColumnDescriptor, types: TypeLookup): Datum {
  const type = typeOf(column, types);
  const raw = column.missingValue as unknown;
  if (typeof raw === 'bigint' || raw instanceof Uint8Array) return type.fromSqlite(raw);
  const tagged = raw as {readonly $n64?: string; readonly $t?: string};
  if (tagged.$n64 !== undefined) return type.fromSqlite(Number(tagged.$n64));
  return type.fromSqlite(tagged.$t ?? '');
}

function typeOf(column: ColumnDescriptor, types: TypeLookup): TypeInstance {
  const type = types.typeByOid(column.typeOid);
  if (type === undefined) throw internalError(`type ${column.typeOid} of a column is unknown`);
  return type;
}
