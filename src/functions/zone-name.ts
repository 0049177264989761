import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {abbreviations} from '../types/datetime-abbreviations.ts';
import {DateFaultSignal} from '../types/datetime-fields.ts';
import {decodeOffset, namedZone} from '../types/datetime-offset.ts';
import type {Zone} from '../types/datetime-zone.ts';
import {offsetText} from '../types/datetime-zone.ts';
import type {Interval} from '../types/interval-value.ts';
import {intervalToText} from '../types/interval-text.ts';
import {defaultFormatSettings} from '../types/format-settings.ts';

/** A constant offset east of UTC as a zone. */
export function fixedZone(offset: number): Zone {
  const name = offsetText(offset);
  return {name, offsetAt: () => offset, abbreviationAt: () => name};
}

/** The zone that AT TIME ZONE names: an abbreviation, an IANA name or a POSIX offset. */
export function zoneNamed(name: string): Zone {
  const abbreviation = zoneAbbreviation(name);
  if (abbreviation !== undefined) return abbreviation;
  const offset = /^([+-])(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?$/.exec(name);
  if (offset === null) return namedZone(name);
  const size = Number(offset[2]) * 3600 + Number(offset[3] ?? 0) * 60 + Number(offset[4] ?? 0);
  return fixedZone(offset[1] === '-' ? size : -size);
}

function zoneAbbreviation(name: string): Zone | undefined {
  const known = abbreviations.get(name.toLowerCase());
  if (known === undefined) return undefined;
  return known.kind === 'fixed' ? fixedZone(known.offset) : namedZone(known.zone);
}

/** As zoneNamed, with ISO's sign for bare offsets (make_timestamptz). */
export function isoZone(name: string): Zone {
  if (/^\d/.test(name))
    throw new PgError(
      SqlState.invalidParameterValue,
      `invalid input syntax for type numeric time zone: "${name}"`,
      {hint: 'Numeric time zones must have "-" or "+" as first character.'},
    );
  if (!/^[+-]\d/.test(name)) return zoneNamed(name);
  try {
    return fixedZone(decodeOffset(name));
  } catch (error) {
    if (!(error instanceof DateFaultSignal)) throw error;
    throw new PgError(
      SqlState.invalidParameterValue,
      error.fault === 'zone'
        ? `numeric time zone "${name}" out of range`
        : `time zone "${name}" not recognized`,
    );
  }
}

/** AT TIME ZONE interval. */
export function zoneOfInterval(span: Interval): Zone {
  if (span.months !== 0 || span.days !== 0) {
    const text = intervalToText(span, defaultFormatSettings);
    throw new PgError(
      SqlState.invalidParameterValue,
      `interval time zone "${text}" must not include months or days`,
    );
  }
  return fixedZone(Number(span.micros / 1_000_000n));
}
