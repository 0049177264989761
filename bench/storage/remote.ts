import {type ChildProcess, fork} from 'node:child_process';
import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {TEST_ACCESS_KEY, TEST_BUCKET, TEST_SECRET_KEY} from '../../test/support/s3-server.ts';
import {median, type ReportRow} from '../support/report.ts';
import {connect} from '../support/servers.ts';
import type {SuiteOptions} from '../support/suite-options.ts';
import {RunningServer} from './running-server.ts';

const ROWS = 190_000;
const MAX_ROUNDS = 3;

/** The same table local and in S3 (a server of our own on this machine: no network between). */
export async function remote({rounds}: SuiteOptions): Promise<readonly ReportRow[]> {
  const [s3, endpoint] = await startS3();
  const server = await RunningServer.start({
    BENCH_ACCESS_KEY_ID: TEST_ACCESS_KEY,
    BENCH_SECRET_ACCESS_KEY: TEST_SECRET_KEY,
  });
  await server.run([
    `CREATE STORAGE far TYPE 's3' BUCKET '${TEST_BUCKET}' ENDPOINT '${endpoint}' CREDENTIALS '{"env": "BENCH"}'`,
  ]);
  const rows: ReportRow[] = [];
  for (const storage of ['local', 'far']) {
    const flushes: number[] = [];
    const first: number[] = [];
    const again: number[] = [];
    for (let round = 0; round < Math.min(rounds, MAX_ROUNDS); round++) {
      const table = `${storage}${round}`;
      await server.run([
        `create table ${table}(id int8 primary key, body text, tokens int) with (storage = '${storage}')`,
        `insert into ${table} select g, md5(g::text) || md5((g * 3)::text), g % 1000 from generate_series(1, ${ROWS}) g`,
      ]);
      const begun = performance.now();
      await server.run([`STORAGE FLUSH TABLE ${table}`]);
      flushes.push((ROWS * 1000) / (performance.now() - begun));
      await server.end();
      rmSync(join(server.dataDir, 'cache'), {recursive: true, force: true});
      await server.startAgain();
      const client = await connect({name: 'wadi', port: server.port});
      const query = `select sum(tokens), max(body) from ${table}`;
      for (const times of [first, again]) {
        const asked = performance.now();
        await client.query(query);
        times.push(performance.now() - asked);
      }
      await client.end();
    }
    rows.push({
      name: storage === 'local' ? 'segments, local' : 'segments, S3',
      values: {'rows/s': median(flushes), 'first ms': median(first), 'cached ms': median(again)},
    });
  }
  await server.stop();
  s3.disconnect();
  return rows;
}

async function startS3(): Promise<readonly [ChildProcess, string]> {
  const child = fork(join(import.meta.dirname, '..', 'support', 's3-main.ts'));
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.once('message', message => resolve(String(message)));
    child.once('exit', code => reject(new Error(`the S3 server ended with ${code}`)));
  });
  return [child, endpoint];
}
