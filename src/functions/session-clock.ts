import {featureNotSupported} from '../common/errors.ts';
import type {Datum} from '../types/contract.ts';
import type {EvalContext} from './contract.ts';

/** Microseconds rounded to `precision` digits after the second (-1: as they are). */
export function roundMicros(micros: bigint, precision: number): bigint {
  if (precision < 0 || precision >= 6) return micros;
  const unit = 10n ** BigInt(6 - precision);
  const half = unit / 2n;
  return micros >= 0n ? ((micros + half) / unit) * unit : -(((-micros + half) / unit) * unit);
}

/** CURRENT_DATE. */
export function currentDate(context: EvalContext): Datum {
  void context;
  throw featureNotSupported('CURRENT_DATE is not supported');
}
/** CURRENT_TIME. */
export function currentTime(context: EvalContext, precision: number): Datum {
  void context; void precision;
  throw featureNotSupported('CURRENT_TIME is not supported');
}
/** LOCALTIME. */
export function localTime(context: EvalContext, precision: number): Datum {
  void context; void precision;
  throw featureNotSupported('LOCALTIME is not supported');
}
/** LOCALTIMESTAMP. */
export function localTimestamp(context: EvalContext, precision: number): Datum {
  void context; void precision;
  throw featureNotSupported('LOCALTIMESTAMP is not supported');
}
