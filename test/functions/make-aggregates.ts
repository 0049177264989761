// Asks a real PostgreSQL 15 what aggregates answer: `PGPORT=5432 node test/functions/make-aggregates.ts > test/functions/aggregates.json`.
import pg from 'pg';

const client = new pg.Client({
  host: process.env['PGHOST'] ?? '127.0.0.1',
  port: Number(process.env['PGPORT'] ?? 5432),
  user: 'postgres',
  database: process.env['PGDATABASE'] ?? 'postgres',
});
await client.connect();
await client.query("set timezone = 'America/New_York'");
type Row = readonly (string | null)[];
const numbers: Readonly<Record<string, readonly string[]>> = {
  int2: ['1', '2', '5', '-7', '2'],
  int4: ['1', '2', '2147483647', '-7', '10', '2'],
  int8: ['9223372036854775807', '9223372036854775807', '-3', '4'],
  float4: ['1.5', '2.25', '-0.1'],
  float8: ['1.5', '2.25', '-0.1', '1e10'],
  numeric: ['1.50', '2.25', '-0.1', '1234567890.123'],
  interval: ['1 day', '2 hours', '-3 days 01:00', '1 mon'],
};
const others: Readonly<Record<string, readonly string[]>> = {
  text: ['b', 'a', 'Z', 'é'],
  date: ['2020-01-01', '1999-05-05'],
  timestamp: ['2020-01-01 05:00', '1999-05-05'],
  bool: ['t', 'f', 't'],
  jsonb: ['{"a": 1}', '2', 'null'],
  _int4: ['{1,2}', '{3,4}'],
  bytea: ['\\x01', '\\xff'],
};
const all = {...numbers, ...others};
const cases: unknown[] = [];

async function ask(
  name: string,
  types: string[],
  rows: readonly Row[],
  within = '',
): Promise<void> {
  const values = rows.map(
    row =>
      `(${row.map((value, index) => `${value === null ? 'null' : `'${value.replaceAll("'", "''")}'`}::"${types[index]}"`).join(', ')})`,
  );
  const names = types.map((_, index) => `c${index}`);
  const empty = rows.length === 0 ? `(${types.map(type => `null::"${type}"`).join(', ')})` : '';
  const from = `(values ${rows.length === 0 ? empty : values.join(', ')}) v(${names.join(', ')})${rows.length === 0 ? ' where false' : ''}`;
  const direct = within === '' ? names.join(', ') : within;
  const order = within === '' ? '' : ` within group (order by ${names.at(-1)})`;
  try {
    const result = await client.query(
      `select case when x is null then null else format('%s', x) end as value, pg_typeof(x)::oid::int as type from (select ${name}(${direct})${order} as x from ${from}) s`,
    );
    cases.push([name, types, rows, within, result.rows[0].type, result.rows[0].value]);
  } catch (error) {
    const {code, message} = error as {code: string; message: string};
    if (code !== '42883' && code !== '42725')
      cases.push([name, types, rows, within, 25, null, code, message]);
  }
}

for (const [type, values] of Object.entries(all)) {
  const lists: (readonly (string | null)[])[] = [
    values,
    [values[0]!],
    [],
    [null, ...values, null],
    [null],
  ];
  for (const list of lists) {
    for (const name of [
      'count',
      'sum',
      'avg',
      'min',
      'max',
      'array_agg',
      'json_agg',
      'jsonb_agg',
      'bool_and',
      'bool_or',
      'every',
      'bit_and',
      'bit_or',
      'bit_xor',
      'stddev',
      'stddev_pop',
      'variance',
      'var_pop',
    ]) {
      await ask(
        name,
        [type],
        list.map(value => [value]),
      );
    }
    if (numbers[type] !== undefined || type === 'text') {
      const sorted = list;
      await ask(
        'percentile_disc',
        [type],
        sorted.map(value => [value]),
        '0.4',
      );
      await ask(
        'mode',
        [type],
        sorted.map(value => [value]),
        ' ',
      );
      if (type === 'float8' || type === 'interval')
        await ask(
          'percentile_cont',
          [type],
          sorted.map(value => [value]),
          '0.3',
        );
    }
  }
}
for (const rows of [
  [
    ['a', ','],
    ['b', ';'],
    [null, '-'],
    ['c', null],
  ],
  [],
  [[null, ',']],
] as Row[][])
  await ask('string_agg', ['text', 'text'], rows);
for (const rows of [
  [
    ['k', '1'],
    ['j', null],
    ['k', '3'],
  ],
  [],
  [[null, '1']],
] as Row[][]) {
  for (const name of ['json_object_agg', 'jsonb_object_agg'])
    await ask(name, ['text', 'int4'], rows);
}
for (const rows of [
  [
    ['1', '2'],
    ['2', '4.5'],
    ['3', '5'],
    [null, '3'],
    ['7', '1'],
  ],
  [['1', '1']],
  [],
] as Row[][]) {
  for (const name of [
    'corr',
    'covar_pop',
    'covar_samp',
    'regr_avgx',
    'regr_avgy',
    'regr_count',
    'regr_intercept',
    'regr_r2',
    'regr_slope',
    'regr_sxx',
    'regr_sxy',
    'regr_syy',
  ]) {
    await ask(name, ['float8', 'float8'], rows);
  }
}
console.log(`[\n${cases.map(each => JSON.stringify(each)).join(',\n')}\n]`);
await client.end();
