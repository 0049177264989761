// The longest time for which Wadi's event loop is held while it does this or that: `npm run bench -- loop`.
import {setTimeout as delay} from 'node:timers/promises';
import {MESSAGE_QUERIES, messageTables} from './support/messages-table.ts';
import {report, type ReportRow} from './support/report.ts';
import {PGBENCH_TABLES, pgbench, run, startPair, type Pair} from './support/servers.ts';
import type {SuiteOptions} from './support/suite-options.ts';

interface LoopLine {
  readonly max: number;
  readonly p99: number;
}

/** One phase after the other; the server tells of each on SIGUSR2. */
export async function loop(options: SuiteOptions): Promise<void> {
  const pair = await startPair({WADI_LOOP_STATS: '1'});
  const {wadi} = pair;
  const seconds = String(options.seconds);
  const queries = Object.values(MESSAGE_QUERIES);
  const phases: Readonly<Record<string, () => Promise<unknown>>> = {
    'tables of pgbench': () => run(wadi, PGBENCH_TABLES),
    'select-only c=8': async () =>
      pgbench(wadi, ['-S', '-M', 'prepared', '-c', '8', '-T', seconds]),
    'simple-update c=8': async () =>
      pgbench(wadi, ['-N', '-M', 'prepared', '-c', '8', '-T', seconds]),
    'tpcb-like c=8': async () => pgbench(wadi, ['-M', 'prepared', '-c', '8', '-T', seconds]),
    'load 100k rows, 10 times': () => run(wadi, messageTables()),
    'scans, hot': () => run(wadi, queries),
    'insert 190k rows at once': () =>
      run(wadi, [
        'create table big(id int primary key, text text)',
        'insert into big select g, md5(g::text) from generate_series(1, 190000) g',
      ]),
    'insert 500k rows at once': () =>
      run(wadi, ['insert into big select g, md5(g::text) from generate_series(200001, 700000) g']),
    'update 190k rows at once': () => run(wadi, ["update big set text = 'x' where id <= 190000"]),
    'delete 190k rows at once': () => run(wadi, ['delete from big where id <= 190000']),
    'flush of 1M rows': () => run(wadi, ['STORAGE FLUSH TABLE m']),
    'scans, cold': () => run(wadi, queries),
  };
  const rows: ReportRow[] = [];
  await take(pair);
  for (const [name, phase] of Object.entries(phases)) {
    const begun = performance.now();
    await phase();
    const took = performance.now() - begun;
    const {max, p99} = await take(pair);
    process.stdout.write(`${name}: ${max} ms\n`);
    rows.push({name, values: {'longest ms': max, 'p99 ms': p99, 'took ms': took}});
  }
  await pair.stop();
  report('loop', rows);
}

/** Asks the server for what it measured since the last time. */
async function take({wadiServer}: Pair): Promise<LoopLine> {
  const before = lines(wadiServer.errors()).length;
  process.kill(wadiServer.pid, 'SIGUSR2');
  for (let i = 0; i < 2000; i++) {
    const all = lines(wadiServer.errors());
    if (all.length > before) return JSON.parse(all[all.length - 1]!) as LoopLine;
    await delay(5);
  }
  throw new Error('the server says nothing about its loop');
}

function lines(text: string): readonly string[] {
  return [...text.matchAll(/^wadi loop (\{.*\})$/gm)].map(match => match[1]!);
}
