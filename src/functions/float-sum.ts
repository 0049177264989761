import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Below this magnitude neither sums of floats nor the squares that PostgreSQL's avg keeps can overflow. */
export const SAFE_FLOAT = 1e130;

/** 22003 when the sum of finite floats is not, or, for avg, the sum of squares of its float8_accum. `count` includes `value`. */
export function checkFloatSum(
  before: number,
  value: number,
  count: number,
  isAverage: boolean,
): void {
  if (!Number.isFinite(before) || !Number.isFinite(value)) return;
  const sum = before + value;
  const distance = value * count - sum;
  const isOver =
    !Number.isFinite(sum) ||
    (isAverage && count > 1 && !Number.isFinite((distance * distance) / (count * (count - 1))));
  if (isOver) throw overflow();
}

/** A sum of float4 as one; 22003 when it is too large. */
export function float4Sum(sum: number): number {
  const rounded = Math.fround(sum);
  if (Number.isFinite(sum) && !Number.isFinite(rounded)) throw overflow();
  return rounded;
}

function overflow(): PgError {
  return new PgError(SqlState.numericValueOutOfRange, 'value out of range: overflow');
}
