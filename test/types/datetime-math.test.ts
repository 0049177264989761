import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import type {FormatSettings, TypeInstance} from '../../src/types/contract.ts';
import * as math from '../../src/types/datetime-math.ts';
import {zoneOf} from '../../src/types/datetime-zone.ts';
import {defaultFormatSettings} from '../../src/types/format-settings.ts';
import {formatType, typmodIn} from '../../src/types/format-type.ts';
import type {Interval} from '../../src/types/interval-value.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {loadFixture} from './load-fixture.ts';

interface MathCase {
  readonly fn: string;
  readonly args: readonly string[];
  readonly output?: string;
  readonly error?: {readonly code: string; readonly message: string};
}

const settings: FormatSettings = {...defaultFormatSettings, timeZone: 'America/New_York'};
const types = createBuiltinTypes();
const [interval, timestamp, timestamptz] = ['interval', 'timestamp', 'timestamptz'].map(
  name => types.byName(name)!,
) as [TypeInstance, TypeInstance, TypeInstance];
const span = (text: string): Interval => interval.input(text, -1, settings) as Interval;
const stamp = (text: string): bigint => timestamp.input(text, -1, settings) as bigint;
const shown = (value: Interval): string => interval.output(value, settings);

const functions: Readonly<Record<string, (a: string, b: string) => string>> = {
  timestamp_add: (a, b) => timestamp.output(math.timestampAddInterval(stamp(a), span(b)), settings),
  timestamptz_add: (a, b) => {
    const moment = timestamptz.input(a, -1, settings) as bigint;
    const zone = zoneOf(settings.timeZone);
    return timestamptz.output(math.timestampTzAddInterval(moment, span(b), zone), settings);
  },
  justify_hours: a => shown(math.justifyHours(span(a))),
  justify_days: a => shown(math.justifyDays(span(a))),
  justify_interval: a => shown(math.justifyInterval(span(a))),
  multiply: (a, b) => shown(math.intervalMultiply(span(a), Number(b))),
  divide: (a, b) => shown(math.intervalDivide(span(a), Number(b))),
  subtract: (a, b) => shown(math.timestampSubtract(stamp(a), stamp(b))),
};

t.test('date arithmetic as PostgreSQL', t => {
  const wrong: string[] = [];
  for (const {fn, args, output, error} of loadFixture<MathCase[]>('datetime-math')) {
    let found: string;
    try {
      found = functions[fn]!(args[0]!, args[1] ?? '');
    } catch (thrown) {
      if (!(thrown instanceof PgError)) throw thrown;
      found = `${thrown.code} ${thrown.message}`;
    }
    const expected = error === undefined ? output : `${error.code} ${error.message}`;
    if (found !== expected)
      wrong.push(`${fn}(${args.join(', ')}): ${found}, PostgreSQL ${expected}`);
  }
  t.same(wrong, []);
  t.end();
});

interface FormatTypeCase {
  readonly sql: string;
  readonly typname: string;
  readonly typmod: string;
  readonly output: string;
  readonly bare: string;
}

t.test('format_type as PostgreSQL', t => {
  for (const {sql, typname, typmod, output, bare} of loadFixture<FormatTypeCase[]>('format-type')) {
    const type = types.byName(typname)!;
    t.equal(formatType(type, Number(typmod)), output, sql);
    t.equal(formatType(type, null), bare, `${sql} without typmod`);
    const args = /^\w+\(([\d,-]+)\)(?:\[\])?$/.exec(sql);
    if (args === null || typname.endsWith('interval')) continue;
    const base = type.element ?? type;
    t.equal(typmodIn(base.name, args[1]!.split(',')), Number(typmod), `typmod of ${sql}`);
  }
  t.end();
});
