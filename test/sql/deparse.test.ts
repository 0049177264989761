import {readFileSync} from 'node:fs';
import t from 'tap';
import {oid} from '../../src/common/ids.ts';
import {bindScalarExpression} from '../../src/sql/bind/scalar.ts';
import {definitionText} from '../../src/sql/deparse/definition.ts';
import {deparseExpression} from '../../src/sql/deparse/expression.ts';
import {deparseQuery} from '../../src/sql/deparse/query.ts';
import {TestDatabase} from './support.ts';

/** What PostgreSQL 15 printed (pg_get_expr, pg_get_viewdef) for an input. */
interface Fixture {
  readonly sql: string;
  readonly expected: string;
}

const fixtures = (name: string): Fixture[] =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as Fixture[];

const db = await TestDatabase.create();
const context = db.context();
const scope = {snapshot: db.catalog, searchPath: context.searchPath};

const columnTypes: readonly (readonly [name: string, type: number, typmod?: number])[] = [
  ['a', 23],
  ['b', 25],
  ['c', 1184],
  ['d', 1082],
  ['n', 1700],
  ['v', 1043, 14],
  ['arr', 1007],
  ['ts', 1114],
  ['e', 20],
  ['f', 701],
  ['j', 3802],
  ['u', 2950],
  ['bo', 16],
  ['s', 21],
  ['ch', 1042, 9],
  ['ta', 1009],
];
const columns = columnTypes.map(([name, type, typmod]) => ({
  name,
  type: db.catalog.typeByOid(oid(type))!,
  typmod: typmod ?? -1,
}));

t.test('expressions print as pg_get_expr prints them', t => {
  for (const {sql, expected} of fixtures('deparse-expressions'))
    t.equal(definitionText(sql, context, {scope, columns}), expected, sql);
  t.end();
});

t.test('views print as pg_get_viewdef prints them', t => {
  for (const {sql, expected} of fixtures('deparse-views')) {
    const printed = deparseQuery(db.parser.parse(sql)[0]!.ast!, sql, context);
    t.equal(printed, expected, sql);
    t.doesNotThrow(() => deparseQuery(db.parser.parse(printed)[0]!.ast!, printed, context), sql);
  }
  t.end();
});

t.test('values of columns are converted by assignment without a trace', t => {
  const text = (sql: string, type: number, typmod = -1): string =>
    definitionText(sql, context, {
      scope,
      columns,
      target: {type: db.catalog.typeByOid(oid(type))!, typmod},
      clause: 'DEFAULT expressions',
    });
  t.equal(text("'x'", 25), "'x'::text");
  t.equal(text("'x'", 1043, 14), "'x'::character varying");
  t.equal(text('0', 1700), '0');
  t.equal(text('1.5', 701), '1.5');
  t.equal(text("'5'", 23), '5');
  t.equal(text('-1', 23), "'-1'::integer");
  t.equal(text('now()', 1114), 'now()');
  t.equal(text('NULL', 25), 'NULL::text');
  t.end();
});

t.test('one line without indentation', t => {
  const expr = bindScalarExpression('case when a > 0 then 1 else 2 end', context, {columns});
  const print = (isIndented: boolean): string =>
    deparseExpression(expr, {scope, isIndented, columnName: index => columns[index]!.name});
  t.equal(print(false), 'CASE WHEN (a > 0) THEN 1 ELSE 2 END');
  t.equal(print(true), '\nCASE\n    WHEN (a > 0) THEN 1\n    ELSE 2\nEND');
  t.end();
});

t.test('names outside the search path are qualified', t => {
  const sql = 'select id from t';
  const qualified = deparseQuery(db.parser.parse(sql)[0]!.ast!, sql, context, {
    scope: {snapshot: db.catalog, searchPath: [oid(11)]},
  });
  t.equal(qualified, ' SELECT t.id\n   FROM public.t;');
  const named = deparseQuery(db.parser.parse(sql)[0]!.ast!, sql, context, {columnNames: ['x']});
  t.equal(named, ' SELECT t.id AS x\n   FROM t;');
  t.end();
});
