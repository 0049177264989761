import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum} from '../types/contract.ts';
import {
  intervalSpan,
  timestampAddInterval,
  timestampTzAddInterval,
} from '../types/datetime-math.ts';
import type {Interval} from '../types/interval-value.ts';
import type {SetFunctionCode} from './contract.ts';
import {sessionZone} from './session-clock.ts';

function* series(
  start: bigint,
  end: bigint,
  step: Interval,
  add: (value: bigint) => bigint,
): Generator<Datum> {
  const direction = intervalSpan(step);
  if (direction === 0n)
    throw new PgError(SqlState.invalidParameterValue, 'step size cannot equal zero');
  for (let value = start; direction > 0n ? value <= end : value >= end; value = add(value))
    yield value;
}

/** generate_series over timestamps. */
export const timeSeriesSets: Readonly<Record<string, SetFunctionCode>> = {
  generate_series_timestamp: {
    create: () => args =>
      series(args[0] as bigint, args[1] as bigint, args[2] as Interval, value =>
        timestampAddInterval(value, args[2] as Interval),
      ),
  },
  generate_series_timestamptz: {
    create: () => (args, context) => {
      const zone = sessionZone(context);
      return series(args[0] as bigint, args[1] as bigint, args[2] as Interval, value =>
        timestampTzAddInterval(value, args[2] as Interval, zone),
      );
    },
  },
};
