import {once} from 'node:events';
import type pg from 'pg';
import {from as copyFrom} from 'pg-copy-streams';
import type {Signal} from './chat-feed.ts';
import type {World} from './chat-world.ts';

/** Ids of what the storm writes: questions, then their answers, then rows loaded in bulk. */
export const FIRST_ID = 2_000_000;
const ANSWER = 1_000_000;
export const FIRST_BATCH = 5_000_000;
export const BATCH_ROWS = 300;

/** A state of a row: what it says, or null when it is not there. */
type State = string | null;

/** What one talker knows: the state of each message that was acknowledged, and of the one whose answer never came. */
export class Ledger {
  readonly user: string;
  readonly known = new Map<number, State>();
  readonly asked = new Set<number>();
  pending: {readonly id: number; readonly after: State} | null = null;
  acknowledged = 0;

  constructor(user: string) {
    this.user = user;
  }

  /** Notes a change before it is sent and after it was acknowledged. */
  async change(id: number, after: State, run: () => Promise<unknown>): Promise<void> {
    this.pending = {id, after};
    await run();
    this.pending = null;
    this.acknowledged += 1;
    this.known.set(id, after);
    if (after !== null) this.asked.add(id);
  }

  /** Compares with what is there after a restart; the pending change may be there or not. */
  check(found: ReadonlyMap<number, string>): readonly string[] {
    const {pending} = this;
    this.pending = null;
    if (pending !== null) {
      const now = found.get(pending.id) ?? null;
      const before = this.known.get(pending.id) ?? null;
      if (now !== before && now !== pending.after) return [`${pending.id}: ${now}`];
      this.known.set(pending.id, now);
      if (now !== null) this.asked.add(pending.id);
    }
    const wrong: string[] = [];
    for (const [id, state] of this.known)
      if ((found.get(id) ?? null) !== state) wrong.push(`${id}: ${found.get(id)}, not ${state}`);
    for (const id of found.keys()) if (!this.known.has(id)) wrong.push(`${id} was never written`);
    return wrong;
  }
}

export interface Storm {
  readonly world: World;
  readonly random: (below: number) => number;
  readonly conversations: ReadonlyMap<string, string>;
  readonly ledgers: readonly Ledger[];
  /** Batches of the bulk load: whether each was acknowledged. */
  readonly batches: Map<number, boolean>;
  readonly agent: {acknowledged: number};
  /** How many questions were asked. */
  asked: number;
  /** Something was acknowledged, or somebody ended. */
  readonly progress: Signal;
  /** Set when actors shall stop by themselves. */
  isOver: boolean;
}

/** Runs until the server is killed or the storm is over; other errors are the test's. */
async function until(
  storm: Storm,
  user: string,
  turn: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const client = await storm.world.connect(user);
  let isBroken = false;
  client.on('error', () => (isBroken = true));
  client.on('end', () => (isBroken = true));
  try {
    while (!storm.isOver) {
      await turn(client);
      storm.progress.fire();
    }
    await client.end();
  } catch (error) {
    // A server's own error has a SQLSTATE; a broken connection has none, or one of class 57.
    const {code} = error as {code?: string};
    if (!isBroken && code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('57'))
      throw error;
  }
}

/** A user who asks, corrects himself and takes back. */
export function talk(storm: Storm, ledger: Ledger): Promise<void> {
  const conversation = storm.conversations.get(ledger.user)!;
  const {random} = storm;
  return until(storm, ledger.user, async client => {
    const old = [...ledger.known].filter(([, state]) => state !== null).at(-1 - random(5))?.[0];
    const kind = old === undefined ? 0 : random(10);
    if (kind === 8) {
      const text = `asks ${old} better`;
      await ledger.change(old!, text, () =>
        client.query('UPDATE chat.messages SET content = $2 WHERE id = $1', [old, text]),
      );
    } else if (kind === 9) {
      await ledger.change(old!, null, () =>
        client.query('DELETE FROM chat.messages WHERE id = $1', [old]),
      );
    } else {
      const id = FIRST_ID + storm.asked++;
      await ledger.change(id, `asks ${id}`, () =>
        client.query(
          `INSERT INTO chat.messages (id, conversation_id, role, content) VALUES ($1, $2, 'user', $3)`,
          [id, conversation, `asks ${id}`],
        ),
      );
    }
  });
}

/** Loads batches by COPY. */
export function bulkLoad(storm: Storm, user: string): Promise<void> {
  const conversation = storm.conversations.get(user)!;
  return until(storm, user, async client => {
    const batch = storm.batches.size;
    storm.batches.set(batch, false);
    const copy = client.query(
      copyFrom('COPY chat.messages (id, conversation_id, role, content) FROM STDIN'),
    );
    const first = FIRST_BATCH + batch * BATCH_ROWS;
    let lines = '';
    for (let row = 0; row < BATCH_ROWS; row++)
      lines += `${first + row}\t${conversation}\tsystem\tloaded in batch ${batch}, with some text\n`;
    copy.end(lines);
    await once(copy, 'finish');
    storm.batches.set(batch, true);
  });
}

/** Flushes and compacts without a pause. */
export function flush(storm: Storm): Promise<void> {
  let turns = 0;
  return until(storm, 'postgres', async client => {
    turns += 1;
    await client.query('STORAGE FLUSH TABLE chat.messages');
    if (turns % 5 === 0) await client.query('STORAGE COMPACT TABLE chat.messages');
  });
}

interface Work {
  readonly seq: string;
  readonly op: string;
  readonly user_name: string;
  readonly new_row: {readonly id: number; readonly conversation_id: string; readonly role: string};
}

/** Everybody's questions from now on, for who waits for one. */
const NEWS = `DECLARE news CURSOR WITH HOLD FOR SUBSCRIBE (
  SELECT _user_id, id FROM chat.messages WHERE role = 'user' AND _user_id IS NOT NULL AND id >= ${FIRST_ID}) WITH (snapshot = false)`;

/** An AI agent: takes everybody's new messages, shows that it thinks, answers each as the user, once. */
export function answer(storm: Storm): Promise<void> {
  let isOpen = false;
  return until(storm, 'agent', async client => {
    if (!isOpen) await client.query(NEWS);
    isOpen = true;
    const {rows} = await client.query<Work>(
      `SELECT * FROM system.consume('chat.answered', 'chat.messages', 50, 60)`,
    );
    for (const {op, user_name: user, new_row: row} of rows) {
      if (op !== 'insert' || row.role !== 'user') continue;
      await client.query(
        `EXECUTE AS USER '${user}' (INSERT INTO chat.typing (conversation_id, note) VALUES ('${row.conversation_id}', 'thinks about ${row.id}'))`,
      );
      await client.query(
        `EXECUTE AS USER '${user}' (INSERT INTO chat.messages (id, conversation_id, role, content)
           VALUES (${ANSWER + row.id}, '${row.conversation_id}', 'assistant', 'answers ${row.id}') ON CONFLICT (id) DO NOTHING)`,
      );
    }
    for (const seq of new Set(rows.map(row => row.seq)))
      await client.query(`SELECT system.ack('chat.answered', 'chat.messages', $1)`, [seq]);
    if (rows.length === 0) await client.query(`FETCH 100 FROM news WITH (timeout = '1s')`);
    storm.agent.acknowledged += rows.length;
  });
}

/** The agent's answers of a user that are not exactly one for each question. */
export async function wrongAnswers(storm: Storm, ledger: Ledger): Promise<readonly string[]> {
  const client = await storm.world.connect(ledger.user);
  const {rows} = await client.query<{question: number; n: number}>(
    `SELECT (id - ${ANSWER})::int AS question, count(*)::int AS n FROM chat.messages
      WHERE role = 'assistant' AND id >= ${FIRST_ID + ANSWER} AND content = 'answers ' || id - ${ANSWER} GROUP BY 1`,
  );
  await client.end();
  const found = new Map(rows.map(row => [row.question, row.n]));
  const wrong: string[] = [];
  for (const id of ledger.asked)
    if (found.get(id) !== 1) wrong.push(`${ledger.user} ${id}: ${found.get(id) ?? 0} answers`);
  for (const id of found.keys()) if (!ledger.asked.has(id)) wrong.push(`${id} was never asked`);
  return wrong;
}

/** What is there after a restart against what was acknowledged. */
export async function wrongRows(storm: Storm, loader: string): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const ledger of storm.ledgers) {
    const client = await storm.world.connect(ledger.user);
    const {rows} = await client.query<{id: number; content: string}>(
      `SELECT id::int, content FROM chat.messages WHERE id >= ${FIRST_ID} AND role = 'user'`,
    );
    if (new Set(rows.map(row => row.id)).size !== rows.length) wrong.push(`${ledger.user}: twice`);
    wrong.push(...ledger.check(new Map(rows.map(row => [row.id, row.content]))));
    await client.end();
  }
  const client = await storm.world.connect(loader);
  const {rows} = await client.query<{batch: number; n: number}>(
    `SELECT ((id - ${FIRST_BATCH}) / ${BATCH_ROWS})::int AS batch, count(*)::int AS n FROM chat.messages
      WHERE id >= ${FIRST_BATCH} GROUP BY 1`,
  );
  await client.end();
  const found = new Map(rows.map(row => [row.batch, row.n]));
  for (const [batch, isAcknowledged] of storm.batches) {
    const n = found.get(batch) ?? 0;
    if (n !== BATCH_ROWS && (n !== 0 || isAcknowledged)) wrong.push(`batch ${batch}: ${n} rows`);
    storm.batches.set(batch, n > 0);
  }
  for (const batch of found.keys())
    if (!storm.batches.has(batch)) wrong.push(`batch ${batch} was never sent`);
  return wrong;
}
