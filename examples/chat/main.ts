// npm run demo: a chat on Wadi in a minute. It starts a server of its own, shows the SQL that it runs and what comes back,
// and leaves nothing behind. examples/chat/README.md says what is where.
import {createReadStream} from 'node:fs';
import {join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import pg from 'pg';
import {from as copyFrom} from 'pg-copy-streams';
import {ensureBuilt, root} from '../../scripts/prepare.mjs';
import {Page} from './live.ts';
import {type Actor, heading, heard, note, Stage} from './stage.ts';

const SCHEMA = [
  `CREATE NAMESPACE chat;
CREATE SHARED TABLE chat.prices (role text PRIMARY KEY, cents numeric NOT NULL);
INSERT INTO chat.prices VALUES ('user', 0.02), ('assistant', 0.07);
CREATE USER TABLE chat.messages (
  id bigint PRIMARY KEY DEFAULT snowflake_id(), conversation text NOT NULL, role text NOT NULL, content text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()) WITH (cluster_by = 'created_at');
CREATE INDEX ON chat.messages USING bloom (conversation);
CREATE STREAM TABLE chat.typing (id bigint PRIMARY KEY DEFAULT snowflake_id(), note text NOT NULL) TTL 30`,
  `CREATE ROLE people;
GRANT USAGE ON SCHEMA chat TO people;
GRANT ALL ON chat.messages, chat.typing TO people;
GRANT SELECT ON chat.prices TO people;
CREATE ROLE anna LOGIN IN ROLE people;
CREATE ROLE bert LOGIN IN ROLE people;
CREATE ROLE carla LOGIN IN ROLE people;
CREATE ROLE agent LOGIN IN ROLE people, wadi_service;  -- may act for all users`,
];

const COSTS = `SELECT role, count(*), sum(length(content) * cents) AS cents
FROM chat.messages JOIN chat.prices USING (role) GROUP BY role ORDER BY role`;

const COUNTS = `SELECT date_trunc('month', created_at)::date AS month, role, count(*), round(avg(length(content))) AS length
FROM chat.messages WHERE created_at < '2026-04-01' GROUP BY 1, 2 ORDER BY 1, 2`;

async function makeTables(stage: Stage): Promise<void> {
  heading(
    '1. Tables',
    `A user table holds a table for each user, a stream table what is gone soon. The server is at ${stage.postgresUrl}`,
  );
  const admin = await stage.connect('postgres');
  for (const sql of SCHEMA) await admin.run(sql);
  await admin.end();
  const agent = await stage.connect('agent');
  const copy = `COPY chat.messages (id, _user_id, conversation, role, content, created_at) FROM STDIN (FORMAT csv, HEADER)`;
  note(`agent=> ${copy}`);
  const file = createReadStream(join(root, 'examples', 'chat', 'messages.csv'));
  await pipeline(file, agent.client.query(copyFrom(copy)));
  await agent.run('SELECT _user_id, count(*) FROM chat.messages GROUP BY 1 ORDER BY 1');
  await agent.end();
}

async function showIsolation(anna: Actor, bert: Actor): Promise<void> {
  heading(
    '2. Everybody has his own table',
    'The same SQL, other rows. Nothing has to be filtered.',
  );
  const sql = 'SELECT count(*), min(content) FROM chat.messages';
  await anna.run(sql);
  await bert.run(sql);
  await anna.run(COSTS);
  await anna.run(`SELECT count(*) FROM chat.messages WHERE _user_id = 'bert'`);
  await anna.run(`EXECUTE AS USER 'bert' (SELECT * FROM chat.messages)`);
}

async function showColdRows(stage: Stage, anna: Actor): Promise<void> {
  heading(
    '3. Hot and cold',
    'New rows lie in SQLite. A flush moves them into Parquet files; the SQL does not change.',
  );
  const hot = await anna.run(COUNTS);
  const admin = await stage.connect('postgres');
  await admin.run('STORAGE FLUSH TABLE chat.messages');
  await admin.run(
    `SELECT hot_rows, cold_rows, segments FROM system.stats WHERE table_name = 'messages'`,
  );
  await admin.end();
  const cold = await anna.run(COUNTS);
  note(JSON.stringify(hot) === JSON.stringify(cold) ? 'the same answer' : 'ANOTHER ANSWER: a bug');
  await anna.run(
    `UPDATE chat.messages SET content = content || ' (edited)' WHERE id = 3 RETURNING id, content`,
  );
  await anna.run(
    `INSERT INTO chat.messages VALUES (9, 'cooking 1', 'user', 'a key that lies in Parquet')`,
  );
}

/** The agent: a result that does not end gives it everybody's questions; it answers each as the user who asked. */
async function startAgent(stage: Stage): Promise<{end(): Promise<void>}> {
  const [ears, hands] = [await stage.connect('agent'), await stage.connect('agent')];
  const sql = `SUBSCRIBE (SELECT _user_id, id, conversation, content FROM chat.messages WHERE role = 'user') WITH (snapshot = false)`;
  console.log(`  agent=> ${sql}`);
  const query = new pg.Query(sql) as unknown as {
    on(event: string, listener: (row: never) => void): void;
  };
  query.on('error', () => undefined);
  const answer = async (user: string, conversation: string, content: string): Promise<void> => {
    await hands.run(
      `EXECUTE AS USER '${user}' (INSERT INTO chat.typing (note) VALUES ('the agent thinks'))`,
    );
    const text = `Good question, ${user}. You asked: ${content}`.replaceAll("'", "''");
    await hands.run(
      `EXECUTE AS USER '${user}' (INSERT INTO chat.messages (conversation, role, content) VALUES ('${conversation}', 'assistant', '${text}'))`,
    );
  };
  let work = Promise.resolve();
  const isLive = new Promise<void>(resolve =>
    query.on(
      'row',
      (row: {_op: string; _user_id: string; conversation: string; content: string}) => {
        if (row._op === 'mark') resolve();
        if (row._op !== 'ins') return;
        heard('agent', `${row._user_id} asks: ${row.content}`);
        work = work.then(() => answer(row._user_id, row.conversation, row.content));
      },
    ),
  );
  ears.client.query(query as never);
  await isLive;
  return {
    end: async () => {
      await work;
      await Promise.all([ears.end(), hands.end()]);
    },
  };
}

function ask(anna: Actor, content: string): Promise<unknown> {
  return anna.run(
    `INSERT INTO chat.messages (conversation, role, content) VALUES ('cooking 12', 'user', '${content}')`,
  );
}

async function showLive(stage: Stage, anna: Actor, page: Page): Promise<void> {
  heading(
    '4. Live',
    `Anna's page is a WebSocket with two live queries: her messages, and who types. An AI agent hears all users.`,
  );
  await page.open(stage.httpUrl);
  const agent = await startAgent(stage);
  await ask(anna, 'Is rice pudding cold or hot?');
  await page.until('You asked: Is rice');
  await agent.end();
}

async function showCrash(stage: Stage, page: Page): Promise<void> {
  heading(
    '5. kill -9',
    'What was acknowledged is there after a restart. The page comes back with its token and is told what it missed, once.',
  );
  page.close();
  let anna = await stage.connect('anna');
  await ask(anna, 'Said while the page was away');
  await stage.stop('SIGKILL');
  note('the server was killed; it starts again');
  await stage.start();
  await page.open(stage.httpUrl);
  await page.until('while the page was away');
  anna = await stage.connect('anna');
  await anna.run(
    `SELECT role, content FROM chat.messages WHERE conversation = 'cooking 12' ORDER BY created_at DESC LIMIT 3`,
  );
  const times = page.times('while the page was away');
  note(times === 1 ? 'told exactly once' : `TOLD ${times} TIMES: a bug`);
  page.close();
  await anna.end();
}

async function play(stage: Stage): Promise<void> {
  await stage.start();
  await makeTables(stage);
  const [anna, bert] = [await stage.connect('anna'), await stage.connect('bert')];
  await showIsolation(anna, bert);
  await showColdRows(stage, anna);
  const page = new Page('anna', {
    messages: 'SELECT id, role, content FROM chat.messages',
    typing: 'SELECT note FROM chat.typing',
  });
  await showLive(stage, anna, page);
  await Promise.all([anna.end(), bert.end()]);
  await showCrash(stage, page);
  heading(
    'That was it.',
    'npm start runs a server to try more; README.md has lines for psql, docs/live-queries.md and docs/websocket.md the rest.',
  );
}

if (!ensureBuilt()) process.exit(1);
const stage = new Stage();
process.once('exit', () => stage.remove());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(1));
try {
  await play(stage);
} finally {
  await stage.clear();
}
