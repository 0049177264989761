import type {Random} from './random.ts';
import {literal, type ModelColumn, type ModelTable, type ModelType, TYPES} from './schema.ts';

/** A change of a table's form: `apply` makes it in the model, once it was made in the database. */
export interface Alteration {
  readonly sql: string;
  apply(): void;
}

/** Types that all values of a type can be cast to, nearly. */
const CASTS: Readonly<Record<string, readonly string[]>> = {
  int4: ['int8', 'numeric(8,2)', 'text'],
  int8: ['int4', 'numeric(8,2)', 'text'],
  'numeric(8,2)': ['int8', 'text'],
  date: ['timestamptz', 'text'],
  timestamptz: ['date'],
  bool: ['text', 'int4'],
  uuid: ['text'],
  mood: ['text'],
  jsonb: ['text'],
  'int4[]': ['text'],
};

const NAMES = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7'];

/** ADD, DROP, RENAME or ALTER TYPE of a column. The first column stays as it is called. */
export function randomAlteration(random: Random, tables: readonly ModelTable[]): Alteration {
  const table = random.pick(tables);
  const others = table.columns.slice(1);
  const free = NAMES.filter(name => table.columns.every(column => column.name !== name));
  const name = free.length === 0 ? null : random.pick(free);
  const column = others.length === 0 ? null : random.pick(others);
  switch (random.below(4)) {
    case 0:
      return name === null ? changedType(random, table) : added(random, table, name);
    case 1:
      // Something can still be updated.
      return column === null || others.filter(each => !table.key.includes(each)).length < 2
        ? changedType(random, table)
        : dropped(random, table, column);
    case 2:
      return column === null || name === null
        ? changedType(random, table)
        : replaced(table, column, {...column, name}, `RENAME COLUMN ${column.name} TO ${name}`);
    default:
      return changedType(random, table);
  }
}

function added(random: Random, table: ModelTable, name: string): Alteration {
  const column = {name, type: random.pick(TYPES)};
  const rest = random.one(2)
    ? ''
    : ` DEFAULT ${literal(random, column, false)}${random.one(3) ? ' NOT NULL' : ''}`;
  return {
    sql: `ALTER TABLE ${table.name} ADD COLUMN ${name} ${column.type.name}${rest}`,
    apply: () => {
      table.columns = [...table.columns, column];
    },
  };
}

function dropped(random: Random, table: ModelTable, column: ModelColumn): Alteration {
  const isCascade = random.one(3);
  return {
    sql: `ALTER TABLE ${table.name} DROP COLUMN ${column.name}${isCascade ? ' CASCADE' : ''}`,
    apply: () => {
      table.columns = table.columns.filter(each => each !== column);
      if (table.key.includes(column)) table.key = [];
    },
  };
}

function changedType(random: Random, table: ModelTable): Alteration {
  const column = random.pick(table.columns.slice(random.one(4) ? 0 : -2));
  const wanted = column === table.columns[0] ? ['int8', 'int4'] : CASTS[column.type.name];
  const type = typeNamed(random.pick(wanted ?? [column.type.name]));
  const cast = column.type.name === 'bool' && type.name === 'int4' ? '::int4' : `::${type.name}`;
  return replaced(
    table,
    column,
    {...column, type},
    `ALTER COLUMN ${column.name} TYPE ${type.name} USING ${column.name}${cast}`,
  );
}

function typeNamed(name: string): ModelType {
  return TYPES.find(type => type.name === name)!;
}

function replaced(
  table: ModelTable,
  before: ModelColumn,
  now: ModelColumn,
  action: string,
): Alteration {
  const swap = (column: ModelColumn): ModelColumn => (column === before ? now : column);
  return {
    sql: `ALTER TABLE ${table.name} ${action}`,
    apply: () => {
      table.columns = table.columns.map(swap);
      table.key = table.key.map(swap);
    },
  };
}
