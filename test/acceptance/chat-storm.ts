import type {Test} from 'tap';
import {
  answer,
  bulkLoad,
  FIRST_ID,
  flush,
  Ledger,
  type Storm,
  talk,
  wrongAnswers,
  wrongRows,
} from './chat-actors.ts';
import {Signal} from './chat-feed.ts';
import {BrowserSubscriber, openBrowser} from './chat-browser.ts';
import {ListenSubscriber, StreamSubscriber, type Subscriber} from './chat-subscribers.ts';
import {randomOf, type World} from './chat-world.ts';

export interface StormOptions {
  readonly seed: number;
  readonly kills: number;
  /** Who talks; the first one's rows are also loaded in bulk and watched. */
  readonly talkers: readonly string[];
}

async function makeStorm(world: World, {seed, talkers}: StormOptions): Promise<Storm> {
  const rows = await world.psql(
    'agent',
    `SELECT _user_id, min(id::text) FROM chat.conversations WHERE _user_id IN ('${talkers.join("', '")}') GROUP BY 1`,
  );
  // A group begins where it is first used.
  await world.psql(
    'agent',
    `SELECT count(*) FROM system.consume('chat.answered', 'chat.messages')`,
  );
  return {
    ...{world, random: randomOf(seed), ledgers: talkers.map(user => new Ledger(user))},
    conversations: new Map(rows.split('\n').map(row => row.split('|') as [string, string])),
    ...{batches: new Map(), agent: {acknowledged: 0}, asked: 0, isOver: false},
    progress: new Signal(),
  };
}

/** Everybody at work; resolves when all have ended. */
function actors(storm: Storm): Promise<unknown> {
  return Promise.all([
    ...storm.ledgers.map(ledger => talk(storm, ledger)),
    ...[bulkLoad(storm, storm.ledgers[0]!.user), flush(storm), answer(storm)],
  ]);
}

/** A round: much is written, one subscriber is cut off and comes back, then the server is killed. */
async function round(
  t: Test,
  storm: Storm,
  subscribers: readonly Subscriber[],
  number: number,
): Promise<void> {
  const {world, random, ledgers} = storm;
  const acknowledged = (): number => ledgers.reduce((sum, ledger) => sum + ledger.acknowledged, 0);
  const start = acknowledged();
  const batches = storm.batches.size;
  let problem: unknown = null;
  const working = actors(storm).catch((error: unknown) => {
    problem = error;
    storm.progress.fire();
  });
  const wanted = 20 + random(40);
  const cutAt = random(wanted);
  let isCut = false;
  while (
    problem === null &&
    (acknowledged() < start + wanted || storm.batches.size < batches + 2)
  ) {
    await storm.progress.next();
    if (isCut || acknowledged() < start + cutAt) continue;
    isCut = true;
    const one = subscribers[number % subscribers.length]!;
    await one.cut();
    await one.start(world);
  }
  await world.crash(async () => {
    await working;
    for (const subscriber of subscribers) await subscriber.cut();
  });
  if (problem !== null) throw problem as Error;
  t.same(
    await wrongRows(storm, ledgers[0]!.user),
    [],
    `kill ${number + 1}: what was acknowledged is there, once`,
  );
  for (const subscriber of subscribers) await subscriber.start(world);
}

/** Lets the agent answer what is left, then compares what the subscribers were told with what is there. */
async function settle(t: Test, storm: Storm, subscribers: readonly Subscriber[]): Promise<void> {
  const {world, ledgers} = storm;
  let problem: unknown = null;
  const working = answer(storm).catch((error: unknown) => {
    problem = error;
    storm.progress.fire();
  });
  for (const ledger of ledgers)
    while (problem === null && (await wrongAnswers(storm, ledger)).length > 0)
      await storm.progress.next();
  storm.isOver = true;
  await working;
  if (problem !== null) throw problem as Error;
  t.pass(`each of ${storm.asked} questions of ${ledgers.length} users has one answer`);
  const {user} = ledgers[0]!;
  const last = 99_000_000;
  await world.psql(
    user,
    `INSERT INTO chat.messages (id, conversation_id, role, content) VALUES (${last}, '${storm.conversations.get(user)}', 'system', 'end')`,
  );
  const client = await world.connect(user);
  const {rows} = await client.query<{id: string; text: string}>(
    `SELECT id, role || ' ' || content AS text FROM chat.messages WHERE id >= ${FIRST_ID}`,
  );
  await client.end();
  const there = new Map(rows.map(row => [row.id, row.text]));
  const [first] = subscribers;
  for (const {feed} of subscribers) {
    await feed.until(String(last));
    t.same(feed.problems, [], `${feed.name}: every change once, in order`);
    const wrong = [...there].filter(([id, text]) => feed.rows.get(id) !== text);
    t.same(wrong.slice(0, 5), [], `${feed.name}: all rows`);
    t.equal(feed.rows.size, there.size);
    const other = feed.commits.findIndex((commit, index) => commit !== first!.feed.commits[index]);
    t.equal(other, -1, `${feed.name}: ${feed.commits.length} commits, ${feed.resumed} resumed`);
  }
}

/** Talkers, a bulk load, flushes, an agent and three subscribers of different kinds, while the server is killed again and again. */
export async function storm(t: Test, world: World, options: StormOptions): Promise<void> {
  const storm = await makeStorm(world, options);
  const [watched] = options.talkers;
  const sql = `SELECT id, role, content FROM chat.messages WHERE id >= ${FIRST_ID}`;
  const browser = await openBrowser();
  const subscribers: Subscriber[] = [
    new StreamSubscriber(watched!, sql),
    new ListenSubscriber(watched!, sql),
  ];
  if (browser === null) t.comment('no Chromium on this machine: without a browser');
  else subscribers.push(new BrowserSubscriber(browser, watched!, sql));
  t.teardown(() => browser?.close());
  for (const subscriber of subscribers) await subscriber.start(world);
  for (let number = 0; number < options.kills; number++) await round(t, storm, subscribers, number);
  await settle(t, storm, subscribers);
}
