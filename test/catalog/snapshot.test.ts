import t from 'tap';
import {oid} from '../../src/common/ids.ts';
import {
  descriptorFromJson,
  descriptorKey,
  descriptorToJson,
} from '../../src/catalog/descriptor-json.ts';
import {bootstrapCatalog, createCatalogBase, loadCatalogs} from '../../src/catalog/bootstrap.ts';
import {
  aclItem,
  aclText,
  grantTo,
  hasPrivileges,
  parseAcl,
  revokeFrom,
} from '../../src/catalog/acl.ts';
import type {CatalogChange} from '../../src/catalog/contract.ts';
import type {Descriptor} from '../../src/catalog/descriptors.ts';
import {constraint, enumType, index, table} from './objects.ts';

const base = createCatalogBase();
const empty = bootstrapCatalog(base);
const put = (...all: Descriptor[]): CatalogChange[] =>
  all.map(descriptor => ({op: 'put', descriptor}));

t.test('built-in rows', t => {
  const {builtin} = base;
  t.equal(builtin.functionsByName('abs').length, 6);
  t.equal(builtin.functionByOid(oid(1397))?.source, 'int4abs');
  t.equal(builtin.operatorsByName('+').length > 30, true);
  t.equal(builtin.castFor(oid(23), oid(20))?.context, 'i');
  t.equal(builtin.aggregate(oid(2116))?.sortOperator, 521);
  t.equal(builtin.functionsByName('snowflake_id')[0]?.returnType, 20);
  t.equal(builtin.functionsByName('make_interval')[0]?.defaultTexts.length, 7);
  t.equal(
    builtin.functionsByName('log10').find(row => row.source === '')?.sqlBody,
    'SELECT log((10)::numeric, $1)',
  );
  t.equal(builtin.functionByOid(oid(1216))?.source, 'col_description');
  t.same(builtin.functionsByName('nosuch'), []);
  t.equal(empty.functionsByName(oid(11), 'abs'), empty.functionsByName(oid(11), 'abs'), 'one list');
  t.same(
    empty.functionsByName(oid(9900), 'flush').map(row => row.source),
    ['system.flush'],
  );
  t.same(empty.functionsByName(oid(11), 'flush'), []);
  t.end();
});

t.test('bootstrap', t => {
  t.same(
    empty
      .schemas()
      .map(schema => schema.name)
      .sort(),
    ['information_schema', 'pg_catalog', 'pg_toast', 'public', 'system'],
  );
  t.equal(empty.roleByName('postgres')?.oid, 10);
  t.equal(empty.databaseByName('postgres')?.oid, 5);
  t.equal(empty.relationByName(oid(11), 'pg_class')?.oid, 1259);
  t.equal(empty.relationByName(oid(9900), 'segments')?.kind, 'systemRelation');
  t.equal(empty.typeByName(oid(11), 'int4')?.oid, 23);
  t.equal(empty.typeByName(oid(11), 'pg_class')?.kind, 'c');
  t.equal(empty.typeByName(oid(13207), 'sql_identifier')?.base?.name, 'name');
  t.end();
});

t.test('tables, derived types and clashes', t => {
  const mood = enumType(20000, 'mood', ['sad', 'ok']);
  const one = empty.apply(
    put(
      mood,
      table(20100, 'a', [
        ['id', 23],
        ['m', 20000],
      ]),
    ),
  );
  t.equal(one.version, empty.version + 1);
  t.equal(empty.relationByName(oid(2200), 'a'), undefined);
  t.equal(one.relationByName(oid(2200), 'a')?.oid, 20100);
  t.equal(one.typeByName(oid(2200), 'a')?.oid, 20101);
  t.equal(one.typeByName(oid(2200), '_a')?.element?.oid, 20101);
  t.equal(one.typeByName(oid(2200), '_mood')?.element?.kind, 'e');
  t.equal(one.typeByOid(oid(20000)), one.typeByOid(oid(20000)), 'one instance');
  const two = one.apply(put(table(20200, 'b', [['id', 23]])));
  t.equal(two.typeByOid(oid(20000)), one.typeByOid(oid(20000)), 'kept over unrelated DDL');
  t.throws(() => two.apply(put(table(20300, 'b', []))), {
    code: '42P07',
    message: 'relation "b" already exists',
  });
  t.throws(() => two.apply(put(enumType(20300, 'a', []))), {
    code: '42710',
    message: 'type "a" already exists',
  });
  const swapped = two.apply(put(table(20100, 'b', []), table(20200, 'a', [])));
  t.equal(swapped.relationByName(oid(2200), 'a')?.oid, 20200);
  t.equal(swapped.typeByName(oid(2200), 'b')?.oid, 20101);
  const gone = two.apply([{op: 'delete', kind: 'table', oid: oid(20100)}]);
  t.equal(gone.typeByOid(oid(20102)), undefined);
  t.equal(gone.relationByOid(oid(20100)), undefined);
  t.end();
});

t.test('indexes and constraints', t => {
  const snapshot = empty.apply(
    put(
      table(20100, 'a', [['id', 23]]),
      table(20200, 'b', [['a_id', 23]]),
      index(20300, 'a_pkey', 20100, [1], {isUnique: true, isPrimary: true}),
      constraint(20301, 'a_pkey', 20100, 'p', [1], {index: oid(20300)}),
      constraint(20302, 'b_fk', 20200, 'f', [1], {
        referencedTable: oid(20100),
        referencedColumns: [1],
      }),
    ),
  );
  t.same(
    snapshot.indexesOf(oid(20100)).map(each => each.name),
    ['a_pkey'],
  );
  t.same(
    snapshot.referencingConstraints(oid(20100)).map(each => each.name),
    ['b_fk'],
  );
  t.throws(() => snapshot.apply(put(constraint(20309, 'b_fk', 20200, 'c', []))), {
    message: 'constraint "b_fk" for relation "b" already exists',
  });
  t.equal(snapshot.relationByName(oid(2200), 'a_pkey')?.kind, 'index');
  t.end();
});

t.test('descriptors survive storage', t => {
  const missing = {...table(20100, 'a', [['id', 20]])};
  const withBig = {...missing, ttlMs: 5};
  t.same(descriptorFromJson(descriptorToJson(withBig, empty)), withBig);
  const records = [...empty.list('role'), ...empty.list('database'), ...empty.schemas()].map(
    each =>
      [
        descriptorKey(empty.databaseOid, each.kind, each.oid),
        descriptorToJson(each, empty),
      ] as const,
  );
  const loaded = loadCatalogs(base, records, 7);
  t.equal(loaded?.size, 3);
  t.equal(loaded?.get(oid(5))?.schemaByName('public')?.owner, 6171);
  t.equal(loadCatalogs(base, [], 0), undefined);
  t.end();
});

t.test('privileges', t => {
  const alice = {...empty.roleByName('pg_monitor'), oid: oid(30000), name: 'Al ice', memberOf: []};
  const snapshot = empty.apply(put(alice as Descriptor));
  const item = aclItem(oid(30000), oid(10), 'ra', 'r');
  t.equal(aclText(item, snapshot), '"Al ice"=ar*/postgres');
  t.same(parseAcl('"Al ice"=ar*/postgres', snapshot), item);
  const target = {kind: 'r' as const, owner: oid(10), acl: null};
  t.equal(hasPrivileges(snapshot, oid(30000), target, 'r'), false);
  const granted = grantTo(target, oid(30000), oid(10), {privileges: 'r', withGrantOption: false});
  t.same(
    granted.map(each => aclText(each, snapshot)),
    ['postgres=arwdDxt/postgres', '"Al ice"=r/postgres'],
  );
  t.equal(hasPrivileges(snapshot, oid(30000), {...target, acl: granted}, 'r'), true);
  const revoked = revokeFrom({...target, acl: granted}, oid(30000), oid(10), {
    privileges: 'r',
    grantOptionOnly: false,
  });
  t.equal(revoked.length, 1);
  t.end();
});

t.test('10,000 tables', t => {
  let snapshot = empty;
  const start = performance.now();
  for (let n = 0; n < 10_000; n++)
    snapshot = snapshot.apply(put(table(100_000 + n * 10, `t${n}`, [['id', 23]])));
  t.comment(`${((performance.now() - start) / 10_000) * 1000} us a table`);
  t.equal(snapshot.tables().length, 10_000);
  t.equal(snapshot.relationByName(oid(2200), 't9999')?.oid, 199_990);
  t.end();
});
