import {spawnSync} from 'node:child_process';
import type pg from 'pg';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';
import {BATCH_ROWS, BULK_ROWS, connect, WRITERS} from './crash-load.ts';
import type {Ledger, Model} from './crash-model.ts';

/** After a restart: what is not as acknowledged, empty when all is well. */
export async function checkServer(server: WadiServer, ledger: Ledger): Promise<readonly string[]> {
  const findings: string[] = [];
  const settle = (name: string, model: Model, found: ReadonlyMap<string, number>): void => {
    for (const difference of model.settle(found)) findings.push(`${name}: ${difference}`);
  };
  for (let i = 0; i < WRITERS; i++)
    settle(`writer${i}`, ledger.model(`writer${i}`), await rowsOfWriter(server, i));
  const client = await connect(server);
  try {
    settle('batches', ledger.model('batches'), await batches(client));
    settle('ddl', ledger.model('ddl'), await tables(client));
    const {rows} = await client.query<{fsck: readonly string[]}>('SELECT system.fsck() AS fsck');
    for (const line of rows[0]!.fsck) findings.push(`fsck: ${line}`);
  } finally {
    await client.end();
  }
  if (ledger.doubled.length > 0) findings.push(`nextval() gave ${ledger.doubled} twice`);
  return findings;
}

/** `wadi fsck` on a directory whose server has ended: its output, empty when all is well. */
export function checkDirectory(dataDir: string): readonly string[] {
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const args = ['fsck', '--data-dir', dataDir];
  const {status, stdout, stderr} = spawnSync(process.execPath, [main, ...args], {encoding: 'utf8'});
  return status === 0 ? [] : [`wadi fsck ended with ${status}: ${stdout}${stderr}`];
}

/** The first backup and the archive, which a kill can have met at any moment, make the same rows as the directory has. */
export async function checkArchive(
  dataDir: string,
  args: readonly string[],
  base: string,
  ledger: Ledger,
): Promise<readonly string[]> {
  const server = await startWadi({dataDir, args});
  await server.stop();
  const restored = `${dataDir}-restored`;
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const {status, stderr} = spawnSync(
    process.execPath,
    [main, 'restore', '--from', base, '--archive', args[1]!, '--data-dir', restored],
    {encoding: 'utf8'},
  );
  if (status !== 0) return [`wadi restore ended with ${status}: ${stderr}`];
  const again = await startWadi({dataDir: restored});
  try {
    return (await checkServer(again, ledger)).map(line => `restored: ${line}`);
  } finally {
    await again.stop();
  }
}

async function rowsOfWriter(server: WadiServer, who: number): Promise<Map<string, number>> {
  const client = await connect(server, `writer${who}`);
  const found = new Map<string, number>();
  const take = (
    table: string,
    rows: readonly {readonly id: string; readonly v: number}[],
  ): void => {
    for (const {id, v} of rows) {
      const key = `${table} ${id}`;
      // A second row of one key is no row that anybody wrote.
      found.set(found.has(key) ? `${key} again` : key, v);
    }
  };
  try {
    take('items', (await client.query(`SELECT id, v FROM items WHERE client = ${who}`)).rows);
    take('notes', (await client.query('SELECT id, v FROM notes')).rows);
  } finally {
    await client.end();
  }
  return found;
}

async function batches(client: pg.Client): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const {rows} = await client.query<{batch: number; n: number; low: number; high: number}>(
    'SELECT batch, count(*)::int AS n, min(v) AS low, max(v) AS high FROM batches GROUP BY batch',
  );
  for (const {batch, n, low, high} of rows)
    found.set(`batches ${batch}`, n === BATCH_ROWS && low === high ? low : -n);
  const bulk = await client.query<{batch: number; n: number}>(
    'SELECT batch, count(DISTINCT id)::int + count(*)::int AS n FROM bulk GROUP BY batch',
  );
  for (const {batch, n} of bulk.rows) found.set(`bulk ${batch}`, n === 2 * BULK_ROWS ? 1 : -n);
  return found;
}

async function tables(client: pg.Client): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const {rows} = await client.query<{name: string; columns: number}>(
    `SELECT c.relname AS name, count(*)::int AS columns FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relname ~ '^ddl_[0-9]+$' AND c.relkind = 'r' AND a.attnum > 0 GROUP BY 1`,
  );
  for (const {name, columns} of rows) {
    const content = await client.query<{n: number}>(`SELECT count(*)::int AS n FROM ${name}`);
    found.set(`table ${name.slice(4)}`, content.rows[0]!.n === 10 ? columns : -1);
  }
  return found;
}
