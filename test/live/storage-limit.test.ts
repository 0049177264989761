// SUBSCRIBE ... WITH (storage = 'name'): across the users of tables that lie there.
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import pg from 'pg';
import t from 'tap';
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
  const connect = async (user: string): Promise<pg.Client> => {
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
  const admin = await connect('postgres');
  await admin.query(`CREATE STORAGE big TYPE 'filesystem' BASE_DIRECTORY '${place}'`);
  await admin.query(`
    CREATE ROLE agent LOGIN; CREATE ROLE ann LOGIN;
    CREATE TABLE there (id int PRIMARY KEY, body text) WITH (type = 'user', storage = 'big');
    CREATE TABLE here (id int PRIMARY KEY) WITH (type = 'user');
    GRANT ALL ON there, here TO agent, ann;
    GRANT wadi_service TO agent;
  `);
  const [agent, ann] = [await connect('agent'), await connect('ann')];
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
  await admin.query("ALTER TABLE there SET (storage = 'local')");
  await t.rejects(fetch(agent), {code: '55000', message: 'table "there" is not in storage "big"'});
});
