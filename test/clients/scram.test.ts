// Logins with passwords: SCRAM with pg and psql, what is refused and how, and that no password is written anywhere.
import {execFile, spawnSync} from 'node:child_process';
import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import pg from 'pg';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

const run = promisify(execFile);
const secrets = [
  'first-Secret-71',
  'géheim ß 72',
  'second-Secret-73',
  'third-Secret-74',
  'never-Secret-75',
] as const;

async function connect(
  server: WadiServer,
  user: string,
  password: string,
  database = 'postgres',
): Promise<pg.Client> {
  const client = new pg.Client({host: server.host, port: server.port, user, password, database});
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const refused = (user: string): {code: string; severity: string; message: string} => ({
  code: '28P01',
  severity: 'FATAL',
  message: `password authentication failed for user "${user}"`,
});

t.test('SCRAM', async t => {
  const folder = temporaryFolder('scram');
  const first = await startWadi({dataDir: folder.path});
  const admin = await connect(first, 'postgres', '');
  await admin.query(`ALTER ROLE postgres PASSWORD '${secrets[0]}'`);
  await admin.end();
  await first.stop();
  const server = await startWadi({
    dataDir: folder.path,
    args: ['--auth', 'scram', '--log-level', 'trace'],
  });
  t.teardown(async () => {
    await server.stop();
    folder.remove();
  });
  const root = await connect(server, 'postgres', secrets[0]);
  t.teardown(() => root.end());

  await t.test('right and wrong passwords', async t => {
    await root.query(`CREATE ROLE app LOGIN PASSWORD '${secrets[1]}'`);
    await root.query(
      `CREATE USER second WITH ENCRYPTED PASSWORD '${secrets[2]}' VALID UNTIL 'infinity'`,
    );
    await root.query('CREATE ROLE empty LOGIN');
    const app = await connect(server, 'app', secrets[1]);
    t.same((await app.query('SELECT current_user AS u, session_user AS s')).rows, [
      {u: 'app', s: 'app'},
    ]);
    await app.end();
    for (const [user, password] of [
      ['app', 'wrong'],
      ['app', secrets[2]],
      ['nobody', secrets[1]],
      ['empty', 'x'],
    ] as const) {
      await t.rejects(connect(server, user, password), refused(user), `${user} ${password}`);
    }
    await t.rejects(connect(server, 'app', secrets[1], 'nowhere'), {
      code: '3D000',
      severity: 'FATAL',
      message: 'database "nowhere" does not exist',
    });
    await t.rejects(
      connect(server, 'app', 'wrong', 'nowhere'),
      refused('app'),
      'the database is looked at after the password',
    );
  });

  await t.test('a changed password, a removed one, a dropped role', async t => {
    await root.query(`ALTER ROLE second PASSWORD '${secrets[3]}'`);
    await t.rejects(connect(server, 'second', secrets[2]), refused('second'));
    await (await connect(server, 'second', secrets[3])).end();
    await root.query('BEGIN');
    await root.query('ALTER ROLE second PASSWORD NULL');
    await root.query('ROLLBACK');
    await (await connect(server, 'second', secrets[3])).end();
    await root.query('ALTER ROLE second PASSWORD NULL');
    await t.rejects(connect(server, 'second', secrets[3]), refused('second'));
    await root.query('DROP ROLE second');
    await t.rejects(connect(server, 'second', secrets[3]), refused('second'));
  });

  await t.test('VALID UNTIL, NOLOGIN, CONNECTION LIMIT', async t => {
    await root.query(`ALTER ROLE app VALID UNTIL '2020-01-01'`);
    await t.rejects(connect(server, 'app', secrets[1]), refused('app'), 'expired');
    await root.query(`ALTER ROLE app VALID UNTIL '2999-01-01 00:00:00+05:30'`);
    await (await connect(server, 'app', secrets[1])).end();
    await root.query('ALTER ROLE app NOLOGIN');
    await t.rejects(connect(server, 'app', secrets[1]), {
      code: '28000',
      severity: 'FATAL',
      message: 'role "app" is not permitted to log in',
    });
    await t.rejects(
      connect(server, 'app', 'wrong'),
      refused('app'),
      'NOLOGIN is told only after the right password',
    );
    await root.query('ALTER ROLE app LOGIN CONNECTION LIMIT 1');
    const only = await connect(server, 'app', secrets[1]);
    await t.rejects(connect(server, 'app', secrets[1]), {
      code: '53300',
      severity: 'FATAL',
      message: 'too many connections for role "app"',
    });
    await only.end();
    let again: pg.Client | null = null;
    while (again === null) again = await connect(server, 'app', secrets[1]).catch(() => null);
    await again.end();
    await root.query('ALTER ROLE app CONNECTION LIMIT 0');
    await t.rejects(connect(server, 'app', secrets[1]), {code: '53300'});
    await root.query('ALTER ROLE app CONNECTION LIMIT -1');
  });

  await t.test('verifiers', async t => {
    const {rows} = await root.query(`SELECT rolpassword FROM pg_authid WHERE rolname = 'app'`);
    t.match(
      rows[0].rolpassword,
      /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/,
    );
    await root.query(`CREATE ROLE copied LOGIN PASSWORD '${rows[0].rolpassword}'`);
    await (await connect(server, 'copied', secrets[1])).end();
    const app = await connect(server, 'app', secrets[1]);
    await t.rejects(app.query('SELECT * FROM pg_authid'), {code: '42501'});
    t.same((await app.query(`SELECT rolpassword FROM pg_roles WHERE rolname = 'app'`)).rows, [
      {rolpassword: '********'},
    ]);
    await t.rejects(app.query(`ALTER ROLE postgres PASSWORD 'x'`), {code: '42501'});
    await app.query(`ALTER ROLE app PASSWORD '${secrets[3]}'`);
    await app.end();
    await (await connect(server, 'app', secrets[3])).end();
  });

  await t.test(
    'psql',
    {skip: spawnSync('psql', ['--version']).status === 0 ? false : 'psql is not installed'},
    async t => {
      const args = [
        '-X',
        '-At',
        '-h',
        server.host,
        '-p',
        String(server.port),
        '-d',
        'postgres',
        '-w',
      ];
      const as = (
        user: string,
        password: string | null,
        sql: string,
      ): Promise<{stdout: string; stderr: string}> => {
        const env: NodeJS.ProcessEnv = {...process.env, PGPASSFILE: '/dev/null'};
        if (password !== null) env['PGPASSWORD'] = password;
        return run('psql', [...args, '-U', user, '-c', sql], {env});
      };
      t.equal((await as('app', secrets[3], 'select current_user')).stdout, 'app\n');
      await t.rejects(as('app', 'wrong', 'select 1'), {
        code: 2,
        stderr: /FATAL: {2}password authentication failed for user "app"\n$/,
      });
      await t.rejects(as('nobody', 'wrong', 'select 1'), {
        code: 2,
        stderr: /FATAL: {2}password authentication failed for user "nobody"\n$/,
      });
      await t.rejects(as('app', null, 'select 1'), {
        code: 2,
        stderr: /fe_sendauth: no password supplied/,
      });
    },
  );

  await t.test('no password is written anywhere', async t => {
    await t.rejects(root.query(`CREATE ROLE app PASSWORD '${secrets[4]}'`), {code: '42710'});
    await t.rejects(root.query(`CREATE ROLE broken PASSWORD '${secrets[4]}' NONSENSE`), {
      code: '42601',
    });
    await t.rejects(root.query(`ALTER ROLE missing PASSWORD '${secrets[4]}'`), {code: '42704'});
    const log = server.errors();
    for (const secret of secrets) t.notOk(log.includes(secret), 'not in the log');
    for (const entry of readdirSync(folder.path, {recursive: true}) as string[]) {
      const path = join(folder.path, entry);
      if (!statSync(path).isFile()) continue;
      const bytes = readFileSync(path);
      for (const secret of secrets) t.equal(bytes.indexOf(secret), -1, `not in ${entry}`);
    }
    for (const relation of [
      'system.audit_log',
      'system.slow_queries',
      'pg_stat_activity',
      'system.sessions',
    ]) {
      const answer = await root
        .query(`SELECT coalesce(string_agg(r::text, ' '), '') AS all FROM ${relation} r`)
        .catch((error: {code: string}) => error);
      if ('code' in answer) continue;
      for (const secret of secrets)
        t.notOk(String(answer.rows[0].all).includes(secret), `not in ${relation}`);
    }
  });
});
