import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import pg from 'pg';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';
import {corpusSchema, groupedErrors, readCorpus, runCorpus} from './corpora.ts';

const root = dirname(dirname(import.meta.dirname));
const floorPath = join(import.meta.dirname, 'corpora-floor.json');

for (const name of ['catalog-psql', 'catalog-drivers']) {
  const path = join(root, '..', 'shared', 'corpora', `${name}.sql`);
  if (!existsSync(path)) {
    t.pass(`${name} is skipped`, {skip: 'the corpora are not beside the repository'});
    continue;
  }
  t.test(
    `queries of ${name} run; the floor only rises (RAISE_FLOOR=1)`,
    {timeout: 300_000},
    async t => {
      const wadi = await startWadi();
      t.teardown(() => wadi.stop());
      const connect = async (): Promise<pg.Client> => {
        const client = new pg.Client({connectionString: wadi.postgresUrl});
        await client.connect();
        return client;
      };
      const first = await connect();
      await first.query(corpusSchema);
      await first.end();
      const outcomes = await runCorpus(readCorpus(path), connect);
      const ran = outcomes.filter(outcome => outcome.error === null).length;
      const floors = JSON.parse(readFileSync(floorPath, 'utf8')) as Record<string, number>;
      const floor = floors[name] ?? 0;
      t.comment(
        `${ran} of ${outcomes.length} ran, the floor is ${floor}; PostgreSQL refuses the others' missing objects as well`,
      );
      for (const line of groupedErrors(outcomes)) t.comment(line);
      t.ok(ran >= floor, `${ran} ran, at least ${floor} must`);
      if (ran > floor && process.env['RAISE_FLOOR'] === '1') {
        writeFileSync(floorPath, `${JSON.stringify({...floors, [name]: ran}, null, 2)}\n`);
      }
    },
  );
}
