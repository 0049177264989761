import pg from 'pg';
import postgres from 'postgres';
import t from 'tap';
import {makeScramVerifier} from '../../src/common/scram.ts';
import {startFake} from './start-fake.ts';

t.test('node-postgres', async t => {
  const {server, database, port} = await startFake({auth: 'scram'});
  t.teardown(() => server.close());
  database.addRole('app', makeScramVerifier('géheim'));
  database.addRole('nologin', makeScramVerifier('x'), false, false);
  const connect = async (user: string, password: string): Promise<pg.Client> => {
    const client = new pg.Client({host: '127.0.0.1', port, user, password, database: 'postgres'});
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const failed = (user: string): {code: string; severity: string; message: string} => ({
    code: '28P01',
    severity: 'FATAL',
    message: `password authentication failed for user "${user}"`,
  });
  const client = await connect('app', 'géheim');
  t.same((await client.query('select 1')).rows, [{'?column?': 1}]);
  t.same((await client.query({text: 'echo', values: ['é']})).rows, [{text: 'é'}]);
  t.same((await client.query({text: 'select 1', name: 'n'})).rows, [{'?column?': 1}]);
  t.same((await client.query({text: 'select 1', name: 'n'})).rows, [{'?column?': 1}]);
  await t.rejects(client.query('error'), {code: '22012', severity: 'ERROR'});
  t.same((await client.query('select 1')).rowCount, 1);
  await client.end();
  await t.rejects(connect('app', 'wrong'), failed('app'));
  await t.rejects(connect('nobody', 'wrong'), failed('nobody'));
  await t.rejects(connect('postgres', 'none'), failed('postgres'), 'a role without password');
  await t.rejects(connect('nologin', 'x'), {code: '28000'});
});

t.test('postgres.js', async t => {
  const {server, database, port} = await startFake({auth: 'scram'});
  t.teardown(() => server.close());
  database.addRole('app', makeScramVerifier('secret'));
  const options = {host: '127.0.0.1', port, database: 'postgres', fetch_types: false, max: 2};
  const sql = postgres({...options, user: 'app', password: 'secret'});
  t.same([...(await sql`select 1`)], [{'?column?': 1}]);
  const many = await Promise.all(Array.from({length: 50}, () => sql`select 1`));
  t.equal(many.length, 50);
  t.same([...(await sql.unsafe('echo', ['é']))], [{text: 'é'}]);
  await t.rejects(sql.unsafe('error'), {code: '22012'});
  await sql.end();
});
