// Random statements of fixed seeds on both servers; other seeds: npm run differential -- --seed N
import t from 'tap';
import {findPostgres, startPostgres} from '../support/postgres-server.ts';
import {startWadi} from '../support/wadi-server.ts';
import {runDifferential} from './run.ts';

const seeds = [1, 2, 3];

if (findPostgres() === null && process.env['CI'] === undefined) {
  t.pass('PostgreSQL 15 is not installed here', {skip: true});
} else {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const wadi = await startWadi();
  t.teardown(() => wadi.stop());
  const login = {user: 'postgres', database: 'postgres'};
  for (const seed of seeds) {
    await t.test(`seed ${seed}`, async t => {
      const counts = await runDifferential(
        {host: postgres.host, port: postgres.port, ...login},
        {host: wadi.host, port: wadi.port, ...login},
        {seed, count: 400},
        (sql, verdict, wanted, got) => {
          if (verdict === 'different') t.fail(sql, {wanted, got, stack: '', at: null});
        },
      );
      t.equal(counts.different, 0, `${counts.same} answers are the same`);
    });
  }
}
