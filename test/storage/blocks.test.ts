// New rows given as columns are as rows given one by one: to their own transaction, its savepoints, keys and others.
import t, {type Test} from 'tap';
import {vectorOf} from '../../src/columns/vector-builder.ts';
import type {OwnerId} from '../../src/common/ids.ts';
import type {Storage, TableStorage, Transaction} from '../../src/storage/contract.ts';
import {ownColumn, RowBlock} from '../../src/storage/tx/row-block.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  begin,
  byId,
  column,
  createTable,
  deleteByKey,
  index,
  INT4,
  next,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  TEXT,
  updateByKey,
} from './support.ts';

t.setTimeout(300_000);
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
t.comment(`seed ${seed}`);

const SMALL = {
  pendingBytes: 64 * 1024,
  pendingStep: 32 * 1024,
  allPendingBytes: 1 << 30,
  pendingRows: 40,
  bulkRows: 700,
};

function random(from: number): (below: number) => number {
  let state = from;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function blockOf(made: TableStorage, rows: readonly (readonly Datum[])[]): RowBlock {
  const vectors = made.columns.map(({type}, i) =>
    ownColumn(
      vectorOf(
        type.physical,
        rows.map(row => row[i]!),
      ),
      null,
      rows.length,
    ),
  );
  return new RowBlock(vectors, rows.length);
}

/** Inserts rows in one of the two ways; gives the duplicate key that stopped it, if any. */
async function put(
  tx: Transaction,
  into: TableStorage,
  rows: readonly (readonly Datum[])[],
  isBlock: boolean,
): Promise<string> {
  let block = blockOf(into, rows);
  for (let from = 0; from < rows.length; ) {
    const {taken, result} = isBlock
      ? tx.insertBlock(into, 0 as OwnerId, block, from)
      : tx.insertMany(into, rows, 0 as OwnerId, from);
    from += taken;
    if (taken > 0) block = block.again();
    if (result instanceof Promise) await result;
    else if (result !== 'done') return `${from}: ${String(result.key)}`;
  }
  return 'done';
}

async function seen(tx: Transaction, of: TableStorage): Promise<Datum[][]> {
  return (await rowsOf(tx, request(of))).sort(byId);
}

const columns = [column(1, 'id', INT4), column(2, 'v', INT4), column(3, 's', TEXT)];

function pair(unique: 'id' | 'both'): readonly TableStorage[] {
  return [20000, 21000].map(id =>
    table(id, {
      columns,
      indexes: [
        index(id + 1, columns, [0], true),
        ...(unique === 'both' ? [index(id + 2, columns, [2], true)] : []),
      ],
    }),
  );
}

async function opened(test: Test, tables: readonly TableStorage[]): Promise<Storage> {
  const directory = temporaryDirectory();
  const storage = open(directory.path, [...tables], SMALL);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  for (const made of tables) await createTable(storage, made);
  return storage;
}

/** One transaction of random steps, done to both tables; they must look alike after each. */
async function transaction(
  test: Test,
  storage: Storage,
  tables: readonly TableStorage[],
  below: (n: number) => number,
  start: {id: number},
): Promise<void> {
  const tx = begin(storage, below(4) === 0 ? 'repeatable read' : 'read committed');
  let depth = 0;
  const steps = 3 + below(8);
  for (let step = 0; step < steps; step++) {
    const what = below(10);
    if (what < 5) {
      const count = 32 + below(400);
      const isOrdered = below(3) > 0;
      const base = below(4) === 0 ? below(start.id + 1) : start.id;
      const gap = 1 + below(3);
      const rows = Array.from({length: count}, (_, i): Datum[] => {
        const id = isOrdered ? base + i * gap : base + below(count * 4);
        return [
          id,
          below(3) === 0 ? null : id % 7,
          below(9) === 0 ? null : `${'x'.repeat(below(60))}é${id}`,
        ];
      });
      start.id = Math.max(start.id, base + count * (isOrdered ? gap : 4));
      tx.savepoint('try');
      const ends = [];
      for (const [i, made] of tables.entries()) ends.push(await put(tx, made, rows, i === 1));
      test.equal(ends[1], ends[0], 'the same end');
      if (ends[0] === 'done') tx.release('try');
      else tx.rollbackTo('try');
      if (ends[0] !== 'done') tx.release('try');
    } else if (what === 5) {
      tx.savepoint(`s${depth++}`);
    } else if (what === 6 && depth > 0) {
      tx.rollbackTo(`s${--depth}`);
      tx.release(`s${depth}`);
    } else if (what === 7 && below(6) === 0) {
      for (const made of tables) tx.truncate(made);
    } else {
      next(tx);
      const rows = await seen(tx, tables[0]!);
      for (let i = 0; i < 20 && rows.length > 0; i++) {
        const row = rows.splice(below(rows.length), 1)[0]!;
        for (const made of tables) {
          if (what === 8) await deleteByKey(tx, made, [row[0]!]);
          else await updateByKey(tx, made, [row[0]!], ([id]) => [id!, i, `new${String(id)}`]);
        }
      }
    }
    next(tx);
    const [left, right] = [await seen(tx, tables[0]!), await seen(tx, tables[1]!)];
    if (JSON.stringify(left) !== JSON.stringify(right))
      test.same(right, left, `step ${step}: ${what}`);
  }
  if (below(4) === 0) tx.rollback();
  else await tx.commit();
}

for (const unique of ['id', 'both'] as const) {
  t.test(`random transactions, unique ${unique}`, async test => {
    const below = random(seed);
    const tables = pair(unique);
    const storage = await opened(test, tables);
    const start = {id: 0};
    for (let i = 0; i < 60; i++) await transaction(test, storage, tables, below, start);
    const tx = begin(storage);
    const left = await seen(tx, tables[0]!);
    test.same(await seen(tx, tables[1]!), left);
    tx.rollback();
    test.same(await storage.check(), []);
  });
}

t.test('who waits for a key of a block gets it, or is refused', async test => {
  const [, made] = pair('id') as [TableStorage, TableStorage];
  const storage = await opened(test, [made]);
  const rows = Array.from({length: 100}, (_, i): Datum[] => [i, i, `r${i}`]);
  for (const commits of [false, true]) {
    const first = begin(storage);
    test.equal(await put(first, made, rows, true), 'done');
    const second = begin(storage);
    const waiting = put(second, made, [...rows.slice(50), [500, 1, 'x']].reverse(), true);
    if (commits) await first.commit();
    else first.rollback();
    test.equal(await waiting, commits ? '1: 99' : 'done');
    second.rollback();
  }
});
