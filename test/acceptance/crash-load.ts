import pg from 'pg';
import type {WadiServer} from '../support/wadi-server.ts';
import type {Ledger} from './crash-model.ts';

/** Rows of a large transaction, which is applied in slices. */
export const BATCH_ROWS = 3000;
/** Rows of a transaction that goes to a segment before its commit. */
export const BULK_ROWS = 200_000;
/** Clients that write single rows, each with a role and rows of its own. */
export const WRITERS = 3;
/** Errors that concurrent work may meet. */
const EXPECTED = new Set(['55006', '55P03', '40001', '40P01', '57014']);

/** What one round of load is to do. */
export interface Load {
  readonly server: WadiServer;
  readonly ledger: Ledger;
  readonly random: () => number;
  /** Whether transactions of BULK_ROWS rows are among it, and moves between storages. */
  readonly isBulk: boolean;
  /** Whether their rows are so wide that they go to segments before the transaction's end. */
  readonly isWide: boolean;
}

/** A connection that dies with the server. */
export async function connect(server: WadiServer, user = 'postgres'): Promise<pg.Client> {
  const {host, port} = server;
  const client = new pg.Client({host, port, user, database: 'postgres'});
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Tables, roles and storages, once per directory; then a backup when asked for. */
export async function prepare(
  server: WadiServer,
  storageDir: string,
  backup: string | null = null,
): Promise<void> {
  const client = await connect(server);
  await client.query(`CREATE STORAGE other TYPE 'filesystem' BASE_DIRECTORY '${storageDir}'`);
  await client.query(
    `CREATE TABLE items (client int, id bigint, v int NOT NULL, note text, n bigserial UNIQUE, PRIMARY KEY (client, id))`,
  );
  await client.query(`CREATE USER TABLE notes (id bigint PRIMARY KEY, v int NOT NULL)`);
  await client.query(
    `CREATE TABLE batches (id bigint PRIMARY KEY, batch int NOT NULL, v int NOT NULL)`,
  );
  await client.query(`CREATE TABLE bulk (batch int NOT NULL, id int NOT NULL, pad text)`);
  for (let i = 0; i < WRITERS; i++) {
    await client.query(`CREATE ROLE writer${i} LOGIN`);
    await client.query(`GRANT ALL ON items, notes TO writer${i}`);
    await client.query(`GRANT ALL ON SEQUENCE items_n_seq TO writer${i}`);
  }
  if (backup !== null) await client.query(`BACKUP DATABASE TO '${backup}'`);
  await client.end();
}

/** Runs all clients until the server is gone; resolves with what should not have happened. */
export async function runLoad(load: Load): Promise<readonly string[]> {
  const clients: Promise<string | null>[] = [];
  for (let i = 0; i < WRITERS; i++) clients.push(until(load, `writer${i}`, write(load, i)));
  clients.push(until(load, 'postgres', batch(load)));
  clients.push(until(load, 'postgres', ddl(load)));
  clients.push(until(load, 'postgres', maintain(load)));
  return (await Promise.all(clients)).filter(found => found !== null);
}

type Step = (client: pg.Client) => Promise<void>;

/** Repeats a step until the connection breaks; an error of the server's that is not expected is a finding. */
async function until(load: Load, user: string, step: Step): Promise<string | null> {
  let client: pg.Client;
  try {
    client = await connect(load.server, user);
  } catch {
    return null;
  }
  for (;;) {
    try {
      await step(client);
    } catch (error) {
      const {code, message} = error as {code?: string; message: string};
      if (code === undefined || !/^[0-9A-Z]{5}$/.test(code) || code.startsWith('57P')) return null;
      if (!EXPECTED.has(code)) return `${user}: ${code} ${message}`;
      await client.query('ROLLBACK').catch(() => null);
    }
  }
}

/** One transaction over a shared and a user table: rows of both are changed together or not at all. */
function write({ledger, random}: Load, who: number): Step {
  const model = ledger.model(`writer${who}`);
  return async client => {
    const next = model.begin();
    const inserts = 1 + Math.floor(random() * 4);
    const values: number[] = [];
    await client.query('BEGIN');
    for (let i = 0; i < inserts; i++) {
      const id = ledger.nextId++;
      next.set(`items ${id}`, 1);
      next.set(`notes ${id}`, 1);
      const {rows} = await client.query<{n: string}>(
        'INSERT INTO items (client, id, v, note) VALUES ($1, $2, 1, $3) RETURNING n',
        [who, id, 'x'.repeat(Math.floor(random() * 200))],
      );
      values.push(Number(rows[0]!.n));
      await client.query('INSERT INTO notes VALUES ($1, 1)', [id]);
    }
    const ids = model.ids('items');
    if (ids.length > 0 && random() < 0.7) {
      const id = ids[Math.floor(random() * ids.length)]!;
      const v = model.committed.get(`items ${id}`)! + 1;
      next.set(`items ${id}`, v);
      next.set(`notes ${id}`, v);
      await client.query('UPDATE items SET v = v + 1 WHERE client = $1 AND id = $2', [who, id]);
      await client.query('UPDATE notes SET v = v + 1 WHERE id = $1', [id]);
    }
    if (ids.length > 200 || random() < 0.1) {
      const below = ids[Math.floor(ids.length / 2)] ?? 0;
      for (const id of ids.filter(one => one < below)) {
        next.delete(`items ${id}`);
        next.delete(`notes ${id}`);
      }
      await client.query('DELETE FROM items WHERE client = $1 AND id < $2', [who, below]);
      await client.query('DELETE FROM notes WHERE id < $1', [below]);
    }
    if (random() < 0.1) {
      await client.query('ROLLBACK');
      model.rolledBack();
      return;
    }
    model.sent();
    await client.query('COMMIT');
    model.acknowledged();
    // As in PostgreSQL, a value whose transaction did not commit may come again after a crash.
    for (const value of values) ledger.given(value);
  };
}

/** Large transactions, applied in slices: batches come, change and go as wholes. */
function batch({ledger, random, isBulk, isWide}: Load): Step {
  const model = ledger.model('batches');
  return async client => {
    const next = model.begin();
    const id = ledger.nextId++;
    const known = model.ids('batches');
    let sql: string;
    if (isBulk && random() < 0.5) {
      for (const old of model.ids('bulk')) next.delete(`bulk ${old}`);
      next.set(`bulk ${id}`, 1);
      const pad = isWide ? `repeat(md5(g::text), 12)` : 'NULL';
      sql = `BEGIN; TRUNCATE bulk; INSERT INTO bulk SELECT ${id}, g, ${pad} FROM generate_series(1, ${BULK_ROWS}) g; COMMIT`;
    } else if (known.length > 4) {
      next.delete(`batches ${known[0]}`);
      sql = `DELETE FROM batches WHERE batch = ${known[0]}`;
    } else if (known.length > 0 && random() < 0.5) {
      const one = known[Math.floor(random() * known.length)]!;
      const v = model.committed.get(`batches ${one}`)! + 1;
      next.set(`batches ${one}`, v);
      sql = `UPDATE batches SET v = ${v} WHERE batch = ${one}`;
    } else {
      next.set(`batches ${id}`, 1);
      sql = `INSERT INTO batches SELECT ${id}::bigint * ${BATCH_ROWS} + g, ${id}, 1 FROM generate_series(1, ${BATCH_ROWS}) g`;
    }
    model.sent();
    await client.query(sql);
    model.acknowledged();
  };
}

/** Tables come, get columns, indexes and rows, and go. The model knows the number of columns of each. */
function ddl({ledger, random}: Load): Step {
  const model = ledger.model('ddl');
  return async client => {
    const next = model.begin();
    const known = model.ids('table');
    const one = known[Math.floor(random() * known.length)];
    let sql: string;
    if (one === undefined || known.length < 3) {
      const id = ledger.nextId++;
      next.set(`table ${id}`, 2);
      sql =
        `BEGIN; CREATE TABLE ddl_${id} (id int PRIMARY KEY, x text); ` +
        `INSERT INTO ddl_${id} SELECT g, 'x' FROM generate_series(1, 10) g; COMMIT`;
    } else if (known.length > 6 || random() < 0.3) {
      next.delete(`table ${one}`);
      sql = `DROP TABLE ddl_${one}`;
    } else if (random() < 0.5) {
      const columns = model.committed.get(`table ${one}`)!;
      next.set(`table ${one}`, columns + 1);
      sql = `ALTER TABLE ddl_${one} ADD COLUMN c${columns} int DEFAULT ${columns}`;
    } else {
      sql =
        `BEGIN; TRUNCATE ddl_${one}; INSERT INTO ddl_${one} (id, x) SELECT g, 'x' FROM generate_series(1, 10) g; ` +
        `CREATE INDEX ON ddl_${one} (x); COMMIT`;
    }
    model.sent();
    await client.query(sql);
    model.acknowledged();
  };
}

/** Flushes, compactions, moves between storages: nothing of it changes a row. */
function maintain({random, isBulk}: Load): Step {
  return async client => {
    const table = ['items', 'notes', 'batches'][Math.floor(random() * 3)]!;
    const what = random();
    if (random() < 0.1) await client.query('SELECT system.archive()');
    if (what < 0.5) await client.query(`STORAGE FLUSH TABLE ${table}`);
    else if (what < 0.75) await client.query(`STORAGE COMPACT TABLE ${table}`);
    else if (isBulk || what < 0.9) {
      const storage = random() < 0.5 ? 'other' : 'local';
      await client.query(`ALTER TABLE ${table} SET (storage = '${storage}')`);
    }
  };
}
