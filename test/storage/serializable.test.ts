import t from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import {
  begin,
  createTable,
  insertRows,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  updateByKey,
} from './support.ts';

const shared = oid(0) as OwnerId;

function setup(test: {teardown(run: () => Promise<void>): void}, tables = [table(20000)]) {
  const directory = temporaryDirectory();
  const storage = open(directory.path, tables);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  return {storage, made: tables[0]!};
}

t.test('1.6: SERIALIZABLE: two that each take the key which the other found free', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  const one = begin(storage, 'serializable');
  const two = begin(storage, 'serializable');
  test.equal(one.getByKey(made, made.indexes[0]!, null, [1]), null);
  test.equal(two.getByKey(made, made.indexes[0]!, null, [2]), null);
  void one.insert(made, shared, [2, 0, 'one']);
  void two.insert(made, shared, [1, 0, 'two']);
  await one.commit();
  test.throws(() => void two.commit(), {code: '40001'});
});

t.test('1.6: SERIALIZABLE: what a reader saw between two writers', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  await insertRows(storage, made, [
    [1, 0, 'x'],
    [2, 0, 'y'],
  ]);
  const withdrawal = begin(storage, 'serializable');
  await rowsOf(withdrawal, request(made));
  const deposit = begin(storage, 'serializable');
  await updateByKey(deposit, made, [2], row => [row[0]!, 20, row[2]!]);
  await deposit.commit();
  const report = begin(storage, 'serializable');
  await rowsOf(report, request(made));
  test.equal(report.commit(), undefined);
  await updateByKey(withdrawal, made, [1], row => [row[0]!, -11, row[2]!]);
  test.throws(() => void withdrawal.commit(), {code: '40001'});
});
