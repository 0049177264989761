// Writes test/types/fixtures/*.json from a real PostgreSQL 15 (environment PGHOST, PGPORT, PGUSER).
import {mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import pg from 'pg';
import type {FixtureInput} from './fixture-inputs.ts';
import {fixtureInputs} from './fixture-inputs.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');
mkdirSync(folder, {recursive: true});
const client = new pg.Client({types: {getTypeParser: () => (value: unknown) => value}});
await client.connect();
await client.query("SET TIME ZONE 'UTC'");

/** Values by one query; its error instead of a row when it fails. */
async function ask(sql: string): Promise<Record<string, unknown>> {
  try {
    const result = await client.query<Record<string, unknown>>(sql);
    return {...result.rows[0]};
  } catch (error) {
    const {code, message, detail, hint, where} = error as Record<string, string | undefined>;
    return {error: {code, message, detail, hint, where}};
  }
}

async function rank(
  texts: readonly string[],
  literalOf: (text: string) => string,
): Promise<(number | null)[]> {
  const items = texts.map((text, i) => `(${i}, ${literalOf(text)})`).join(', ');
  const result = await client.query<{i: string; rank: string}>(
    `SELECT i, dense_rank() OVER (ORDER BY v) AS rank FROM (VALUES ${items}) t(i, v)`,
  );
  const ranks: (number | null)[] = texts.map(() => null);
  for (const row of result.rows) ranks[Number(row.i)] = Number(row.rank);
  return ranks;
}

async function describe(input: FixtureInput): Promise<unknown> {
  const sql = input.sql ?? input.type;
  const sent = await client.query<{typsend: string; typinput: string}>(
    `SELECT typsend::text, typinput::text FROM pg_type WHERE typnamespace = 11 AND typname = '${input.type}'`,
  );
  const {typsend: send, typinput} = sent.rows[0]!;
  // With a typmod the input function is called as COPY calls it: a cast in SQL is explicit and cuts.
  const literalOf = (text: string): string =>
    input.typmod === undefined
      ? `${client.escapeLiteral(text)}::${sql}`
      : `${typinput}(${client.escapeLiteral(text)}::cstring, 0, ${input.typmod})`;
  const cases: Record<string, unknown>[] = [];
  for (const text of input.texts) {
    const literal = literalOf(text);
    const row = await ask(
      `SELECT v AS output, encode(${send}(v), 'hex') AS binary FROM (SELECT ${literal} AS v) t`,
    );
    cases.push({text, ...row});
  }
  const good = cases.filter(row => row['error'] === undefined);
  if (input.isUnordered !== true && good.length > 0) {
    const ranks = await rank(
      good.map(row => String(row['text'])),
      literalOf,
    );
    good.forEach((row, i) => (row['rank'] = ranks[i]));
  }
  return {
    type: input.type,
    typmod: input.typmod ?? -1,
    isUnordered: input.isUnordered === true,
    cases,
  };
}

for (const [name, inputs] of Object.entries(fixtureInputs)) {
  const types: unknown[] = [];
  for (const input of inputs) types.push(await describe(input));
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(types, null, 1)}\n`);
}

const styles = [
  ['ISO, MDY', 'UTC'],
  ['ISO, MDY', 'America/New_York'],
  ['ISO, MDY', 'Asia/Kolkata'],
  ['ISO, MDY', 'Europe/Berlin'],
  ['SQL, MDY', 'America/New_York'],
  ['SQL, DMY', 'Europe/Berlin'],
  ['Postgres, MDY', 'America/Los_Angeles'],
  ['Postgres, DMY', 'Europe/London'],
  ['German, DMY', 'UTC'],
  ['ISO, YMD', 'America/St_Johns'],
  ['SQL, MDY', 'Asia/Tokyo'],
  ['SQL, MDY', 'Australia/Sydney'],
  ['ISO, MDY', '<+05:30>-05:30'],
] as const;
const formats: unknown[] = [];
for (const [dateStyle, timeZone] of styles) {
  await client.query(`SET datestyle = '${dateStyle}'`);
  await client.query(`SET TIME ZONE '${timeZone}'`);
  for (const [type, texts] of [
    ['date', ['2024-02-29', '0044-03-15 BC', '12345-01-02', 'infinity', '01/02/03', '03-Feb-04']],
    [
      'timestamp',
      ['2024-02-29 12:34:56.789', '0044-03-15 12:00 BC', '12345-01-02 03:04', '-infinity'],
    ],
    [
      'timestamptz',
      [
        '2024-02-29 12:34:56.789',
        '2024-07-01 00:00',
        '1850-01-01 00:00',
        '2024-03-31 02:30',
        '2024-10-27 02:30',
        '2500-07-01 12:00+00',
        '0044-03-15 12:00 BC',
        '2024-03-10 02:30',
        '2024-11-03 01:30',
        '1965-06-01 12:00',
      ],
    ],
    ['timetz', ['12:00', '12:00 EST']],
  ] as const) {
    for (const text of texts) {
      const row = await ask(`SELECT ${client.escapeLiteral(text)}::${type} AS output`);
      formats.push({dateStyle, timeZone, type, text, ...row});
    }
  }
}
await client.query("SET datestyle = 'ISO, MDY'");
await client.query("SET TIME ZONE 'UTC'");
for (const intervalStyle of ['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601']) {
  await client.query(`SET intervalstyle = '${intervalStyle}'`);
  for (const text of [
    '1 year 2 mons 3 days 04:05:06.789',
    '-1 year -2 mons +3 days -04:05:06',
    '0',
    '1 day',
    '-1 day',
    '1 mon',
    '-1 mon -1 day',
    '1-2',
    '5:06',
    '-5:06.5',
    '1 day -0.5 sec',
    '3 days 04:05:06',
    '1 year -1 day',
    '-00:00:01',
    '1 mon 1 sec',
    '-1-2',
    '-1 2:03:04',
    '100 hours',
    '00:00:00.000001',
    '1 sec',
    '-1 year 1 hour',
  ]) {
    const row = await ask(`SELECT ${client.escapeLiteral(text)}::interval AS output`);
    formats.push({intervalStyle, type: 'interval', text, ...row});
  }
}
await client.query('RESET intervalstyle');
for (const extraFloatDigits of [1, 0, -3, 3]) {
  await client.query(`SET extra_float_digits = ${extraFloatDigits}`);
  for (const type of ['float4', 'float8']) {
    for (const text of [
      '1.1',
      '0.1',
      '1234567',
      '1e15',
      '0.00012345',
      '3.14159265358979312',
      '100000',
      '1e-5',
      '16777216',
      '123456789.123',
    ]) {
      const row = await ask(`SELECT ${client.escapeLiteral(text)}::${type} AS output`);
      formats.push({extraFloatDigits, type, text, ...row});
    }
  }
}
await client.query('RESET extra_float_digits');
writeFileSync(join(folder, 'formats.json'), `${JSON.stringify(formats, null, 1)}\n`);

const operands = [
  '0',
  '1',
  '-1',
  '2',
  '3',
  '7',
  '10',
  '0.5',
  '-0.5',
  '1.5',
  '2.5',
  '0.0001',
  '123.456',
  '-9876.54321',
  '1e10',
  '1e-10',
  '12345678901234567890.123',
  '3000000',
  '0.000123',
  '99999.99999',
  '1.000000001',
  '0.9999',
  '100',
  '1e20',
  '42.0000',
  'NaN',
  'Infinity',
  '-Infinity',
];
const numericMath: unknown[] = [];
const operators = {add: '+', sub: '-', mul: '*', div: '/', mod: '%'};
for (const [name, operator] of Object.entries(operators)) {
  for (const a of operands)
    for (const b of operands) {
      numericMath.push({
        fn: name,
        args: [a, b],
        ...(await ask(`SELECT '${a}'::numeric ${operator} '${b}'::numeric AS output`)),
      });
    }
}
for (const name of ['sqrt', 'exp', 'ln', 'ceil', 'floor', 'abs']) {
  for (const a of operands)
    numericMath.push({
      fn: name,
      args: [a],
      ...(await ask(`SELECT ${name}('${a}'::numeric) AS output`)),
    });
}
for (const name of ['power', 'log', 'div', 'gcd', 'lcm']) {
  for (const a of operands)
    for (const b of [
      '0',
      '1',
      '2',
      '-2',
      '0.5',
      '-1.5',
      '3',
      '10',
      '20',
      '123.456',
      'NaN',
      'Infinity',
      '-Infinity',
    ]) {
      const fn = name === 'div' ? 'divTrunc' : name;
      numericMath.push({
        fn,
        args: [a, b],
        ...(await ask(`SELECT ${name}('${a}'::numeric, '${b}'::numeric) AS output`)),
      });
    }
}
for (const name of ['round', 'trunc']) {
  for (const a of operands)
    for (const b of ['0', '1', '2', '-1', '-3', '5']) {
      numericMath.push({
        fn: name,
        args: [a, b],
        ...(await ask(`SELECT ${name}('${a}'::numeric, ${b}) AS output`)),
      });
    }
}
for (const type of ['int2', 'int4', 'int8', 'float4', 'float8']) {
  for (const a of [
    ...operands,
    '32767.5',
    '-32768.5',
    '2147483647.4',
    '9223372036854775807.4',
    '9223372036854775807.5',
    '1e400',
    '1e39',
  ]) {
    numericMath.push({
      fn: `to_${type}`,
      args: [a],
      ...(await ask(`SELECT '${a}'::numeric::${type} AS output`)),
    });
  }
}
for (const type of ['float4', 'float8']) {
  for (const a of [
    '0',
    '0.1',
    '1e15',
    '123456789.123456789',
    '1e300',
    '1e-7',
    'NaN',
    'Infinity',
    '-0',
    '3.14159265358979',
    '100',
    '1.5e20',
  ]) {
    if (type === 'float4' && a === '1e300') continue;
    numericMath.push({
      fn: `from_${type}`,
      args: [a],
      ...(await ask(`SELECT '${a}'::${type}::numeric AS output`)),
    });
  }
}
writeFileSync(join(folder, 'numeric-math.json'), `${JSON.stringify(numericMath)}\n`);

const spans = [
  '1 day',
  '1 mon',
  '-1 mon',
  '1 year 2 mons 3 days 04:05:06.789',
  '24:00',
  '36 hours',
  '-35 days 25:00',
  '1 mon -1 day 00:00:01',
  '13 mons 40 days -50:00',
  '0',
  '-1 year 1 mon 31 days -23:59:59.5',
];
const stamps = [
  '2024-02-29 12:00',
  '2024-03-09 02:30',
  '2024-01-31 23:59:59.5',
  '1999-12-31',
  '2024-11-02 01:30',
];
const dateMath: unknown[] = [];
await client.query("SET TIME ZONE 'America/New_York'");
for (const span of spans) {
  for (const stamp of stamps) {
    for (const type of ['timestamp', 'timestamptz']) {
      const sql = `SELECT '${stamp}'::${type} + '${span}'::interval AS output`;
      dateMath.push({fn: `${type}_add`, args: [stamp, span], ...(await ask(sql))});
    }
  }
  for (const fn of ['justify_hours', 'justify_days', 'justify_interval']) {
    dateMath.push({
      fn,
      args: [span],
      ...(await ask(`SELECT ${fn}('${span}'::interval) AS output`)),
    });
  }
  for (const factor of ['2', '0.5', '-1.5', '3', '0.1', '1e10', '0']) {
    for (const [fn, operator] of [
      ['multiply', '*'],
      ['divide', '/'],
    ] as const) {
      const sql = `SELECT '${span}'::interval ${operator} '${factor}'::float8 AS output`;
      dateMath.push({fn, args: [span, factor], ...(await ask(sql))});
    }
  }
}
for (const a of stamps) {
  for (const b of stamps) {
    const sql = `SELECT '${a}'::timestamp - '${b}'::timestamp AS output`;
    dateMath.push({fn: 'subtract', args: [a, b], ...(await ask(sql))});
  }
}
await client.query("SET TIME ZONE 'UTC'");
writeFileSync(join(folder, 'datetime-math.json'), `${JSON.stringify(dateMath)}\n`);

const formatTypes: unknown[] = [];
for (const sql of [
  'int4',
  'int2',
  'int8',
  'bool',
  'float4',
  'float8',
  'varchar(5)',
  'varchar',
  'char(3)',
  'bpchar',
  '"char"',
  'name',
  'text',
  'numeric',
  'numeric(10,2)',
  'numeric(10)',
  'numeric(3,-2)',
  'bit(3)',
  'varbit(7)',
  'varbit',
  'time(3)',
  'timetz(0)',
  'timestamp(3)',
  'timestamptz',
  'timestamptz(6)',
  'interval',
  'interval year',
  'interval day to second(3)',
  'interval(2)',
  'interval hour to minute',
  'int4[]',
  'varchar(5)[]',
  'timestamp(3)[]',
  'numeric(10,2)[]',
  'jsonb',
  'int4range',
  'oidvector',
]) {
  await client.query(`CREATE TEMP TABLE f(c ${sql})`);
  const row = await ask(
    `SELECT typname, atttypmod::text AS typmod, format_type(atttypid, atttypmod) AS output, format_type(atttypid, NULL) AS bare
     FROM pg_attribute JOIN pg_type t ON t.oid = atttypid WHERE attrelid = 'f'::regclass AND attname = 'c'`,
  );
  formatTypes.push({sql, ...row});
  await client.query('DROP TABLE f');
}
writeFileSync(join(folder, 'format-type.json'), `${JSON.stringify(formatTypes, null, 1)}\n`);

const rows = await client.query(
  `SELECT oid::text, typname, typlen::text, typtype, typcategory, typispreferred, typdelim,
          typarray::oid::text, typelem::oid::text, (typcollation <> 0) AS collatable
   FROM pg_type WHERE typnamespace = 11 AND oid < 10000 AND typtype IN ('b', 'p', 'r', 'm') ORDER BY oid`,
);
writeFileSync(join(folder, 'pg-type.json'), `${JSON.stringify(rows.rows)}\n`);
await client.end();
