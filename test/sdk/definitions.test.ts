// What a live query means changes while it is open: the client shows what it means now.
import t from 'tap';
import {connect} from '../../sdk/src/client.ts';
import {postSql} from '../support/http-client.ts';
import {startWadi} from '../support/wadi-server.ts';

t.test('policies, views and tables that change', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const run = async (sql: string): Promise<void> => {
    const {error} = await postSql(server.httpUrl, sql);
    if (error !== undefined) throw new Error(error.message);
  };
  await run(`CREATE ROLE reader LOGIN;
    CREATE TABLE docs (id int PRIMARY KEY, v int);
    GRANT SELECT ON docs TO reader;
    INSERT INTO docs VALUES (1, 30), (2, 20), (3, 10);
    CREATE VIEW ordered AS SELECT id, v FROM docs ORDER BY id;
    GRANT SELECT ON ordered TO reader`);
  const db = connect({url: server.httpUrl, user: 'reader'});
  t.teardown(() => db.close());
  const whole = db.live<{id: number; v: number; more?: string | null}>(
    'SELECT * FROM docs ORDER BY id',
  );
  const ordered = db.live<{id: number}>('SELECT * FROM ordered');
  await Promise.all([whole.ready, ordered.ready]);
  const until = (test: () => boolean): Promise<void> =>
    new Promise(resolve => {
      const stops = [whole, ordered].map(live => live.subscribe(look));
      function look(): void {
        if (!test()) return;
        for (const stop of stops) stop();
        resolve();
      }
      look();
    });
  const ids = (live: {readonly rows: readonly {readonly id: number}[]}): string =>
    live.rows.map(({id}) => id).join();
  await run('CREATE OR REPLACE VIEW ordered AS SELECT id, v FROM docs ORDER BY v');
  await until(() => ids(ordered) === '3,2,1');
  await run('INSERT INTO docs VALUES (4, 15)');
  await until(() => ids(ordered) === '3,4,2,1');
  t.equal(ordered.error, null, 'changes are put in the new order');
  await run(`ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON docs TO reader USING (id > 2)`);
  await until(() => ids(whole) === '3,4');
  await run("ALTER TABLE docs ADD COLUMN more text DEFAULT 'x'");
  await until(() => whole.rows[0]?.more === 'x');
  t.equal(whole.columns.length, 3, 'it subscribed again');
  await run('REVOKE SELECT ON docs FROM reader');
  await until(() => whole.state === 'closed');
  t.equal(whole.error?.code, '42501');
});
