// The client behind a proxy that cuts its connections: nothing is missed, nothing comes twice.
import pg from 'pg';
import t from 'tap';
import {
  type Commit,
  connect,
  type LiveQuery,
  type SavedRows,
  type WadiError,
} from '../../sdk/src/client.ts';
import {startWadi} from '../support/wadi-server.ts';
import {cuttingProxy, until} from './support.ts';

t.setTimeout(240_000);

const backoff = {min: 1, max: 4};

/** Follows changes strictly: an insert of a row that is there, or a change of one that is not, is a fault. */
class StrictMirror {
  readonly rows = new Map<string, unknown>();
  readonly faults: string[] = [];
  snapshots = 0;
  seq = 0n;

  apply({kind, seq, changes}: Commit<unknown>): void {
    if (kind === 'snapshot') {
      this.rows.clear();
      this.snapshots++;
    } else if (BigInt(seq) <= this.seq) this.faults.push(`${seq} after ${this.seq}`);
    this.seq = BigInt(seq);
    for (const {op, key, row} of changes) {
      const text = JSON.stringify(key);
      if (this.rows.has(text) !== (op !== 'insert')) this.faults.push(`${op} ${text} at ${seq}`);
      if (op === 'delete') this.rows.delete(text);
      else this.rows.set(text, row);
    }
  }
}

t.test('reconnecting', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const admin = new pg.Client(server.postgresUrl);
  await admin.connect();
  t.teardown(() => admin.end());
  await admin.query('CREATE TABLE items (id int8 PRIMARY KEY, place int, body text)');
  const proxy = await cuttingProxy(Number(new URL(server.httpUrl).port));
  t.teardown(() => proxy.close());

  /** Changes something; every id is used once. */
  let next = 0;
  const change = async (): Promise<void> => {
    const id = ++next;
    await admin.query(`INSERT INTO items VALUES (${id}, ${(id * 7) % 101}, 'b${id}')`);
    if (id % 3 === 0) await admin.query(`UPDATE items SET place = place + 1 WHERE id = ${id - 2}`);
    if (id % 5 === 0) await admin.query(`DELETE FROM items WHERE id = ${id - 3}`);
  };
  const rowsOf = async (sql: string): Promise<unknown[]> => (await admin.query(sql)).rows;
  const agree = async (live: LiveQuery, sql: string): Promise<void> => {
    const wanted = JSON.stringify(await rowsOf(sql));
    await until(live, () => live.state === 'live' && JSON.stringify(live.rows) === wanted);
  };

  for (const direction of ['down', 'up'] as const) {
    await t.test(`cut after every number of bytes ${direction}`, async t => {
      const step = direction === 'down' ? 61 : 17;
      const first = proxy.count;
      const steps = 70;
      proxy.limit = n => {
        const bytes = n - first > steps ? Infinity : (n - first) * step;
        return {down: Infinity, up: Infinity, [direction]: bytes};
      };
      const db = connect({url: proxy.url, user: 'postgres', backoff});
      t.teardown(() => db.close());
      const queries = [
        'SELECT id, place, body FROM items ORDER BY place, id',
        'SELECT id, place FROM items ORDER BY place DESC, id LIMIT 5',
        'SELECT place % 10 AS p, count(*) AS n FROM items GROUP BY 1 ORDER BY 1',
      ];
      const lives = queries.map(sql => db.live(sql));
      const mirrors = lives.map(live => follow(live));
      const outcomes = new Set<string>();
      while (proxy.count - first <= steps) {
        await change();
        // The client has something to send, too.
        await db.sql`SELECT ${next}::int8 AS id`.then(
          ([row]) => outcomes.add(row?.['id'] === String(next) ? 'right' : 'wrong'),
          (error: WadiError) => outcomes.add(error.code),
        );
      }
      t.notOk(outcomes.has('wrong'));
      t.ok(outcomes.has('right') && outcomes.size <= 2, [...outcomes].join());
      await db.ready;
      for (const [i, live] of lives.entries()) {
        await agree(live, queries[i]!);
        t.equal(live.class, ['A', 'B', 'E'][i]);
        live.unsubscribe();
        const {faults, rows, snapshots} = await mirrors[i]!;
        t.same(faults, [], `${live.class}: nothing missed, nothing twice`);
        t.equal(rows.size, live.rows.length);
        if (live.class === 'A') t.equal(snapshots, 1, 'first rows came once');
      }
      proxy.limit = () => ({down: Infinity, up: Infinity});
    });
  }

  await t.test('offline: rows stay, what was under way fails, what comes then waits', async t => {
    const db = connect({url: proxy.url, user: 'postgres', backoff});
    t.teardown(() => db.close());
    const live = db.live('SELECT id FROM items ORDER BY id DESC LIMIT 3');
    await live.ready;
    const before = live.rows;
    const sleeping = db.sql('SELECT pg_sleep(100)');
    const states: string[] = [];
    const offline = new Promise<void>(resolve => {
      db.onState(state => {
        states.push(state);
        if (state === 'offline') resolve();
      });
    });
    proxy.isRefusing = true;
    proxy.cut();
    await t.rejects(sleeping, {code: '08006', isConnectionLoss: true});
    await offline;
    t.equal(live.state, 'offline');
    t.equal(live.rows, before);
    const waiting = db.sql`SELECT 'came back' AS word`;
    await change();
    await change();
    proxy.isRefusing = false;
    t.match(await waiting, [{word: 'came back'}]);
    await agree(live, 'SELECT id FROM items ORDER BY id DESC LIMIT 3');
    t.equal(states[0], 'offline');
    t.equal(states.at(-1), 'online');
  });

  await t.test('rows are saved and continued by another client', async t => {
    const sql = 'SELECT id, body FROM items WHERE place > $1 ORDER BY id';
    const one = connect({url: server.httpUrl, user: 'postgres'});
    const first = one.live(sql, [3]);
    await first.ready;
    const text = JSON.stringify(first.save());
    one.close();
    t.equal(first.error, null);
    const half = first.rows.length;
    await admin.query(`INSERT INTO items VALUES (1000000, 50, 'new')`);
    const two = connect({url: proxy.url, user: 'postgres', backoff});
    t.teardown(() => two.close());
    const saved = JSON.parse(text) as SavedRows;
    const second = two.live(sql, [3], null, {saved});
    t.equal(second.rows.length, half, 'there at once');
    const commits: Commit<unknown>[] = [];
    for await (const commit of second.changes()) {
      commits.push(commit);
      if (second.rows.length > half && commits.length > 1) break;
    }
    t.match(commits.at(-1), {kind: 'changes', changes: [{op: 'insert', key: ['1000000']}]});
    const other = two.live(sql, [4], null, {saved});
    await other.ready;
    t.same(other.rows, await rowsOf('SELECT id, body FROM items WHERE place > 4 ORDER BY id'));
  });
});

async function follow(live: LiveQuery): Promise<StrictMirror> {
  const mirror = new StrictMirror();
  for await (const commit of live.changes()) mirror.apply(commit);
  return mirror;
}
