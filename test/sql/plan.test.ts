import t from 'tap';
import {explainPlan} from '../../src/sql/explain.ts';
import {planStatement} from '../../src/sql/plan/plan-statement.ts';
import {TestDatabase} from './support.ts';

const database = await TestDatabase.create();

function explain(sql: string): string[] {
  const {plan} = planStatement(database.parser.parse(sql)[0]!, database.context());
  return explainPlan(plan, {
    analyze: false,
    verbose: false,
    costs: false,
    timing: false,
    summary: false,
    format: 'text',
    counters: null,
    planningMs: 0,
    executionMs: null,
    catalog: database.catalog,
  });
}

const cases: readonly (readonly [string, readonly string[]])[] = [
  ['select * from t where id = 5', ['Index Scan using t_pkey on t', '  Index Cond: (id = 5)']],
  ['select 1 where false', ['Result', '  One-Time Filter: false']],
  ['select a from t where a > 2 and true', ['Seq Scan on t', '  Filter: (a > 2)']],
  [
    'select * from (select a + 1 as x from t) s where x = 3',
    ['Seq Scan on t', '  Filter: ((a + 1) = 3)'],
  ],
  [
    'select t.b from t join u on u.t_id = t.id where t.id = 3',
    [
      'Nested Loop',
      '  ->  Index Scan using t_pkey on t',
      '        Index Cond: (id = 3)',
      '  ->  Index Scan using u_t_id on u',
      '        Index Cond: (t_id = t.id)',
    ],
  ],
  [
    'select * from m where _user_id = current_user',
    ['Seq Scan on m', '  Filter: (_user_id = CURRENT_USER)', '  Owner: (CURRENT_USER)::text'],
  ],
  ['select body from m', ['Seq Scan on m', '  Owner: own rows']],
];

t.test('plans', t => {
  for (const [sql, lines] of cases) t.same(explain(sql), lines, sql);
  t.end();
});

t.test(
  'conditions on the nullable side of an outer join stay above it or make it an inner join',
  t => {
    const plan = (sql: string): string => explain(sql).join('\n');
    t.match(plan('select * from t left join u on u.t_id = t.a where u.id is null'), /Left Join/);
    t.notMatch(plan('select * from t left join u on u.t_id = t.a where u.e > 5'), /Left Join/);
    t.match(plan('select * from t left join u on u.t_id = t.a and u.e > 5'), /Filter: \(e > '?5/);
    t.match(plan('select * from t where exists (select 1 from u where u.t_id = t.a)'), /Semi Join/);
    t.match(plan('select * from t where a not in (select t_id from u)'), /Anti Join/);
    t.match(
      plan('select * from t where not exists (select 1 from u where u.t_id = t.a)'),
      /Anti Join/,
    );
    t.end();
  },
);

t.test('the scope of a user table', t => {
  const scope = (sql: string) =>
    JSON.stringify(
      planStatement(database.parser.parse(sql)[0]!, database.context()).plan.root,
    ).match(/"scope":"(\w+)"/)?.[1];
  t.equal(scope('select * from m'), 'own');
  t.equal(scope('select _user_id from m'), 'all');
  t.equal(scope("update m set body = 'x' where id = 1 returning _user_id"), 'own');
  t.equal(scope("delete from m where _user_id = 'bob'"), 'all');
  t.equal(scope('select * from t'), 'none');
  t.throws(() => scope("update m set _user_id = 'x'"), {code: '0A000'});
  t.throws(() => scope('select a._user_id, b.id from m a, m b'), {code: '0A000'});
  t.end();
});
