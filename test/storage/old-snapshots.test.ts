import t from 'tap';
import type {Storage} from '../../src/storage/contract.ts';
import {SnapshotKeeper} from '../../src/storage/tx/snapshot-keeper.ts';
import {SnapshotRegistry} from '../../src/storage/tx/snapshot.ts';
import {Manifest} from '../../src/storage/manifest.ts';
import {
  begin,
  createTable,
  insertRows,
  next,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  updateByKey,
} from './support.ts';

/** Resolves once a condition holds; the keeper looks every second. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 20));
}

const made = table(20000);

/** Replaces row 1 by others, `times` times. */
async function churn(storage: Storage, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const tx = begin(storage);
    await updateByKey(tx, made, [1], ([id]) => [id!, i, 'x'.repeat(1000)]);
    await tx.commit();
  }
}

t.test('2.3: a snapshot that keeps too many replaced rows is given up: 72000', async test => {
  const directory = temporaryDirectory();
  const storage = open(directory.path, [made], {snapshotKeepBytes: 50_000});
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  await createTable(storage, made);
  await insertRows(storage, made, [
    [1, 0, 'a'],
    [2, 0, 'b'],
  ]);
  const idle = begin(storage, 'repeatable read');
  test.same(await rowsOf(idle, request(made)), [
    [1, 0, 'a'],
    [2, 0, 'b'],
  ]);
  const portal = begin(storage);
  const view = portal.keepView();
  const cursor = portal.scan(request(made));
  idle.endStatement();
  next(portal);
  await churn(storage, 20);
  test.same(
    await rowsOf(next(idle), request(made)),
    [
      [1, 0, 'a'],
      [2, 0, 'b'],
    ],
    'not yet',
  );
  await churn(storage, 100);
  idle.endStatement();
  const isTooOld = (): boolean => {
    try {
      idle.checkSnapshot();
      return false;
    } catch (error) {
      test.match(error, {code: '72000', message: 'snapshot too old'});
      return true;
    }
  };
  await until(isTooOld);
  test.throws(() => idle.beginStatement(), {code: '72000'}, 'the next statement');
  test.throws(() => cursor.next(10), {code: '72000'}, 'a scan that was open');
  cursor.close();
  portal.useView(view);
  test.throws(() => portal.checkSnapshot(), {code: '72000'}, 'a portal');
  portal.useView(null);
  test.same((await rowsOf(next(portal), request(made))).length, 2, 'its transaction goes on');
  portal.rollback();
  idle.rollback();
  const after = begin(storage, 'repeatable read');
  test.same((await rowsOf(after, request(made))).length, 2);
  after.rollback();
});

t.test('2.3: snapshots behind an old one are not kept for it', async test => {
  const snapshots = new SnapshotRegistry(0, Manifest.empty);
  const old = snapshots.advance(1, Manifest.empty);
  old.retain();
  const held: {release(): void; readonly number: number}[] = [];
  for (let seq = 2; seq <= 100_000; seq++) {
    const snapshot = snapshots.advance(seq, Manifest.empty);
    snapshot.retain();
    snapshots.setDurable(snapshot);
    if (seq % 10_000 !== 0) continue;
    snapshot.retain();
    held.push(snapshot);
  }
  test.equal(snapshots.oldest(), 1);
  const warnings: string[] = [];
  let clock = 0;
  const keeper = new SnapshotKeeper({
    snapshots,
    hot: {endedBytes: () => 0} as never,
    settings: {snapshotKeepBytes: 1, snapshotMaxAgeMs: 1000},
    logger: {info: () => {}, warn: message => warnings.push(message), error: () => {}},
    now: () => clock,
  });
  test.teardown(() => keeper.close());
  keeper.look();
  clock = 1000;
  keeper.look();
  test.equal(snapshots.oldest(), 1);
  clock = 1001;
  old.pins = 1;
  keeper.look();
  test.equal(snapshots.oldest(), 1, 'a job pins it');
  old.pins = 0;
  keeper.look();
  clock = 2002;
  keeper.look();
  test.equal(snapshots.oldest(), 10_000, 'the next one in use');
  test.equal(warnings.length, 1);
  old.release();
  for (const snapshot of held) {
    test.equal(snapshots.oldest(), snapshot.number);
    snapshot.release();
  }
  test.equal(snapshots.oldest(), 100_000);
});
