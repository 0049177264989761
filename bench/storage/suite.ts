// What moves rows between hot and cold, and reads them there: `npm run bench -- storage`.
import {report, type ReportRow} from '../support/report.ts';
import type {SuiteOptions} from '../support/suite-options.ts';
import {copy} from './copy.ts';
import {flush} from './flush.ts';
import {lookup} from './lookup.ts';
import {remote} from './remote.ts';
import {segments} from './segments.ts';

/** Flush, compaction, COPY, lookups, restart, backup and remote segments, each on a server of its own. */
export async function storage(options: SuiteOptions): Promise<void> {
  const rows: ReportRow[] = [];
  for (const part of [flush, lookup, copy, segments, remote]) {
    const some = await part(options);
    for (const {name, values} of some)
      process.stdout.write(`${name}: ${JSON.stringify(values, rounded)}\n`);
    rows.push(...some);
  }
  report('storage', rows, [
    'peer: what DuckDB (Parquet with ZSTD) or PostgreSQL (COPY) does with the same rows in the same run',
    'lookups: ms from the client, of rows in so many segments that all may hold the key; first: the first after a start; owners: across a user table',
    'point reads: ms, of another client, of another table',
  ]);
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}
