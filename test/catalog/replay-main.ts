// node test/catalog/replay-main.ts record [postgres://postgres@HOST:PORT/postgres]
// node test/catalog/replay-main.ts compare postgres://postgres@HOST:PORT/postgres
//   record: writes what PostgreSQL 15 answers into replay-postgres.json; without a URL it starts a new cluster of its own.
//   compare: replays on a new Wadi and on that PostgreSQL, and prints every difference with its rows, those of long results too.
// The cluster must be new (its databases and roles show); the database shop and the roles of the schema are dropped first.
import pg from 'pg';
import {startPostgres} from '../support/postgres-server.ts';
import {startWadi} from '../support/wadi-server.ts';
import {comparable} from './replay-gaps.ts';
import {corpora, differences, recorded, writeRecording} from './replay-recording.ts';
import {prepareShop, Replay, replayQueries, type ReplayAnswer} from './replay.ts';

type Connect = (database: string) => Promise<pg.Client>;

const roles = ['bob', 'readers', 'auditor'];

function connectorOf(url: string): Connect {
  return async database => {
    const here = new URL(url);
    here.pathname = `/${database}`;
    const client = new pg.Client({connectionString: here.href});
    await client.connect();
    return client;
  };
}

async function removeShop(connect: Connect): Promise<void> {
  const client = await connect('postgres');
  await client.query('DROP DATABASE IF EXISTS shop');
  for (const role of roles) await client.query(`DROP ROLE IF EXISTS ${role}`);
  await client.end();
}

async function answersOf(connect: Connect): Promise<Map<string, ReplayAnswer>> {
  await removeShop(connect);
  await prepareShop(connect);
  const client = await connect('shop');
  const replay = await Replay.over(client);
  const answers = new Map<string, ReplayAnswer>();
  for (const {name, path} of corpora) {
    for (const query of replayQueries(path)) {
      const key = `${name} ${query.key}`;
      answers.set(key, comparable(key, query.text, await replay.answer(query), replay.ownNames));
    }
  }
  await client.end();
  await removeShop(connect);
  return answers;
}

async function record(url: string | undefined): Promise<void> {
  const server = url === undefined ? await startPostgres() : null;
  const connect = connectorOf(
    server === null
      ? (url ?? '')
      : `postgres://postgres@localhost:${server.port}/?host=${encodeURIComponent(server.host)}`,
  );
  const client = await connect('postgres');
  const {rows} = await client.query<{server_version: string}>('SHOW server_version');
  await client.end();
  const answers = [...(await answersOf(connect))].map(
    ([key, answer]) => [key, recorded(answer)] as const,
  );
  writeRecording({version: rows[0]?.server_version ?? '15', answers: Object.fromEntries(answers)});
  await server?.stop();
  console.log(`recorded ${answers.length} answers`);
}

async function compare(url: string): Promise<void> {
  const wadi = await startWadi();
  const [theirs, mine] = [
    await answersOf(connectorOf(url)),
    await answersOf(connectorOf(wadi.postgresUrl)),
  ];
  await wadi.stop();
  let count = 0;
  for (const [key, wanted] of theirs) {
    const found = differences(mine.get(key) ?? {error: 'no answer', results: []}, wanted);
    if (found.length === 0) continue;
    count++;
    console.log([key, ...found].join('\n'));
  }
  console.log(`${count} of ${theirs.size} differ`);
}

const [command, url] = process.argv.slice(2);
if (command === 'record') await record(url);
else if (command === 'compare' && url !== undefined) await compare(url);
else console.error('usage: replay-main.ts record [URL] | compare URL');
