import t from 'tap';
import {bootstrapCatalog, createCatalogBase} from '../../src/catalog/bootstrap.ts';
import type {Descriptor, SystemRelationDescriptor} from '../../src/catalog/descriptors.ts';
import type {CatalogSnapshot} from '../../src/catalog/contract.ts';
import {CatalogRelations} from '../../src/catalog/system/system-relations.ts';
import {oid} from '../../src/common/ids.ts';
import {PgArray} from '../../src/types/array-value.ts';
import type {Datum} from '../../src/types/contract.ts';
import {constraint, enumType, index, plainColumn, table} from './objects.ts';

const base = createCatalogBase();
const relations = new CatalogRelations(base);
const facts = {rows: () => undefined};
const empty = bootstrapCatalog(base);

const author = table(
  20100,
  'author',
  [
    ['id', 23],
    ['name', 1043],
    ['feel', 20000],
  ],
  {
    options: {type: 'shared'},
    columns: [
      {
        ...plainColumn(1, 'id', 23),
        isNotNull: true,
        defaultText: "nextval('author_id_seq'::regclass)",
        sequence: oid(20150),
      },
      {...plainColumn(2, 'name', 1043), typmod: 54, comment: 'who'},
      plainColumn(3, 'feel', 20000),
      {...plainColumn(4, 'gone', 25), isDropped: true},
    ],
    comment: 'authors',
  },
);
const made: Descriptor[] = [
  enumType(20000, 'mood', ['sad', 'ok']),
  author,
  table(20200, 'book', [
    ['id', 23],
    ['author_id', 23],
  ]),
  index(20300, 'author_pkey', 20100, [1], {
    isUnique: true,
    isPrimary: true,
    constraint: oid(20301),
  }),
  constraint(20301, 'author_pkey', 20100, 'p', [1], {index: oid(20300)}),
  constraint(20302, 'book_fk', 20200, 'f', [2], {
    referencedTable: oid(20100),
    referencedColumns: [1],
    index: oid(20300),
    onDelete: 'c',
  }),
  constraint(20303, 'book_check', 20200, 'c', [1], {expressionText: '(id > 0)'}),
];
const snapshot = empty.apply(made.map(descriptor => ({op: 'put', descriptor})));

/** Rows as objects by column name, through a lookup when `where` is given. */
function select(
  name: string,
  where?: readonly [string, Datum],
  of: CatalogSnapshot = snapshot,
): Record<string, Datum>[] {
  const [schema = '', relationName = ''] = name.split('.');
  const descriptor = of.relationByName(
    of.schemaByName(schema)?.oid ?? oid(0),
    relationName,
  ) as SystemRelationDescriptor;
  const column = descriptor.columns.find(each => each.name === where?.[0]);
  const equals = column === undefined ? null : {attnum: column.attnum, value: where?.[1] ?? null};
  return relations
    .rows(of, descriptor.oid, facts, equals)
    .map(row =>
      Object.fromEntries(descriptor.columns.map((each, at) => [each.name, row[at] as Datum])),
    )
    .filter(row => where === undefined || row[where[0]] === where[1]);
}

t.test('every relation of PostgreSQL 15 gives rows of its width', t => {
  const all = base.systemRelations.all();
  t.equal(all.filter(each => each.schema === 11 && !each.isView).length, 64);
  t.equal(all.filter(each => each.schema === 11 && each.isView).length, 75);
  t.equal(all.filter(each => each.schema === 13207).length, 69);
  // The views; audit_log is a table.
  t.equal(all.filter(each => each.schema === 9900).length, 15);
  for (const each of all) {
    if (/^view_.*_usage$/.test(each.name)) continue;
    const rows = relations.rows(snapshot, each.oid, facts, null);
    const wrong = rows.find(
      row => row.length !== each.columns.length || row.includes(undefined as never),
    );
    t.equal(wrong, undefined, each.name);
    t.notOk(
      each.columns.some(column => snapshot.typeByOid(column.typeOid) === undefined) &&
        !unmade.has(each.name),
      `types of ${each.name}`,
    );
  }
  t.end();
});

/** Columns of type pg_statistic[]: nobody can make such values. */
const unmade: ReadonlySet<string> = new Set(['pg_statistic_ext_data']);

t.test('built-in rows are all there', t => {
  t.equal(
    select('pg_catalog.pg_proc', undefined, empty).filter(
      row => (row['oid'] as number) < 9000 || (row['oid'] as number) > 9999,
    ).length,
    3244,
  );
  t.equal(select('pg_catalog.pg_type', ['typname', 'int4'])[0]?.['typarray'], 1007);
  t.equal(select('pg_catalog.pg_operator').length, 799);
  t.equal(select('pg_catalog.pg_class', ['relname', 'pg_class'])[0]?.['oid'], 1259);
  t.end();
});

t.test('a table', t => {
  const [row] = select('pg_catalog.pg_class', ['relname', 'author']);
  t.match(row, {
    oid: 20100,
    relkind: 'r',
    relhasindex: true,
    relhastriggers: true,
    relnatts: 4,
    relam: 2,
  });
  t.same(row?.['reloptions'], PgArray.of(['type=shared']));
  const attributes = select('pg_catalog.pg_attribute', ['attrelid', 20100]);
  t.same(
    attributes.map(each => each['attname']),
    [
      ...['id', 'name', 'feel', '........pg.dropped.4........'],
      ...['ctid', 'xmin', 'cmin', 'xmax', 'cmax', 'tableoid'],
    ],
  );
  t.match(attributes[0], {
    attnotnull: true,
    atthasdef: true,
    atttypid: 23,
    attlen: 4,
    attbyval: true,
  });
  t.match(attributes[2], {atttypid: 20000, attlen: 4, attstorage: 'p'});
  t.equal(
    select('pg_catalog.pg_attrdef', ['adrelid', 20100])[0]?.['adbin'],
    "nextval('author_id_seq'::regclass)",
  );
  t.same(
    select('pg_catalog.pg_description', ['objoid', 20100]).map(each => [
      each['objsubid'],
      each['description'],
    ]),
    [
      [0, 'authors'],
      [2, 'who'],
    ],
  );
  t.end();
});

t.test('types, indexes, constraints', t => {
  t.same(
    select('pg_catalog.pg_enum', ['enumtypid', 20000]).map(each => each['enumlabel']),
    ['sad', 'ok'],
  );
  t.match(select('pg_catalog.pg_type', ['typname', '_mood'])[0], {
    typelem: 20000,
    typcategory: 'A',
  });
  t.match(select('pg_catalog.pg_type', ['oid', 20101])[0], {
    typname: 'author',
    typtype: 'c',
    typrelid: 20100,
  });
  t.match(select('pg_catalog.pg_index', ['indrelid', 20100])[0], {
    indexrelid: 20300,
    indisprimary: true,
  });
  t.match(select('pg_catalog.pg_constraint', ['conrelid', 20200])[0], {
    conname: 'book_fk',
    confdeltype: 'c',
    confrelid: 20100,
  });
  t.equal(
    select('pg_catalog.pg_indexes', ['indexname', 'author_pkey'])[0]?.['indexdef'],
    'CREATE UNIQUE INDEX author_pkey ON public.author USING btree (id)',
  );
  t.end();
});

t.test('information_schema', t => {
  t.match(select('information_schema.tables', ['table_name', 'author'])[0], {
    table_schema: 'public',
    table_type: 'BASE TABLE',
  });
  const columns = select('information_schema.columns', ['table_name', 'author']);
  t.same(
    columns.map(each => each['data_type']),
    ['integer', 'character varying', 'USER-DEFINED'],
  );
  t.equal(columns[1]?.['character_maximum_length'], 50);
  t.match(select('information_schema.referential_constraints', ['constraint_name', 'book_fk'])[0], {
    unique_constraint_name: 'author_pkey',
    delete_rule: 'CASCADE',
  });
  t.match(select('information_schema.key_column_usage', ['constraint_name', 'book_fk'])[0], {
    column_name: 'author_id',
    position_in_unique_constraint: 1,
  });
  t.equal(
    select('information_schema.check_constraints', ['constraint_name', 'book_check'])[0]?.[
      'check_clause'
    ],
    '((id > 0))',
  );
  t.end();
});

t.test('information_schema shows a role only what it may see', t => {
  const alice: Descriptor = {
    ...(empty.roleByName('pg_monitor') as Descriptor & {kind: 'role'}),
    oid: oid(30000),
    name: 'alice',
    memberOf: [],
  };
  const later = snapshot.apply([{op: 'put', descriptor: alice}]);
  const tables = later.relationByName(oid(13207), 'tables');
  const seen = relations.rows(
    later,
    tables?.oid ?? oid(0),
    {...facts, currentRole: oid(30000)},
    null,
  );
  t.notOk(seen.some(row => row[2] === 'author'));
  t.notOk(seen.some(row => row[2] === 'pg_authid'));
  t.ok(seen.some(row => row[2] === 'pg_class'));
  t.end();
});

t.test('system', t => {
  t.match(select('system.tables', ['table_name', 'author'])[0], {
    namespace: 'public',
    table_type: 'shared',
    comment: 'authors',
  });
  t.equal(select('system.columns', ['table_name', 'author']).length, 3);
  t.match(select('system.users')[0], {name: 'postgres', role: 'system'});
  t.end();
});
