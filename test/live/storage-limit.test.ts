// SUBSCRIBE ... WITH (storage = 'name'): across the users of tables that lie there.
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import pg from 'pg';
import t, {type Test} from 'tap';
import {connect} from '../../sdk/src/client.ts';
import {startWadi} from '../support/wadi-server.ts';

t.test('limited to a storage', async t => {
  const server = await startWadi();
  const place = mkdtempSync(join(tmpdir(), 'wadi-limit-'));
  const clients: pg.Client[] = [];
  t.teardown(async () => {
    for (const client of clients) await client.end().catch(() => {});
    await server.stop();
    rmSync(place, {recursive: true});
  });
  const login = async (user: string): Promise<pg.Client> => {
    const client = new pg.Client({
      host: server.host,
      port: server.port,
      user,
      database: 'postgres',
    });
    await client.connect();
    clients.push(client);
    return client;
  };
  const admin = await login('postgres');
  await admin.query(`CREATE STORAGE big TYPE 'filesystem' BASE_DIRECTORY '${place}'`);
  await admin.query(`
    CREATE ROLE agent LOGIN; CREATE ROLE ann LOGIN;
    CREATE TABLE there (id int PRIMARY KEY, body text) WITH (type = 'user', storage = 'big');
    CREATE TABLE here (id int PRIMARY KEY) WITH (type = 'user');
    GRANT ALL ON there, here TO agent, ann;
    GRANT wadi_service TO agent;
    CREATE LIVE QUERY moderation AS SELECT _user_id, id FROM there;
  `);
  const [agent, ann] = [await login('agent'), await login('ann')];
  await ann.query("INSERT INTO there VALUES (1, 'a')");
  const declare = (client: pg.Client, query: string, storage: string): Promise<unknown> =>
    client.query(
      `DECLARE c CURSOR WITH HOLD FOR SUBSCRIBE (${query}) WITH (storage = '${storage}')`,
    );
  const fetch = async (client: pg.Client): Promise<string[]> => {
    const {rows} = await client.query("FETCH 1 FROM c WITH (timeout = '60s')");
    return rows.map((row: {_op: string; _user_id: string | null}) => `${row._op} ${row._user_id}`);
  };
  const refused = async (
    client: pg.Client,
    query: string,
    storage: string,
    error: {code: string; message?: RegExp; hint?: RegExp; detail?: string},
  ): Promise<void> => {
    await declare(client, query, storage);
    await t.rejects(fetch(client), error, query);
    await client.query('CLOSE c').catch(() => {});
  };
  const across = 'SELECT _user_id, id FROM there';
  await refused(ann, across, 'big', {code: '42501'});
  await refused(ann, across, 'nowhere', {code: '42501'});
  await refused(agent, across, 'nowhere', {code: '42704', message: /storage "nowhere"/});
  await refused(agent, 'SELECT id FROM there', 'big', {code: '22023', hint: /_user_id/});
  await refused(agent, across, 'local', {code: '55000', detail: 'It is in storage "big".'});
  await refused(agent, `${across} UNION SELECT _user_id, id FROM here`, 'big', {code: '55000'});
  await declare(agent, across, 'big');
  t.same(await fetch(agent), ['snap ann']);
  t.same(await fetch(agent), ['mark null']);
  await ann.query("INSERT INTO there VALUES (2, 'b')");
  t.same(await fetch(agent), ['ins ann']);
  await onChannels(t, agent, ann);
  await onSocket(t, server.httpUrl);
  await admin.query("ALTER TABLE there SET (storage = 'local')");
  await t.rejects(fetch(agent), {code: '55000', message: 'table "there" is not in storage "big"'});
});

async function onChannels(t: Test, agent: pg.Client, ann: pg.Client): Promise<void> {
  const open = (client: pg.Client, name: string, storage: string): Promise<pg.QueryResult> =>
    client.query("SELECT * FROM live_open($1, '[]', $2)", [name, storage]);
  await t.rejects(open(ann, 'moderation', 'big'), {code: '42501'});
  await t.rejects(open(agent, 'moderation', 'local'), {code: '55000'});
  await t.rejects(open(agent, 'moderation', 'nowhere'), {code: '42704'});
  const {rows} = await open(agent, 'moderation', 'big');
  const {channel} = rows[0] as {channel: string};
  const heard = new Promise<pg.Notification>(resolve => agent.once('notification', resolve));
  await agent.query(`LISTEN ${channel}`);
  await ann.query("INSERT INTO there VALUES (3, 'c')");
  t.match((await heard).payload, '["+",["ann",3],["ann",3]]');
  await agent.query(`UNLISTEN ${channel}`);
  const text = "SELECT live_close(channel) AS closed FROM live_open_sql($1, '[]', $2)";
  const anywhere = await agent.query(text, ['SELECT _user_id, id FROM there', null]);
  t.same(anywhere.rows, [{closed: true}]);
  const none = await agent.query('SELECT channel FROM live_open_sql(NULL)');
  t.same(none.rows, [{channel: null}]);
}

async function onSocket(t: Test, httpUrl: string): Promise<void> {
  const client = connect({url: httpUrl, user: 'agent'});
  const live = client.live({query: 'moderation'}, [], () => {}, {storage: 'big'});
  await live.ready;
  t.same(live.rows.length, 3);
  const refused = client.live({query: 'moderation'}, [], () => {}, {storage: 'local'});
  await t.rejects(refused.ready, {code: '55000'});
  client.close();
}
