// Durable commits: `npm run bench -- commit`.
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {temporaryFolder} from '../test/support/temporary-folder.ts';
import {compare} from './support/compare.ts';
import {report, type ReportRow} from './support/report.ts';
import {PGBENCH_TABLES, run, startPair} from './support/servers.ts';
import type {SuiteOptions} from './support/suite-options.ts';

const INSERT = `\\set aid random(1, 100000)
\\set delta random(-5000, 5000)
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, :aid, :delta, CURRENT_TIMESTAMP);
`;

/** Inserts of one row each, simple-update and tpcb-like; every commit is on disk before its answer. */
export async function commit(options: SuiteOptions): Promise<void> {
  const pair = await startPair();
  const folder = temporaryFolder('bench');
  const script = join(folder.path, 'insert.sql');
  writeFileSync(script, INSERT);
  const rows: ReportRow[] = [];
  for (const target of [pair.postgres, pair.wadi]) await run(target, PGBENCH_TABLES);
  for (const clients of [1, 8, 64]) {
    rows.push(
      compare(
        pair,
        `insert c=${clients}`,
        ['-M', 'prepared', '-f', script, '-c', String(clients)],
        options,
      ),
    );
  }
  for (const clients of [1, 8, 32]) {
    rows.push(
      compare(
        pair,
        `simple-update c=${clients}`,
        ['-M', 'prepared', '-N', '-c', String(clients)],
        options,
      ),
    );
  }
  for (const clients of [1, 8]) {
    rows.push(
      compare(pair, `tpcb-like c=${clients}`, ['-M', 'prepared', '-c', String(clients)], options),
    );
  }
  await pair.stop();
  folder.remove();
  report('commit', rows, [
    'transactions per second, fsync before every answer on both; CPU: all threads of Wadi for one transaction',
  ]);
}
