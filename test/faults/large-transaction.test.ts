// A transaction that does not fit into memory is 53200, and the server goes on.
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';
import {Client} from './client.ts';

t.setTimeout(300_000);

t.test('53200 instead of the end of the process', {timeout: 280_000}, async t => {
  const server = await startWadi({nodeFlags: ['--max-old-space-size=400']});
  t.teardown(() => server.stop());
  const client = await Client.open(server);
  const other = await Client.open(server);
  await client.outcome('CREATE TABLE kept (id int PRIMARY KEY, v text)');
  await client.outcome(`INSERT INTO kept SELECT g, 'x' FROM generate_series(1, 1000) g`);
  // Rows of a temporary table are not written out.
  await client.outcome('CREATE TEMP TABLE held (id int PRIMARY KEY, v text)');
  for (let i = 0; i < 2; i++) {
    t.match(
      await client.outcome(
        `INSERT INTO held SELECT g, md5(g::text) || md5(g::text) FROM generate_series(2000, 6000000) g`,
      ),
      /^53200 out of memory/,
    );
    t.equal(await other.value('SELECT count(*) FROM kept'), '1000', 'others go on');
  }
  t.equal(await client.outcome(`INSERT INTO kept VALUES (0, 'after')`), 'ok');
  await client.end();
  await other.end();
});
