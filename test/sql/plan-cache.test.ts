import t from 'tap';
import {PlanCache} from '../../src/sql/plan/plan-cache.ts';
import {type PlannedStatement, planStatement} from '../../src/sql/plan/plan-statement.ts';
import {scanKey} from '../../src/sql/parse/token-scan.ts';
import {defaultFormatSettings} from '../../src/types/format-settings.ts';
import {TestDatabase} from './support.ts';

const database = await TestDatabase.create();
const environment = {
  key: '',
  roleKey: '',
  catalog: {},
  format: defaultFormatSettings,
  estimateRows: () => 0,
};

function ask(cache: PlanCache<PlannedStatement>, text: string) {
  let planned = false;
  const found = cache.get(
    text,
    environment,
    literals => {
      planned = true;
      return planStatement(database.parser.parse(text)[0]!, database.context(), {literals});
    },
    made => made,
  );
  const {slots} = found.entry;
  return {
    planned,
    slots: found.slots.map((value, index) =>
      value === null ? 'null' : slots[index]!.type.output(value, defaultFormatSettings),
    ),
  };
}

t.test('texts that differ in literals share a plan', t => {
  const cache = new PlanCache<PlannedStatement>();
  const shared: readonly (readonly [string, string, readonly string[]])[] = [
    ['select * from t where id = 5', 'select * from t where id = 77', ['77']],
    [
      "select a from t where b = 'x' and c > 1.5",
      "select a from t where b = 'it''s' and c > 2.25",
      ["it's", '2.25'],
    ],
    [
      "update t set a = a + 1, b = 'k' where id = -4",
      "update t set a = a + 9, b = 'm' where id = -3",
      ['9', 'm', '-3'],
    ],
    [
      "insert into t (id, a, b) values (1, 2, 'é')",
      "insert into t (id, a, b) values (7, 8, 'ß😀')",
      ['7', '8', 'ß😀'],
    ],
    [
      "select id from t where d > '2020-01-01' limit 10",
      "select id from t where d > '2021-01-01' limit 3",
      [],
    ],
    ['select 1 in (1, 2)', 'select 1 in (1, 2)', []],
  ];
  for (const [first, second, slots] of shared) {
    t.ok(ask(cache, first).planned, first);
    const again = ask(cache, second);
    t.notOk(again.planned, second);
    if (slots.length > 0) t.same([...again.slots].sort(), [...slots].sort(), second);
  }
  t.end();
});

t.test('literals that decide something are in the key', t => {
  const cache = new PlanCache<PlannedStatement>();
  const apart: readonly (readonly [string, string])[] = [
    ['select a, id from t order by 1', 'select a, id from t order by 2'],
    ['select a::varchar(3) from t', 'select a::varchar(4) from t'],
    [
      'select a + 1, count(*) from t group by a + 1',
      'select a + 2, count(*) from t group by a + 2',
    ],
    ['select 1 + 1', 'select 1 + 2'],
    ["select interval '1 day'", "select interval '2 day' + interval '1 day'"],
  ];
  for (const [first, second] of apart) {
    t.ok(ask(cache, first).planned, first);
    t.ok(ask(cache, second).planned, second);
    t.notOk(ask(cache, first).planned, `${first} again`);
  }
  t.throws(() => ask(cache, 'select a + 1, count(*) from t group by a + 2'), {code: '42803'});
  t.end();
});

t.test('a plan that holds the moment of its planning is not kept', t => {
  const cache = new PlanCache<PlannedStatement>();
  for (const text of ["select 'now'::timestamp", "select 'today'::date", "select 'now'::timestamp"])
    t.ok(ask(cache, text).planned, text);
  t.end();
});

t.test('a wrong literal is reported at its own position', t => {
  const cache = new PlanCache<PlannedStatement>();
  ask(cache, "select * from t where id = '5'");
  t.throws(() => ask(cache, "select * from t where id = 'x'"), {
    code: '22P02',
    fields: {position: 28},
  });
  t.end();
});

t.test('what has no key', t => {
  for (const text of [
    "select E'a'",
    "select U&'a'",
    "select b'1'",
    'select $$a$$',
    'select 1 -- c',
    'select /* c */ 1',
    "select 'a'\n'b'",
    'select 1a',
  ]) {
    t.equal(scanKey(text), null, text);
  }
  t.end();
});
