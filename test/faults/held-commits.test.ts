// Found by `npm run crash -- --seed 7`: a commit that waited behind a compaction deleted rows where they no longer were.
import {readdirSync} from 'node:fs';
import t from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import {
  begin,
  byKey,
  contents,
  createTable,
  insertRows,
  open,
  table,
  temporaryDirectory,
} from '../storage/support.ts';

const LARGE_ROWS = 5000;

t.test('a small delete waits behind a compaction, which waits behind a large commit', async t => {
  const directory = temporaryDirectory();
  const made = table(20000);
  const other = table(20010);
  const storage = open(directory.path, [made, other], {sliceMs: 0});
  await createTable(storage, made);
  await createTable(storage, other);
  for (const first of [0, 10]) {
    await insertRows(
      storage,
      made,
      Array.from({length: 10}, (_, i) => [first + i, 1, 'x']),
    );
    await storage.flush(made, null);
  }
  const deletes = begin(storage);
  const found = await byKey(deletes, made, [7]);
  await deletes.delete(made, found!);
  const large = begin(storage);
  for (let i = 0; i < LARGE_ROWS; i++) void large.insert(other, oid(0) as OwnerId, [i, i, 'large']);
  const ends: Promise<unknown>[] = [];
  const {signal} = new AbortController();
  signal.throwIfAborted = () => {
    // Asked once more when the merged file is written: its publication will queue behind the large commit, the delete behind it.
    if (ends.length > 0 || filesOf(directory.path) < 3) return;
    ends.push(Promise.resolve(large.commit()));
    setImmediate(() => ends.push(Promise.resolve(deletes.commit())));
  };
  await storage.compact(made, {signal});
  await Promise.all(ends);
  t.equal(ends.length, 2);
  t.equal((await contents(storage, made)).length, 19, 'the row is gone');
  await storage.close();
  directory.remove();
});

function filesOf(directory: string): number {
  const names = readdirSync(directory, {recursive: true, encoding: 'utf8'});
  return names.filter(name => name.endsWith('.parquet')).length;
}
