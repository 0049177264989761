import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {abbreviations} from '../types/datetime-abbreviations.ts';
import {namedZone} from '../types/datetime-decode.ts';
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
  return namedZone(name);
}

function zoneAbbreviation(name: string): Zone | undefined {
  const known = abbreviations.get(name.toLowerCase());
  if (known === undefined) return undefined;
  return known.kind === 'fixed' ? fixedZone(known.offset) : namedZone(known.zone);
}

/** AT TIME ZONE interval. */
export function zoneOfInterval(span: Interval): Zone {
  if (span.months !== 0 || span.days !== 0) {
    const text = intervalToText(span, defaultFormatSettings);
    throw new PgError(SqlState.invalidParameterValue, `interval time zone "${text}" must not include months or days`);
  }
  return fixedZone(Number(span.micros / 1_000_000n));
}
