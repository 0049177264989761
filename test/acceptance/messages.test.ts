// The main job on real data: psql makes a user table, loads 82,410 messages of 878 users, reads them back hot, cold and after kill -9.
import {execFile} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {gunzipSync} from 'node:zlib';
import pg from 'pg';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const dataFile = join(root, '..', 'shared', 'data', 'messages.csv.gz');
const run = promisify(execFile);

const CONTENTS = `SELECT count(*), md5(string_agg(md5(content), '' ORDER BY id)) FROM chat.messages`;
const MONTHS = `SELECT date_trunc('month', created_at) AS month, count(*), sum(tokens), min(length(content)), max(length(content))
  FROM chat.messages GROUP BY 1 ORDER BY 1`;

/** Runs SQL through psql as a role; rows unaligned without headers. */
async function psql(server: WadiServer, user: string, sql: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'wadi-psql-'));
  const file = join(folder, 'script.sql');
  writeFileSync(file, sql);
  try {
    const args = [
      '-h',
      server.host,
      '-p',
      String(server.port),
      '-U',
      user,
      '-d',
      'postgres',
      '-XAtq',
      '-v',
      'ON_ERROR_STOP=1',
      '-f',
      file,
    ];
    const {stdout} = await run('psql', args, {
      maxBuffer: 1 << 28,
      env: {...process.env, PGTZ: 'UTC'},
    });
    return stdout.trim();
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/** What must stay the same wherever the rows lie. */
async function answers(server: WadiServer): Promise<Record<string, string>> {
  const one = 'user_00001';
  const other = 'user_00157';
  return {
    count1: await psql(server, one, 'SELECT count(*) FROM chat.messages'),
    count157: await psql(server, other, 'SELECT count(*) FROM chat.messages'),
    all: await psql(
      server,
      'agent',
      'SELECT count(*), count(DISTINCT _user_id) FROM chat.messages',
    ),
    contents: await psql(server, one, CONTENTS),
    months: await psql(server, one, MONTHS),
    like: await psql(
      server,
      other,
      `SELECT count(*), sum(tokens) FROM chat.messages WHERE content LIKE '%join%'`,
    ),
    point: await psql(
      server,
      one,
      'SELECT id, role, tokens, created_at FROM chat.messages WHERE id = 1',
    ),
    conversation: await psql(
      server,
      one,
      `SELECT count(*), min(id) FROM chat.messages WHERE conversation_id = '9ad06d99-9cfc-a0b3-a51b-50a3b9f66620'`,
    ),
  };
}

t.test(
  'messages of 878 users',
  {skip: existsSync(dataFile) ? false : `${dataFile} is missing`, timeout: 300_000},
  async t => {
    const csv = gunzipSync(readFileSync(dataFile));
    const folder = mkdtempSync(join(tmpdir(), 'wadi-messages-'));
    t.teardown(() => rmSync(folder, {recursive: true}));
    const csvPath = join(folder, 'messages.csv');
    writeFileSync(csvPath, csv);
    const users = new Set(
      [...csv.toString('utf8').matchAll(/^\d+,(user_\d{5}),/gm)].map(match => match[1]!),
    );
    t.equal(users.size, 878, 'users in the data');

    let server = await startWadi({dataDir: join(folder, 'data')});
    t.teardown(() => server.stop());
    await psql(
      server,
      'postgres',
      `CREATE NAMESPACE chat;
     CREATE USER TABLE chat.messages (
       id bigint PRIMARY KEY, conversation_id uuid NOT NULL, role text NOT NULL,
       content text NOT NULL, tokens integer, created_at timestamptz NOT NULL);
     CREATE ROLE people;
     GRANT USAGE ON SCHEMA chat TO people;
     GRANT SELECT, INSERT, UPDATE, DELETE ON chat.messages TO people;
     CREATE ROLE agent LOGIN IN ROLE wadi_service, people;
     ${[...users].map(user => `CREATE ROLE ${user} LOGIN IN ROLE people;`).join('\n')}`,
    );
    const columns = 'id, _user_id, conversation_id, role, content, tokens, created_at';
    await psql(
      server,
      'agent',
      `\\copy chat.messages (${columns}) FROM '${csvPath}' WITH (FORMAT csv, HEADER)`,
    );

    const hot = await answers(server);
    t.equal(hot['count1'], '25604', 'user_00001 sees his rows');
    t.equal(hot['count157'], '7181', 'user_00157 sees his rows');
    t.equal(hot['all'], '82410|878', 'the service role sees all');

    await t.test('the same cold', async t => {
      await psql(server, 'postgres', 'STORAGE FLUSH TABLE chat.messages');
      const stats = await psql(
        server,
        'postgres',
        "SELECT hot_rows, cold_rows FROM system.stats WHERE table_name = 'messages'",
      );
      t.equal(stats, '0|82410', 'all rows lie in segments');
      t.same(await answers(server), hot);
    });

    await t.test('the same after kill -9', async t => {
      await server.kill('SIGKILL');
      server = await startWadi({dataDir: join(folder, 'data')});
      t.same(await answers(server), hot);
    });

    await t.test('keys hold across hot and cold', async t => {
      const client = new pg.Client({
        host: server.host,
        port: server.port,
        user: 'user_00001',
        database: 'postgres',
      });
      await client.connect();
      t.teardown(() => client.end());
      const duplicate = `INSERT INTO chat.messages VALUES (1, '9ad06d99-9cfc-a0b3-a51b-50a3b9f66620', 'user', 'again', 1, now())`;
      await t.rejects(client.query(duplicate), {
        code: '23505',
        detail: 'Key (id)=(1) already exists.',
      });
      const updated = await client.query(
        `UPDATE chat.messages SET content = 'changed' WHERE id = 1 RETURNING id, content`,
      );
      t.same(updated.rows, [{id: '1', content: 'changed'}]);
      const deleted = await client.query(
        'DELETE FROM chat.messages WHERE id = (SELECT max(id) FROM chat.messages) RETURNING id',
      );
      t.equal(deleted.rowCount, 1, 'a cold row is deleted');
      const after = await client.query(
        `SELECT count(*)::int AS n, count(*) FILTER (WHERE content = 'changed')::int AS changed FROM chat.messages`,
      );
      t.same(after.rows, [{n: 25603, changed: 1}]);
      const foreign = await client.query(
        "SELECT count(*)::int AS n FROM chat.messages WHERE _user_id = 'user_00157'",
      );
      t.same(foreign.rows, [{n: 0}], 'no foreign row by the hidden column');
    });

    await t.test('a listener hears the next insert', async t => {
      const listener = new pg.Client({
        host: server.host,
        port: server.port,
        user: 'user_00157',
        database: 'postgres',
      });
      const writer = new pg.Client({
        host: server.host,
        port: server.port,
        user: 'user_00157',
        database: 'postgres',
      });
      await listener.connect();
      await writer.connect();
      t.teardown(() => Promise.all([listener.end(), writer.end()]));
      const opened = await listener.query(
        `SELECT channel FROM live_open_sql('SELECT id, content FROM chat.messages WHERE tokens > 5', '[]')`,
      );
      const channel = String(opened.rows[0].channel);
      const heard = new Promise<string>(resolve =>
        listener.once('notification', message => resolve(message.payload ?? '')),
      );
      await listener.query(`LISTEN ${channel}`);
      await writer.query(
        `INSERT INTO chat.messages VALUES (1000001, '9ad06d99-9cfc-a0b3-a51b-50a3b9f66620', 'user', 'hello live', 9, now())`,
      );
      const payload = JSON.parse(await heard) as {ops: unknown[][]};
      t.equal(payload.ops[0]![0], '+');
      t.match(JSON.stringify(payload.ops[0]), 'hello live');
    });
  },
);
