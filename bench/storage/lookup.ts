import {ClientProcess} from '../support/client-process.ts';
import {percentile} from '../support/percentile.ts';
import {median, type ReportRow} from '../support/report.ts';
import type {SuiteOptions} from '../support/suite-options.ts';
import {RunningServer} from './running-server.ts';

const ROWS = 190_000;
const READS = 500;
const MAX_ROUNDS = 3;
const OWNERS = 100;

/** What is asked: rows of one table in one or ten flushes, and of a user table read across its owners, each with a segment. */
const TABLES: Readonly<Record<string, string>> = {
  one: 'lookup, 1 segment',
  ten: 'lookup, 10 segments',
  owned: `lookup, ${OWNERS} owners`,
};

/** Rows by key; more than 12 segments of one owner would be compacted. */
export async function lookup({rounds}: SuiteOptions): Promise<readonly ReportRow[]> {
  const server = await RunningServer.start();
  await server.run([
    ...Array.from({length: OWNERS}, (_, i) => `create role u${i}`),
    'create table points(id int8 primary key, body text)',
    `insert into points select g * 2, md5(g::text) from generate_series(1, 10000) g`,
    'create table warm(id int8 primary key, body text)',
    ...parts('warm', 1, 20_000),
    'create table one(id int8 primary key, body text)',
    'create table ten(id int8 primary key, body text)',
    'create user table owned(id int8 primary key, body text)',
    ...parts('one', 1),
    ...parts('ten', 10),
    `insert into owned (_user_id, id, body)
      select 'u' || g % ${OWNERS}, g * 2, md5(g::text) from generate_series(1, ${ROWS}) g`,
    'STORAGE FLUSH TABLE owned',
  ]);
  const first: Record<string, number[]> = {};
  for (let round = 0; round < Math.min(rounds, MAX_ROUNDS); round++) {
    await server.end();
    await server.startAgain();
    const reader = new ClientProcess();
    // Code that reads segments is not to be compiled while it is measured.
    await ask(reader, server, 'warm', {first: 2, reads: 200, rows: 1});
    for (const table of Object.keys(TABLES)) {
      const {times} = await ask(reader, server, table, {
        first: 2 * (1 + ((round * 31_013) % ROWS)),
        reads: 1,
        rows: 1,
      });
      (first[table] ??= []).push(times[0]!);
    }
    await reader.stop();
  }
  const reader = new ClientProcess();
  const rows: ReportRow[] = [
    {name: 'lookup, hot', values: await cached(reader, server, 'points', 10_000)},
  ];
  for (const [table, name] of Object.entries(TABLES)) {
    const values = await cached(reader, server, table, ROWS);
    rows.push({name, values: {'first ms': median(first[table]!), ...values}});
  }
  await reader.stop();
  await server.stop();
  return rows;
}

/** Rows with even keys, spread over all parts, each of which is flushed. */
function parts(table: string, count: number, size = ROWS): readonly string[] {
  return Array.from({length: count}, (_, part) => [
    `insert into ${table} select g * 2, md5(g::text) from generate_series(${part + 1}, ${size}, ${count}) g`,
    `STORAGE FLUSH TABLE ${table}`,
  ]).flat();
}

interface Which {
  readonly first: number;
  readonly reads: number;
  readonly rows: number;
  readonly step?: number;
  readonly count?: number;
}

async function ask(
  reader: ClientProcess,
  server: RunningServer,
  table: string,
  which: Which,
): Promise<{readonly times: Float64Array}> {
  const sql = `select ${table === 'owned' ? '_user_id, ' : ''}id, body from ${table} where id = $1`;
  const answer = await reader.ask('reads', {
    ...{port: server.port, sql, step: 2, count: 10_000, limitMs: 60_000, pauseMs: 0},
    ...which,
  });
  if (answer.wrong > 0) throw new Error(`${answer.wrong} lookups in ${table} are wrong`);
  return answer;
}

/** Keys of which 20 are asked again and again, many keys each once, and keys that do not exist, between those that do. */
async function cached(
  reader: ClientProcess,
  server: RunningServer,
  table: string,
  size: number,
): Promise<Readonly<Record<string, number>>> {
  const step = 2 * Math.max(1, Math.floor(size / READS));
  await ask(reader, server, table, {first: 2, step, count: 20, reads: READS, rows: 1});
  const again = await ask(reader, server, table, {
    first: 2,
    step,
    count: 20,
    reads: READS,
    rows: 1,
  });
  const spread = await ask(reader, server, table, {
    first: 4,
    step,
    count: READS - 2,
    reads: READS - 2,
    rows: 1,
  });
  const absent = await ask(reader, server, table, {
    first: 3,
    step,
    count: READS - 2,
    reads: READS - 2,
    rows: 0,
  });
  return {
    'cached ms': percentile(again.times, 0.5),
    'any key ms': percentile(spread.times, 0.5),
    'absent ms': percentile(absent.times, 0.5),
  };
}
