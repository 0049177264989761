import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {EvalContext} from '../../functions/contract.ts';
import type {Datum, TypeInstance, Value} from '../../types/contract.ts';
import {
  intervalAdd,
  intervalCompare,
  intervalNegate,
  intervalSpan,
  intervalSubtract,
  timestampAddInterval,
  timestampFromDate,
  timestampTzAddInterval,
} from '../../types/datetime-math.ts';
import {zoneOf} from '../../types/datetime-zone.ts';
import type {Interval} from '../../types/interval-value.ts';
import type {TimeTz} from '../../types/timetz-value.ts';
import {numericAdd, numericCompare, numericSign, numericSub} from '../../types/numeric-math.ts';
import type {Numeric} from '../../types/numeric-value.ts';

/** PostgreSQL's in_range support function: whether `value` lies on the wanted side of base - offset (`subtracts`) or base + offset. */
export type InRange = (
  value: Value,
  base: Value,
  offset: Value,
  subtracts: boolean,
  isLess: boolean,
) => boolean;

/** The in_range function of a sort key's type; 0A000 where PostgreSQL has none. */
export function inRangeOf(type: TypeInstance, context: EvalContext): InRange {
  let base = type;
  while (base.base !== null) base = base.base;
  switch (base.name) {
    case 'int2':
    case 'int4':
    case 'int8':
      return intRange;
    case 'float4':
    case 'float8':
      return floatRange;
    case 'numeric':
      return numericRange;
    case 'date':
      return spanRange(value => timestampFromDate(value as number), timestampAddInterval);
    case 'timestamp':
      return spanRange(value => value as bigint, timestampAddInterval);
    case 'timestamptz': {
      const zone = zoneOf(context.format.timeZone);
      return spanRange(
        value => value as bigint,
        (at, span) => timestampTzAddInterval(at, span, zone),
      );
    }
    case 'interval':
      return intervalRange;
    case 'time':
      return timeRange;
    case 'timetz':
      return timetzRange;
    default:
      throw featureNotSupported(
        `RANGE with offset PRECEDING/FOLLOWING is not supported for column type ${type.name}`,
      );
  }
}

/** 22013 of a negative or NaN offset. */
export function invalidSize(): PgError {
  return new PgError(
    SqlState.invalidPrecedingOrFollowingSize,
    'invalid preceding or following size in window function',
  );
}

function side(order: number, isLess: boolean): boolean {
  return isLess ? order <= 0 : order >= 0;
}

const intRange: InRange = (value, base, offset, subtracts, isLess) => {
  const step = BigInt(offset as number | bigint);
  if (step < 0n) throw invalidSize();
  const from = BigInt(base as number | bigint);
  const sum = subtracts ? from - step : from + step;
  const at = BigInt(value as number | bigint);
  return isLess ? at <= sum : at >= sum;
};

const floatRange: InRange = (value, base, offset, subtracts, isLess) => {
  const [at, from, step] = [value as number, base as number, offset as number];
  if (Number.isNaN(step) || step < 0) throw invalidSize();
  if (Number.isNaN(at)) return Number.isNaN(from) || !isLess;
  if (Number.isNaN(from)) return isLess;
  // An infinite offset from the opposite infinity would be NaN: PostgreSQL takes it as in range.
  if (step === Infinity && (subtracts ? from > 0 : from < 0) && !Number.isFinite(from)) return true;
  const sum = subtracts ? from - step : from + step;
  return isLess ? at <= sum : at >= sum;
};

const numericRange: InRange = (value, base, offset, subtracts, isLess) => {
  const [at, from, step] = [value as Numeric, base as Numeric, offset as Numeric];
  if (numericSign(step) < 0 || isNaNumeric(step)) throw invalidSize();
  if (isNaNumeric(at)) return isNaNumeric(from) || !isLess;
  if (isNaNumeric(from)) return isLess;
  const sum = subtracts ? numericSub(from, step) : numericAdd(from, step);
  if (isNaNumeric(sum)) return true;
  return side(numericCompare(at, sum), isLess);
};

function isNaNumeric(value: Numeric): boolean {
  return value.kind === 'nan';
}

function spanRange(
  localOf: (value: Value) => bigint,
  add: (at: bigint, span: Interval) => bigint,
): InRange {
  return (value, base, offset, subtracts, isLess) => {
    const span = offset as Interval;
    if (intervalSpan(span) < 0n) throw invalidSize();
    const sum = add(localOf(base), subtracts ? intervalNegate(span) : span);
    const at = localOf(value);
    return isLess ? at <= sum : at >= sum;
  };
}

const intervalRange: InRange = (value, base, offset, subtracts, isLess) => {
  const span = offset as Interval;
  if (intervalSpan(span) < 0n) throw invalidSize();
  const sum = subtracts
    ? intervalSubtract(base as Interval, span)
    : intervalAdd(base as Interval, span);
  return side(intervalCompare(value as Interval, sum), isLess);
};

/** Only the time part of the offset counts, and the sum does not wrap at midnight. */
const timeRange: InRange = (value, base, offset, subtracts, isLess) => {
  const span = offset as Interval;
  if (span.micros < 0n) throw invalidSize();
  const sum = subtracts ? (base as bigint) - span.micros : (base as bigint) + span.micros;
  return isLess ? (value as bigint) <= sum : (value as bigint) >= sum;
};

/** As timeRange, by the instant and then the zone, as timetz sorts. */
const timetzRange: InRange = (value, base, offset, subtracts, isLess) => {
  const span = offset as Interval;
  if (span.micros < 0n) throw invalidSize();
  const from = base as TimeTz;
  const moved = subtracts ? from.micros - span.micros : from.micros + span.micros;
  const at = value as TimeTz;
  const gap = at.micros - moved + BigInt(at.zoneSeconds - from.zoneSeconds) * 1_000_000n;
  return side(gap === 0n ? at.zoneSeconds - from.zoneSeconds : gap < 0n ? -1 : 1, isLess);
};

/** A frame's offset must be given and not negative (checked by type in in_range for RANGE). */
export function checkOffset(value: Datum, which: 'starting' | 'ending', isCount: boolean): Value {
  if (value === null)
    throw new PgError(SqlState.nullValueNotAllowed, `frame ${which} offset must not be null`);
  if (isCount && Number(value) < 0) {
    throw new PgError(
      SqlState.invalidPrecedingOrFollowingSize,
      `frame ${which} offset must not be negative`,
    );
  }
  return value;
}
