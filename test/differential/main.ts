/**
 * npm run differential -- [--seed N] [--count N] [--postgres-only]
 * Random statements on a real PostgreSQL 15, which it starts, and on Wadi: rows and SQLSTATE must be the same.
 */
import {parseArgs} from 'node:util';
import type {Expectation} from '../slt/script.ts';
import {startPostgres} from '../support/postgres-server.ts';
import {startWadi} from '../support/wadi-server.ts';
import {runDifferential} from './run.ts';

const {values} = parseArgs({
  options: {
    seed: {type: 'string'},
    count: {type: 'string', default: '1000'},
    // Both sides PostgreSQL: checks the generator itself.
    'postgres-only': {type: 'boolean', default: false},
    'show-unsupported': {type: 'boolean', default: false},
  },
});

const seed = Number(values.seed ?? Date.now() % 1_000_000);
console.log(`seed ${seed}`);
const postgres = await startPostgres();
const other = values['postgres-only'] ? await startPostgres() : await startWadi();
try {
  const login = {user: 'postgres', database: 'postgres'};
  const counts = await runDifferential(
    {host: postgres.host, port: postgres.port, ...login},
    {host: other.host, port: other.port, ...login},
    {seed, count: Number(values.count)},
    (sql, verdict, wanted, got) => {
      if (verdict === 'unsupported' && !values['show-unsupported']) return;
      console.log(`${sql}\n  PostgreSQL: ${show(wanted)}\n  Wadi:       ${show(got)}\n`);
    },
  );
  console.log(JSON.stringify(counts));
  process.exitCode = counts.different > 0 ? 1 : 0;
} finally {
  await Promise.all([postgres.stop(), other.stop()]);
}

function show(outcome: Expectation): string {
  return outcome.kind === 'rows'
    ? `${outcome.types} ${outcome.rows.slice(0, 8).join(' / ')}`
    : JSON.stringify(outcome);
}
