import {settings} from '../data/settings.ts';
import {timezoneAbbrevs} from '../data/timezone-abbrevs.ts';
import {timezoneLinks} from '../data/timezone-links.ts';
import {PgArray} from '../../types/array-value.ts';
import {Interval} from '../../types/interval-value.ts';
import type {Datum} from '../../types/contract.ts';
import type {Row, SystemSource} from './source.ts';

/** One setting of PostgreSQL 15 as pg_settings describes it. */
export interface SettingFacts {
  readonly name: string;
  readonly bootValue: string | null;
  readonly unit: string | null;
  readonly category: string;
  readonly shortDescription: string;
  readonly extraDescription: string | null;
  readonly context: string;
  readonly type: 'bool' | 'integer' | 'real' | 'string' | 'enum';
  readonly min: string | null;
  readonly max: string | null;
  readonly enumValues: readonly string[] | null;
  /** EXPLAIN, NO_SHOW_ALL, NO_RESET_ALL, NOT_IN_SAMPLE, RUNTIME_COMPUTED. */
  readonly flags: readonly string[];
}

/** All settings of PostgreSQL 15 in name order. */
export function settingFacts(): readonly SettingFacts[] {
  return settings.split('\n').map(line => {
    const raw = JSON.parse(line) as readonly unknown[];
    return {
      name: raw[0] as string,
      bootValue: raw[1] as string | null,
      unit: raw[2] as string | null,
      category: raw[3] as string,
      shortDescription: raw[4] as string,
      extraDescription: raw[5] as string | null,
      context: raw[6] as string,
      type: raw[7] as SettingFacts['type'],
      min: raw[8] as string | null,
      max: raw[9] as string | null,
      enumValues: raw[10] as readonly string[] | null,
      flags: (raw[11] as readonly string[] | null) ?? [],
    };
  });
}

/** A row of pg_settings with a current value, where it comes from, and what RESET would make of it. */
export function settingRow(
  facts: SettingFacts,
  value: string | null,
  source: string,
  reset: string | null,
): Row {
  return [
    ...[facts.name, value, facts.unit, facts.category, facts.shortDescription],
    ...[facts.extraDescription, facts.context, facts.type, source, facts.min, facts.max],
    facts.enumValues === null ? null : PgArray.of(facts.enumValues),
    ...[facts.bootValue, reset, null, null, false],
  ];
}

/** pg_settings when the session feeds none: boot values. */
export const pgSettings: SystemSource = {
  all: () =>
    settingFacts().map(facts => settingRow(facts, facts.bootValue, 'default', facts.bootValue)),
};

/** pg_timezone_abbrevs: abbreviation, offset, whether it is daylight saving time. */
export function timezoneAbbrevRows(): readonly Row[] {
  return timezoneAbbrevs.split('\n').map(line => {
    const [abbrev, seconds, isDst] = JSON.parse(line) as readonly [string, number, boolean];
    return [abbrev, secondsInterval(seconds), isDst];
  });
}

/** pg_timezone_abbrevs. */
export const pgTimezoneAbbrevs: SystemSource = {all: () => timezoneAbbrevRows()};

/** The zones that this runtime knows, at a moment: name, abbreviation, offset, whether it is daylight saving time. */
export function timezoneNameRows(now: Date): readonly Row[] {
  const links = timezoneLinks.trim().split(/\s+/);
  const zones = new Set([...Intl.supportedValuesOf('timeZone'), ...links]);
  return [...zones].sort().map(zone => {
    const offset = offsetSeconds(zone, now);
    const winter = offsetSeconds(zone, new Date(Date.UTC(now.getUTCFullYear(), 0, 1)));
    const summer = offsetSeconds(zone, new Date(Date.UTC(now.getUTCFullYear(), 6, 1)));
    const isDst = winter !== summer && offset === Math.max(winter, summer);
    return [zone, abbreviation(zone, now), secondsInterval(offset), isDst];
  });
}

/** pg_timezone_names. */
export const pgTimezoneNames: SystemSource = {
  volatile: true,
  all: () => timezoneNameRows(new Date()),
};

function secondsInterval(seconds: number): Datum {
  return new Interval(0, 0, BigInt(seconds) * 1_000_000n);
}

function offsetSeconds(zone: string, at: Date): number {
  const name = part(zone, at, 'longOffset');
  const match = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(name);
  if (match === null) return 0;
  const [, sign, hours, minutes, seconds] = match;
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? 0);
  return sign === '-' ? -total : total;
}

function abbreviation(zone: string, at: Date): string {
  return part(zone, at, 'short').replace(/^GMT([+-])(\d+).*$/, (_, sign: string, hours: string) => {
    return `${sign}${hours.padStart(2, '0')}`;
  });
}

function part(zone: string, at: Date, style: 'short' | 'longOffset'): string {
  const format = new Intl.DateTimeFormat('en-US', {timeZone: zone, timeZoneName: style});
  return format.formatToParts(at).find(each => each.type === 'timeZoneName')?.value ?? zone;
}

/** pg_available_extensions and its versions: only what is installed. */
export const pgAvailableExtensions: SystemSource = {
  all: context =>
    context.rows
      .all('pg_extension')
      .map(row => [row[1] ?? null, row[5] ?? null, row[5] ?? null, null]),
};

/** pg_available_extension_versions. */
export const pgAvailableExtensionVersions: SystemSource = {
  all: context =>
    context.rows
      .all('pg_extension')
      .map(row => [
        row[1] ?? null,
        row[5] ?? null,
        true,
        true,
        true,
        false,
        'pg_catalog',
        null,
        null,
      ]),
};
