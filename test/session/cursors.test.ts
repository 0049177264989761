// Cursors beside other sessions: whose rows they show, and what the loop does while COMMIT keeps many of them.
import type pg from 'pg';
import t from 'tap';
import {connect, rows} from '../jobs/support.ts';
import {startWadi} from '../support/wadi-server.ts';

/** Two portals in one turn: ten rows of the first, all of the second, the rest of the first. */
class Portions {
  readonly tags: string[] = [];
  rowCount = 0;
  readonly #texts: readonly string[];
  #resolve: () => void = () => {};
  readonly isDone = new Promise<void>(resolve => (this.#resolve = resolve));

  constructor(...texts: string[]) {
    this.#texts = texts;
  }

  submit(connection: pg.Connection): void {
    for (const [i, text] of this.#texts.entries()) {
      connection.parse({name: `s${i}`, text, types: []}, true);
      connection.bind({portal: `p${i}`, statement: `s${i}`, values: []}, true);
    }
    connection.execute({portal: 'p0', rows: '10'}, true);
    connection.execute({portal: 'p1', rows: ''}, true);
    connection.execute({portal: 'p0', rows: ''}, true);
    connection.sync();
  }

  handleDataRow(): void {
    this.rowCount++;
  }

  handlePortalSuspended(): void {
    this.tags.push(`suspended after ${this.rowCount}`);
  }

  handleCommandComplete({text}: {readonly text: string}): void {
    this.tags.push(text);
  }

  handleReadyForQuery(): void {
    this.#resolve();
  }

  handleError(error: Error): void {
    this.tags.push(error.message);
  }
}

const server = await startWadi();
t.teardown(() => server.stop());
const admin = await connect(server);
t.teardown(() => admin.end());
await admin.query(`
  CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; GRANT ann, bob TO postgres;
  CREATE TABLE own (id int PRIMARY KEY) WITH (type = 'user'); GRANT ALL ON own TO PUBLIC;
  CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000);
  SET ROLE ann; INSERT INTO own VALUES (1), (2); SET ROLE bob; INSERT INTO own VALUES (3); RESET ROLE`);

t.test('a cursor over a user table shows the rows of the role that declared it', async t => {
  await admin.query(`SET ROLE ann; BEGIN; DECLARE c CURSOR FOR SELECT id FROM own ORDER BY id;
    DECLARE h CURSOR WITH HOLD FOR SELECT id FROM own ORDER BY id; SET LOCAL ROLE bob`);
  t.same(await rows(admin, 'FETCH ALL FROM c'), [['1'], ['2']]);
  t.same(await rows(admin, 'FETCH 1 FROM h'), [['1']]);
  await admin.query('COMMIT; RESET ROLE; DELETE FROM own; SET ROLE bob');
  t.same(await rows(admin, 'FETCH ALL FROM h'), [['2']]);
  await admin.query('CLOSE h; RESET ROLE');
});

t.test('a portal of the protocol that is read in portions sees what was there', async t => {
  const client = await connect(server);
  t.teardown(() => client.end());
  await client.query('BEGIN');
  const portions = new Portions('SELECT a.id FROM t a JOIN t b USING (id)', 'DELETE FROM t');
  client.query(portions);
  await portions.isDone;
  t.same(portions.tags, ['suspended after 10', 'DELETE 5000', 'SELECT 4990']);
  t.equal(portions.rowCount, 5000);
  await client.query('ROLLBACK');
});

t.test('others have their turns while COMMIT keeps rows beyond work_mem', async t => {
  const other = await connect(server);
  t.teardown(() => other.end());
  await admin.query(`SET work_mem = '64kB'; BEGIN;
    DECLARE h CURSOR WITH HOLD FOR SELECT a.id, b.id FROM t a, t b WHERE b.id <= 200`);
  let isDone = false;
  const commit = admin.query('COMMIT').then(() => (isDone = true));
  let turns = 0;
  while (!isDone) {
    await other.query('SELECT 1');
    turns++;
  }
  await commit;
  t.ok(turns > 2, `${turns} turns`);
  await admin.query('MOVE FORWARD 999999 FROM h');
  t.equal((await rows(admin, 'FETCH ALL FROM h')).length, 1);
  await admin.query('CLOSE h; RESET work_mem');
});

t.test('statement_timeout ends a COMMIT that keeps rows', async t => {
  await admin.query(`BEGIN; INSERT INTO t VALUES (0);
    DECLARE h CURSOR WITH HOLD FOR SELECT a.id FROM t a, t b, t c; SET LOCAL statement_timeout = 50`);
  await t.rejects(admin.query('COMMIT'), {code: '57014'});
  t.same(await rows(admin, 'SELECT id FROM t WHERE id = 0'), []);
  await t.rejects(admin.query('FETCH 1 FROM h'), {code: '34000'});
});
