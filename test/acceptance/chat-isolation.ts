import type {Test} from 'tap';
import {basic, postSql, WsClient} from '../support/http-client.ts';
import {CONTENTS} from './chat-answers.ts';
import {passwordOf, type World} from './chat-world.ts';

const FROM_ALL = `FROM chat.messages WHERE _user_id >= ''`;

/** What a curious user may try. Some are refused, none may tell anything of others. */
function probes(victim: string, id: number, conversation: string): readonly string[] {
  return [
    `SELECT * FROM chat.messages`,
    `SELECT _user_id, * ${FROM_ALL}`,
    `SELECT count(*), max(content) FROM chat.messages WHERE _user_id = '${victim}'`,
    `SELECT * FROM chat.messages WHERE id = ${id}`,
    `SELECT * FROM chat.messages WHERE conversation_id = '${conversation}'`,
    `SELECT * FROM chat.conversations WHERE _user_id <> current_user`,
    `SELECT _user_id, * FROM chat.typing`,
    `SELECT m.content, c.title FROM chat.messages m JOIN chat.conversations c ON c.id = m.conversation_id`,
    `SELECT o.name, (SELECT count(*) FROM chat.conversations c WHERE c.model_id = o.id) FROM chat.models o`,
    `WITH x AS (SELECT content ${FROM_ALL}) SELECT string_agg(content, '') FROM x`,
    `SELECT content::int ${FROM_ALL}`,
    `SELECT 1 / (length(content) - length(content)) FROM chat.messages WHERE _user_id = '${victim}'`,
    `UPDATE chat.messages SET content = content WHERE _user_id = '${victim}' RETURNING *`,
    `DELETE FROM chat.messages WHERE _user_id = '${victim}' RETURNING *`,
    `DELETE FROM chat.messages WHERE id = ${id} RETURNING *`,
    `INSERT INTO chat.messages (_user_id, id, conversation_id, role, content) VALUES ('${victim}', ${id}, '${conversation}', 'user', 'x')`,
    `INSERT INTO chat.messages (id, conversation_id, role, content) VALUES (${id}, '${conversation}', 'user', 'x')
      ON CONFLICT (id) DO UPDATE SET role = 'user' RETURNING chat.messages.content`,
    `UPDATE chat.messages SET _user_id = current_user WHERE _user_id = '${victim}'`,
    `EXECUTE AS USER '${victim}' (SELECT * FROM chat.messages)`,
    `SET ROLE ${victim}`,
    `SET SESSION AUTHORIZATION ${victim}`,
    `EXPLAIN (ANALYZE, VERBOSE, TIMING off, SUMMARY off) SELECT * ${FROM_ALL}`,
    `EXPLAIN (VERBOSE) SELECT * FROM chat.messages`,
    `EXPLAIN (FORMAT json) SELECT m.* FROM chat.messages m JOIN chat.conversations c ON c.id = m.conversation_id`,
    `EXPLAIN (LIVE) SELECT * FROM chat.messages`,
    `SELECT * FROM system.stats`,
    `SELECT * FROM system.segments`,
    `SELECT * FROM system.jobs`,
    `SELECT * FROM system.live_queries`,
    `SELECT * FROM system.audit_log`,
    `SELECT * FROM system.sessions`,
    `SELECT * FROM pg_stats`,
    `SELECT * FROM pg_stat_user_tables`,
    `SELECT relname, reltuples, relpages FROM pg_class`,
    `SELECT usename, query FROM pg_stat_activity`,
    `SELECT * FROM live_open_sql('SELECT content ${FROM_ALL.replaceAll("'", "''")}', '[]')`,
    `SELECT * FROM system.consume('chat.answered', 'chat.messages')`,
    `CREATE TEMP TABLE mine AS SELECT content ${FROM_ALL} UNION ALL SELECT title FROM chat.conversations; SELECT * FROM mine`,
    `DECLARE c CURSOR WITH HOLD FOR SUBSCRIBE (SELECT _user_id, content ${FROM_ALL}); FETCH 1000 FROM c; CLOSE c`,
    `EXPORT USER DATA FOR '${victim}'`,
    `DROP USER DATA FOR '${victim}'`,
  ];
}

const COPIES = [
  'COPY chat.messages TO STDOUT',
  `COPY chat.messages (_user_id, id, content) TO STDOUT`,
  `COPY (SELECT _user_id, * ${FROM_ALL}) TO STDOUT (FORMAT csv)`,
  'COPY (SELECT * FROM chat.conversations) TO STDOUT',
];

type Ask = (sql: string) => Promise<string>;

/** Runs one statement and gives all that came back, the error with all its fields too. */
async function told(run: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await run());
  } catch (error) {
    return `${String(error)} ${JSON.stringify(error)}`;
  }
}

/** A way to ask for each kind of client. */
async function clients(
  t: Test,
  world: World,
  user: string,
): Promise<readonly (readonly [string, Ask])[]> {
  const password = passwordOf(user);
  const simple = await world.connect(user);
  const extended = await world.connect(user);
  const socket = await WsClient.open(world.server.httpUrl, {user, password});
  t.teardown(() => Promise.all([simple.end(), extended.end(), socket.close()]));
  const headers = {authorization: basic(user, password)};
  const {httpUrl} = world.server;
  return [
    ['pg', sql => told(async () => rowsOf(await simple.query({text: sql, rowMode: 'array'})))],
    [
      'pg, extended',
      sql => told(async () => rowsOf(await extended.query({name: '', text: sql, values: []}))),
    ],
    ['WebSocket', sql => told(() => socket.sql(sql))],
    ['POST /sql', sql => told(() => postSql(httpUrl, sql, undefined, headers))],
  ];
}

function rowsOf(result: unknown): unknown {
  const results = Array.isArray(result) ? result : [result];
  return results.map(each => (each as {rows: unknown}).rows);
}

/** A user who tries everything, by every kind of client, learns nothing of another's rows or of how many there are. */
export async function nobodySeesOthers(t: Test, world: World, spy: string, victim: string) {
  const conversation = 'c0ffee00-0000-4000-8000-000000000001';
  const canary = 'canary in the mine';
  const owner = await world.connect(victim);
  await owner.query(
    `INSERT INTO chat.conversations VALUES ('${conversation}', 1, '${canary}', now());
     INSERT INTO chat.messages VALUES (900001, '${conversation}', 'user', '${canary}', 777000777, now());
     INSERT INTO chat.typing (conversation_id, note) VALUES ('${conversation}', '${canary}')`,
  );
  const before = await owner.query<object>(CONTENTS);
  const all = probes(victim, 900001, conversation);
  // Counts of everybody's rows and of the victim's.
  const counts = await world.psql(
    'agent',
    `SELECT count(*), count(*) FILTER (WHERE _user_id = '${victim}') FROM chat.messages`,
  );
  const secrets = new RegExp(
    `${canary}|777000777|(?<![\\d.-])(?:${counts})(?![\\d.-])|permission granted`,
  );
  const script = [...all, ...COPIES].map(sql => `${sql};`).join('\n');
  t.notMatch(await world.psqlAll(spy, script), secrets, 'psql');
  for (const [name, ask] of await clients(t, world, spy)) {
    const leaks: string[] = [];
    for (const sql of all) if (secrets.test(await ask(sql))) leaks.push(sql);
    t.same(leaks, [], name);
  }
  t.match(await world.psql(victim, 'SELECT content FROM chat.messages'), secrets, 'he sees them');
  t.same((await owner.query<object>(CONTENTS)).rows, before.rows, 'nothing was changed');
  await owner.query(`DELETE FROM chat.conversations WHERE id = '${conversation}'`);
  await owner.end();
}

/** What the agent writes as a user into a stream table reaches that user's socket at once, and nobody else's. */
export async function thinkingIsHeard(t: Test, world: World, user: string, other: string) {
  const agent = await world.connect('agent');
  const sockets: WsClient[] = [];
  for (const name of [user, other]) {
    const socket = await WsClient.open(world.server.httpUrl, {
      ...{user: name, password: passwordOf(name)},
    });
    socket.send({type: 'sub', id: 1, sql: 'SELECT note FROM chat.typing', snapshot: false});
    await socket.next('live', 1);
    sockets.push(socket);
  }
  const say = (name: string, note: string): Promise<unknown> =>
    agent.query(
      `EXECUTE AS USER '${name}' (INSERT INTO chat.typing (conversation_id, note) VALUES (gen_random_uuid(), '${note}'))`,
    );
  await say(user, 'thinks');
  await say(user, 'writes');
  await say(other, 'for the other');
  const notes = async (socket: WsClient): Promise<string> =>
    JSON.stringify((await socket.next('tx'))['changes']);
  t.match(await notes(sockets[0]!), '["thinks"]');
  t.match(await notes(sockets[0]!), '["writes"]');
  t.match(await notes(sockets[1]!), '["for the other"]');
  await Promise.all([agent.end(), ...sockets.map(socket => socket.close())]);
}

/** Live queries of a user, on every surface and in both scopes, hear of his own commits only. */
export async function nobodyHearsOthers(t: Test, world: World, spy: string, victim: string) {
  const [owner, own, ears] = [
    await world.connect(victim),
    await world.connect(spy),
    await world.connect(spy),
  ];
  const socket = await WsClient.open(world.server.httpUrl, {
    ...{user: spy, password: passwordOf(spy)},
  });
  const queries = [`SELECT id, content FROM chat.messages`, `SELECT _user_id, content ${FROM_ALL}`];
  const heard: string[] = [];
  ears.on('notification', message => heard.push(message.payload ?? ''));
  for (const [index, sql] of queries.entries()) {
    socket.send({type: 'sub', id: index, sql, snapshot: false});
    await socket.next('live', index);
    const opened = await ears.query<{channel: string}>('SELECT * FROM live_open_sql($1)', [sql]);
    await ears.query(`LISTEN ${opened.rows[0]!.channel}`);
    await ears.query(
      `DECLARE c${index} CURSOR WITH HOLD FOR SUBSCRIBE (${sql}) WITH (snapshot = false)`,
    );
    const {rows} = await ears.query<{_op: string}>(`FETCH 1 FROM c${index}`);
    t.equal(rows[0]?._op, 'mark');
  }
  const conversation = `SELECT id FROM chat.conversations ORDER BY id LIMIT 1`;
  const write = `INSERT INTO chat.messages SELECT 900002, c.id, 'user', current_user FROM (${conversation}) c`;
  await owner.query(write);
  await owner.query(`UPDATE chat.messages SET content = 'secret' WHERE id = 900002`);
  await owner.query('DELETE FROM chat.messages WHERE id = 900002');
  await own.query(write);
  for (const index of queries.keys()) {
    const tx = await socket.next('tx');
    t.match(JSON.stringify(tx), spy, `WebSocket ${index}: his own change is the first`);
    if ((tx['changes'] as unknown[]).length === queries.length) break;
  }
  for (const index of queries.keys()) {
    const {rows} = await ears.query(`FETCH 1 FROM c${index} WITH (timeout = '60s')`);
    t.match(JSON.stringify(rows), spy, `SUBSCRIBE ${index}`);
  }
  while (heard.length < queries.length) await ears.query('SELECT 1');
  t.notMatch(heard.join(), 'secret', 'LISTEN');
  t.equal(heard.filter(payload => payload.includes(spy)).length, queries.length);
  await own.query('DELETE FROM chat.messages WHERE id = 900002');
  await Promise.all([owner.end(), own.end(), ears.end(), socket.close()]);
}
