// Snapshots that keep too much are given up: what their readers are told, and that nobody else notices.
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {connect, rows} from '../jobs/support.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

t.test('2.3: 72000 in REPEATABLE READ and at a FETCH; other transactions go on', async test => {
  const folder = temporaryFolder('config');
  const path = join(folder.path, 'wadi.toml');
  writeFileSync(path, 'snapshot_keep_mb = 1\n');
  const server = await startWadi({args: ['--config', path]});
  test.teardown(async () => {
    await server.stop();
    folder.remove();
  });
  const writer = await connect(server);
  await writer.query(
    "CREATE TABLE kv (k int PRIMARY KEY, v text); INSERT INTO kv SELECT g, 'x' FROM generate_series(1, 100) g",
  );
  const reader = await connect(server);
  await reader.query('BEGIN; DECLARE c CURSOR FOR SELECT k FROM kv');
  test.same(await rows(reader, 'FETCH 2 FROM c'), [['1'], ['2']]);
  const repeatable = await connect(server);
  await repeatable.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  test.same(await rows(repeatable, "SELECT count(*) FROM kv WHERE v = 'x'"), [['100']]);
  let given: {readonly code?: string} = {};
  while (given.code === undefined) {
    await writer.query("UPDATE kv SET v = repeat('y', 5000)");
    given = await repeatable
      .query("SELECT count(*) FROM kv WHERE v = 'x'")
      .then(({rows: [row]}) => {
        test.same(row, {count: '100'}, 'until then it sees what it saw');
        return {};
      })
      .catch((error: {readonly code: string; readonly message: string}) => {
        test.equal(error.message, 'snapshot too old');
        return error;
      });
  }
  test.equal(given.code, '72000');
  await test.rejects(repeatable.query('SELECT 1'), {code: '25P02'});
  await repeatable.query('ROLLBACK');
  test.same(await rows(repeatable, "SELECT count(*) FROM kv WHERE v = 'x'"), [['0']]);
  await test.rejects(reader.query('FETCH 2 FROM c'), {code: '72000'}, 'it was the older one');
  await reader.query('ROLLBACK');
  test.match(server.errors(), /a snapshot was given up: [\d.]+ MB of replaced row versions/);
  for (const client of [writer, reader, repeatable]) await client.end();
});
