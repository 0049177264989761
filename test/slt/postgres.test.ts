// The scripts of pg/ say what PostgreSQL says: run on a real one, which CI installs.
import t from 'tap';
import {findPostgres, startPostgres} from '../support/postgres-server.ts';
import {findScripts, readScript} from './modes.ts';
import {runScript} from './run-script.ts';

if (findPostgres() === null && process.env['CI'] === undefined) {
  t.pass('PostgreSQL 15 is not installed here', {skip: true});
} else {
  const server = await startPostgres();
  t.teardown(() => server.stop());
  const address = {host: server.host, port: server.port, user: 'postgres', database: 'postgres'};
  for (const path of findScripts().filter(path => path.startsWith('pg'))) {
    await t.test(path, async t => {
      const options = {address, mode: 'hot', isPostgres: true, afterWrite: null, atEnd: null};
      await runScript(readScript(path), options, {
        onRecord(record, _actual, problem) {
          t.equal(problem, null, `${path}:${record.line}`);
        },
      });
    });
  }
}
