/** What a captured query means by the number: the OIDs of the cluster in which the corpora were recorded. */
export const capturedOids: Readonly<Record<string, string>> = {
  '16501': 'type app.mood[]',
  '16502': 'type app.mood',
  '16510': 'type app.addr[]',
  '16511': 'type app.addr',
  '16513': 'type app.email',
  '16516': 'class users',
  '16527': 'class users_pkey',
  '16532': 'class messages',
  '16548': 'class messages_user_idx',
  '16551': 'class v_user',
  '16562': 'class app.s1',
  '16563': 'class metrics',
  '16566': 'class metrics_2026',
  '16571': 'class parent',
  '16577': 'proc add2(integer,integer)',
  '16736': 'class app.orders',
  '17301': 'class users_lower_idx',
};

/** Values for a query's parameters; `@class users` stands for that object's OID. */
interface ParameterRule {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

/** By a part of the text, the first that matches. The log has the texts only: these are values as the clients send them. */
const parameterRules: readonly ParameterRule[] = [
  {text: 'name=ANY($2)', values: ['1', '{u1,b}']},
  {text: 'name = ANY($2)', values: ['1', '{u1,b}']},
  {text: 'user_id = $1 AND created_at > $2', values: ['1', '2020-01-01']},
  {text: 'FROM users WHERE id>$1', values: ['0']},
  {text: 'name in ($2,$3)', values: ['1', 'u1', 'u2']},
  {text: 'values($1),($2)', values: ['7', '8']},
  {text: 'update parent set "a"=$1', values: ['1']},
  {text: 'pg_notify($1, $2)', values: ['ch', 'hello']},
  {text: '$1::int[], $2::jsonb', values: ['{1,2}', '{"b":1,"a":2}']},
  {text: 'select $1::app.mood', values: ['ok']},
  {text: "typinput='pg_catalog.array_in'", values: ['@type app.mood[]']},
  {text: 'WHERE id = $1 AND name LIKE $2', values: ['1', 'u%']},
  {text: 'SET "name" = $1', values: ['u1', '1']},
  {text: 'INSERT INTO parent(a) VALUES ($1)', values: ['5']},
  {text: 'add2($1,$2,$3)', values: [null, '1', '2']},
  {text: 'WHERE t.typname = $1 AND (n.nspname = $2 OR $3', values: ['mood', 'app', 'f']},
  {text: 'e.typdelim FROM', values: ['@type app.mood[]']},
  {text: 'r.rngtypid AS range_oid', values: ['int4multirange']},
  {text: 'JOIN pg_range r ON t.oid = r.rngtypid', values: ['app.floatrange']},
  {text: 'coalesce(a.fnames', values: ['app.addr']},
  {text: 'array_agg(label) AS labels', values: ['app.mood']},
  {text: 't.oid = $1::regtype', values: ['app.mood']},
  {text: 'typeinfo_tree', values: ['{@type app.addr,@type app.mood[],@type app.floatrange}']},
  {text: '$4::hstore', values: ['ok', '(a,1,)', '[2020-01-01,)', 'a=>1']},
  {text: 'WHERE t.typname = $1 AND ns.nspname = $2', values: ['mood', 'app']},
  {text: 't.typelem AS elemtype', values: ['@type app.mood']},
  {text: 'quote_literal($1', values: ['5']},
  {text: 'WHERE id=$1 OR name=$2', values: ['1', 'u2']},
  {text: 'WHERE d.relname = $1', values: ['users', 'public', 'users', 'public', 'f']},
  {text: 'pg_get_serial_sequence(', values: ['users', 'public']},
  {text: 'currval($1)', values: ['users_id_seq']},
  {text: 'WHERE t.oid = $1', values: ['@type app.mood']},
  {text: '= $1', values: ['1']},
  {text: '=$1', values: ['1']},
];

/** The values of a query's parameters, or null where there is no rule for it. */
export function parametersOf(text: string): readonly (string | null)[] | null {
  if (!/\$\d/.test(text)) return [];
  const line = text.replaceAll(/\s+/g, ' ');
  return parameterRules.find(rule => line.includes(rule.text))?.values ?? null;
}

const preludes: readonly (readonly [query: RegExp, prelude: string])[] = [
  [/^SAVEPOINT _per_query_svp_;DEALLOCATE "(\w+)"/i, 'BEGIN; PREPARE "$1" AS SELECT 1'],
  [/^SAVEPOINT \w+;fetch 2 in "(\w+)"/i, 'BEGIN; DECLARE "$1" CURSOR FOR SELECT * FROM users'],
  [
    /^(?:savepoint|release savepoint|release|rollback to savepoint|rollback to) ("[^"]*"|\w+)/i,
    'BEGIN; SAVEPOINT $1',
  ],
  [
    /^(?:fetch|move|close)(?: forward)? ?\w* (?:from |in )?("[^"]*"|\w+)/i,
    'BEGIN; DECLARE $1 SCROLL CURSOR FOR SELECT * FROM users ORDER BY id',
  ],
  [/^deallocate (".*")/i, 'PREPARE $1 AS SELECT 1'],
  [/^SELECT pg_catalog\.currval/, "SELECT nextval('users_id_seq')"],
];

/** What its client had sent before a query, as far as the query needs it: a block, a savepoint, a cursor, a prepared statement. */
export function preludeOf(text: string): string | null {
  for (const [query, prelude] of preludes) {
    const match = query.exec(text);
    if (match !== null) return prelude.replaceAll('$1', match[1] ?? '');
  }
  return null;
}
