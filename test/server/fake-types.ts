import type {ByteWriter} from '../../src/common/byte-writer.ts';
import {oid} from '../../src/common/ids.ts';
import type {PhysicalKind, TypeInstance, Value} from '../../src/types/contract.ts';

/** A type of which only the output side works, and whose generic output shows that it was used. */
export function fakeType(
  typeOid: number,
  name: string,
  physical: PhysicalKind,
  length = -1,
): TypeInstance {
  const part: Partial<TypeInstance> = {
    oid: oid(typeOid),
    name,
    kind: 'b',
    length,
    physical,
    base: null,
    baseTypmod: -1,
    output: value => String(value),
    writeText: (value: Value, out: ByteWriter) => out.utf8(String(value)),
    send: (value: Value, out: ByteWriter) => out.utf8(`sent:${String(value)}`),
  };
  return part as TypeInstance;
}

/** The few types that the tests of the server show. */
export const types = {
  bool: fakeType(16, 'bool', 'bool', 1),
  int8: fakeType(20, 'int8', 'int64', 8),
  int2: fakeType(21, 'int2', 'int32', 2),
  int4: fakeType(23, 'int4', 'int32', 4),
  text: fakeType(25, 'text', 'text'),
  oid: fakeType(26, 'oid', 'float64', 4),
  float4: fakeType(700, 'float4', 'float64', 4),
  float8: fakeType(701, 'float8', 'float64', 8),
  date: fakeType(1082, 'date', 'int32', 4),
  numeric: fakeType(1700, 'numeric', 'boxed'),
  uuid: fakeType(2950, 'uuid', 'text', 16),
} as const;
