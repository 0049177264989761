// What takes long for a large table goes in slices: loading it, building a sorted index, checking and making a unique index.
import {setImmediate as nextTurn} from 'node:timers/promises';
import t, {type Test} from 'tap';
import type {Storage, StorageIndex, TableStorage} from '../../src/storage/contract.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  begin,
  column,
  contents,
  createTable,
  deleteByKey,
  index,
  insertRows,
  INT4,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  TEXT,
  updateByKey,
} from './support.ts';

const ROWS = 6000;
const columns = [column(1, 'id', INT4), column(2, 'v', INT4), column(3, 's', TEXT)];
const byValue = index(21_001, columns, [1], false);
const byText = index(21_002, columns, [2, 0], false);
const made = table(20_000, {
  columns,
  indexes: [index(20_001, columns, [0], true), byValue, byText],
});
const other = table(20_100);

/** id, id mod 100 (NULL for multiples of 7), a text that orders otherwise than the id. */
function row(id: number): Datum[] {
  return [id, id % 7 === 0 ? null : id % 100, `${(id * 7919) % ROWS}`];
}

interface Setup {
  storage: Storage;
  reopen(settings?: {readonly hotImageBytes: number}): Promise<Storage>;
}

async function setup(test: Test): Promise<Setup> {
  const directory = temporaryDirectory();
  const settings = {sliceMs: 0};
  const opened = {storage: open(directory.path, [made, other], settings)};
  test.teardown(async () => {
    await opened.storage.close();
    directory.remove();
  });
  await createTable(opened.storage, made);
  await createTable(opened.storage, other);
  await insertRows(
    opened.storage,
    made,
    Array.from({length: ROWS}, (_, i) => row(i)),
  );
  return {
    get storage() {
      return opened.storage;
    },
    reopen: async () => {
      await opened.storage.close();
      opened.storage = open(directory.path, [made, other], settings);
      return opened.storage;
    },
  };
}

function withIndex(added: StorageIndex): TableStorage {
  return {...made, indexes: [...made.indexes, added]};
}

async function loaded(storage: Storage, of: TableStorage = made): Promise<number> {
  let turns = 0;
  for (let loading = storage.load(of); loading !== null; loading = storage.load(of)) {
    let isDone = false;
    void loading.then(() => (isDone = true));
    while (!isDone) {
      turns++;
      await nextTurn();
    }
  }
  return turns;
}

t.test('a table is loaded in slices, others commit meanwhile', async t => {
  const {reopen} = await setup(t);
  const storage = await reopen();
  t.notOk(storage.isLoaded(made.oid));
  const estimated = storage.estimateHotRows(made);
  t.ok(estimated > ROWS / 2 && estimated < ROWS * 2, `${estimated} rows are estimated`);
  t.equal(storage.tableStats(made).hotRows, ROWS, 'rows are counted without loading');
  t.notOk(storage.isLoaded(made.oid));
  const loading = loaded(storage);
  await insertRows(storage, other, [[1, 1, 'meanwhile']]);
  t.notOk(storage.isLoaded(made.oid), 'a commit elsewhere does not wait for it');
  t.ok((await loading) > 10, 'it took many turns');
  t.ok(storage.isLoaded(made.oid));
  t.same(
    await contents(storage, made),
    Array.from({length: ROWS}, (_, i) => row(i)),
  );
  t.same(await contents(storage, other), [[1, 1, 'meanwhile']]);
});

t.test('two who wait for one load share it; who cannot wait has it at once', async t => {
  const {reopen} = await setup(t);
  const storage = await reopen();
  const first = storage.load(made);
  t.equal(storage.load(made), first);
  const tx = begin(storage);
  t.equal((await rowsOf(tx, request(made))).length, ROWS, 'a scan does not wait');
  tx.rollback();
  t.ok(storage.isLoaded(made.oid));
  await first;
  await insertRows(storage, made, [[ROWS, 1, 'after']]);
  t.equal((await contents(storage, made)).length, ROWS + 1, 'the abandoned load changes nothing');
});

t.test('a change of shape while a table is loaded makes it load anew', async t => {
  const {reopen} = await setup(t);
  const storage = await reopen();
  const loading = storage.load(made);
  await nextTurn();
  const wide: TableStorage = {
    ...made,
    schemaVersion: 2,
    columns: [...columns, column(4, 'w', INT4, 5)],
  };
  const tx = begin(storage);
  tx.ddl({kind: 'alterTable', before: made, after: wide});
  await tx.commit();
  await loading;
  await loaded(storage, wide);
  const rows = await contents(storage, wide);
  t.equal(rows.length, ROWS);
  t.same(rows[10], [...row(10), 5]);
});

t.test('a table that is dropped while it is loaded', async t => {
  const {reopen} = await setup(t);
  const storage = await reopen();
  const loading = storage.load(made);
  await nextTurn();
  const tx = begin(storage);
  tx.ddl({kind: 'dropTable', table: made});
  await tx.commit();
  await loading;
  t.equal(storage.load(made), null);
});

for (const [name, order] of [
  ['a number with NULLs', byValue],
  ['a text and a number', byText],
] as const) {
  t.test(`an index on ${name} is sorted in slices while rows change`, async t => {
    const {storage} = await setup(t);
    const tx = begin(storage);
    const ordered = rowsOf(tx, request(made, {order: {index: order, descending: false}}));
    for (let i = 0; i < 30; i++) {
      await deleteRow(storage, i);
      await insertRows(storage, made, [row(ROWS + i)]);
      await nextTurn();
    }
    const before = await ordered;
    tx.rollback();
    const expected = Array.from({length: ROWS}, (_, i) => row(i)).sort(compareBy(order));
    t.same(
      before.map(keyOf(order)),
      expected.map(keyOf(order)),
      'the scan sees its snapshot, in order',
    );
    const later = begin(storage);
    const after = await rowsOf(later, request(made, {order: {index: order, descending: true}}));
    later.rollback();
    const changed = Array.from({length: ROWS}, (_, i) => row(i + 30)).sort(compareBy(order));
    t.same(
      after.map(keyOf(order)),
      changed.reverse().map(keyOf(order)),
      'changes are in the index',
    );
  });
}

async function deleteRow(storage: Storage, id: number): Promise<void> {
  const tx = begin(storage);
  await deleteByKey(tx, made, [id]);
  await tx.commit();
}

function keyOf(order: StorageIndex): (row: readonly Datum[]) => readonly Datum[] {
  return values => order.keyColumns.map(at => values[at]!);
}

function compareBy(order: StorageIndex): (a: readonly Datum[], b: readonly Datum[]) => number {
  return (a, b) => {
    for (const at of order.keyColumns) {
      const [left, right] = [a[at]!, b[at]!];
      if (left === right) continue;
      if (left === null || right === null) return left === null ? 1 : -1;
      return left < right ? -1 : 1;
    }
    return 0;
  };
}

t.test(
  'a unique index of a large table holds its keys, those of its own transaction too',
  async t => {
    const {storage} = await setup(t);
    const unique = index(21_004, columns, [2], true);
    const after = withIndex(unique);
    for (let i = 0; i < 10; i++) {
      const tx = begin(storage);
      await updateByKey(tx, made, [i], ([id, v]) => [id!, v!, `changed ${i}`]);
      await tx.commit();
    }
    const tx = begin(storage);
    await deleteByKey(tx, made, [20]);
    tx.ddl({kind: 'alterTable', before: made, after});
    t.equal(tx.insert(after, 0 as never, [ROWS + 1, 1, 'own']), 'done');
    await tx.commit();
    const probe = begin(storage);
    let id = ROWS + 100;
    for (const [text, isTaken] of [
      ['changed 3', true],
      [String(row(3)[2]), false],
      [String(row(20)[2]), false],
      [String(row(5000)[2]), true],
      ['own', true],
    ] as const) {
      const result = probe.insert(after, 0 as never, [id++, 1, text]);
      t.equal(result !== 'done', isTaken, `${text} is ${isTaken ? 'taken' : 'free'}`);
    }
    probe.rollback();
  },
);
