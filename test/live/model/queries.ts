import type {Random} from './random.ts';
import {literal, type ModelColumn, type ModelTable} from './schema.ts';

/** A random condition over the columns of a table. */
export function condition(random: Random, columns: readonly ModelColumn[], alias = ''): string {
  const simple = (): string => {
    const column = random.pick(columns);
    const name = `${alias}${column.name}`;
    switch (random.below(5)) {
      case 0:
        return `${name} IS ${random.one(2) ? 'NOT ' : ''}NULL`;
      case 1:
        return `${name} IN (${literal(random, column, false)}, ${literal(random, column, false)})`;
      case 2:
        if (column.type.name === 'text') return `${name} LIKE '%a%'`;
        return `${name} <> ${literal(random, column, false)}`;
      case 3:
        if (column.type.isOrdered)
          return `${name} ${random.pick(['<', '>=', '>'])} ${literal(random, column, false)}`;
        return `${name} IS NULL`;
      default:
        return `${name} = ${literal(random, column, false)}`;
    }
  };
  const count = random.pick([1, 1, 2, 3]);
  const parts = Array.from({length: count}, simple);
  return parts.join(random.one(2) ? ' AND ' : ' OR ');
}

function targets(random: Random, {columns, kind}: ModelTable): string[] {
  const list = random.some(columns).map(({name, type}) => {
    if (type.name === 'int4' && random.one(4)) return `${name} * 2 AS ${name}_`;
    if (type.name === 'text' && random.one(4)) return `upper(${name}) AS ${name}_`;
    return name;
  });
  if (kind !== 'shared' && random.one(3)) list.unshift('_user_id');
  return list;
}

/** ORDER BY under which no two rows that look different are equal. */
function totalOrder(random: Random, table: ModelTable, across: boolean): string {
  const ordered = table.columns.filter(({type}) => type.isOrdered);
  const first = random
    .some(ordered)
    .map(({name}) => `${name}${random.pick(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}`);
  const rest = (table.key.length > 0 ? table.key : table.columns).map(({name}) => name);
  return [...new Set([...first, ...rest, ...(across ? ['_user_id'] : [])])].join(', ');
}

function rowQuery(random: Random, table: ModelTable): string {
  const list = targets(random, table);
  const where = random.one(4) ? '' : ` WHERE ${condition(random, table.columns)}`;
  const sql = `SELECT ${list.join(', ')} FROM ${table.name}${where}`;
  if (random.one(2)) return sql;
  // Without a key, rows that are equal in all columns are in no order that two readers would share.
  const across = list.includes('_user_id');
  const order = totalOrder(random, table, across);
  const bounds = random.pick(['LIMIT 1', 'LIMIT 3', 'LIMIT 2 OFFSET 1', 'OFFSET 2', 'LIMIT 30']);
  return `${sql} ORDER BY ${order} ${bounds}`;
}

/** Tables that a query can join by a column of one type. */
function joined(random: Random, tables: readonly ModelTable[]): string {
  const left = random.pick(tables);
  const right = random.pick(tables);
  const on = left.columns.flatMap(a =>
    right.columns.filter(b => b.type === a.type && b.type.isOrdered).map(b => [a.name, b.name]),
  );
  const [a, b] = random.pick(on) ?? ['c0', 'c0'];
  const join = random.pick(['JOIN', 'LEFT JOIN', 'FULL JOIN']);
  const shown = `l.${left.columns[1]!.name} AS x, r.${right.columns.at(-1)!.name} AS y`;
  const keys = [...left.key.map(key => `l.${key.name} AS k${key.name}`)];
  return `SELECT ${[...keys, shown].join(', ')} FROM ${left.name} l ${join} ${right.name} r ON l.${a} = r.${b}`;
}

function resultQuery(random: Random, tables: readonly ModelTable[]): string {
  const table = random.pick(tables);
  const {columns, name} = table;
  const groupable = columns.filter(({type}) => type.isOrdered);
  const group = random.pick(groupable).name;
  const where = random.one(2) ? '' : ` WHERE ${condition(random, columns)}`;
  const other = random.pick(tables);
  switch (random.below(9)) {
    case 0:
      return `SELECT count(*), min(${group}::text), sum(c0) FROM ${name}${where}`;
    case 1:
      return `SELECT ${group}, count(*), max(c0) FROM ${name}${where} GROUP BY ${group}`;
    case 2:
      return `SELECT DISTINCT ${group} FROM ${name}${where}`;
    case 3:
      return `SELECT c0 FROM ${name}${where} UNION ${random.one(2) ? 'ALL ' : ''}SELECT c0 FROM ${other.name}`;
    case 4:
      return `SELECT c0 FROM ${name} a WHERE ${random.one(2) ? 'NOT ' : ''}EXISTS (SELECT FROM ${other.name} b WHERE b.c0 = a.c0)`;
    case 5:
      return `SELECT ${group}, rank() OVER (PARTITION BY ${group} ORDER BY c0) FROM ${name}${where}`;
    case 6:
      return `WITH w AS (SELECT * FROM ${name}${where}) SELECT count(DISTINCT ${group}) FROM w HAVING count(*) > 1`;
    default:
      return joined(random, tables);
  }
}

/** Random queries over a schema, of all classes; one through each view. */
export function randomQueries(
  random: Random,
  tables: readonly ModelTable[],
  views: readonly string[],
  count: number,
): string[] {
  const queries = views.map(view =>
    random.one(2) ? `SELECT * FROM ${view}` : `SELECT count(*) FROM ${view}`,
  );
  const [table] = tables;
  queries.push(`SELECT c0, model_f(c0) AS f FROM ${table!.name} WHERE model_f(c0) > 1`);
  while (queries.length < count)
    queries.push(
      random.one(3) ? resultQuery(random, tables) : rowQuery(random, random.pick(tables)),
    );
  return queries;
}
