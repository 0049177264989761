import {
  dateFromTimestamp,
  localFromUtc,
  roundMicros,
  secondsOfTimestamp,
} from '../types/datetime-math.ts';
import {microsOfTimestamp} from '../types/datetime-calendar.ts';
import type {Zone} from '../types/datetime-zone.ts';
import {zoneOf} from '../types/datetime-zone.ts';
import {TimeTz} from '../types/timetz-value.ts';
import type {EvalContext} from './contract.ts';

export {roundMicros};

/** The session's time zone. */
export function sessionZone(context: EvalContext): Zone {
  return zoneOf(context.format.timeZone);
}

/** CURRENT_DATE. */
export function currentDate(context: EvalContext): number {
  return dateFromTimestamp(
    localFromUtc(context.clock.transactionTimestamp(), sessionZone(context)),
  );
}

/** CURRENT_TIME. */
export function currentTime(context: EvalContext, precision: number): TimeTz {
  const now = context.clock.transactionTimestamp();
  return new TimeTz(
    localTime(context, precision),
    -sessionZone(context).offsetAt(secondsOfTimestamp(now)),
  );
}

/** LOCALTIME. */
export function localTime(context: EvalContext, precision: number): bigint {
  const local = localFromUtc(context.clock.transactionTimestamp(), sessionZone(context));
  return roundMicros(BigInt(microsOfTimestamp(local)), precision);
}

/** LOCALTIMESTAMP. */
export function localTimestamp(context: EvalContext, precision: number): bigint {
  return roundMicros(
    localFromUtc(context.clock.transactionTimestamp(), sessionZone(context)),
    precision,
  );
}
