import {existsSync, readFileSync} from 'node:fs';
import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import {SqlParser} from '../../src/sql/parse/parser.ts';

const parser = await SqlParser.create();

function failure(text: string): readonly [string, string, number | undefined] {
  try {
    parser.parse(text);
  } catch (error) {
    if (error instanceof PgError) return [error.code, error.message, error.fields.position];
    throw error;
  }
  return ['', 'no error', undefined];
}

t.test('syntax errors are those of PostgreSQL, positions count characters', t => {
  t.same(failure('selec 1'), ['42601', 'syntax error at or near "selec"', 1]);
  t.same(failure('select'.concat(' (')), ['42601', 'syntax error at end of input', 9]);
  t.same(failure("select 'é😀', nope nope nope"), ['42601', 'syntax error at or near "nope"', 24]);
  t.same(failure("select 'abc"), ['42601', 'unterminated quoted string at or near "\'abc"', 8]);
  t.same(failure('select $1x'), ['42601', 'trailing junk after parameter at or near "$1x"', 8]);
  t.same(failure('create user table x (id int,, y int)'), [
    '42601',
    'syntax error at or near ","',
    29,
  ]);
  t.end();
});

t.test('nothing to do', t => {
  for (const text of ['', ' ', ';', '-- x', '/* a /* b */ */'])
    t.same(parser.parse(text), [], JSON.stringify(text));
  t.end();
});

t.test('too deep a query is 54001 and the grammar survives it', async t => {
  const deep = `select ${'1+'.repeat(12_000)}1`;
  for (let round = 0; round < 100; round++) {
    t.equal(failure(deep)[0], '54001');
    await parser.ready;
  }
  t.equal(parser.parse('select 1').length, 1);
  t.ok(parser.builtCount > 1);
});

t.test('inline indexes', t => {
  const text =
    'CREATE TABLE a (Ä int, INDEX (Ä, "B c") USING Bloom DESC (fpp = -1, k = \'v\'), b int)';
  const [statement] = parser.parse(text);
  t.same(statement!.custom, {
    kind: 'createTable',
    tableKind: null,
    ttlSeconds: null,
    indexes: [
      {
        columns: [
          {name: 'Ä', position: 31},
          {name: 'B c', position: 34},
        ],
        method: 'bloom',
        order: 'desc',
        options: [
          ['fpp', '-1'],
          ['k', 'v'],
        ],
      },
    ],
  });
  // Positions of what follows count the characters of the text as sent.
  const wrong = text.replace('b int', 'b int UNIQ');
  const at = wrong.indexOf('UNIQ') + 1;
  t.throws(() => parser.parse(wrong), {code: '42601', fields: {position: at}});
  for (const clause of [
    'INDEX (a,) USING btree',
    'INDEX () USING btree',
    'INDEX (a b) USING btree',
    'INDEX (a) USING',
    'INDEX (a) USING btree ()',
    'INDEX (a) USING btree (x)',
    'INDEX (a) USING btree (x = )',
    'INDEX (a) USING btree (x = 1',
    'INDEX (a) USING btree x',
    'INDEX (lower(a)) USING btree',
    'INDEX (a)',
  ]) {
    t.throws(() => parser.parse(`CREATE USER TABLE t (a int, ${clause})`), {code: '42601'}, clause);
    t.throws(() => parser.parse(`CREATE TABLE t (${clause}, a int)`), {code: '42601'}, clause);
    t.throws(() => parser.parse(`CREATE TABLE t (${clause}`), {code: '42601'}, clause);
  }
  t.end();
});

t.test('own statements', t => {
  const kinds = (text: string) =>
    parser.parse(text).map(statement => [Object.keys(statement.ast ?? {})[0], statement.custom]);
  t.same(kinds('CREATE USER TABLE chat.m (id int primary key) TTL 10'), [
    ['CreateStmt', {kind: 'createTable', tableKind: 'user', ttlSeconds: 10, indexes: []}],
  ]);
  t.same(kinds('create namespace x; drop namespace x'), [
    ['CreateSchemaStmt', {kind: 'namespace'}],
    ['DropStmt', {kind: 'namespace'}],
  ]);
  t.same(kinds('storage flush table a.b'), [['SelectStmt', {kind: 'storageFlush', all: false}]]);
  t.same(kinds('storage compact all'), [['SelectStmt', {kind: 'storageCompact', all: true}]]);
  t.same(kinds('subscribe to chat.t where a = 1 options (last_rows = 20)'), [
    ['SelectStmt', {kind: 'subscribe', options: {last_rows: '20'}}],
  ]);
  t.same(kinds("execute as user 'bob' (select 1)"), [
    ['SelectStmt', {kind: 'executeAs', user: 'bob'}],
  ]);
  t.same(kinds('create or replace live query q(u text, n numeric(3,1)) as select 1'), [
    [
      'ViewStmt',
      {
        kind: 'createLiveQuery',
        replace: true,
        args: [
          {name: 'u', type: 'text'},
          {name: 'n', type: 'numeric(3,1)'},
        ],
      },
    ],
  ]);
  t.same(kinds("kill live query 'x'"), [['SelectStmt', {kind: 'killLiveQuery', id: 'x'}]]);
  t.same(kinds('describe t'), [['SelectStmt', {kind: 'describe'}]]);
  t.same(kinds('create user bob'), [['CreateRoleStmt', null]]);
  t.end();
});

t.test('every captured query of clients parses', t => {
  const corpora = new URL('../../../shared/corpora/', import.meta.url);
  if (!existsSync(corpora)) {
    t.comment('the corpora are not here');
    t.end();
    return;
  }
  for (const name of ['psql', 'drivers', 'pgtools']) {
    const queries = readFileSync(new URL(`catalog-${name}.sql`, corpora), 'utf8').split(
      /^-- ;;.*$/m,
    );
    const failed = queries.filter(text => failure(text)[1] !== 'no error');
    t.same(failed, [], name);
  }
  t.end();
});
