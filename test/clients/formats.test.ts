// Results and parameters in both formats: the same bytes as a real PostgreSQL 15 gives.
import t from 'tap';
import {describe, execute, sync} from '../server/raw-client.ts';
import {findPostgres, startPostgres} from '../support/postgres-server.ts';
import {startWadi} from '../support/wadi-server.ts';
import {bindBytes, parseTyped, WireClient} from './wire-client.ts';

/** Values of each type as texts that every server reads. */
const values: Readonly<Record<string, readonly string[]>> = {
  bool: ['t', 'f'],
  int2: ['0', '-32768', '32767'],
  int4: ['0', '-2147483648', '2147483647', '42'],
  int8: ['0', '-9223372036854775808', '9223372036854775807', '9007199254740993'],
  oid: ['0', '4294967295'],
  float4: [
    '0',
    '-0',
    '1.5',
    '3.4e38',
    '1e-40',
    '1e6',
    '999999',
    '0.0001',
    '1e-5',
    '123456.79',
    'NaN',
    'Infinity',
    '-Infinity',
  ],
  float8: [
    '0',
    '-0',
    '1.5',
    '1e300',
    '5e-324',
    '1e15',
    '123456789012345',
    '0.1',
    '0.0001',
    '1e-5',
    '2.2250738585072014e-308',
    'NaN',
    'Infinity',
    '-Infinity',
  ],
  numeric: [
    ...[
      '0',
      '0.00',
      '1',
      '-1',
      '1.10',
      '10000',
      '9999',
      '10000.0001',
      '0.0001',
      '0.00001',
      '12345678901234567890.123456789',
    ],
    ...[
      '-99999999999999999999999999999999999.5',
      '1e100',
      '1e-30',
      'NaN',
      'Infinity',
      '-Infinity',
      '100000000',
      '0.5',
    ],
  ],
  'numeric(10,2)': ['0', '12.345', '-99999999.99'],
  text: ['', 'abc', 'äöü €uro 🙂', ' leading', 'line\nbreak\ttab\\back'],
  varchar: ['', 'abc', '日本語'],
  'varchar(3)': ['abc', 'ab'],
  'char(5)': ['', 'ab', 'abcde'],
  name: ['abc', 'a_long_identifier'],
  '"char"': ['a', ''],
  bytea: ['\\x', '\\x00ff10', '\\xdeadbeef'],
  date: [
    '2000-01-01',
    '1999-12-31',
    '2024-02-29',
    '0044-03-15 BC',
    '9999-12-31',
    '12345-06-07',
    'infinity',
    '-infinity',
    '4713-01-01 BC',
  ],
  time: ['00:00:00', '12:34:56', '12:34:56.789', '23:59:59.999999', '24:00:00'],
  'time(1)': ['12:34:56.789'],
  timetz: ['00:00:00+00', '12:34:56.789+05:30', '23:59:59-12'],
  timestamp: [
    '2000-01-01 00:00:00',
    '1999-12-31 23:59:59.999999',
    '2024-02-29 12:34:56.789',
    '0044-03-15 10:00:00 BC',
    'infinity',
    '-infinity',
    '294276-12-31 23:59:59',
  ],
  'timestamp(2)': ['2024-02-29 12:34:56.789'],
  timestamptz: [
    '2000-01-01 00:00:00+00',
    '1969-07-20 20:17:40.123456-04',
    '2024-02-29 12:34:56+05:30',
    '0001-01-01 00:00:00+00 BC',
    'infinity',
    '-infinity',
  ],
  interval: [
    ...[
      '0',
      '1 day',
      '1 year 2 mons 3 days 04:05:06.789',
      '-1 days +02:00:00',
      '-1 years -2 mons +3 days -04:05:06',
    ],
    ...['100 hours', '00:00:00.000001', '178000000 years', '-00:00:01'],
  ],
  uuid: ['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  json: ['null', '{"b": 1,  "a":[1,2]}', '"x"', '1.0'],
  jsonb: [
    'null',
    '{"b": 1,  "a":[1,2.0], "a": 3, "ccc": {}}',
    '"äx"',
    '1.0',
    '[]',
    '[1, null, true]',
  ],
  inet: ['192.168.1.1', '10.0.0.0/8', '::1', '2001:db8::/32'],
  cidr: ['10.0.0.0/8', '2001:db8::/32'],
  macaddr: ['08:00:2b:01:02:03'],
  bit: ['1', '0'],
  varbit: ['', '101', '1111000010'],
  money: ['0', '12.34', '-1234567.89'],
  point: ['(1,2)', '(-1.5,1e10)'],
  pg_lsn: ['0/0', '16/B374D848'],
  int4range: ['empty', '[1,5)', '(,4)', '[1,5]', '(,)'],
  tstzrange: ['["2024-01-01 00:00:00+00","2024-02-01 00:00:00+00")', 'empty'],
  int4multirange: ['{}', '{[1,3),[5,7)}'],
  'bool[]': ['{}', '{t,f,NULL}'],
  'int2[]': ['{1,2}', '{NULL}'],
  'int4[]': ['{}', '{1,2,NULL}', '{{1,2},{3,4}}', '[0:1]={7,8}'],
  'int8[]': ['{9223372036854775807}'],
  'float4[]': ['{1.5,NaN}'],
  'float8[]': ['{1.5,-Infinity,NULL}'],
  'numeric[]': ['{1.10,NaN,NULL,12345678901234567890}'],
  'text[]': ['{}', '{a,"b c","",NULL,"NULL","q\\"x","b\\\\s","{,}"}', '{{a,b},{c,d}}'],
  'varchar[]': ['{a,b}'],
  'bytea[]': ['{"\\\\x00ff",NULL}'],
  'date[]': ['{2024-02-29,infinity}'],
  'time[]': ['{12:34:56.7}'],
  'timestamp[]': ['{"2024-02-29 12:34:56"}'],
  'timestamptz[]': ['{"2024-02-29 12:34:56+00",NULL}'],
  'interval[]': ['{"1 day 02:00:00",00:00:00}'],
  'uuid[]': ['{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'],
  'json[]': ['{"{\\"a\\": 1}",NULL}'],
  'jsonb[]': ['{"{\\"b\\": 1, \\"a\\": 2}",NULL}'],
};

/** Expressions whose results have no text form to cast from. */
const expressions: readonly string[] = [
  ...[
    `row(1, 'a'::text, NULL::int4, 'q"x'::text)`,
    `row()`,
    `array[row(1, 'x'::text)]`,
    `NULL`,
    `'x'`,
    `'pg_class'::regclass`,
    `1::regtype`,
  ],
  ...[
    `'int4'::regtype`,
    `pg_sleep(0)`,
    `'a:1,3 b:2'::tsvector`,
    `'a & b'::tsquery`,
    `'(1,2)'::tid`,
    `'5'::xid`,
  ],
  ...[
    `array[1.5, 2]`,
    `array['2024-01-01'::date]`,
    `sum(x) from generate_series(1, 3) x`,
    `avg(x) from generate_series(1, 4) x`,
    `count(*)`,
  ],
  ...[
    `1::numeric / 3`,
    `interval '1 day' * 1.5`,
    `now() - now()`,
    `current_date - current_date`,
    `box '(1,2),(3,4)'`,
    `circle '((1,2),3)'`,
    `path '((0,0),(1,1))'`,
  ],
  ...[
    `lseg '[(0,0),(1,1)]'`,
    `polygon '((0,0),(1,1),(1,0))'`,
    `line '{1,2,3}'`,
    `xml '<a/>'`,
    `'08:00:2b:01:02:03:04:05'::macaddr8`,
    `'1'::"char"`,
    `jsonb_array_elements('[1,2]')`,
  ],
  ...[`int4range(1, 5) * int4range(3, 9)`, `'101'::bit(3)`, `'now'::regproc`],
];

type Told = readonly string[];

/** The answer as lines that can be compared. */
async function run(
  client: WireClient,
  sql: string,
  parameters: readonly (Buffer | null)[],
  formats: readonly [number, number],
): Promise<Told> {
  client.send(
    parseTyped(sql, []),
    describe('S'),
    bindBytes(parameters, formats[0], formats[1]),
    describe('P'),
    execute(),
    sync,
  );
  const answer = await client.ready();
  return answer.messages.map(({type, body}) => {
    if (type === 'E')
      return `E ${answer.error?.['C']} ${answer.error?.['M']} ${answer.error?.['P'] ?? ''}`;
    return `${type} ${body.toString('hex')}`;
  });
}

t.test(
  'both formats',
  {skip: findPostgres() === null ? 'PostgreSQL 15 is not installed' : false},
  async t => {
    const [wadi, postgres] = await Promise.all([startWadi({env: {TZ: 'UTC'}}), startPostgres()]);
    t.teardown(() => Promise.all([wadi.stop(), postgres.stop()]));
    const settings = {options: '-c timezone=UTC -c datestyle=ISO'};
    const [ours, theirs] = await Promise.all([
      WireClient.login(wadi, settings),
      WireClient.login(postgres, settings),
    ]);
    t.teardown(() => {
      ours.end();
      theirs.end();
    });

    await t.test('results', async t => {
      for (const [type, texts] of Object.entries(values)) {
        const list = [...texts.map(text => `'${text.replaceAll("'", "''")}'`), 'NULL'];
        for (const text of list) {
          const sql = `select ${text}::${type}`;
          for (const format of [0, 1]) {
            const [a, b] = await Promise.all([
              run(ours, sql, [], [0, format]),
              run(theirs, sql, [], [0, format]),
            ]);
            if (a.join() !== b.join()) t.same(a, b, `${sql} in format ${format}`);
          }
        }
      }
      t.pass('all types');
    });

    await t.test('parameters', async t => {
      for (const [type, texts] of Object.entries(values)) {
        if (type.includes('(')) continue;
        const sql = `select $1::${type}`;
        for (const text of texts) {
          const bytes = Buffer.from(text);
          const [a, b] = await Promise.all([
            run(ours, sql, [bytes], [0, 1]),
            run(theirs, sql, [bytes], [0, 1]),
          ]);
          if (a.join() !== b.join()) t.same(a, b, `${sql} of text ${text}`);
          const row = b.find(line => line.startsWith('D '));
          if (row === undefined) continue;
          const binary = Buffer.from(row.slice(2), 'hex').subarray(6);
          const [c, d] = await Promise.all([
            run(ours, sql, [binary], [1, 0]),
            run(theirs, sql, [binary], [1, 0]),
          ]);
          if (c.join() !== d.join()) t.same(c, d, `${sql} of binary ${text}`);
          for (const bad of [
            binary.subarray(0, binary.length - 1),
            Buffer.concat([binary, Buffer.from([1])]),
          ]) {
            if (bad.length === 0 && binary.length === 1) continue;
            const [e, f] = await Promise.all([
              run(ours, sql, [bad], [1, 0]),
              run(theirs, sql, [bad], [1, 0]),
            ]);
            if (e.join() !== f.join()) t.same(e, f, `${sql} of bad binary ${bad.toString('hex')}`);
          }
        }
        const [a, b] = await Promise.all([
          run(ours, sql, [null], [1, 1]),
          run(theirs, sql, [null], [1, 1]),
        ]);
        if (a.join() !== b.join()) t.same(a, b, `${sql} of NULL`);
      }
      t.pass('all types');
    });

    await t.test('expressions', async t => {
      for (const expression of expressions) {
        for (const format of [0, 1]) {
          const sql = `select ${expression}`;
          const [a, b] = await Promise.all([
            run(ours, sql, [], [0, format]),
            run(theirs, sql, [], [0, format]),
          ]);
          if (a.join() !== b.join()) t.same(a, b, `${sql} in format ${format}`);
        }
      }
      t.pass('all');
    });
  },
);
