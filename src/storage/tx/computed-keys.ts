// Hot path: called for every row that is written.
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum} from '../../types/contract.ts';
import type {StorageIndex, TableStorage} from '../contract.ts';
import {type NewRow, rowOf} from './row-block.ts';

/**
 * Evaluates the expressions and predicates of a table's plain indexes for a new row: they hold no keys, but a row whose key cannot be
 * computed must not come in. Unique ones are evaluated where keys are compared.
 */
export function computeKeys(table: TableStorage, row: NewRow, rid: number): void {
  const {indexes} = table;
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i]!;
    if (index.keyOf !== null && !index.isUnique) computeKey(index, rowOf(row, rid));
  }
}

/** The same for one index. What only a session could tell (a function that is IMMUTABLE by name only) is not asked. */
export function computeKey(index: StorageIndex, row: readonly Datum[]): void {
  try {
    index.keyOf?.(row);
  } catch (error) {
    if (!(error instanceof PgError) || error.code !== SqlState.featureNotSupported) throw error;
  }
}
