// A client that vanishes during a statement ends it: nothing of it is committed.
import t from 'tap';
import {connect, rows, until} from '../jobs/support.ts';
import {startWadi} from '../support/wadi-server.ts';

t.test('a statement ends with its client', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const admin = await connect(server);
  t.teardown(() => admin.end());
  await admin.query('CREATE TABLE t (id int8)');
  const running =
    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%10000000000%' AND pid <> pg_backend_pid()";
  for (const statement of [
    'SELECT count(*) FROM generate_series(1, 10000000000) x',
    'INSERT INTO t SELECT x FROM generate_series(1, 10000000000) x WHERE x < 10',
    'SELECT x FROM generate_series(1, 10000000000) x',
  ]) {
    const client = await connect(server);
    const answer = client.query(statement).catch(() => 'failed');
    await until(admin, running, '1');
    (client as unknown as {connection: {stream: {destroy(): void}}}).connection.stream.destroy();
    await until(admin, running, '0');
    t.equal(await answer, 'failed');
  }
  t.same(await rows(admin, 'SELECT count(*) FROM t'), [['0']]);
});
