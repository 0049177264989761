import {spawn} from 'node:child_process';
import {readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import t from 'tap';
import {oid, type OwnerId, type Seq} from '../../src/common/ids.ts';
import {
  begin,
  byId,
  column,
  contents,
  createTable,
  index,
  insertRows,
  NUMERIC,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  TEXT,
  updateByKey,
  deleteByKey,
} from './support.ts';

const child = fileURLToPath(new URL('./crash-child.ts', import.meta.url));

/** Runs the child until it dies; kills it once it printed `lines` lines. Returns the lines. */
function crash(args: readonly string[], lines: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    running.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      if (text.split('\n').length > lines) running.kill('SIGKILL');
    });
    running.on('error', reject);
    running.on('exit', (_code, signal) =>
      signal === 'SIGKILL'
        ? resolve(text.split('\n').slice(0, -1))
        : reject(new Error(`child ended with ${signal}`)),
    );
  });
}

function files(directory: string): string[] {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'}).filter(path =>
    path.endsWith('.parquet'),
  );
}

t.test('3: what was durable before kill -9 is there, and commits are whole', async test => {
  const directory = temporaryDirectory();
  test.teardown(() => directory.remove());
  const lines = await crash([directory.path, 'insert'], 300);
  const acknowledged = Number(lines[lines.length - 1]);
  const made = table(20000);
  const storage = open(directory.path, [made]);
  const rows = await contents(storage, made);
  test.ok(
    rows.length >= (acknowledged + 1) * 2,
    `${rows.length} rows, ${acknowledged} acknowledged`,
  );
  test.equal(rows.length % 2, 0, 'both rows of a commit or none');
  test.ok(rows.every((row, i) => row[0] === i));
  await insertRows(storage, made, [[1_000_000, 0, 'after']]);
  test.equal((await contents(storage, made)).length, rows.length + 1);
  await storage.close();
});

t.test("3.3, 3.4: killed before and after SQLite's COMMIT: nothing, or all of it", async test => {
  for (const point of ['before-sqlite-commit', 'after-sqlite-commit']) {
    const directory = temporaryDirectory();
    await crash([directory.path, point], Infinity);
    const made = table(20000);
    const storage = open(directory.path, [made]);
    test.equal((await contents(storage, made)).length, point.startsWith('before') ? 1 : 3, point);
    await storage.close();
    directory.remove();
  }
});

t.test('3: killed while a large commit is applied in slices: nothing, or all of it', async test => {
  for (const point of [
    'large-in-rows',
    'large-before-end',
    'large-after-commit',
    'large-in-memory',
  ]) {
    const directory = temporaryDirectory();
    await crash([directory.path, point], Infinity);
    const made = table(20000);
    const storage = open(directory.path, [made]);
    const isWhole = point === 'large-after-commit' || point === 'large-in-memory';
    const rows = await contents(storage, made);
    test.equal(rows.length, isWhole ? 5000 : 3000, point);
    test.equal(rows.filter(row => row[1] === -1).length, isWhole ? 1500 : 0);
    await storage.close();
    directory.remove();
  }
});

t.test(
  '5.3: killed during a flush: every row once, no file that the manifest does not know',
  async test => {
    for (const point of ['flush-after-intent', 'flush-after-write', 'flush-after-publish']) {
      const directory = temporaryDirectory();
      await crash([directory.path, 'flush', point], Infinity);
      const made = table(20000);
      const storage = open(directory.path, [made]);
      const rows = await contents(storage, made);
      test.equal(rows.length, 3000, point);
      test.same(rows[7], [7, 777, 'x']);
      test.equal(files(directory.path).length, storage.segments().length);
      test.equal(storage.segments().length, point === 'flush-after-publish' ? 1 : 0);
      test.match(await storage.flush(made, null), {
        rows: point === 'flush-after-publish' ? 1 : 3000,
      });
      test.equal((await contents(storage, made)).length, 3000);
      await storage.close();
      directory.remove();
    }
  },
);

t.test('a directory is used by one process; a newer format is refused', async test => {
  const directory = temporaryDirectory();
  test.teardown(() => directory.remove());
  const storage = open(directory.path);
  test.throws(() => open(directory.path), new RegExp(`is in use by process ${process.pid}`));
  await storage.close();
  writeFileSync(join(directory.path, 'wadi.lock'), '999999999\n1\n');
  const again = open(directory.path);
  await again.close();
});

t.test(
  '3: an UPDATE of one SQLite transaction that fails leaves the other commits of its group',
  async test => {
    const directory = temporaryDirectory();
    const made = table(20000);
    const storage = open(directory.path, [made]);
    test.teardown(async () => {
      await storage.close();
      directory.remove();
    });
    await createTable(storage, made);
    const good = begin(storage);
    void good.insert(made, oid(0) as OwnerId, [1, 1, 'a']);
    const bad = begin(storage);
    void bad.insert(table(29999), oid(0) as OwnerId, [1, 1, 'no such table']);
    const last = begin(storage);
    void last.insert(made, oid(0) as OwnerId, [2, 2, 'b']);
    const results = await Promise.allSettled([good.commit(), bad.commit(), last.commit()]);
    test.same(
      results.map(result => result.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    test.equal((await contents(storage, made)).length, 2);
  },
);

t.test(
  '4.3: the change log gives each commit of an owner back, old values too, and says when there is a gap',
  async test => {
    const directory = temporaryDirectory();
    const made = table(20000, {kind: 'user'});
    const storage = open(directory.path, [made]);
    test.teardown(async () => {
      await storage.close();
      directory.remove();
    });
    await createTable(storage, made);
    const events: unknown[] = [];
    storage.onCommit(event => events.push(event));
    const since = storage.lastSeq;
    await insertRows(
      storage,
      made,
      [
        [1, 1, 'a'],
        [2, 2, null],
      ],
      16400,
    );
    await insertRows(storage, made, [[1, 9, 'other']], 16401);
    const tx = begin(storage);
    await updateByKey(tx, made, [1], row => [row[0]!, 5, row[2]!], oid(16400));
    await deleteByKey(tx, made, [2], oid(16400));
    await tx.commit();
    const reader = storage.logReader(made, oid(16400));
    const {entries, gap, next} = reader.read(since, 10);
    test.equal(gap, false);
    test.equal(next, storage.lastSeq);
    test.equal(entries.length, 2);
    const changes = entries.map(entry =>
      entry.parts.flatMap(part =>
        part.changes.map(({op, oldRow, newRow}) => ({op, oldRow, newRow})),
      ),
    );
    test.same(changes, [
      [
        {op: 'insert', oldRow: null, newRow: [1, 1, 'a']},
        {op: 'insert', oldRow: null, newRow: [2, 2, null]},
      ],
      [
        {op: 'update', oldRow: [1, 1, 'a'], newRow: [1, 5, 'a']},
        {op: 'delete', oldRow: [2, 2, null], newRow: null},
      ],
    ]);
    test.equal(events.length, 3);
    test.match(events[2], {
      parts: [
        {
          changes: [
            {op: 'update', oldRow: [1, 1, 'a'], newRow: [1, 5, 'a']},
            {op: 'delete', newRow: null},
          ],
        },
      ],
    });
    test.equal(reader.read(since, 1).entries.length, 1);
    test.equal(storage.logReader(made, null).read(since, 10).entries.length, 3);
    const big = Array.from({length: 20_000}, (_, i) => [100 + i, i, 'x'.repeat(40)]);
    const before = storage.lastSeq;
    await insertRows(storage, made, big, 16400);
    const [entry] = reader.read(before, 1).entries;
    test.equal(entry!.parts.length, 1, 'parts of 256 KB are one part of the event again');
    test.equal(entry!.parts[0]!.changes.length, 20_000);
    test.equal(reader.read(0n as Seq, 1).gap, false);
  },
);

t.test(
  '5.7: ALTER: a new generation beside the old one; unique indexes are checked',
  async test => {
    const directory = temporaryDirectory();
    const before = table(20000);
    const columns = [
      ...before.columns.slice(0, 2),
      column(4, 'n', NUMERIC, null),
      column(5, 'd', TEXT, 'default'),
    ];
    const after = table(20000, {columns, schemaVersion: 2});
    let storage = open(directory.path, [after]);
    test.teardown(async () => {
      await storage.close();
      directory.remove();
    });
    await createTable(storage, before);
    await insertRows(storage, before, [
      [1, 1, 'a'],
      [2, 1, 'b'],
    ]);
    await storage.flush(before, null);
    await insertRows(storage, before, [[3, 1, 'c']]);
    const old = begin(storage, 'repeatable read');
    old.snapshot();
    const tx = begin(storage);
    tx.ddl({kind: 'catalog', key: 'table:20000', json: '{"version":2}'});
    tx.ddl({kind: 'alterTable', before, after});
    test.same((await rowsOf(tx, request(after))).sort(byId), [
      [1, 1, null, 'default'],
      [2, 1, null, 'default'],
      [3, 1, null, 'default'],
    ]);
    await tx.commit();
    test.throws(() => old.scan(request(before)), {code: '40001'});
    old.rollback();
    await insertRows(storage, after, [[4, 4, null, 'new']]);
    const expected = [
      [1, 1, null, 'default'],
      [2, 1, null, 'default'],
      [3, 1, null, 'default'],
      [4, 4, null, 'new'],
    ];
    test.same(await contents(storage, after), expected);
    await storage.close();
    storage = open(directory.path, [after]);
    test.same(await contents(storage, after), expected, 'after a restart');
    test.same([...storage.catalogRecords()], [['table:20000', '{"version":2}']]);
    const changed = begin(storage);
    await updateByKey(changed, after, [3], row => [row[0]!, 30, null, 'changed']);
    await changed.commit();
    const indexed = {...after, indexes: [...after.indexes, index(20500, columns, [1], true)]};
    const failing = begin(storage);
    failing.ddl({kind: 'alterTable', before: after, after: indexed});
    await test.rejects(
      failing.commit() as Promise<void>,
      {code: '23505', fields: {detail: 'Key (v)=(1) is duplicated.'}},
      'two cold rows',
    );
    const fixed = begin(storage);
    await updateByKey(fixed, after, [2], row => [row[0]!, 2, row[2]!, row[3]!]);
    await fixed.commit();
    const succeeding = begin(storage);
    succeeding.ddl({kind: 'alterTable', before: after, after: indexed});
    await succeeding.commit();
    const lookup = begin(storage);
    test.same(lookup.getByKey(indexed, indexed.indexes[1]!, null, [30])!.row, [
      3,
      30,
      null,
      'changed',
    ]);
    lookup.rollback();
    test.equal(await storage.flush(indexed, null).then(result => result.rows), 3);
    test.equal((await contents(storage, indexed)).length, 4);
  },
);

t.test('rolled back CREATE TABLE and ALTER in the transaction that created', async test => {
  const directory = temporaryDirectory();
  const before = table(20000, {indexes: []});
  const storage = open(directory.path, [before]);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  const tx = begin(storage);
  tx.ddl({kind: 'createTable', table: before});
  void tx.insert(before, oid(0) as OwnerId, [1, 1, 'a']);
  const after = {...before, indexes: [index(20001, before.columns, [0], true)]};
  tx.ddl({kind: 'alterTable', before, after});
  test.match(tx.insert(after, oid(0) as OwnerId, [1, 1, 'b']), {kind: 'conflict'});
  tx.rollback();
  await createTable(storage, before);
  test.same(await contents(storage, before), []);
});

t.test('sequences reserve ahead and never repeat a value; OIDs go on', async test => {
  const directory = temporaryDirectory();
  let storage = open(directory.path);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  const first = storage.allocateOid();
  const state = {
    increment: 1n,
    min: 1n,
    max: 100n,
    start: 1n,
    isCycled: false,
    lastValue: 1n,
    isCalled: false,
  };
  const tx = begin(storage);
  tx.ddl({kind: 'createSequence', oid: first, state});
  test.equal(storage.nextval(first), 1n, 'before its commit');
  await tx.commit();
  for (let i = 2n; i <= 40n; i++) test.equal(storage.nextval(first), i);
  await storage.close();
  storage = open(directory.path);
  test.equal(storage.nextval(first), 41n, 'a clean close loses none');
  storage.setval(first, 99n, true);
  test.equal(storage.nextval(first), 100n);
  test.throws(() => storage.nextval(first), {
    code: '2200H',
    message: /nextval: reached maximum value of sequence/,
  });
  test.ok(storage.allocateOid() > first);
});

t.test('3: checkpoints pass while commits go on', async test => {
  const directory = temporaryDirectory();
  const made = table(20000, {indexes: []});
  const storage = open(directory.path, [made], {checkpointBytes: 64 * 1024, hotImageBytes: 1});
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  await createTable(storage, made);
  for (let i = 0; i < 600; i++)
    await insertRows(storage, made, [[i, i, 'some text to fill the log']]);
  await storage.whenDurable(storage.lastSeq);
  test.equal((await contents(storage, made)).length, 600);
});
