import t from 'tap';
import type {CatalogSnapshot} from '../../src/catalog/contract.ts';
import type {TableDescriptor} from '../../src/catalog/descriptors.ts';
import {oid} from '../../src/common/ids.ts';
import {CatalogLookups} from '../../src/sql/plan/catalog-lookups.ts';
import {planStatement} from '../../src/sql/plan/plan-statement.ts';
import {TestDatabase} from './support.ts';

const database = await TestDatabase.create();

function lookupsOf(text: string): {lookups: CatalogLookups; catalog: CatalogSnapshot} {
  const context = database.context();
  const lookups = new CatalogLookups(context.catalog);
  planStatement(database.parser.parse(text)[0]!, {...context, catalog: lookups.catalog});
  lookups.close();
  return {lookups, catalog: context.catalog};
}

function tableOf(catalog: CatalogSnapshot, name: string): TableDescriptor {
  return [...catalog.tables()].find(table => table.name === name)!;
}

t.test('DDL elsewhere leaves a plan, DDL on what it found does not', t => {
  const {lookups, catalog} = lookupsOf('select name from u where id = 5');
  const own = tableOf(catalog, 'u');
  t.ok(lookups.holdIn(catalog));
  const other = {...own, oid: oid(900_001), rowType: oid(900_002), name: 'elsewhere'};
  t.ok(lookups.holdIn(catalog.apply([{op: 'put', descriptor: other}])), 'a new table');
  const changed = catalog.apply([{op: 'put', descriptor: {...own}}]);
  t.notOk(lookups.holdIn(changed), 'the table itself');
  t.ok(lookups.holdIn(catalog), 'and the catalog of before again');
  t.end();
});

t.test('a name that was absent is a lookup, too', t => {
  const context = database.context();
  const lookups = new CatalogLookups(context.catalog);
  const {catalog} = lookups;
  const own = tableOf(context.catalog, 't');
  t.equal(catalog.relationByName(own.schema, 'missing'), undefined);
  lookups.close();
  const made = {...own, oid: oid(900_003), rowType: oid(900_004), name: 'missing'};
  t.notOk(lookups.holdIn(context.catalog.apply([{op: 'put', descriptor: made}])));
  t.end();
});

t.test('what cannot be asked again one by one holds in no other state', t => {
  const context = database.context();
  const lookups = new CatalogLookups(context.catalog);
  for (const _ of lookups.catalog.tables()) break;
  t.notOk(lookups.holdIn(context.catalog));
  t.end();
});
