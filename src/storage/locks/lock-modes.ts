import type {RowLockMode} from '../contract.ts';
import type {TableLockMode} from './table-lock-mode.ts';

/** Row lock modes by strength, 1 to 4 (PostgreSQL 13.3.2). */
export const ROW_MODES: Readonly<Record<RowLockMode, number>> = {
  keyShare: 1,
  share: 2,
  noKeyUpdate: 3,
  update: 4,
};

/** Whether two row lock modes conflict. */
export function rowModesConflict(a: number, b: number): boolean {
  // keyShare conflicts with update only; share with noKeyUpdate and update; the two strong ones with each other.
  return a + b >= 5 && (a >= 3 || b >= 3);
}

/** Table lock modes 1 to 8 (PostgreSQL 13.3.1). */
export const TABLE_MODES: Readonly<Record<TableLockMode, number>> = {
  accessShare: 1,
  rowShare: 2,
  rowExclusive: 3,
  shareUpdateExclusive: 4,
  share: 5,
  shareRowExclusive: 6,
  exclusive: 7,
  accessExclusive: 8,
};

/** Names of the heavy lock that PostgreSQL takes on a tuple while it waits for a row, by row mode. */
export const TUPLE_MODE_NAMES: readonly string[] = [
  '',
  'AccessShareLock',
  'RowShareLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];

/** Names as pg_locks and deadlock reports print them, by mode number. */
export const HEAVY_MODE_NAMES: readonly string[] = [
  '',
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];

/** Per mode, the bits of the modes it conflicts with. */
export const HEAVY_CONFLICTS: readonly number[] = [
  0,
  bits(8),
  bits(7, 8),
  bits(5, 6, 7, 8),
  bits(4, 5, 6, 7, 8),
  bits(3, 4, 6, 7, 8),
  bits(3, 4, 5, 6, 7, 8),
  bits(2, 3, 4, 5, 6, 7, 8),
  bits(1, 2, 3, 4, 5, 6, 7, 8),
];

function bits(...modes: number[]): number {
  return modes.reduce((mask, mode) => mask | (1 << mode), 0);
}
