import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {DateFaultSignal} from './datetime-fields.ts';
import type {Zone} from './datetime-zone.ts';
import {findZone} from './datetime-zone.ts';

/** Microseconds of `.123456789`, rounded. */
export function fractionMicros(text: string): number {
  if (text.length <= 1) return 0;
  return Math.round(Number(`0${text}`) * 1_000_000);
}

/** Seconds east of `+05:30`, `-8`, `+0530`, `-03:30:52`. */
export function decodeOffset(text: string): number {
  const match = /^([+-])(\d+)(?::(\d*))?(?::(\d*))?$/.exec(text);
  if (match === null) throw new DateFaultSignal('format');
  let hours = Number(match[2]);
  let minutes = Number(match[3] ?? 0);
  if (match[3] === undefined && match[2]!.length > 2) {
    minutes = hours % 100;
    hours = Math.floor(hours / 100);
  }
  const seconds = Number(match[4] ?? 0);
  if (hours > 15 || minutes > 59 || seconds > 59) throw new DateFaultSignal('zone');
  const size = hours * 3600 + minutes * 60 + seconds;
  return match[1] === '-' && size !== 0 ? -size : size;
}

/** A zone by name, or 22023. */
export function namedZone(name: string): Zone {
  const zone = findZone(name);
  if (zone !== null) return zone;
  throw new PgError(SqlState.invalidParameterValue, `time zone "${name}" not recognized`);
}
