import t from 'tap';
import {type ExplainCounters, explainPlan, type ExplainOptions} from '../../src/sql/explain.ts';
import {planStatement} from '../../src/sql/plan/plan-statement.ts';
import type {QueryPlan} from '../../src/sql/plan/plan.ts';
import {TestDatabase} from './support.ts';

const database = await TestDatabase.create();

function planOf(sql: string): QueryPlan {
  return planStatement(database.parser.parse(sql)[0]!, database.context()).plan;
}

function explain(sql: string, options: Partial<ExplainOptions> = {}): string[] {
  return explainPlan(planOf(sql), {
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
    ...options,
  });
}

const cases: readonly (readonly [sql: string, lines: readonly string[]])[] = [
  ['select 1', ['Result']],
  [
    "select * from t where a > 1 and b like 'x%'",
    ['Seq Scan on t', "  Filter: ((a > 1) AND (b ~~ 'x%'::text))"],
  ],
  ['select * from t x where id = 1', ['Index Scan using t_pkey on t x', '  Index Cond: (id = 1)']],
  ['select body from m', ['Seq Scan on m', '  Owner: own rows']],
  ['select body, _user_id from m', ['Seq Scan on m', '  Owner: all owners']],
  [
    'select a from t order by b desc, a nulls first',
    ['Sort', '  Sort Key: b DESC, a NULLS FIRST', '  ->  Seq Scan on t'],
  ],
  ['select a from t limit 5', ['Limit', '  ->  Seq Scan on t']],
  ['select distinct a from t', ['HashAggregate', '  Group Key: a', '  ->  Seq Scan on t']],
  [
    'select a, count(*) from t group by a having count(*) > 1',
    ['HashAggregate', '  Group Key: a', '  Filter: (count(*) > 1)', '  ->  Seq Scan on t'],
  ],
  ['select count(*) from t', ['Aggregate', '  ->  Seq Scan on t']],
  [
    'select id from t union all select id from u',
    ['Append', '  ->  Seq Scan on t', '  ->  Seq Scan on u'],
  ],
  ['select * from generate_series(1, 3) g', ['Function Scan on generate_series']],
  ['values (1), (2)', ['Values Scan on "*VALUES*"']],
  [
    'select id from t where a > (select max(e) from u)',
    [
      'Seq Scan on t',
      '  Filter: (a > $0)',
      '  InitPlan 1 (returns $0)',
      '    ->  Aggregate',
      '          ->  Seq Scan on u',
    ],
  ],
  [
    'select id from t intersect select id from u',
    ['HashSetOp Intersect', '  ->  Seq Scan on t', '  ->  Seq Scan on u'],
  ],
  [
    'select t.a from t join u on t.c = u.e',
    [
      'Hash Join',
      '  Hash Cond: (t.c = (u.e)::numeric)',
      '  ->  Seq Scan on t',
      '  ->  Hash',
      '        ->  Seq Scan on u',
    ],
  ],
  ["insert into t values (1, 2, 'x', 3, null)", ['Insert on t', '  ->  Result']],
  [
    'delete from t where id = 1',
    ['Delete on t', '  ->  Index Scan using t_pkey on t', '        Index Cond: (id = 1)'],
  ],
  [
    'with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r',
    [
      'CTE Scan on r',
      '  CTE r',
      '    ->  Recursive Union',
      '          ->  Result',
      '          ->  WorkTable Scan',
      '                Filter: (n < 5)',
    ],
  ],
  [
    'select a, rank() over (partition by a order by b) from t',
    ['WindowAgg', '  Sort Key: a, b', '  ->  Seq Scan on t'],
  ],
];

t.test('text layout', t => {
  for (const [sql, lines] of cases) t.same(explain(sql), lines, sql);
  t.end();
});

t.test('costs and verbose', t => {
  const [line, output] = explain('select a from t', {costs: true, verbose: true});
  t.match(line, /^Seq Scan on t {2}\(cost=\d+\.\d\d\.\.\d+\.\d\d rows=\d+ width=\d+\)$/);
  t.equal(output, '  Output: t.a');
  t.end();
});

function counted(
  plan: QueryPlan,
  fields: Partial<ExplainCounters>,
): ReadonlyMap<number, ExplainCounters> {
  return new Map([
    [
      plan.root.id,
      {rows: 3, loops: 1, timeMs: 1.5, pauses: 0, spilledBytes: 0, extra: {}, ...fields},
    ],
  ]);
}

t.test('ANALYZE', t => {
  const sql = 'select * from m';
  const counters = counted(planOf(sql), {
    pauses: 2,
    spilledBytes: 12_000,
    extra: {segmentsRead: 1, segmentsSkipped: 3, hotRows: 7},
  });
  const options = {
    analyze: true,
    timing: true,
    summary: true,
    counters,
    planningMs: 0.25,
    executionMs: 2,
  };
  t.same(explain(sql, options), [
    'Seq Scan on m (actual time=0.000..1.500 rows=3 loops=1)',
    '  Owner: own rows',
    '  Segments: read 1, skipped 3',
    '  Hot rows: 7',
    '  Spilled: 12kB',
    '  Pauses: 2',
    'Planning Time: 0.250 ms',
    'Execution Time: 2.000 ms',
  ]);
  t.same(
    explain(sql, {...options, summary: false, counters: new Map()})[0],
    'Seq Scan on m (never executed)',
  );
  t.end();
});

t.test('ANALYZE of MERGE counts what it did', t => {
  const sql =
    'merge into t x using u on x.id = u.e when matched then delete when not matched then do nothing';
  const extra = {tuplesInserted: 0, tuplesUpdated: 2, tuplesDeleted: 0, tuplesSkipped: 1};
  const counters = counted(planOf(sql), {rows: 0, extra});
  const options = {analyze: true, timing: false, summary: false, counters};
  const lines = explain(sql, {...options, planningMs: 0, executionMs: 0});
  t.same(lines.slice(0, 2), [
    'Merge on t x (actual rows=0 loops=1)',
    '  Tuples: updated=2 skipped=1',
  ]);
  t.end();
});

t.test('JSON', t => {
  const text = explain('select t.a from t join u on t.c = u.e', {
    format: 'json',
    costs: true,
    summary: true,
  }).join('\n');
  const [document] = JSON.parse(text) as [
    {readonly Plan: Record<string, unknown>; readonly 'Planning Time': number},
  ];
  t.equal(document['Planning Time'], 0);
  t.match(document.Plan, {
    'Node Type': 'Hash Join',
    'Join Type': 'Inner',
    'Hash Cond': '(t.c = (u.e)::numeric)',
    'Startup Cost': Number,
    'Plan Rows': Number,
    Plans: [
      {'Node Type': 'Seq Scan', 'Parent Relationship': 'Outer', 'Relation Name': 't', Alias: 't'},
      {
        'Node Type': 'Hash',
        'Parent Relationship': 'Inner',
        Plans: [{'Node Type': 'Seq Scan', 'Relation Name': 'u'}],
      },
    ],
  });
  t.end();
});
