import {condition} from './queries.ts';
import type {Random} from './random.ts';
import {GROUP, literal, type ModelTable, USERS} from './schema.ts';

/** One to three changes of rows, as one transaction. */
export function randomWrite(random: Random, tables: readonly ModelTable[]): string {
  const parts: string[] = [];
  for (let n = random.pick([1, 1, 2, 3]); n > 0; n--)
    parts.push(change(random, random.pick(tables)));
  return parts.join('; ');
}

function change(random: Random, table: ModelTable): string {
  const {name, columns, key} = table;
  const into = `${name} (${columns.map(each => each.name).join(', ')})`;
  const values = (): string =>
    `(${columns.map(each => literal(random, each, !key.includes(each))).join(', ')})`;
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2: {
      const rows = Array.from({length: 1 + random.below(3)}, values);
      if (key.length === 0) return `INSERT INTO ${into} VALUES ${rows.join(', ')}`;
      const set = columns.map(each => `${each.name} = excluded.${each.name}`).join(', ');
      const target = key.map(each => each.name).join(', ');
      return `INSERT INTO ${into} VALUES ${rows[0]} ON CONFLICT (${target}) DO UPDATE SET ${set}`;
    }
    case 3:
    case 4: {
      const set = random
        .some(columns.filter(each => !key.includes(each)))
        .map(each => `${each.name} = ${literal(random, each)}`);
      return `UPDATE ${name} SET ${set.join(', ')} WHERE ${condition(random, columns)}`;
    }
    case 5:
      // May fail: then nothing of the transaction stays.
      return `UPDATE ${name} SET c0 = c0 + ${1 + random.below(2)} WHERE ${condition(random, columns)}`;
    case 6:
      return random.one(8) && table.kind === 'shared'
        ? `TRUNCATE ${name}`
        : `DELETE FROM ${name} WHERE ${condition(random, columns)}`;
    default: {
      const list = columns.map(each =>
        each.name === 'c0' ? 'g' : literal(random, each, !key.includes(each)),
      );
      const tail = key.length === 0 ? '' : ' ON CONFLICT DO NOTHING';
      return `INSERT INTO ${into} SELECT ${list.join(', ')} FROM generate_series(${random.below(20)}, 25) g${tail}`;
    }
  }
}

/** A change of rights, policies, views, functions or of a table's form. Shared tables only have policies. */
export function randomDefinition(random: Random, tables: readonly ModelTable[]): string {
  const table = random.pick(tables);
  const shared = random.pick(tables.filter(({kind}) => kind === 'shared'));
  const user = random.pick(USERS.slice(1));
  const other = random.pick(tables.filter(({kind}) => kind === 'shared'));
  const rule = random.one(3)
    ? `EXISTS (SELECT FROM ${other.name} o WHERE o.c0 = ${shared.name}.c0)`
    : condition(random, shared.columns);
  switch (random.below(12)) {
    case 0:
    case 1:
      return (
        `DROP POLICY IF EXISTS p ON ${shared.name}; CREATE POLICY p ON ${shared.name} ` +
        `TO ${random.pick(['PUBLIC', user, GROUP])} USING (${rule}) WITH CHECK (true)`
      );
    case 2:
      return `ALTER TABLE ${shared.name} ${random.one(3) ? 'DISABLE' : 'ENABLE'} ROW LEVEL SECURITY`;
    case 3:
      return random.one(2) ? `GRANT ${GROUP} TO ${user}` : `REVOKE ${GROUP} FROM ${user}`;
    case 4:
      return random.one(3)
        ? `REVOKE SELECT ON ${table.name} FROM ${user}`
        : `GRANT SELECT ON ${table.name} TO ${user}`;
    case 5:
      return random.one(2) ? `GRANT wadi_service TO ${user}` : `REVOKE wadi_service FROM ${user}`;
    case 6:
      return view(random, tables, random.below(2));
    case 7:
      return modelFunction(random);
    case 8:
      return `ALTER TABLE ${table.name} ADD COLUMN x${random.below(1000)} int4`;
    case 9:
      return random.one(2)
        ? `DROP INDEX IF EXISTS ${table.name}_i`
        : `CREATE INDEX IF NOT EXISTS ${table.name}_i ON ${table.name} (c0)`;
    case 10:
      return `GRANT SELECT ON ${tables.map(({name}) => name).join(', ')} TO ${USERS.slice(1).join(', ')}`;
    default:
      return `ALTER ROLE ${user} ${random.one(2) ? 'BYPASSRLS' : 'NOBYPASSRLS'}`;
  }
}

/** CREATE OR REPLACE VIEW v0 or v1, with the columns that it always has. */
export function view(random: Random, tables: readonly ModelTable[], number: number): string {
  const table = tables[0]!;
  const from =
    number === 0
      ? `SELECT c0, ${(table.columns[1] ?? table.columns[0]!).name} AS c1 FROM ${table.name} WHERE ${condition(random, table.columns)}`
      : `SELECT a.c0 FROM ${table.name} a JOIN ${random.pick(tables).name} b ON a.c0 = b.c0`;
  return `CREATE OR REPLACE VIEW v${number} AS ${from}; GRANT SELECT ON v${number} TO ${USERS.slice(1).join(', ')}`;
}

/** CREATE OR REPLACE FUNCTION model_f. */
export function modelFunction(random: Random): string {
  const body = `SELECT x ${random.pick(['+', '-', '*'])} ${random.below(4)}`;
  return `CREATE OR REPLACE FUNCTION model_f(x int4) RETURNS int4 LANGUAGE sql IMMUTABLE AS '${body}'`;
}
