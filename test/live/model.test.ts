import t, {type Test} from 'tap';
import {type Database, openDatabase} from '../../src/database.ts';
import type {Seq} from '../../src/common/ids.ts';
import type {EmbeddedSession} from '../../src/session/embedded-session.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {ModelClient} from './model-client.ts';
import {randomOf} from './support.ts';

/** Queries of all classes; `#` becomes a small random number. */
const QUERIES: readonly (readonly [kind: string, sql: string])[] = [
  ['A', 'SELECT id, v, s FROM t1 WHERE room = #'],
  ['A', 'SELECT id, v * 2 AS w FROM t1 WHERE v > # OR s IS NULL'],
  ['A', 'SELECT id, s FROM t1 ORDER BY s'],
  ['A', 'SELECT id, body FROM u1'],
  ['A', 'SELECT _user_id, id, body FROM u1 WHERE n > #'],
  ['B', 'SELECT id, v, s FROM t1 ORDER BY v DESC NULLS LAST, id LIMIT #'],
  ['B', 'SELECT s, id FROM t1 WHERE room = 1 ORDER BY s, id DESC LIMIT 3 OFFSET #'],
  ['B', 'SELECT id, body FROM u1 ORDER BY n, id LIMIT 2'],
  ['B', 'SELECT id FROM t1 ORDER BY v, id OFFSET #'],
  ['E', 'SELECT room, count(*), sum(v), min(s) FROM t1 GROUP BY room'],
  ['E', 'SELECT count(*) FROM t1 WHERE v > #'],
  ['E', 'SELECT t1.id, t2.name, t1.v FROM t1 JOIN t2 ON t2.id = t1.room'],
  ['E', 'SELECT t1.id, t2.id, name FROM t1 FULL JOIN t2 ON t2.id = t1.v'],
  ['E', 'SELECT s FROM t1 UNION ALL SELECT name FROM t2'],
  ['E', 'SELECT DISTINCT room FROM t1 WHERE v <> #'],
  ['E', 'SELECT id, row_number() OVER (PARTITION BY room ORDER BY v, id) FROM t1'],
  ['E', 'SELECT id FROM t1 WHERE EXISTS (SELECT FROM t2 WHERE t2.id = t1.room)'],
  ['A', 'SELECT b FROM nk WHERE a > #'],
  ['E', 'WITH big AS (SELECT * FROM t1 WHERE v > #) SELECT room, max(s) FROM big GROUP BY 1'],
  ['E', 'SELECT room FROM t1 EXCEPT SELECT id FROM t2'],
  ['E', 'SELECT u1.body, t2.name FROM u1 LEFT JOIN t2 ON t2.id = u1.n'],
  ['E', '(SELECT id, v FROM t1 ORDER BY v, id LIMIT 2) UNION SELECT id, 0 FROM t2'],
];

const USERS = ['postgres', 'malice', 'mbob'] as const;

/** Results after a write, whose commit is one of a range: a flush makes commits of its own. */
interface State {
  readonly from: Seq;
  readonly to: Seq;
  readonly results: ReadonlyMap<string, string>;
}

/** A database with writers, clients and the results of every query after every commit. */
class Model {
  readonly random: (below: number) => number;
  readonly database: Database;
  readonly sessions: ReadonlyMap<string, EmbeddedSession>;
  readonly clients: ModelClient[] = [];
  /** After each commit: its seq, and the result of each query as each user. */
  readonly writes: string[] = [];
  readonly history: State[] = [];

  constructor(
    database: Database,
    sessions: ReadonlyMap<string, EmbeddedSession>,
    random: (below: number) => number,
  ) {
    this.database = database;
    this.sessions = sessions;
    this.random = random;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random(list.length)]!;
  }

  addClients(count: number): void {
    for (let i = 0; i < count; i++) {
      const [kind, template] = QUERIES[i % QUERIES.length]!;
      const sql = template.replace('#', String(1 + this.random(4)));
      const user = this.pick(USERS);
      this.clients.push(new ModelClient(this.database, user, kind, sql));
    }
  }

  /** What every query of a client answers now. */
  async record(from: Seq): Promise<void> {
    const results = new Map<string, string>();
    for (const client of this.clients) {
      const key = client.key;
      if (!results.has(key))
        results.set(key, await resultText(this.sessions.get(client.user)!, client.sql));
    }
    this.history.push({from, to: this.database.engine.storage.lastSeq, results});
  }

  resultAt(client: ModelClient, seq: Seq): string {
    const at = this.history.findLast(each => each.from <= seq);
    return at?.results.get(client.key) ?? 'no such state';
  }

  isResultAt(client: ModelClient, seq: Seq, text: string): boolean {
    const at = this.history.findLastIndex(each => each.from <= seq);
    const state = this.history[at]!;
    if (state.results.get(client.key) === text) return true;
    return seq < state.to && this.history[at - 1]?.results.get(client.key) === text;
  }

  async write(): Promise<void> {
    const session = this.sessions.get(this.pick(USERS))!;
    const before = this.database.engine.storage.lastSeq;
    const texts: string[] = [];
    for (let n = 1 + this.random(3); n > 0; n--) texts.push(this.#change());
    await session.query(texts.join(';'));
    await this.record((before + 1n) as Seq);
    this.writes.push(`${before + 1n}: ${texts.join('; ')}`);
  }

  #change(): string {
    const {random} = this;
    const id = random(20);
    const v = random(5) === 0 ? 'NULL' : `${random(6)}`;
    const s = this.pick(["'a'", "'b'", "'ab'", 'NULL']);
    switch (random(11)) {
      case 0:
      case 1:
      case 2:
        return `INSERT INTO t1 VALUES (${id}, ${random(4)}, ${v}, ${s})
          ON CONFLICT (id) DO UPDATE SET v = excluded.v, s = excluded.s`;
      case 3:
        return `UPDATE t1 SET v = ${v}, room = ${random(4)} WHERE id = ${id}`;
      case 4:
        return `UPDATE t1 SET id = id + 100 WHERE id = ${id} AND NOT EXISTS (SELECT FROM t1 x WHERE x.id = ${id + 100})`;
      case 5:
        return `DELETE FROM t1 WHERE v = ${random(6)} OR id = ${id + 100}`;
      case 6:
        return `INSERT INTO t2 VALUES (${random(5)}, ${s}) ON CONFLICT (id) DO UPDATE SET name = excluded.name`;
      case 7:
        return `DELETE FROM t2 WHERE id = ${random(5)}`;
      case 8:
        return random(2) === 0
          ? `INSERT INTO nk VALUES (${random(4)}, ${s})`
          : `DELETE FROM nk WHERE a = ${random(4)}`;
      case 9:
        return `INSERT INTO u1 VALUES (${random(8)}, 'x${random(9)}', ${random(4)})
          ON CONFLICT (id) DO UPDATE SET body = excluded.body, n = excluded.n`;
      default:
        return random(6) === 0 ? 'TRUNCATE t2' : `DELETE FROM u1 WHERE id = ${random(8)}`;
    }
  }

  async act(): Promise<void> {
    const {random} = this;
    const client = this.pick(this.clients);
    switch (random(16)) {
      case 0:
        await this.sessions
          .get('postgres')!
          .query(`STORAGE FLUSH TABLE ${this.pick(['t1', 'u1', 'nk'])}`);
        break;
      case 1:
        await this.sessions.get('postgres')!.query('STORAGE COMPACT TABLE t1');
        break;
      case 2:
        client.credit = random(3);
        break;
      case 3:
        client.give(1 + random(8));
        break;
      case 4:
        client.leave();
        break;
      case 5:
        if (!client.isOpen) await client.join(random);
        break;
      case 6:
        await new Promise<void>(resolve => setImmediate(resolve));
        break;
      default:
        await this.write();
    }
  }

  /** All clients read everything, and what they saw is compared with what was. */
  async settle(t: Test): Promise<void> {
    for (const client of this.clients) {
      if (!client.isOpen) await client.join(this.random);
      client.credit = Infinity;
      client.wake();
    }
    const {lastSeq} = this.database.engine.storage;
    const until = Date.now() + 20_000;
    while (!this.clients.every(client => client.isAt(lastSeq)) && Date.now() < until)
      await new Promise<void>(resolve => setTimeout(resolve, 2));
    for (const client of this.clients) {
      const wrong = client.takeSeen().filter(({seq, text}) => !this.isResultAt(client, seq, text));
      if (
        client.problem !== null ||
        wrong.length > 0 ||
        client.text !== this.resultAt(client, lastSeq)
      ) {
        t.equal(client.text, this.resultAt(client, lastSeq), `${client.user}: ${client.sql}`);
        t.same(
          wrong.map(({seq, text}) => ({seq, text, is: this.resultAt(client, seq)})).slice(0, 2),
          [],
        );
        t.equal(client.problem, null, client.sql);
        t.comment(client.log.join('\n'));
        t.comment(this.writes.join('\n'));
        throw new Error(`wrong: ${client.sql}`);
      }
    }
    t.pass(`${this.history.length} commits, seq ${lastSeq}`);
  }
}

async function resultText(session: EmbeddedSession, sql: string): Promise<string> {
  const {fields} = await session.query(`SELECT * FROM (${sql}) q LIMIT 0`);
  const names = fields.map((_, index) => `c${index}`);
  // As the receiver gets them: int8 and numeric are strings.
  const isText = (name: string): boolean => name === 'int8' || name === 'numeric';
  const list = names
    .map(
      (name, index) => `to_json(q.${name}${isText(fields[index]!.typeName) ? '::text' : ''})::text`,
    )
    .join(', ');
  const result = await session.query(`SELECT ${list} FROM (${sql}) q(${names.join(', ')})`);
  return result.rows
    .map(row => JSON.stringify(JSON.parse(`[${row.map(value => value ?? 'null').join(',')}]`)))
    .sort()
    .join('\n');
}

t.test('every state of every client is the result at that commit', async t => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  t.comment(`seed ${seed}`);
  const folder = temporaryFolder('model');
  const database = await openDatabase({dataDir: folder.path, injectsPauses: seed % 2 === 1});
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });
  const admin = database.session({user: 'postgres'});
  await admin.query(`
    CREATE ROLE malice LOGIN; CREATE ROLE mbob LOGIN;
    CREATE TABLE t1 (id int PRIMARY KEY, room int, v int, s text);
    CREATE TABLE t2 (id int PRIMARY KEY, name text);
    CREATE TABLE nk (a int, b text);
    CREATE TABLE u1 (id int PRIMARY KEY, body text, n int) WITH (type = 'user');
    GRANT ALL ON t1, t2, nk, u1 TO malice, mbob;
    INSERT INTO t1 SELECT g, g % 4, g % 5, 's' || g % 3 FROM generate_series(1, 12) g;
    INSERT INTO t2 VALUES (1, 'one'), (2, 'two'), (3, NULL);
  `);
  const sessions = new Map(USERS.map(user => [user, database.session({user})]));
  const model = new Model(database, sessions, randomOf(seed));
  model.addClients(QUERIES.length + 6);
  await model.record(0n as Seq);
  for (const client of model.clients) await client.join(model.random);
  for (let round = 0; round < 6; round++) {
    for (let step = 0; step < 40; step++) await model.act();
    await model.settle(t);
  }
  for (const client of model.clients) client.leave();
  t.equal(database.engine.live.hub.size, 0, 'nothing is left');
  for (const session of [...sessions.values(), admin]) await session.close();
});
