import {
  columnTypes,
  ExpressionGenerator,
  literal,
  randomType,
  type ScopeColumn,
  type SqlType,
} from './expressions.ts';
import type {Random} from './random.ts';

/** Names of the generated tables. */
export const tables = ['t0', 't1', 't2'] as const;

const rowCounts = [0, 12, 40];
const byTypes: readonly SqlType[] = ['int', 'text', 'bool', 'numeric', 'date'];

/** Statements that make the tables and fill them with random rows. */
export function setupStatements(random: Random): string[] {
  const columns = columnTypes.map(([name, type]) => `${name} ${type}`).join(', ');
  const statements = tables.map(table => `CREATE TABLE ${table} (id int PRIMARY KEY, ${columns})`);
  tables.forEach((table, i) => {
    for (let id = 1; id <= (rowCounts[i] ?? 0); id += 1) {
      const values = columnTypes.map(([, type]) => literal(random, type)).join(', ');
      statements.push(`INSERT INTO ${table} VALUES (${id}, ${values})`);
    }
  });
  return statements;
}

/** What is asked after writes: both sides must hold the same rows. */
export function checkStatements(): string[] {
  return tables.map(table => `SELECT * FROM ${table} ORDER BY id`);
}

/** One random statement over the tables; a row order is only asked for where it is total. */
export function randomStatement(random: Random): string {
  const kind = random.next();
  if (kind < 0.3) return simpleSelect(random);
  if (kind < 0.5) return groupedSelect(random);
  if (kind < 0.65) return joinSelect(random);
  if (kind < 0.72) return setOperation(random);
  if (kind < 0.8) return subquerySelect(random);
  if (kind < 0.86) return windowSelect(random);
  if (kind < 0.91) return insertStatement(random);
  return kind < 0.97 ? updateStatement(random) : deleteStatement(random);
}

function scopeOf(...aliases: readonly string[]): ScopeColumn[] {
  return aliases.flatMap(alias => [
    {sql: `${alias}.id`, type: 'int'} as const,
    ...columnTypes.map(([name, type]) => ({sql: `${alias}.${name}`, type})),
  ]);
}

function list(count: number, make: () => string): string {
  return Array.from({length: count}, make).join(', ');
}

function simpleSelect(random: Random): string {
  const expr = new ExpressionGenerator(random, scopeOf('a'));
  const table = random.pick(tables);
  const targets = list(random.int(1, 4), () => expr.any(random.int(1, 3)));
  const where = random.chance(0.6) ? ` WHERE ${expr.of('bool', random.int(1, 3))}` : '';
  if (random.chance(0.3)) return `SELECT DISTINCT ${targets} FROM ${table} a${where}`;
  const order = random.chance(0.5)
    ? ` ORDER BY ${expr.any(1)}, a.id LIMIT ${random.int(0, 9)}`
    : '';
  return `SELECT a.id, ${targets} FROM ${table} a${where}${order}`;
}

function aggregate(random: Random, expr: ExpressionGenerator): string {
  const numeric = random.pick(['int', 'bigint', 'numeric', 'float8'] as const);
  const any = randomType(random);
  const minMax = any === 'bool' ? 'text' : any;
  const filter = random.chance(0.2) ? ` FILTER (WHERE ${expr.of('bool', 1)})` : '';
  return random.pick([
    () => `count(*)${filter}`,
    () => `count(${expr.of(any, 1)})${filter}`,
    () => `count(DISTINCT ${expr.of(any, 1)})`,
    () => `sum(${expr.of(numeric, 1)})${filter}`,
    () => `avg(${expr.of(numeric, 1)})${filter}`,
    () => `${random.pick(['min', 'max'])}(${expr.of(minMax, 1)})${filter}`,
    () => `${random.pick(['bool_and', 'bool_or'])}(${expr.of('bool', 1)})`,
    () => `string_agg(${expr.of('text', 1)}, ',' ORDER BY a.id)`,
    () => `array_agg(${expr.of('int', 1)} ORDER BY a.id)`,
    () => `sum(DISTINCT ${expr.of('int', 1)})`,
  ])();
}

function groupedSelect(random: Random): string {
  const expr = new ExpressionGenerator(random, scopeOf('a'));
  const table = random.pick(tables);
  const aggregates = list(random.int(1, 3), () => aggregate(random, expr));
  const where = random.chance(0.4) ? ` WHERE ${expr.of('bool', 2)}` : '';
  if (random.chance(0.3)) return `SELECT ${aggregates} FROM ${table} a${where}`;
  const keys = list(random.int(1, 2), () => expr.of(random.pick(byTypes), 1));
  const having = random.chance(0.3) ? ` HAVING count(*) > ${random.int(0, 3)}` : '';
  return `SELECT ${aggregates} FROM ${table} a${where} GROUP BY ${keys}${having}`;
}

function joinSelect(random: Random): string {
  const expr = new ExpressionGenerator(random, scopeOf('a', 'b'));
  const kind = random.pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN']);
  const key = random.pick(['id', 'i', 't', 'n', 'd', 'b']);
  const extra =
    random.chance(0.4) && kind !== 'FULL JOIN' ? ` AND ${expr.of('bool', random.int(1, 2))}` : '';
  const on = kind === 'CROSS JOIN' ? '' : ` ON a.${key} = b.${key}${extra}`;
  const targets = list(random.int(1, 3), () => expr.any(1));
  const where = random.chance(0.4) ? ` WHERE ${expr.of('bool', 2)}` : '';
  const from = `FROM ${random.pick(tables)} a ${kind} ${random.pick(tables)} b${on}${where}`;
  if (random.chance(0.3)) return `SELECT count(*), count(a.id), sum(b.i::bigint) ${from}`;
  return `SELECT a.id, b.id, ${targets} ${from}`;
}

function setOperation(random: Random): string {
  const wanted = Array.from({length: random.int(1, 3)}, () => randomType(random));
  const side = (): string => {
    const expr = new ExpressionGenerator(random, scopeOf('a'));
    return `SELECT ${wanted.map(type => expr.of(type, 1)).join(', ')} FROM ${random.pick(tables)} a`;
  };
  const operation = random.pick(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT', 'INTERSECT ALL']);
  return `${side()} ${operation} ${side()}`;
}

function subquerySelect(random: Random): string {
  const outer = new ExpressionGenerator(random, scopeOf('a'));
  const both = new ExpressionGenerator(random, scopeOf('a', 'b'));
  const [one, two] = [random.pick(tables), random.pick(tables)];
  const type = randomType(random);
  const inner = `FROM ${two} b WHERE ${both.of('bool', 2)}`;
  const not = random.pick(['', 'NOT ']);
  return random.pick([
    () => `SELECT a.id FROM ${one} a WHERE ${not}EXISTS (SELECT 1 ${inner})`,
    () =>
      `SELECT a.id FROM ${one} a WHERE ${outer.of(type, 1)} ${not}IN (SELECT ${both.of(type, 1)} ${inner})`,
    () => `SELECT a.id, (SELECT count(*) ${inner}) FROM ${one} a`,
    () => `SELECT a.id, (SELECT max(b.id) ${inner}), ${outer.any(1)} FROM ${one} a`,
    () =>
      `WITH a AS (SELECT * FROM ${one} b WHERE b.id % 3 = 0) SELECT a.id, ${outer.any(2)} FROM a`,
    () => `SELECT a.id, q.n FROM ${one} a, LATERAL (SELECT count(*) AS n ${inner}) q`,
    () =>
      `SELECT a.id, ${outer.of(type, 1)} > ALL (SELECT ${both.of(type, 1)} ${inner}) FROM ${one} a`,
  ])();
}

function windowSelect(random: Random): string {
  const expr = new ExpressionGenerator(random, scopeOf('a'));
  const call = random.pick([
    () => 'row_number()',
    () => `lag(${expr.any(1)})`,
    () => `sum(${expr.of('int', 1)})`,
    () => `count(${expr.any(1)})`,
    () => `first_value(${expr.any(1)})`,
    () => `max(${expr.of('numeric', 1)})`,
  ])();
  const partition = random.chance(0.5) ? `PARTITION BY ${expr.of(random.pick(byTypes), 1)} ` : '';
  const frame = random.chance(0.3) ? ' ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING' : '';
  const over = `${partition}ORDER BY a.id${random.pick(['', ' DESC'])}${frame}`;
  return `SELECT a.id, ${call} OVER (${over}) FROM ${random.pick(tables)} a`;
}

function insertStatement(random: Random): string {
  const table = random.pick(tables);
  const values = columnTypes.map(([, type]) => literal(random, type)).join(', ');
  const conflict = random.pick([
    '',
    ' ON CONFLICT DO NOTHING',
    " ON CONFLICT (id) DO UPDATE SET i = excluded.i, t = excluded.t || '!'",
  ]);
  return `INSERT INTO ${table} VALUES (${random.int(1, 60)}, ${values})${conflict} RETURNING *`;
}

function updateStatement(random: Random): string {
  const table = random.pick(tables);
  const expr = new ExpressionGenerator(random, scopeOf(table));
  const [name, type] = random.pick(columnTypes);
  return `UPDATE ${table} SET ${name} = ${expr.of(type, 2)} WHERE ${expr.of('bool', 2)} RETURNING id, ${name}`;
}

function deleteStatement(random: Random): string {
  const table = random.pick(tables);
  const expr = new ExpressionGenerator(random, scopeOf(table));
  const where = `${table}.id % 5 = ${random.int(0, 4)} AND ${expr.of('bool', 2)}`;
  return `DELETE FROM ${table} WHERE ${where} RETURNING id`;
}
