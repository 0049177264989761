// Nothing falls between live_open(), LISTEN and live_changes(): not what is not durable yet, not what lies far back.
import pg from 'pg';
import t from 'tap';
import type {ChannelQuery} from '../../src/live/channel-changes.ts';
import {LiveChannels} from '../../src/live/channels.ts';
import type {LiveHub} from '../../src/live/hub.ts';
import {startWadi} from '../support/wadi-server.ts';

interface Payload {
  readonly seq: string;
  readonly ops: readonly (readonly [string, readonly unknown[]])[];
}

t.test('a channel begins at what is durable: a reader sees no more', t => {
  const storage = {lastSeq: 9n, durableSeq: 7n};
  const current = (options: unknown): unknown => ({options, isChanged: false});
  const hub = {storage, tokenTail: () => 'tail', current} as unknown as LiveHub;
  const query = {role: 10, catalog: {}} as unknown as ChannelQuery;
  t.equal(new LiveChannels(hub, () => 0n).open(query).seq, 7n);
  t.end();
});

t.test('live_changes() goes on until no row comes', async t => {
  const server = await startWadi();
  const client = new pg.Client({connectionString: server.postgresUrl});
  await client.connect();
  t.teardown(async () => {
    await client.end();
    await server.stop();
  });
  await client.query('CREATE TABLE far (id int PRIMARY KEY, room int)');
  const {rows} = await client.query<{channel: string; seq: string}>(
    `SELECT * FROM live_open_sql('SELECT id FROM far WHERE room = 7')`,
  );
  const {channel, seq} = rows[0]!;
  const commits = Array.from({length: 2300}, (_, id) => `INSERT INTO far VALUES (${id}, 1);`);
  await client.query(`BEGIN;${commits.join('COMMIT;BEGIN;')}COMMIT`);
  await client.query('INSERT INTO far VALUES (5000, 7)');
  const told: string[] = [];
  let calls = 0;
  for (let since = seq; ; calls++) {
    const {rows: found} = await client.query<{seq: string; payload: string}>(
      'SELECT * FROM live_changes($1, $2)',
      [channel, since],
    );
    if (found.length === 0) break;
    for (const {payload} of found)
      told.push(...(JSON.parse(payload) as Payload).ops.map(([op, key]) => op + String(key[0])));
    since = found.at(-1)!.seq;
  }
  t.same(told, ['+5000']);
  t.ok(calls > 1, `${calls} calls`);
});
