import t from 'tap';
import {bootstrapCatalog, createCatalogBase} from '../../src/catalog/bootstrap.ts';
import type {Descriptor} from '../../src/catalog/descriptors.ts';
import {createCatalogPort, createNameResolver} from '../../src/catalog/info-functions.ts';
import {prettyExpression} from '../../src/catalog/pretty-expression.ts';
import {oid} from '../../src/common/ids.ts';
import {PgArray} from '../../src/types/array-value.ts';
import {constraint, enumType, index, table} from './objects.ts';

const made: Descriptor[] = [
  enumType(20000, 'Mood', ['sad', 'ok']),
  table(20100, 'author', [
    ['id', 23],
    ['name', 1043],
  ]),
  table(20200, 'book', [
    ['id', 23],
    ['author_id', 23],
    ['title', 25],
  ]),
  index(20400, 'book_title', 20200, [], {
    keys: [
      {
        attnum: 0,
        expressionText: 'lower(title)',
        descending: false,
        nullsFirst: false,
        opclass: oid(0),
        collation: oid(0),
      },
      {
        attnum: 1,
        expressionText: null,
        descending: true,
        nullsFirst: false,
        opclass: oid(1978),
        collation: oid(0),
      },
    ],
    predicateText: '(id > 0)',
  }),
  constraint(20302, 'book_fk', 20200, 'f', [2], {
    referencedTable: oid(20100),
    referencedColumns: [1],
    onDelete: 'c',
  }),
  constraint(20303, 'book_check', 20200, 'c', [1], {
    expressionText: '((id > 0) AND (author_id > 0))',
  }),
];
const snapshot = bootstrapCatalog(createCatalogBase()).apply(
  made.map(descriptor => ({op: 'put', descriptor})),
);
const context = {
  snapshot,
  searchPath: [oid(11), oid(2200)],
  currentRole: oid(10),
  tempSchema: oid(0),
  relationSize: () => 8192n,
  databaseSize: () => 1n,
  sequenceLastValue: () => null,
};
const port = createCatalogPort(() => context);
const names = createNameResolver(() => context);

t.test('definitions', t => {
  t.equal(
    port.call('pg_get_indexdef', [20400]),
    'CREATE INDEX book_title ON public.book USING btree (lower(title), id DESC NULLS LAST) WHERE (id > 0)',
  );
  t.equal(
    port.call('pg_get_indexdef_ext', [20400, 0, true]),
    'CREATE INDEX book_title ON book USING btree (lower(title), id DESC NULLS LAST) WHERE id > 0',
  );
  t.equal(port.call('pg_get_indexdef_ext', [20400, 2, true]), 'id');
  t.equal(
    port.call('pg_get_constraintdef', [20302]),
    'FOREIGN KEY (author_id) REFERENCES author(id) ON DELETE CASCADE',
  );
  t.equal(port.call('pg_get_constraintdef', [20303]), 'CHECK (((id > 0) AND (author_id > 0)))');
  t.equal(port.call('pg_get_constraintdef_ext', [20303, true]), 'CHECK (id > 0 AND author_id > 0)');
  t.equal(port.call('pg_get_function_arguments', [2120]), 'double precision');
  t.equal(
    port.call('pg_get_functiondef', [870])?.toString().split('\n')[0],
    'CREATE OR REPLACE FUNCTION pg_catalog.lower(text)',
  );
  t.end();
});

t.test('types', t => {
  t.equal(port.call('format_type', [1043, 54]), 'character varying(50)');
  t.equal(port.call('format_type', [1231, (10 << 16) + 2 + 4]), 'numeric(10,2)[]');
  t.equal(port.call('format_type', [20000, null]), '"Mood"');
  t.equal(port.call('format_type', [20001, null]), '"Mood"[]');
  t.equal(port.call('format_type', [22, -1]), 'int2vector');
  t.equal(port.call('format_type', [4242424, null]), '???');
  t.equal(names.regIn('regtype', 'timestamp(3) with time zone'), 1184);
  t.equal(names.regIn('regtype', 'int[]'), 1007);
  t.equal(names.regIn('regtype', 'public."Mood"'), 20000);
  t.throws(() => names.regIn('regtype', 'mood'), {
    code: '42704',
    message: 'type "mood" does not exist',
  });
  t.end();
});

t.test('names', t => {
  t.equal(names.regIn('regclass', 'book'), 20200);
  t.equal(names.regOut('regclass', 20200), 'book');
  t.equal(names.regOut('regclass', 1259), 'pg_class');
  t.equal(names.regOut('regclass', 99999999), '99999999');
  t.equal(names.regOut('regprocedure', 870), 'lower(text)');
  t.throws(() => names.regIn('regclass', 'nosuch'), {
    code: '42P01',
    message: 'relation "nosuch" does not exist',
  });
  t.equal(port.call('to_regclass', ['nosuch']), null);
  t.equal(port.call('pg_table_is_visible', [20200]), true);
  t.equal(port.call('obj_description', [1397, 'pg_proc']), 'absolute value');
  t.equal(port.call('pg_describe_object', [1259, 20200, 3]), 'column title of table book');
  t.end();
});

t.test('privileges', t => {
  t.equal(
    port.call('has_table_privilege_name', ['book', 'SELECT, insert with grant option']),
    true,
  );
  t.equal(port.call('has_table_privilege_name_name', ['pg_monitor', 'book', 'SELECT']), false);
  t.equal(port.call('has_table_privilege_name_id', ['pg_monitor', 1260, 'SELECT']), false);
  t.equal(port.call('has_table_privilege_id', [99999999, 'SELECT']), null);
  t.throws(() => port.call('has_table_privilege_name', ['book', 'JUMP']), {
    code: '22023',
    message: 'unrecognized privilege type: "JUMP"',
  });
  t.equal(port.call('pg_has_role_name_name', ['pg_monitor', 'pg_read_all_stats', 'USAGE']), true);
  t.same(port.call('acldefault_sql', ['r', 10]), PgArray.of(['postgres=arwdDxt/postgres']));
  t.end();
});

t.test('pretty expressions', t => {
  const cases = [
    ['(price > (0)::numeric)', 'price > 0::numeric'],
    ['(((a > 0) AND (b < 5)) OR (c IS NULL))', 'a > 0 AND b < 5 OR c IS NULL'],
    ['(((a + b) * 2) > 4)', '((a + b) * 2) > 4'],
    [
      "(((t)::text ~~ 'x%'::text) AND ((b = 1) OR (c = 2)))",
      "t::text ~~ 'x%'::text AND (b = 1 OR c = 2)",
    ],
    [
      "((f)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
      "f::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[])",
    ],
  ] as const;
  t.equal(
    prettyExpression(
      ' SELECT (a + (2 * b)) AS c\n   FROM (x\n     JOIN y ON ((x.id = y.id)))\n  WHERE (x.a > 0);',
    ),
    ' SELECT a + 2 * b AS c\n   FROM x\n     JOIN y ON x.id = y.id\n  WHERE x.a > 0;',
  );
  for (const [text, pretty] of cases) t.equal(prettyExpression(text), pretty);
  t.end();
});
