import {spawnSync} from 'node:child_process';
import {createWriteStream} from 'node:fs';
import {join} from 'node:path';
import {findPostgres} from '../../test/support/postgres-server.ts';
import {temporaryFolder} from '../../test/support/temporary-folder.ts';
import {median, type ReportRow} from '../support/report.ts';
import {connect, startPair, type Target} from '../support/servers.ts';
import type {SuiteOptions} from '../support/suite-options.ts';

/** Below the bytes from which a transaction writes its rows to segments (decision 28), and far above them. */
const SIZES: Readonly<Record<string, number>> = {
  'COPY to hot': 100_000,
  'COPY to segments': 600_000,
};
const MAX_ROUNDS = 3;

/** COPY FROM STDIN by psql, on both servers in turns. */
export async function copy({rounds}: SuiteOptions): Promise<readonly ReportRow[]> {
  const pair = await startPair();
  const folder = temporaryFolder('bench');
  const rows: ReportRow[] = [];
  for (const [name, size] of Object.entries(SIZES)) {
    const file = join(folder.path, `${size}.csv`);
    await writeCsv(file, size);
    const speeds: {postgres: number[]; wadi: number[]} = {postgres: [], wadi: []};
    for (let round = 0; round < Math.min(rounds, MAX_ROUNDS); round++) {
      for (const target of [pair.postgres, pair.wadi])
        speeds[target.name].push(await copyOnce(target, file, size));
    }
    const [a, b] = [median(speeds.postgres), median(speeds.wadi)];
    rows.push({name, values: {'rows/s': b, 'peer rows/s': a, ratio: b / a}});
  }
  await pair.stop();
  folder.remove();
  return rows;
}

async function copyOnce(target: Target, file: string, size: number): Promise<number> {
  const client = await connect(target);
  await client.query('drop table if exists c');
  await client.query(
    'create table c(id int8 primary key, user_id int not null, conv text not null, body text, at timestamptz)',
  );
  const begun = performance.now();
  const done = spawnSync(
    join(findPostgres()!, 'psql'),
    [
      ...[
        '-h',
        '127.0.0.1',
        '-p',
        String(target.port),
        '-U',
        'postgres',
        '-q',
        '-v',
        'ON_ERROR_STOP=1',
      ],
      ...['-c', `\\copy c from '${file}' with (format csv)`, 'postgres'],
    ],
    {encoding: 'utf8'},
  );
  const ms = performance.now() - begun;
  if (done.status !== 0) throw new Error(`COPY on ${target.name}: ${done.stderr}`);
  const {rows} = await client.query<{count: string}>('select count(*) from c');
  await client.end();
  if (Number(rows[0]!.count) !== size) throw new Error(`${target.name} has ${rows[0]!.count} rows`);
  return (size * 1000) / ms;
}

async function writeCsv(path: string, size: number): Promise<void> {
  const out = createWriteStream(path);
  const step = 10_000;
  for (let from = 0; from < size; from += step) {
    let text = '';
    for (let i = from; i < Math.min(size, from + step); i++) {
      const second = String(i % 60).padStart(2, '0');
      const words = `"message ${i}, as long as one is, with a comma"`;
      text += `${i},${(i * 79) % 9000},conv-${(i * 1047) % 100_000},${words},2026-01-01 00:00:${second}+00\n`;
    }
    if (!out.write(text)) await new Promise<void>(resolve => out.once('drain', () => resolve()));
  }
  await new Promise<void>(resolve => out.end(() => resolve()));
}
