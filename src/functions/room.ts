import {getHeapStatistics} from 'node:v8';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** A longer JavaScript array may not be able to grow: the process would end. */
const MOST_VALUES = 80_000_000;
/** Values between two looks at the memory. */
const EVERY = 65_536;

/** Raises 53200 before a state that keeps `count` values, and is about to keep another, fills the memory of the process. */
export function checkRoom(count: number): void {
  if (count % EVERY !== 0 || count === 0) return;
  const {used_heap_size: used, heap_size_limit: limit} = getHeapStatistics();
  // An array grows by half, into a new one.
  if (count < MOST_VALUES && used + count * 12 < limit * 0.9) return;
  throw new PgError(SqlState.outOfMemory, 'out of memory', {
    detail: `Failed to keep more than ${count} values of one group.`,
  });
}

/** 54000 where PostgreSQL cannot enlarge a string buffer. */
export function stringTooLong(): PgError {
  return new PgError(SqlState.programLimitExceeded, 'out of memory', {
    detail: 'The result is longer than the longest string that is supported.',
  });
}

/** Whether JavaScript failed to make a string, an array or a buffer of the wanted length. */
export function isTooLong(error: Error): boolean {
  return (
    (error instanceof RangeError && /^(Invalid|Array buffer)/.test(error.message)) ||
    (error as {code?: unknown}).code === 'ERR_STRING_TOO_LONG'
  );
}
