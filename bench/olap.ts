// Rows hot, cold at first and cold in the cache, DuckDB on the same Parquet files: `npm run bench -- olap [--rows 10000000]`.
import {join} from 'node:path';
import type {DuckDBConnection} from '@duckdb/node-api';
import {startPostgres} from '../test/support/postgres-server.ts';
import {RunningServer} from './storage/running-server.ts';
import {filesBelow} from './support/folder-size.ts';
import {DUCKDB_TABLES, MESSAGE_QUERIES, messageTables} from './support/messages-table.ts';
import {median, report, type ReportRow} from './support/report.ts';
import {connect, freePort, run, type Target} from './support/servers.ts';
import type {SuiteOptions} from './support/suite-options.ts';

type Ask = (query: string) => Promise<unknown>;

const MAX_ROUNDS = 3;
/** More rows than this are flushed while they are loaded, and not measured hot. */
const MOST_HOT = 2_000_000;
const FLUSH_STEPS = 10;
/** So often are the queries run on few rows of the same kind, so that a first cold run is not one of code that was never run. */
const WARM_ROUNDS = 3;
const DUCKDB_USERS = 1;

/** Seven queries on each state of the rows; medians of rounds taken in turns. PostgreSQL without parallel workers. */
export async function olap(options: SuiteOptions): Promise<void> {
  const rounds = Math.min(options.rounds, MAX_ROUNDS);
  const postgres = await startPostgres({tcpPort: await freePort(), isDurable: true});
  const target: Target = {name: 'postgres', port: postgres.port};
  await run(target, [...messageTables(options.rows), 'vacuum analyze m', 'vacuum analyze u']);
  const server = await RunningServer.start();
  await load(server, options.rows);
  const client = await connect(target);
  await client.query('set max_parallel_workers_per_gather = 0');
  const postgresAsk: Ask = query => client.query(query);
  const rows: ReportRow[] = [];
  if (options.rows <= MOST_HOT) {
    await withClient(server, async ask => {
      rows.push(...lines('hot', await measure({postgres: postgresAsk, wadi: ask}, rounds)));
    });
  }
  await server.run(['STORAGE FLUSH TABLE m']);
  const files = filesBelow(join(server.dataDir, 'segments'), '.parquet');
  const folder = `/public/${await oidOf(server, 'm')}/`;
  const duckdb = await openDuckdb(files.filter(file => file.includes(folder)));
  const duckdbAsk: Ask = query => duckdb.runAndReadAll(query);
  const first = await measureFirst(server, rounds);
  await withClient(server, async ask => {
    const all = await measure({postgres: postgresAsk, duckdb: duckdbAsk, wadi: ask}, rounds);
    rows.push(...lines('first', {...all, wadi: first}), ...lines('cached', all));
  });
  duckdb.closeSync();
  await client.end();
  await server.stop();
  await postgres.stop();
  report('olap', rows, [
    `${options.rows} rows; ms. first: every page is read and decoded, the server was just started; cached: again`,
    'DuckDB: all cores, the same Parquet files, which it reads anew each time. PostgreSQL: warm, without parallel workers',
  ]);
}

async function load(server: RunningServer, rows: number): Promise<void> {
  const statements = messageTables(rows);
  const isTooMuch = rows > MOST_HOT;
  for (const [i, statement] of statements.entries()) {
    await server.run([statement]);
    if (isTooMuch && i % FLUSH_STEPS === FLUSH_STEPS - 1)
      await server.run(['STORAGE FLUSH TABLE m']);
  }
  // Few rows of the same kind, cold.
  await server.run(['create table w (like m)', 'insert into w select * from m where id <= 20000']);
  await server.run(['STORAGE FLUSH TABLE w']);
}

/** Local segments lie in a folder that has the table's number. */
async function oidOf(server: RunningServer, table: string): Promise<number> {
  const client = await connect({name: 'wadi', port: server.port});
  const {rows} = await client.query<{oid: number}>(`select '${table}'::regclass::oid as oid`);
  await client.end();
  return rows[0]!.oid;
}

async function withClient(server: RunningServer, work: (ask: Ask) => Promise<void>): Promise<void> {
  const client = await connect({name: 'wadi', port: server.port});
  await work(query => client.query(query));
  await client.end();
}

type Times = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Medians by asked system and query. */
async function measure(asks: Readonly<Record<string, Ask>>, rounds: number): Promise<Times> {
  const medians: Record<string, Record<string, number>> = {};
  for (const [name, query] of Object.entries(MESSAGE_QUERIES)) {
    const all: Record<string, number[]> = {};
    for (let round = -1; round < rounds; round++) {
      for (const [system, ask] of Object.entries(asks)) {
        const begun = performance.now();
        await ask(query);
        if (round >= 0) (all[system] ??= []).push(performance.now() - begun);
      }
    }
    for (const [system, list] of Object.entries(all)) (medians[system] ??= {})[name] = median(list);
  }
  return medians;
}

/** Each query as the first one on the rows since the server was started. */
async function measureFirst(
  server: RunningServer,
  rounds: number,
): Promise<Readonly<Record<string, number>>> {
  const all: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, query] of Object.entries(MESSAGE_QUERIES)) {
      await server.end();
      await server.startAgain();
      await withClient(server, async ask => {
        for (let i = 0; i < WARM_ROUNDS; i++)
          await ask(query.replaceAll(/\bfrom m\b/g, 'from w m'));
        const begun = performance.now();
        await ask(query);
        (all[name] ??= []).push(performance.now() - begun);
      });
    }
  }
  return Object.fromEntries(Object.entries(all).map(([name, list]) => [name, median(list)]));
}

/** One line for each query. */
function lines(state: string, systems: Times): readonly ReportRow[] {
  return Object.keys(MESSAGE_QUERIES).map(name => {
    const [a, b] = [systems['postgres']![name]!, systems['wadi']![name]!];
    const values: Record<string, number> = {'postgres ms': a, 'wadi ms': b, 'x postgres': a / b};
    const c = systems['duckdb']?.[name];
    if (c !== undefined) Object.assign(values, {'duckdb ms': c, 'of duckdb': b / c});
    return {name: `${name} ${state}`, values};
  });
}

async function openDuckdb(files: readonly string[]): Promise<DuckDBConnection> {
  const {DuckDBInstance} = await import('@duckdb/node-api');
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run("set timezone = 'UTC'");
  await connection.run(DUCKDB_TABLES[DUCKDB_USERS]!);
  const list = files.map(file => `'${file}'`).join(', ');
  await connection.run(`create view m as select * from read_parquet([${list}])`);
  return connection;
}
