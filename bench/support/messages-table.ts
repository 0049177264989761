/** Rows of the big table. */
export const MESSAGE_ROWS = 1_000_000;
const LOAD_STEP = 20_000;

/** A table of chat messages (rows: in 100,000s) and one of their users, for servers. Loaded in transactions small enough to stay hot. */
export function messageTables(rows = MESSAGE_ROWS): readonly string[] {
  const statements = [
    `create table m(id bigint primary key, user_id int not null, role text not null, conv text not null, content text not null,
      tokens int, cost float8, created_at timestamptz)`,
    'create table u(user_id int primary key, plan text not null)',
    `insert into u select g, (array['free', 'pro', 'team'])[1 + g % 3] from generate_series(0, 8999) g`,
  ];
  for (let from = 1; from <= rows; from += LOAD_STEP) {
    statements.push(`insert into m select g, ((g * 79::bigint) % 9000)::int, (array['user', 'assistant', 'system', 'tool'])[1 + g % 4],
      'conv-' || ((g * 1047::bigint) % 100000)::text,
      md5(g::text) || ' ' || md5((g * 3)::text) || ' ' || case when g % 97 = 0 then 'needle' else 'hay' end || ' ' || md5((g * 7)::text),
      g % 1000, case when g % 20 = 0 then null else g * 0.5 end, timestamptz '2020-01-01' + g * interval '1 minute'
      from generate_series(${from}, ${from + LOAD_STEP - 1}) g`);
  }
  return statements;
}

/** The same rows in DuckDB. */
export const DUCKDB_TABLES: readonly string[] = [
  "set timezone = 'UTC'",
  "create table u as select g::int as user_id, (['free', 'pro', 'team'])[1 + g % 3] as plan from range(0, 9000) t(g)",
  `create table m as select g as id, ((g * 79) % 9000)::int as user_id, (['user', 'assistant', 'system', 'tool'])[1 + g % 4] as role,
    'conv-' || ((g * 1047) % 100000) as conv,
    md5(g::text) || ' ' || md5((g * 3)::text) || ' ' ||
    case when g % 97 = 0 then 'needle' else 'hay' end || ' ' || md5((g * 7)::text) as content,
    (g % 1000)::int as tokens, case when g % 20 = 0 then null else g * 0.5::double end as cost,
    timestamptz '2020-01-01 00:00:00+00' + to_minutes(g) as created_at from range(1, ${MESSAGE_ROWS + 1}) t(g)`,
];

/** What is asked of them. */
export const MESSAGE_QUERIES: Readonly<Record<string, string>> = {
  count: 'select count(*) from m where tokens < 500 and user_id > 3000',
  group: 'select role, count(*), sum(tokens), avg(tokens) from m group by role order by role',
  filter:
    "select count(*), sum(cost) from m where created_at between '2020-06-01' and '2021-01-01' and cost > 1000",
  join: 'select u.plan, m.role, count(*) from m join u on u.user_id = m.user_id group by 1, 2 order by 1, 2',
  like: "select count(*) from m where content like '%needle%'",
  'top 20': 'select id from m order by created_at desc limit 20',
  '100k groups': 'select conv, count(*) from m group by conv order by 2 desc, 1 limit 10',
};
