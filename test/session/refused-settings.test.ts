// A value of a setting that would change answers acts or is refused, never ignored.
import pg from 'pg';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const server = await startWadi();
t.teardown(() => server.stop());
const client = new pg.Client({
  host: server.host,
  port: server.port,
  user: 'postgres',
  database: 'postgres',
});
await client.connect();
t.teardown(() => client.end());

for (const [name, standing, refused] of [
  ['array_nulls', 'on', 'off'],
  ['compute_query_id', 'auto', 'on'],
  ['default_tablespace', 'pg_default', 'fast'],
  ['exit_on_error', 'off', 'on'],
  ['log_lock_waits', 'off', 'on'],
  ['log_temp_files', '-1', '0'],
  ['password_encryption', 'scram-sha-256', 'md5'],
  ['temp_file_limit', '-1', '1000'],
  ['track_activities', 'on', 'off'],
  ['zero_damaged_pages', 'off', 'on'],
  ['quote_all_identifiers', 'off', 'on'],
  ['session_replication_role', 'origin', 'replica'],
  ['transform_null_equals', 'off', 'on'],
  ['xmloption', 'content', 'document'],
]) {
  await t.test(String(name), async t => {
    await client.query(`SET ${name} = '${standing}'`);
    await t.rejects(client.query(`SET ${name} = '${refused}'`), {code: '0A000'});
    await t.rejects(client.query('SELECT set_config($1, $2, false)', [name, refused]), {
      code: '0A000',
    });
    const {rows} = await client.query('SELECT current_setting($1) AS value', [name]);
    t.same(rows, [{value: standing}]);
  });
}
