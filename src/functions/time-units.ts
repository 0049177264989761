import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Units of extract, date_part and date_trunc. */
export type TimeUnit =
  | 'microseconds'
  | 'milliseconds'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'quarter'
  | 'year'
  | 'decade'
  | 'century'
  | 'millennium'
  | 'timezone'
  | 'timezone_hour'
  | 'timezone_minute'
  | 'epoch'
  | 'dow'
  | 'isodow'
  | 'doy'
  | 'isoyear'
  | 'julian';

const names: Readonly<Record<TimeUnit, string>> = {
  microseconds: 'us usec usecs usecond useconds microsecon',
  milliseconds: 'ms msec msecs msecond mseconds millisecon',
  second: 's sec secs second seconds',
  minute: 'm min mins minute minutes',
  hour: 'h hr hrs hour hours',
  day: 'd day days',
  week: 'w week weeks',
  month: 'mon mons month months',
  quarter: 'qtr quarter',
  year: 'y yr yrs year years',
  decade: 'dec decs decade decades',
  century: 'c cent century centuries',
  millennium: 'mil mils millennia millennium',
  timezone: 'timezone',
  timezone_hour: 'timezone_h',
  timezone_minute: 'timezone_m',
  epoch: 'epoch',
  dow: 'dow',
  isodow: 'isodow',
  doy: 'doy',
  isoyear: 'isoyear',
  julian: 'j jd julian',
};

const byName: ReadonlyMap<string, TimeUnit> = new Map(
  (Object.entries(names) as [TimeUnit, string][]).flatMap(([unit, list]) =>
    list.split(' ').map(name => [name, unit] as const),
  ),
);

/** The unit of a name (any case, cut to ten characters); undefined when there is none. */
export function findUnit(name: string): TimeUnit | undefined {
  return byName.get(name.toLowerCase().slice(0, 10));
}

/** Names that only extract from a timestamp reads. */
const reserved: ReadonlySet<TimeUnit> = new Set(['epoch']);
const neverTruncated: ReadonlySet<TimeUnit> = new Set([
  'epoch',
  'dow',
  'isodow',
  'doy',
  'isoyear',
  'julian',
]);

/** 22023 or 0A000 of a unit that a type does not have. */
export function badUnit(name: string, type: string, isTrunc = false): PgError {
  const unit = findUnit(name);
  const isUnknown = isTrunc ? neverTruncated : reserved;
  const known =
    unit !== undefined &&
    (!isUnknown.has(unit) || (!isTrunc && (type.startsWith('timestamp') || type === 'date')));
  if (known)
    return featureNotSupported(`unit "${name.toLowerCase()}" not supported for type ${type}`);
  return new PgError(
    SqlState.invalidParameterValue,
    `unit "${name.toLowerCase()}" not recognized for type ${type}`,
  );
}
