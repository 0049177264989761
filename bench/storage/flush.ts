import {statSync} from 'node:fs';
import {join} from 'node:path';
import {DuckDBInstance} from '@duckdb/node-api';
import {temporaryFolder} from '../../test/support/temporary-folder.ts';
import {ClientProcess} from '../support/client-process.ts';
import {filesBelow, megabytes} from '../support/folder-size.ts';
import {DUCKDB_TABLES, MESSAGE_ROWS, messageTables} from '../support/messages-table.ts';
import {monotonicMs} from '../support/monotonic.ts';
import {percentile} from '../support/percentile.ts';
import type {ReportRow} from '../support/report.ts';
import {run} from '../support/servers.ts';
import type {SuiteOptions} from '../support/suite-options.ts';
import {backUp, restart, RunningServer} from './running-server.ts';

const POINT_ROWS = 10_000;
const PARTS = 8;
const PART_ROWS = 100_000;

/** A million hot rows: restart, backup, flush (with point reads beside it), backup again; then compaction. */
export async function flush({seconds}: SuiteOptions): Promise<readonly ReportRow[]> {
  const server = await RunningServer.start();
  await server.run([
    ...messageTables(),
    'create table points(id int8 primary key, body text)',
    `insert into points select g, md5(g::text) from generate_series(0, ${POINT_ROWS - 1}) g`,
  ]);
  const rows: ReportRow[] = [];
  rows.push({
    name: 'restart, 1M hot rows',
    values: await restart(server, 'select count(*) from m'),
  });
  rows.push({name: 'backup, 1M hot rows', values: await backUp(server)});
  rows.push(...(await flushBesideReads(server, seconds)));
  rows.push({name: 'backup, 1M cold rows', values: await backUp(server)});
  rows.push(await compaction(server));
  await server.stop();
  return rows;
}

async function flushBesideReads(
  server: RunningServer,
  seconds: number,
): Promise<readonly ReportRow[]> {
  const reader = new ClientProcess();
  const reads = {
    ...{port: server.port, sql: 'select id, body from points where id = $1', rows: 1, pauseMs: 1},
    ...{first: 0, step: 1, count: POINT_ROWS, reads: Infinity},
  };
  await reader.ask('reads', {...reads, limitMs: 1000});
  const idle = await reader.ask('reads', {...reads, limitMs: seconds * 1000});
  const reading = reader.ask('reads', {...reads, limitMs: 120_000});
  const begun = monotonicMs();
  await run({name: 'wadi', port: server.port}, ['STORAGE FLUSH TABLE m']);
  const ended = monotonicMs();
  reader.interrupt();
  const during = await reading;
  await reader.stop();
  const busy = during.times.filter((_, i) => during.begunAt[i]! <= ended);
  const size = megabytes(filesBelow(join(server.dataDir, 'segments'), '.parquet'));
  const peer = await writtenByDuckdb();
  const perSecond = (MESSAGE_ROWS * 1000) / (ended - begun);
  const [p99, idleP99] = [percentile(busy, 0.99), percentile(idle.times, 0.99)];
  return [
    {
      name: 'flush of 1M rows',
      values: {'rows/s': perSecond, 'peer rows/s': peer.perSecond, MB: size, 'peer MB': peer.size},
    },
    {
      name: 'point reads beside it',
      values: {'p99 ms': p99, 'idle p99': idleP99, times: p99 / idleP99},
    },
  ];
}

/** The same rows, written by DuckDB on all cores. */
async function writtenByDuckdb(): Promise<{readonly perSecond: number; readonly size: number}> {
  const folder = temporaryFolder('bench');
  const path = join(folder.path, 'm.parquet');
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  for (const statement of DUCKDB_TABLES) await connection.run(statement);
  const begun = performance.now();
  await connection.run(`copy m to '${path}' (format parquet, compression zstd)`);
  const perSecond = (MESSAGE_ROWS * 1000) / (performance.now() - begun);
  const size = statSync(path).size / 1e6;
  connection.closeSync();
  folder.remove();
  return {perSecond, size};
}

/** Segments of 100,000 rows each become one. */
async function compaction(server: RunningServer): Promise<ReportRow> {
  await server.run(['create table parts(id int8 primary key, body text, at timestamptz)']);
  for (let part = 0; part < PARTS; part++) {
    const from = part * PART_ROWS;
    await server.run([
      `insert into parts select g, md5(g::text), now() from generate_series(${from}, ${from + PART_ROWS - 1}) g`,
      'STORAGE FLUSH TABLE parts',
    ]);
  }
  const begun = performance.now();
  await server.run(['STORAGE COMPACT TABLE parts']);
  const ms = performance.now() - begun;
  return {
    name: `compaction of ${PARTS} segments`,
    values: {'rows/s': (PARTS * PART_ROWS * 1000) / ms},
  };
}
