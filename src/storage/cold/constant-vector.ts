import type {TextDictionary, Vector} from '../../columns/vector.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';

/** A full vector of one value: what a column that a segment lacks reads. */
export function constantVector(type: TypeInstance, value: Datum): Vector {
  const size = BATCH_CAPACITY;
  const nulls = value === null ? new Uint8Array(size).fill(1) : null;
  switch (type.physical) {
    case 'int32':
      return {kind: 'int32', values: new Int32Array(size).fill((value ?? 0) as number), nulls};
    case 'float64':
      return {kind: 'float64', values: new Float64Array(size).fill((value ?? 0) as number), nulls};
    case 'int64':
      return {kind: 'int64', values: new BigInt64Array(size).fill((value ?? 0n) as bigint), nulls};
    case 'bool':
      return {kind: 'bool', values: new Uint8Array(size).fill(value === true ? 1 : 0), nulls};
    case 'text': {
      const text = (value ?? '') as string;
      const dictionary: TextDictionary = {size: 1, get: () => text};
      return {kind: 'dict', values: new Int32Array(size), dictionary, nulls};
    }
    case 'boxed':
      return {kind: 'boxed', values: new Array<Datum>(size).fill(value), nulls};
  }
}
