// Rows that a large transaction updated and deleted are bits and rows of segments: seen, locked, undone and committed as single changes.
import {readdirSync} from 'node:fs';
import t, {type Test} from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import type {RowVersion, Storage, TableStorage, Transaction} from '../../src/storage/contract.ts';
import type {StorageSettings} from '../../src/storage/settings.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  begin,
  byId,
  byKey,
  contents,
  createTable,
  insertRows,
  next,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
} from './support.ts';

t.setTimeout(300_000);

const SMALL = {
  pendingBytes: 40 * 1024,
  pendingStep: 16 * 1024,
  allPendingBytes: 1 << 30,
  pendingRows: 40,
};
const ROWS = 1500;
const PAD = 'x'.repeat(40);
type Where = 'hot' | 'cold' | 'mixed';
const PLACES: readonly Where[] = ['hot', 'cold', 'mixed'];

interface Opened {
  storage: Storage;
  readonly made: TableStorage;
  readonly files: () => string[];
  readonly reopen: () => Promise<Storage>;
}

/** A table with rows 0 .. ROWS - 1 (id, 0, text): hot, cold, or one half each. */
async function opened(
  test: Test,
  where: Where,
  settings: Partial<StorageSettings> = {},
): Promise<Opened> {
  const directory = temporaryDirectory();
  const made = table(20000);
  const start = (): Storage => open(directory.path, [made], {...SMALL, ...settings});
  const files = (): string[] =>
    readdirSync(directory.path, {recursive: true, encoding: 'utf8'}).filter(path =>
      path.endsWith('.parquet'),
    );
  const result: Opened = {
    storage: start(),
    made,
    files,
    reopen: async () => {
      await result.storage.close();
      result.storage = start();
      return result.storage;
    },
  };
  test.teardown(async () => {
    await result.storage.close();
    directory.remove();
  });
  const {storage} = result;
  await createTable(storage, made);
  const half = where === 'mixed' ? ROWS / 2 : ROWS;
  await load(storage, made, 0, half);
  if (where !== 'hot') await storage.flush(made, null);
  await load(storage, made, half, ROWS);
  test.equal(storage.tableStats(made).hotRows, {hot: ROWS, mixed: ROWS / 2, cold: 0}[where]);
  return result;
}

/** In transactions that are too small for segments. */
async function load(storage: Storage, made: TableStorage, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 100)
    await insertRows(storage, made, rows(at, Math.min(to, at + 100)));
}

function rows(from: number, to: number, v = 0): Datum[][] {
  return Array.from({length: to - from}, (_, i) => [from + i, v, `${PAD}${from + i}`]);
}

/** A statement over all rows that it sees, as an operator runs it: `change` gives the new row, null deletes, undefined leaves it. */
async function each(
  tx: Transaction,
  made: TableStorage,
  change: (row: readonly Datum[]) => readonly Datum[] | null | undefined,
): Promise<number> {
  const columns = [0, 1, 2, 'rid', 'seq', 'owner', 'location'] as const;
  const found = await rowsOf(tx, request(made, {columns: [...columns]}));
  let changed = 0;
  for (const [id, v, s, rid, seq, owner, location] of found) {
    const seen = {row: [id, v, s], rid, seq: seq ?? 0n, owner, location} as unknown as RowVersion;
    const row = change(seen.row);
    if (row === undefined) continue;
    for (;;) {
      const locked = tx.lockRow(made, seen.rid, 'update', 'wait');
      if (locked !== 'granted') {
        await locked;
        continue;
      }
      const newest = tx.newestVersion(made, seen.rid, seen);
      if (newest instanceof Promise) {
        await newest;
        continue;
      }
      if (newest === null) break;
      const result = row === null ? tx.delete(made, newest) : tx.update(made, newest, row);
      if (result instanceof Promise) {
        await result;
        continue;
      }
      if (result !== 'done') throw new Error(`duplicate key ${String(result.key[0])}`);
      changed++;
      break;
    }
  }
  return changed;
}

async function seen(tx: Transaction, of: TableStorage): Promise<Datum[][]> {
  return (await rowsOf(tx, request(of))).sort(byId);
}

async function put(tx: Transaction, into: TableStorage, row: readonly Datum[]): Promise<Datum> {
  for (;;) {
    const result = tx.insert(into, oid(0) as OwnerId, row);
    if (result === 'done') return 'done';
    if (!(result instanceof Promise)) return result.key[0]!;
    await result;
  }
}

const plus =
  (by: number) =>
  ([id, v, s]: readonly Datum[]): Datum[] => [id!, Number(v) + by, s!];
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** What is committed is right, also after a restart, and nothing is left over. */
async function settled(test: Test, of: Opened, wanted: readonly Datum[][]): Promise<void> {
  const {made} = of;
  test.same(await contents(of.storage, made), wanted, 'committed');
  await of.storage.whenDurable(of.storage.lastSeq);
  test.same(await of.storage.check(), []);
  const again = await of.reopen();
  test.same(await contents(again, made), wanted, 'after a restart');
  test.equal(of.files().length, again.segments().length, 'no file is left over');
  await again.flush(made, null);
  await again.compact(made);
  test.same(await contents(again, made), wanted, 'compacted');
  test.same(await again.check(), []);
}

for (const where of PLACES) {
  t.test(`${where}: UPDATE of all rows, twice, then DELETE of some`, async test => {
    for (const end of ['commit', 'rollback'] as const) {
      const of = await opened(test, where);
      const {storage, made} = of;
      const tx = begin(storage);
      test.equal(await each(tx, made, plus(1)), ROWS);
      test.ok(
        (await seen(tx, made)).every(row => row[1] === 0),
        'the same command sees the old',
      );
      next(tx);
      test.same(await seen(tx, made), rows(0, ROWS, 1));
      test.same((await byKey(tx, made, [77]))?.row, rows(77, 78, 1)[0]);
      test.equal((await contents(storage, made))[5]![1], 0, 'others see the old');
      test.equal(await each(tx, made, plus(1)), ROWS);
      next(tx);
      test.same(await seen(tx, made), rows(0, ROWS, 2));
      test.equal(await put(tx, made, [7, 0, 'again']), 7, 'its key is taken');
      test.equal(
        await each(tx, made, row => (Number(row[0]) % 3 === 0 ? null : undefined)),
        ROWS / 3,
      );
      next(tx);
      const left = rows(0, ROWS, 2).filter(row => Number(row[0]) % 3 > 0);
      test.same(await seen(tx, made), left);
      test.equal(await byKey(tx, made, [9]), null);
      test.equal(await put(tx, made, [9, 9, 'new']), 'done', 'its key is free');
      test.equal(await put(tx, made, [10, 9, 'taken']), 10);
      next(tx);
      test.equal((await byKey(tx, made, [9]))?.row[1], 9);
      if (end === 'commit') await tx.commit();
      else tx.rollback();
      await settled(
        test,
        of,
        end === 'commit' ? [...left, [9, 9, 'new']].sort(byId) : rows(0, ROWS),
      );
    }
  });

  t.test(`${where}: DELETE of all rows`, async test => {
    const of = await opened(test, where);
    const {storage, made} = of;
    const told: number[] = [];
    const before = storage.lastSeq;
    storage.onCommit(({parts}) => {
      for (const part of parts) told.push(part.unlistedRows ?? 0, part.changes.length);
    });
    const tx = begin(storage);
    test.equal(await each(tx, made, () => null), ROWS);
    next(tx);
    test.same(await seen(tx, made), []);
    test.equal((await contents(storage, made)).length, ROWS, 'others see all');
    await tx.commit();
    test.equal(
      told.reduce((sum, n) => sum + n, 0),
      ROWS,
    );
    test.ok(storage.logReader(made, null).read(before, 10).gap, 'readers of the log get a gap');
    await settled(test, of, []);
  });

  t.test(`${where}: UPDATE of the key moves it`, async test => {
    const of = await opened(test, where);
    const {storage, made} = of;
    const tx = begin(storage);
    await each(tx, made, ([id, v, s]) => [Number(id) + 5000, v!, s!]);
    next(tx);
    test.equal((await byKey(tx, made, [5003]))?.row[2], `${PAD}3`);
    test.equal(await byKey(tx, made, [3]), null);
    test.equal(await put(tx, made, [3, 1, 'free']), 'done');
    test.equal(await put(tx, made, [5003, 1, 'taken']), 5003);
    const other = begin(storage);
    const waits: Promise<Datum>[] = [];
    let isDone = false;
    for (const id of [4, 5004]) {
      const writer = begin(storage);
      waits.push(put(writer, made, [id, 1, 'other']).finally(() => writer.rollback()));
      void waits[waits.length - 1]!.then(() => (isDone = true));
    }
    await turn();
    test.notOk(isDone, 'others wait for both keys');
    await tx.commit();
    test.same(await Promise.all(waits), ['done', 5004]);
    other.rollback();
    const wanted = rows(0, ROWS).map(([id, v, s]) => [Number(id) + 5000, v!, s!]);
    await settled(test, of, [[3, 1, 'free'], ...wanted]);
  });

  t.test(`${where}: ROLLBACK TO`, async test => {
    const of = await opened(test, where);
    const {storage, made} = of;
    const tx = begin(storage);
    tx.savepoint('a');
    next(tx);
    await each(tx, made, plus(1));
    next(tx);
    tx.savepoint('b');
    next(tx);
    await each(tx, made, row => (Number(row[0]) % 2 === 0 ? null : plus(1)(row)));
    next(tx);
    test.equal((await seen(tx, made)).length, ROWS / 2);
    tx.rollbackTo('b');
    next(tx);
    test.same(await seen(tx, made), rows(0, ROWS, 1));
    test.equal(await put(tx, made, [4, 0, 'again']), 4);
    await each(tx, made, plus(5));
    next(tx);
    test.same(await seen(tx, made), rows(0, ROWS, 6));
    tx.rollbackTo('a');
    next(tx);
    test.same(await seen(tx, made), rows(0, ROWS));
    await each(tx, made, row => (Number(row[0]) < 1000 ? null : undefined));
    next(tx);
    tx.savepoint('c');
    tx.truncate(made);
    next(tx);
    test.same(await seen(tx, made), []);
    tx.rollbackTo('c');
    next(tx);
    test.same(await seen(tx, made), rows(1000, ROWS));
    await tx.commit();
    await settled(test, of, rows(1000, ROWS));
  });

  t.test(`${where}: TRUNCATE after it, then new rows`, async test => {
    const of = await opened(test, where);
    const tx = begin(of.storage);
    await each(tx, of.made, row => (Number(row[0]) % 2 === 0 ? null : plus(1)(row)));
    next(tx);
    tx.truncate(of.made);
    next(tx);
    test.same(await seen(tx, of.made), []);
    for (const row of rows(0, 1000, 7)) test.equal(await put(tx, of.made, row), 'done');
    next(tx);
    await each(tx, of.made, plus(1));
    next(tx);
    test.same(await seen(tx, of.made), rows(0, 1000, 8));
    await tx.commit();
    await settled(test, of, rows(0, 1000, 8));
  });

  t.test(`${where}: who waits for such a row meets its new version`, async test => {
    for (const end of ['commit', 'rollback'] as const) {
      const of = await opened(test, where);
      const {storage, made} = of;
      const tx = begin(storage);
      await each(tx, made, row => (row[0] === 8 ? null : plus(1)(row)));
      const other = begin(storage);
      const found = (await byKey(other, made, [4]))!;
      const gone = (await byKey(other, made, [8]))!;
      test.equal(other.lockRow(made, found.rid, 'noKeyUpdate', 'skip'), 'unavailable');
      const lock = other.lockRow(made, found.rid, 'noKeyUpdate', 'wait');
      if (end === 'commit') await tx.commit();
      else tx.rollback();
      await lock;
      test.equal(other.lockRow(made, gone.rid, 'update', 'wait'), 'granted');
      for (const version of [found, gone]) {
        let newest = other.newestVersion(made, version.rid, version);
        while (newest instanceof Promise) {
          await newest;
          newest = other.newestVersion(made, version.rid, version);
        }
        const isGone = end === 'commit' && version === gone;
        test.equal(
          newest === null ? null : newest.row[1],
          isGone ? null : end === 'commit' ? 1 : 0,
        );
        if (newest === null) continue;
        let result = other.update(made, newest, plus(10)(newest.row));
        while (result instanceof Promise) {
          await result;
          result = other.update(made, newest, plus(10)(newest.row));
        }
        test.equal(result, 'done');
      }
      await other.commit();
      const wanted = rows(0, ROWS, end === 'commit' ? 1 : 0)
        .map(row => (row[0] === 4 || row[0] === 8 ? plus(10)(row) : row))
        .filter(row => end === 'rollback' || row[0] !== 8);
      await settled(test, of, wanted);
    }
  });

  t.test(`${where}: older snapshots keep what they see, and cannot change it`, async test => {
    const of = await opened(test, where);
    const {storage, made} = of;
    const fixed = begin(storage, 'repeatable read');
    const found = (await byKey(fixed, made, [4]))!;
    const tx = begin(storage);
    await each(tx, made, row => (row[0] === 5 ? null : plus(1)(row)));
    await tx.commit();
    next(fixed);
    test.same(await seen(fixed, made), rows(0, ROWS));
    await test.rejects(
      async () => {
        for (;;) {
          const locked = fixed.lockRow(made, found.rid, 'update', 'wait');
          if (locked === 'granted') return;
          await locked;
        }
      },
      {code: '40001'},
    );
    fixed.rollback();
    await settled(
      test,
      of,
      rows(0, ROWS, 1).filter(row => row[0] !== 5),
    );
  });

  t.test(`${where}: SERIALIZABLE reads meet such rows`, async test => {
    const of = await opened(test, where);
    const {storage, made} = of;
    const reader = begin(storage, 'serializable');
    await seen(reader, made);
    const writer = begin(storage, 'serializable');
    await seen(writer, made);
    await each(writer, made, row => (Number(row[0]) < 700 ? null : undefined));
    test.equal(reader.insert(made, oid(0) as OwnerId, [90_000, 0, 'x']), 'done');
    await writer.commit();
    await test.rejects(async () => reader.commit(), {code: '40001'});
    await settled(test, of, rows(700, ROWS));
  });

  t.test(`${where}: a portal goes on with what it saw`, async test => {
    const of = await opened(test, where);
    const {storage, made} = of;
    const tx = begin(storage);
    await each(tx, made, row => (Number(row[0]) < 600 ? plus(1)(row) : undefined));
    next(tx);
    const view = tx.keepView();
    next(tx);
    await each(tx, made, row => (Number(row[0]) < 600 ? null : plus(1)(row)));
    next(tx);
    tx.useView(view);
    test.same(await seen(tx, made), [...rows(0, 600, 1), ...rows(600, ROWS)]);
    tx.useView(null);
    test.same(await seen(tx, made), rows(600, ROWS, 1));
    view.release();
    await tx.commit();
    await settled(test, of, rows(600, ROWS, 1));
  });

  t.test(`${where}: flush and compaction beside`, async test => {
    const of = await opened(test, where);
    const {storage, made} = of;
    await load(storage, made, ROWS, ROWS + 300);
    await storage.flush(made, null);
    const tx = begin(storage);
    await each(tx, made, row => {
      const id = Number(row[0]);
      return id % 3 === 0 ? null : id % 3 === 1 ? plus(1)(row) : undefined;
    });
    await load(storage, made, ROWS + 300, ROWS + 600);
    await storage.flush(made, null);
    await storage.compact(made);
    next(tx);
    const mine = rows(0, ROWS + 300)
      .filter(row => Number(row[0]) % 3 > 0)
      .map(row => (Number(row[0]) % 3 === 1 ? plus(1)(row) : row));
    test.same(await seen(tx, made), [...mine, ...rows(ROWS + 300, ROWS + 600)]);
    await each(tx, made, row => (Number(row[0]) % 3 === 2 ? plus(2)(row) : undefined));
    await storage.compact(made);
    const committing = tx.commit();
    await Promise.all([committing, storage.flush(made, null), storage.compact(made)]);
    const wanted = [
      ...mine.map(row => (Number(row[0]) % 3 === 2 ? plus(2)(row) : row)),
      ...rows(ROWS + 300, ROWS + 600).map(row => (Number(row[0]) % 3 === 2 ? plus(2)(row) : row)),
    ];
    await settled(test, of, wanted);
  });
}

t.test('a key finds what is left of a row that was changed again in its segment', async test => {
  for (const where of PLACES) {
    const {storage, made} = await opened(test, where);
    const tx = begin(storage);
    await each(tx, made, ([id, , s]) => [id!, 1, s!]);
    next(tx);
    await each(tx, made, ([id, , s]) => (id === 7 ? null : id === 8 ? [8, 2, s!] : undefined));
    next(tx);
    const found = async (id: number): Promise<unknown> =>
      (await byKey(tx, made, [id]))?.row.slice(0, 2) ?? null;
    test.same([await found(7), await found(8), await found(9)], [null, [8, 2], [9, 1]], where);
    tx.rollback();
  }
});

t.test('a statement that waits for its file and is rolled back leaves nothing', async test => {
  for (const how of ['rollback', 'savepoint'] as const) {
    const of = await opened(test, 'mixed');
    const {storage, made} = of;
    const tx = begin(storage);
    await each(tx, made, row => (Number(row[0]) < 50 ? plus(1)(row) : undefined));
    next(tx);
    tx.savepoint('s');
    next(tx);
    const columns = [0, 1, 2, 'rid', 'seq', 'owner', 'location'] as const;
    let writing: Promise<void> | null = null;
    for (const [id, v, s, rid, seq, owner, location] of await rowsOf(
      tx,
      request(made, {columns: [...columns]}),
    )) {
      const old = {row: [id, v, s], rid, seq: seq ?? 0n, owner, location} as unknown as RowVersion;
      test.equal(tx.lockRow(made, old.rid, 'update', 'wait'), 'granted');
      const result = tx.update(made, old, plus(1)(old.row));
      if (!(result instanceof Promise)) continue;
      writing = result;
      break;
    }
    test.ok(writing !== null, 'it writes');
    if (how === 'rollback') tx.rollback();
    else {
      tx.rollbackTo('s');
      next(tx);
      const wanted = [...rows(0, 50, 1), ...rows(50, ROWS)];
      test.same(await seen(tx, made), wanted);
      await each(tx, made, row => (Number(row[0]) >= 100 ? plus(3)(row) : undefined));
    }
    await writing;
    if (how === 'savepoint') await tx.commit();
    const after = [...rows(0, 50, 1), ...rows(50, 100), ...rows(100, ROWS, 3)];
    await settled(test, of, how === 'savepoint' ? after : rows(0, ROWS));
  }
});
