// The job that Wadi is for, on real data: 82,410 messages of 878 users who log in by SCRAM, through psql, `pg`, HTTP and a browser.
// SEED, KILLS (5) and ALL_USERS=1 (every one logs in, not each tenth) choose what is done.
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gunzipSync} from 'node:zlib';
import t, {type Test} from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {answers, CONTENTS} from './chat-answers.ts';
import {nobodyHearsOthers, nobodySeesOthers, thinkingIsHeard} from './chat-isolation.ts';
import {storm} from './chat-storm.ts';
import {contentsHash, type Message, parseMessages, World} from './chat-world.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const dataFile = join(root, '..', 'shared', 'data', 'messages.csv.gz');
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const kills = Number(process.env['KILLS'] ?? 5);

const MANY = 'user_00001';
const VICTIM = 'user_00157';
const SPY = 'user_00020';

/** The rows of each user. */
function byUser(messages: readonly Message[]): ReadonlyMap<string, readonly Message[]> {
  return Map.groupBy(messages, message => message.user);
}

/** Each logs in with his own password and sees exactly his own rows. */
async function everybodySeesHisOwn(
  t: Test,
  world: World,
  rows: ReadonlyMap<string, readonly Message[]>,
): Promise<void> {
  const users = world.users.filter(
    (_, index) => process.env['ALL_USERS'] === '1' || index % 10 === 0,
  );
  const wrong: string[] = [];
  for (const user of users) {
    const client = await world.connect(user);
    const {rows: found} = await client.query<string[]>({text: CONTENTS, rowMode: 'array'});
    await client.end();
    const own = rows.get(user)!;
    const tokens = own.reduce((sum, message) => sum + message.tokens, 0);
    const expected = [String(own.length), String(tokens), contentsHash(own)];
    if (found[0]!.join() !== expected.join()) wrong.push(`${user}: ${found[0]} not ${expected}`);
  }
  t.same(wrong, [], `${users.length} users see their own rows`);
}

/** What lies hot and cold, and in how many segments. */
function stats(world: World): Promise<string> {
  return world.psql(
    'postgres',
    `SELECT hot_rows > 0, cold_rows > 0, segments > 878 FROM system.stats WHERE table_name = 'messages'`,
  );
}

async function sameWhereverRowsLie(t: Test, world: World): Promise<void> {
  const users = [MANY, VICTIM];
  const hot = await answers(world, users);
  t.equal(await stats(world), 't|f|f', 'hot');
  t.match(hot[`${MANY} contents`], /^25604\|/);
  t.equal(hot[`${MANY} conversation`]?.split('\n')[0]?.slice(0, 2), '1|');
  await world.psql('postgres', 'STORAGE FLUSH ALL');
  t.equal(await stats(world), 'f|t|f', 'cold');
  t.same(await answers(world, users), hot, 'the same cold');
  await world.psql(
    'agent',
    `UPDATE chat.messages SET tokens = tokens WHERE _user_id >= '' AND id % 5 = 0`,
  );
  t.equal(await stats(world), 't|t|f', 'mixed');
  t.same(await answers(world, users), hot, 'the same mixed');
  await world.psql('postgres', 'STORAGE FLUSH TABLE chat.messages');
  t.equal(await stats(world), 'f|t|t', 'cold in more segments');
  await world.psql('postgres', 'STORAGE COMPACT TABLE chat.messages');
  t.equal(await stats(world), 'f|t|f', 'compacted');
  t.same(await answers(world, users), hot, 'the same compacted');
}

async function coldRowsChange(t: Test, world: World): Promise<void> {
  const client = await world.connect(MANY);
  const {rows} = await client.query('SELECT * FROM chat.messages WHERE id = 1');
  const [first] = rows;
  await t.rejects(
    client.query('INSERT INTO chat.messages VALUES (1, $1, $2, $3)', [
      ...[first.conversation_id, 'user', 'again'],
    ]),
    {code: '23505', detail: 'Key (id)=(1) already exists.'},
    'a duplicate of a cold row',
  );
  await client.query('BEGIN');
  const updated = await client.query(
    `UPDATE chat.messages SET content = 'changed', id = -id WHERE id <= 30 AND id % 3 = 0 RETURNING id`,
  );
  const gone = await client.query('DELETE FROM chat.messages WHERE id = 1 RETURNING content');
  t.same(gone.rows, [{content: first.content}], 'a cold row is deleted');
  await t.resolves(
    client.query('INSERT INTO chat.messages VALUES (1, $1, $2, $3)', [
      ...[first.conversation_id, 'user', 'another'],
    ]),
    'its key is free',
  );
  const inside = await client.query(
    `SELECT count(*)::int AS n FROM chat.messages WHERE content IN ('changed', 'another')`,
  );
  t.same(inside.rows, [{n: updated.rowCount! + 1}]);
  await client.query('ROLLBACK');
  const after = await client.query('SELECT content FROM chat.messages WHERE id = 1');
  t.same(after.rows, [{content: first.content}], 'and is back after ROLLBACK');
  await client.end();
}

t.setTimeout(180_000 + kills * 30_000);
const skip = existsSync(dataFile) ? false : 'the messages are not on this machine';
t.test(`chat, SEED=${seed}`, {skip, timeout: 180_000 + kills * 30_000}, async t => {
  const folder = temporaryFolder('chat');
  const csv = gunzipSync(readFileSync(dataFile));
  const messages = parseMessages(csv.toString('utf8'));
  t.equal(messages.length, 82_410);
  const rows = byUser(messages);
  const csvPath = join(folder.path, 'messages.csv');
  writeFileSync(csvPath, csv);
  const world = await World.open(folder.path, [...rows.keys()].sort());
  t.teardown(async () => {
    await world.server.stop();
    folder.remove();
  });
  t.equal(world.users.length, 878);
  await world.load(csvPath);
  await world.psql(
    'agent',
    `INSERT INTO chat.typing (_user_id, conversation_id, note) SELECT _user_id, id, 'reads'
       FROM chat.conversations WHERE _user_id >= '' AND started_at < '2019-01-01'`,
  );
  await t.test('everybody sees his own rows', t => everybodySeesHisOwn(t, world, rows));
  await t.test('nobody sees others', t => nobodySeesOthers(t, world, SPY, VICTIM));
  await t.test('nobody hears others', t => nobodyHearsOthers(t, world, SPY, VICTIM));
  await t.test('thinking is heard', t => thinkingIsHeard(t, world, VICTIM, SPY));
  await t.test('the same wherever rows lie', t => sameWhereverRowsLie(t, world));
  await t.test('cold rows change', t => coldRowsChange(t, world));
  const talkers = [VICTIM, 'user_00003', SPY];
  await t.test('a storm', t => storm(t, world, {seed, kills, talkers}));
});
