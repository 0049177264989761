import pg from 'pg';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';
import {connect, failure, rows, until} from './support.ts';

t.test('rows of stream tables expire', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const client = await connect(server);
  t.teardown(() => client.end());
  await client.query('CREATE STREAM TABLE typing (id int PRIMARY KEY, room text) TTL 1');
  const options = "WITH (type = 'stream', ttl = '700ms')";
  await client.query(
    `CREATE TABLE presence (id int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp()) ${options}`,
  );

  await t.test('no statement sees a row older than its ttl', async t => {
    await client.query('INSERT INTO presence SELECT generate_series(1, 100)');
    let oldest = 0;
    for (let turn = 0; turn < 50_000; turn++) {
      const [row] = await rows(
        client,
        'SELECT count(*), extract(epoch FROM max(clock_timestamp() - at)) FROM presence',
      );
      if (row![0] === '0') break;
      oldest = Math.max(oldest, Number(row![1]));
    }
    t.same(await rows(client, 'SELECT count(*) FROM presence'), [['0']]);
    t.ok(oldest > 0.5, 'rows lived');
    const jobs =
      "SELECT type, status, message, created_by FROM system.jobs WHERE table_name = 'presence'";
    await until(client, jobs, 'expire completed 100 rows system');
  });

  await t.test('a key is free again once its row has expired', async () => {
    await client.query('INSERT INTO presence (id) VALUES (1)');
    for (let turn = 0; turn < 50_000; turn++)
      if ((await failure(client, 'INSERT INTO presence (id) VALUES (1)')) !== '23505') return;
    throw new Error('the key stays taken');
  });

  await t.test('a changed row lives on', async t => {
    await client.query("INSERT INTO typing VALUES (1, 'kept'), (2, 'left')");
    for (let turn = 0; turn < 50_000; turn++) {
      await client.query('UPDATE typing SET room = room WHERE id = 1');
      if ((await rows(client, 'SELECT count(*) FROM typing'))[0]![0] === '1') break;
    }
    t.same(await rows(client, 'SELECT * FROM typing'), [['1', 'kept']]);
    await until(client, 'SELECT count(*) FROM typing', '0');
  });

  await t.test('a row that a transaction holds expires when it ends', async t => {
    const other = await connect(server);
    await client.query("INSERT INTO typing VALUES (3, 'held'), (4, 'free')");
    await other.query('BEGIN');
    await other.query('SELECT * FROM typing WHERE id = 3 FOR UPDATE');
    await until(client, "SELECT string_agg(room, ',') FROM typing", 'held');
    t.same((await other.query("UPDATE typing SET room = 'again' WHERE id = 3")).rowCount, 1);
    await other.query('ROLLBACK');
    await until(client, 'SELECT count(*) FROM typing', '0');
    await other.end();
  });

  await t.test('subscribers see the deletes', async t => {
    const other = await connect(server);
    const seen: string[] = [];
    const gone = new Promise<void>((resolve, reject) => {
      const query = new pg.Query('SUBSCRIBE TO typing');
      query.on('error', reject);
      query.on('row', (row: {_op: string; id: number}) => {
        seen.push(`${row._op} ${row.id}`);
        if (row._op === 'del') resolve();
      });
      other.query(query);
    });
    await until(client, "SELECT count(*) FROM system.live_queries WHERE state = 'live'", '1');
    await client.query("INSERT INTO typing VALUES (9, 'x')");
    await gone;
    t.match(seen.join(), /(ins|ack|add|upd)[^,]* 9.*del 9/);
    await other.end();
  });

  await t.test('many rows expire in slices', async t => {
    await client.query('INSERT INTO presence SELECT generate_series(1000, 30999)');
    t.same(await rows(client, 'SELECT count(*) FROM presence'), [['30000']]);
    await until(client, 'SELECT count(*) FROM presence', '0');
  });

  await t.test('streams are not flushed', async t => {
    for (const text of [
      'STORAGE FLUSH TABLE typing',
      'STORAGE COMPACT TABLE typing',
      "SELECT system.flush('typing')",
    ]) {
      t.equal(await failure(client, text), '42809', text);
    }
    t.equal(
      await failure(
        client,
        "CREATE STREAM TABLE bad (id int) WITH (flush_policy = 'rows:1') TTL 5",
      ),
      '42P16',
    );
  });
});

t.test('a restart begins with empty stream tables', async t => {
  const folder = temporaryFolder('streams');
  t.teardown(() => folder.remove());
  const first = await startWadi({dataDir: folder.path});
  const before = await connect(first);
  await before.query('CREATE STREAM TABLE typing (id int PRIMARY KEY) TTL 3600');
  await before.query('INSERT INTO typing VALUES (1)');
  await first.kill('SIGKILL');
  const second = await startWadi({dataDir: folder.path});
  t.teardown(() => second.stop());
  const after = await connect(second);
  t.teardown(() => after.end());
  t.same(await rows(after, 'SELECT count(*) FROM typing'), [['0']]);
  await after.query('INSERT INTO typing VALUES (1)');
});
