import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {IndexDescriptor, TableDescriptor} from '../catalog/descriptors.ts';
import {featureNotSupported} from '../common/errors.ts';
import type {StorageIndex} from '../storage/contract.ts';
import type {Engine} from './engine.ts';

/** Compiles the key expressions and the predicate of an index into a function of a stored row. */
export function makeIndexKey(
  _engine: Engine,
  _table: TableDescriptor,
  index: IndexDescriptor,
  _catalog: CatalogSnapshot,
): StorageIndex['keyOf'] {
  throw featureNotSupported(`index "${index.name}" has expressions or a predicate, which are not supported yet`);
}
