// kill -9 under load: after a restart every acknowledged commit is there exactly once, no transaction is there in part,
// and flushed rows are whole.
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import pg from 'pg';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env['KILLS'] ?? 3);
const WRITERS = 4;
const BATCH_ROWS = 5000;

/** A small repeatable generator (mulberry32). */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

async function connect(server: WadiServer): Promise<pg.Client> {
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
  });
  // The connection dies with the server: that is the point.
  client.on('error', () => {});
  await client.connect();
  return client;
}

interface Ledger {
  /** Pairs whose transaction was acknowledged. */
  readonly acknowledged: Set<number>;
  /** Pairs whose COMMIT was sent: they may be there or not. */
  readonly unknown: Set<number>;
  readonly deleted: Set<number>;
  next: number;
}

/** Writes pairs of rows, each pair in one transaction, and deletes some, until the connection breaks. */
async function write(server: WadiServer, ledger: Ledger, random: () => number): Promise<void> {
  const client = await connect(server);
  for (;;) {
    const id = ledger.next++;
    try {
      await client.query('BEGIN');
      await client.query('INSERT INTO pairs VALUES ($1, 1)', [id * 2]);
      await client.query('INSERT INTO pairs VALUES ($1, 1)', [id * 2 + 1]);
      const gone =
        random() < 0.2
          ? [...ledger.acknowledged].find(
              pair => !ledger.deleted.has(pair) && pair % WRITERS === id % WRITERS,
            )
          : undefined;
      if (gone !== undefined) {
        ledger.deleted.add(gone);
        ledger.unknown.add(gone);
        await client.query('DELETE FROM pairs WHERE id = $1 OR id = $2', [gone * 2, gone * 2 + 1]);
      }
      ledger.unknown.add(id);
      await client.query('COMMIT');
      ledger.unknown.delete(id);
      ledger.acknowledged.add(id);
      if (gone !== undefined) {
        ledger.unknown.delete(gone);
        ledger.acknowledged.delete(gone);
      }
    } catch {
      return;
    }
  }
}

/** Large transactions, which are applied in slices: a batch of rows, then an update of it. Batch -> the version that was acknowledged. */
async function load(server: WadiServer, batches: Map<number, number>): Promise<void> {
  const client = await connect(server);
  try {
    for (let batch = batches.size; ; batch++) {
      batches.set(batch, 0);
      await client.query(
        `INSERT INTO batches SELECT ${batch} * ${BATCH_ROWS} + g, ${batch}, 1 FROM generate_series(1, ${BATCH_ROWS}) g`,
      );
      batches.set(batch, 1);
      await client.query(`UPDATE batches SET version = 2 WHERE batch = ${batch}`);
      batches.set(batch, 2);
    }
  } catch {
    // The server was killed.
  }
}

/** Batches that are there in part, in two versions, or older than what was acknowledged. */
async function brokenBatches(
  client: pg.Client,
  batches: Map<number, number>,
): Promise<readonly string[]> {
  const {rows} = await client.query<{batch: number; n: number; low: number; high: number}>(
    'SELECT batch, count(*)::int AS n, min(version) AS low, max(version) AS high FROM batches GROUP BY 1',
  );
  const found = new Map(rows.map(row => [row.batch, row]));
  const broken: string[] = [];
  for (const [batch, version] of batches) {
    const row = found.get(batch);
    if (row === undefined ? version === 0 : isWhole(row) && row.low >= version) {
      batches.set(batch, row?.low ?? 0);
      continue;
    }
    broken.push(`${batch}: ${version} acknowledged, found ${JSON.stringify(row)}`);
  }
  return broken;
}

function isWhole(row: {readonly n: number; readonly low: number; readonly high: number}): boolean {
  return row.n === BATCH_ROWS && row.low === row.high;
}

/** Flushes now and then while others write. */
async function flush(server: WadiServer): Promise<void> {
  const client = await connect(server);
  try {
    for (;;) await client.query('STORAGE FLUSH TABLE pairs');
  } catch {
    // The server was killed.
  }
}

t.test(`kill -9 under load, SEED=${seed}`, {timeout: 60_000 + KILLS * 30_000}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'wadi-crash-'));
  t.teardown(() => rmSync(folder, {recursive: true, force: true}));
  const random = randomOf(seed);
  const batches = new Map<number, number>();
  const ledger: Ledger = {acknowledged: new Set(), unknown: new Set(), deleted: new Set(), next: 0};
  let server = await startWadi({dataDir: join(folder, 'data')});
  t.teardown(() => server.stop());
  const setup = await connect(server);
  await setup.query('CREATE TABLE pairs (id bigint PRIMARY KEY, n int NOT NULL)');
  await setup.query(
    'CREATE TABLE batches (id int PRIMARY KEY, batch int NOT NULL, version int NOT NULL)',
  );
  await setup.end();
  for (let round = 0; round < KILLS; round++) {
    const before = ledger.acknowledged.size;
    const wanted = 30 + Math.floor(random() * 150);
    const writers = Array.from({length: WRITERS}, () => write(server, ledger, random));
    const loader = load(server, batches);
    const flusher = flush(server);
    while (ledger.acknowledged.size < before + wanted)
      await new Promise(resolve => setImmediate(resolve));
    await server.kill('SIGKILL');
    await Promise.all([...writers, loader, flusher]);
    server = await startWadi({dataDir: join(folder, 'data')});
    const client = await connect(server);
    const {rows} = await client.query<{pair: string; n: number}>(
      'SELECT id / 2 AS pair, count(*)::int AS n FROM pairs GROUP BY 1',
    );
    const found = new Map(rows.map(row => [Number(row.pair), row.n]));
    t.same(
      [...ledger.acknowledged].filter(id => found.get(id) !== 2 && !ledger.unknown.has(id)),
      [],
      `round ${round}: every acknowledged pair is there once`,
    );
    t.same(
      rows.filter(row => row.n !== 2),
      [],
      'no transaction is there in part, no row twice',
    );
    const extra = [...found.keys()].filter(
      id => !ledger.acknowledged.has(id) && !ledger.unknown.has(id),
    );
    t.same(extra, [], 'nothing else is there');
    t.same(await brokenBatches(client, batches), [], 'large transactions are whole or not there');
    // What was unknown is settled by what the restart shows.
    for (const id of ledger.unknown) {
      if (found.has(id)) ledger.acknowledged.add(id);
      else ledger.acknowledged.delete(id);
    }
    ledger.unknown.clear();
    for (const id of ledger.acknowledged) ledger.deleted.delete(id);
    await client.end();
  }
});
