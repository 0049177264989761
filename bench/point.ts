// pgbench select-only: `npm run bench -- point`.
import {compare} from './support/compare.ts';
import {report, type ReportRow} from './support/report.ts';
import {PGBENCH_TABLES, run, startPair} from './support/servers.ts';
import type {SuiteOptions} from './support/suite-options.ts';

/** Point queries by key, prepared and simple, by 1, 8 and 32 clients. */
export async function point(options: SuiteOptions): Promise<void> {
  const pair = await startPair();
  const rows: ReportRow[] = [];
  for (const target of [pair.postgres, pair.wadi]) await run(target, PGBENCH_TABLES);
  for (const mode of ['prepared', 'simple']) {
    for (const clients of [1, 8, 32]) {
      rows.push(
        compare(pair, `${mode} c=${clients}`, ['-S', '-M', mode, '-c', String(clients)], options),
      );
    }
  }
  await pair.stop();
  report('point', rows, ['transactions per second; CPU: all threads of Wadi for one query']);
}
