import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import {type OwnerId, oid} from '../../src/common/ids.ts';
import type {RowVersion, Storage, TableStorage, Transaction} from '../../src/storage/contract.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  begin,
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
  waiter,
} from './support.ts';

const shared = oid(0) as OwnerId;

/** Locks a row as READ COMMITTED does and returns its newest version, if it still has the key. */
async function lockByKey(
  tx: Transaction,
  made: TableStorage,
  id: number,
): Promise<RowVersion | null> {
  const found = await byKey(tx, made, [id]);
  if (found === null) return null;
  for (;;) {
    const locked = tx.lockRow(made, found.rid, 'update', 'wait');
    if (locked === 'granted') break;
    await locked;
  }
  for (;;) {
    const newest = tx.newestVersion(made, found.rid, found);
    if (!(newest instanceof Promise))
      return newest === null || newest.row[0] !== id ? null : newest;
    await newest;
  }
}

/** Repeats a write after each wait; whether it was done. */
async function write(attempt: () => ReturnType<Transaction['insert']>): Promise<boolean> {
  for (;;) {
    const result = attempt();
    if (result === 'done') return true;
    if (!(result instanceof Promise)) return false;
    await result;
  }
}

function sum(rows: readonly (readonly Datum[])[]): number {
  return rows.reduce((total, row) => total + Number(row[1]), 0);
}

for (const slicing of [{}, {largeCommitRows: 0, sliceMs: 0}]) {
  t.test(
    `1, 2, 5: transfers, inserts, deletes and key changes race with flush and compaction ${JSON.stringify(slicing)}`,
    async test => {
      const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
      test.comment(`seed ${seed}`);
      let state = seed;
      const random = (below: number): number => {
        state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
        return (state >> 8) % below;
      };
      const directory = temporaryDirectory();
      const made = table(20000);
      const openAgain = (): Storage =>
        open(directory.path, [made], {bulkRows: 100_000, rowGroupRows: 32, ...slicing});
      const storage = openAgain();
      await createTable(storage, made);
      const accounts = 60;
      await insertRows(
        storage,
        made,
        Array.from({length: accounts}, (_, i) => [i, 100, 'account']),
      );
      let isRunning = true;
      let deadlocks = 0;
      let conflicts = 0;

      const move = async (tx: Transaction, id: number, by: number): Promise<boolean> => {
        const version = await lockByKey(tx, made, id);
        if (version === null) return false;
        return write(() =>
          tx.update(made, version, [id, Number(version.row[1]) + by, version.row[2]!]),
        );
      };
      const step = async (tx: Transaction): Promise<boolean> => {
        const what = random(10);
        if (what < 6) {
          return (
            (await move(tx, random(accounts), -1)) && (await move(next(tx), random(accounts), 1))
          );
        }
        const id = 1000 + random(40);
        if (what < 8) return write(() => tx.insert(made, shared, [id, 0, 'extra']));
        const version = await lockByKey(tx, made, id);
        if (version === null) return true;
        if (what === 8) return write(() => tx.delete(made, version));
        return write(() => tx.update(made, version, [1000 + random(40), 0, 'renamed']));
      };
      const client = async (pid: number): Promise<void> => {
        for (let i = 0; i < 120; i++) {
          const tx = begin(storage, 'read committed', waiter(pid, 0, 2));
          try {
            let isDone = true;
            for (let steps = random(3); steps >= 0 && isDone; steps--)
              isDone = await step(next(tx));
            if (!isDone) conflicts++;
            if (isDone && random(8) > 0) await tx.commit();
            else tx.rollback();
          } catch (error) {
            tx.rollback();
            if (!(error instanceof PgError) || error.code !== '40P01') throw error;
            deadlocks++;
          }
        }
      };
      const maintain = async (): Promise<void> => {
        while (isRunning) {
          if (random(4) > 0) await storage.flush(made, null);
          else await storage.compact(made);
        }
      };
      const read = async (): Promise<void> => {
        while (isRunning) {
          const tx = begin(storage, 'repeatable read');
          for (let i = 0; i < 3; i++) {
            const rows = await rowsOf(next(tx), request(made), 7);
            if (sum(rows) !== accounts * 100) throw new Error(`a snapshot sums to ${sum(rows)}`);
            if (new Set(rows.map(row => row[0])).size !== rows.length)
              throw new Error('a key twice');
            await new Promise(resolve => setImmediate(resolve));
          }
          tx.rollback();
        }
      };
      const background = Promise.all([maintain(), read()]);
      try {
        await Promise.all(Array.from({length: 6}, (_, i) => client(100 + i)));
      } finally {
        isRunning = false;
        await background;
      }
      test.comment(`${deadlocks} deadlocks, ${conflicts} conflicts`);
      const rows = await contents(storage, made);
      test.equal(sum(rows), accounts * 100);
      test.equal(new Set(rows.map(row => row[0])).size, rows.length);
      test.equal(storage.locks().length, 0);
      await storage.close();
      const again = openAgain();
      test.same(await contents(again, made), rows, 'after a restart');
      test.same(await again.check(), []);
      await again.close();
      directory.remove();
    },
  );
}
