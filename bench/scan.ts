// Scans of a million rows, hot and cold, beside PostgreSQL and DuckDB: `npm run bench -- scan`.
import type {DuckDBConnection} from '@duckdb/node-api';
import {DUCKDB_TABLES, MESSAGE_QUERIES, messageTables} from './support/messages-table.ts';
import {median, report, type ReportRow} from './support/report.ts';
import {connect, run, startPair} from './support/servers.ts';
import type {SuiteOptions} from './support/suite-options.ts';

type Ask = (query: string) => Promise<unknown>;

/** Seven queries; every time is the median of rounds taken in turns. PostgreSQL without parallel workers. */
export async function scan(options: SuiteOptions): Promise<void> {
  const pair = await startPair();
  for (const target of [pair.postgres, pair.wadi]) await run(target, messageTables());
  await run(pair.postgres, ['vacuum analyze m', 'vacuum analyze u']);
  const duckdb = await openDuckdb();
  const postgres = await connect(pair.postgres);
  await postgres.query('set max_parallel_workers_per_gather = 0');
  const wadi = await connect(pair.wadi);
  const asks: Record<string, Ask> = {
    'postgres ms': query => postgres.query(query),
    'wadi ms': query => wadi.query(query),
    'duckdb ms': query => duckdb.runAndReadAll(query),
  };
  const rows: ReportRow[] = [];
  for (const state of ['hot', 'cold']) {
    if (state === 'cold') await wadi.query('STORAGE FLUSH TABLE m');
    for (const [name, query] of Object.entries(MESSAGE_QUERIES)) {
      const times = await measure(asks, query, options.rounds);
      const ratio = times['postgres ms']! / times['wadi ms']!;
      rows.push({
        name: `${name} ${state}`,
        values: {
          ...times,
          'x postgres': ratio,
          'of duckdb': times['wadi ms']! / times['duckdb ms']!,
        },
      });
    }
  }
  await postgres.end();
  await wadi.end();
  duckdb.closeSync();
  await pair.stop();
  report('scan', rows, [
    'x postgres: how much quicker than PostgreSQL; of duckdb: share of the time of DuckDB in memory on all cores',
  ]);
}

async function measure(
  asks: Readonly<Record<string, Ask>>,
  query: string,
  rounds: number,
): Promise<Record<string, number>> {
  const times: Record<string, number[]> = {};
  for (let round = -1; round < rounds; round++) {
    for (const [name, ask] of Object.entries(asks)) {
      const begun = performance.now();
      await ask(query);
      if (round >= 0) (times[name] ??= []).push(performance.now() - begun);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

async function openDuckdb(): Promise<DuckDBConnection> {
  const {DuckDBInstance} = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  for (const statement of DUCKDB_TABLES) await connection.run(statement);
  return connection;
}
