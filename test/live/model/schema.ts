import type {Random} from './random.ts';

/** A type of the model: its name, some of its values as SQL, and whether it has an order. */
export interface ModelType {
  readonly name: string;
  readonly values: readonly string[];
  readonly isOrdered: boolean;
}

/** Equal values of these look alike, so that DISTINCT and GROUP BY have one answer. */
export const TYPES: readonly ModelType[] = [
  {name: 'int4', values: ['0', '1', '2', '3', '4', '5'], isOrdered: true},
  {name: 'int8', values: ['0', '1', '9007199254740993', '-3'], isOrdered: true},
  {
    name: 'text',
    values: ["'a'", "'b'", "'ab'", "'ä€𝄞'", "''", "'mann'", "'mbob'"],
    isOrdered: true,
  },
  {name: 'numeric(8,2)', values: ['0.50', '1.25', '-2.00', '100.00'], isOrdered: true},
  {name: 'bool', values: ['true', 'false'], isOrdered: true},
  {name: 'date', values: ["'2024-02-29'", "'1999-12-31'", "'2030-01-01'"], isOrdered: true},
  {
    name: 'timestamptz',
    values: ["'2024-02-29 12:00:00.000001+00'", "'2024-03-01 00:00:00+00'"],
    isOrdered: true,
  },
  {
    name: 'uuid',
    values: ["'00000000-0000-0000-0000-000000000001'", "'ffffffff-0000-0000-0000-000000000002'"],
    isOrdered: true,
  },
  {name: 'mood', values: ["'sad'", "'ok'", "'glad'"], isOrdered: true},
  {name: 'jsonb', values: [`'{"a": 1}'`, "'[1, null]'", `'"x"'`, "'null'"], isOrdered: false},
  {name: 'int4[]', values: ["'{1,2}'", "'{}'", "'{NULL,3}'"], isOrdered: true},
  {name: 'bytea', values: ["'\\x00ff'", "'\\x'"], isOrdered: true},
];

/** A column of the model. */
export interface ModelColumn {
  readonly name: string;
  readonly type: ModelType;
}

/** A table of the model. `key` = its primary key, or none. */
export interface ModelTable {
  readonly name: string;
  readonly kind: 'shared' | 'user' | 'stream';
  /** Both change with the table's form. */
  columns: readonly ModelColumn[];
  key: readonly ModelColumn[];
}

/** Roles of the model: a superuser, two others, and a group. */
export const USERS = ['postgres', 'mann', 'mbob'] as const;
export const GROUP = 'mcrew';

/** A random schema of three to five tables. */
export function randomTables(random: Random): ModelTable[] {
  const tables: ModelTable[] = [];
  const count = 3 + random.below(3);
  while (tables.length < count) {
    const at = tables.length;
    const kind = at === 0 ? 'shared' : random.pick(['shared', 'shared', 'user', 'stream'] as const);
    const columns: ModelColumn[] = [{name: 'c0', type: TYPES[0]!}];
    for (let n = 2 + random.below(4); n > 0; n--)
      columns.push({name: `c${columns.length}`, type: random.pick(TYPES)});
    const candidates = columns.filter(({type}) => type.isOrdered && type.name !== 'bool');
    const second = random.pick(candidates);
    const key = random.one(4)
      ? []
      : random.one(3) && second !== columns[0]
        ? [columns[0]!, second]
        : [columns[0]!];
    tables.push({name: `t${at}`, kind, columns, key});
  }
  return tables;
}

/** CREATE statements of a schema, with first rows. */
export function creation(random: Random, tables: readonly ModelTable[]): string[] {
  const statements = [
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad')",
    `CREATE ROLE ${GROUP}`,
    ...USERS.slice(1).map(user => `CREATE ROLE ${user} LOGIN`),
  ];
  for (const {name, kind, columns, key} of tables) {
    const lines = columns.map(column => `${column.name} ${column.type.name}`);
    if (key.length > 0) lines.push(`PRIMARY KEY (${key.map(column => column.name).join(', ')})`);
    const options =
      kind === 'shared'
        ? ''
        : ` WITH (type = '${kind}'${kind === 'stream' ? ", ttl = '1 day'" : ''})`;
    statements.push(`CREATE TABLE ${name} (${lines.join(', ')})${options}`);
    statements.push(`GRANT ALL ON ${name} TO ${USERS.slice(1).join(', ')}`);
    if (random.one(2)) {
      const {name: column, type} = random.pick(columns);
      if (type.isOrdered) statements.push(`CREATE INDEX ${name}_i ON ${name} (${column})`);
    }
  }
  return statements;
}

/** A value of a column as SQL, sometimes NULL. */
export function literal(random: Random, {type}: ModelColumn, mayBeNull = true): string {
  if (mayBeNull && random.one(6)) return 'NULL';
  return `${random.pick(type.values)}::${type.name}`;
}
