import {readFileSync} from 'node:fs';
import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import {planStatement} from '../../src/sql/plan/plan-statement.ts';
import {TestDatabase} from './support.ts';

interface Expected {
  readonly sql: string;
  readonly parameters?: readonly number[];
  readonly columns?: readonly (readonly [string, number, number, number])[] | null;
  readonly code?: string;
  readonly message?: string;
  readonly position?: number | null;
}

/** Queries whose answer is known to differ, with the reason. */
const different: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('describe-different.json', import.meta.url), 'utf8'),
) as Record<string, string>;

const expected = JSON.parse(
  readFileSync(new URL('describe.json', import.meta.url), 'utf8'),
) as readonly Expected[];
const database = await TestDatabase.create();

function actual(sql: string): Omit<Expected, 'sql'> {
  try {
    const statement = database.parser.parse(sql)[0]!;
    const {plan} = planStatement(statement, database.context());
    const columns = plan.columns.map(({name, type, typmod, attnum}) => {
      let base = type;
      while (base.base !== null) base = base.base;
      return [name, base.oid, typmod, attnum] as const;
    });
    return {
      parameters: plan.parameterTypes.map(type => type.oid),
      columns: plan.returnsRows ? columns : [],
    };
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return {code: error.code, message: error.message, position: error.fields.position ?? null};
  }
}

t.test('columns, parameter types and errors are those of PostgreSQL', t => {
  for (const {sql, ...wanted} of expected) {
    if (sql in different) continue;
    const got = actual(sql);
    t.same(wanted.columns === null ? {...got, columns: null} : got, wanted, sql);
  }
  t.end();
});
