// psql and pgbench: the programs that come with PostgreSQL 15.
import {execFile, spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const isMissing =
  spawnSync('psql', ['--version']).status !== 0 || spawnSync('pgbench', ['--version']).status !== 0;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

t.test(
  'psql and pgbench',
  {skip: isMissing ? 'psql or pgbench is not installed' : false},
  async t => {
    const server = await startWadi({env: {TZ: 'UTC'}});
    const folder = mkdtempSync(join(tmpdir(), 'wadi-psql-'));
    t.teardown(async () => {
      await server.stop();
      rmSync(folder, {recursive: true});
    });
    const env = {
      ...process.env,
      PGHOST: server.host,
      PGPORT: String(server.port),
      PGUSER: 'postgres',
      PGDATABASE: 'postgres',
      PGTZ: 'UTC',
      PSQLRC: '/dev/null',
      LC_ALL: 'C.UTF-8',
    };
    const run = (program: string, args: readonly string[], input = ''): Promise<Outcome> =>
      new Promise(resolve => {
        const child = execFile(
          program,
          args,
          {env, maxBuffer: 1 << 26},
          (error, stdout, stderr) => {
            resolve({code: error === null ? 0 : Number(error.code), stdout, stderr});
          },
        );
        child.stdin?.end(input);
      });
    const psql = (...args: readonly string[]): Promise<Outcome> => run('psql', ['-X', ...args]);

    await t.test('-c, -f, errors', async t => {
      t.same(await psql('-Atc', 'select 1, null, true'), {code: 0, stdout: '1||t\n', stderr: ''});
      t.same(
        await psql(
          '-At',
          '-c',
          'create table t (a int primary key, b text)',
          '-c',
          "insert into t values (1, 'x'), (2, null)",
          '-c',
          'table t',
        ),
        {
          code: 0,
          stdout: 'CREATE TABLE\nINSERT 0 2\n1|x\n2|\n',
          stderr: '',
        },
      );
      t.same(await psql('-c', 'select a, b from t order by a'), {
        code: 0,
        stdout: ' a | b \n---+---\n 1 | x\n 2 | \n(2 rows)\n\n',
        stderr: '',
      });
      t.same(await psql('-c', 'select nothing from t'), {
        code: 1,
        stdout: '',
        stderr:
          'ERROR:  column "nothing" does not exist\nLINE 1: select nothing from t\n               ^\n',
      });
      const file = join(folder, 'script.sql');
      writeFileSync(
        file,
        "begin;\ninsert into t values (3, 'y');\n\\echo :AUTOCOMMIT\nsavepoint s;\ninsert into t values (3, 'z');\nrollback to s;\ncommit;\nselect count(*) from t;\n\\if true\nselect 'yes';\n\\endif\n",
      );
      t.same(await psql('-Atq', '-f', file), {
        code: 0,
        stdout: 'on\n3\nyes\n',
        stderr: `psql:${file}:5: ERROR:  duplicate key value violates unique constraint "t_pkey"\nDETAIL:  Key (a)=(3) already exists.\n`,
      });
      t.equal((await psql('-q', '-v', 'ON_ERROR_STOP=1', '-f', file)).code, 3);
      t.match(await psql('-1', '-c', 'insert into t values (9)', '-c', 'select 1/0'), {
        code: 1,
        stderr: /division by zero/,
      });
      t.same((await psql('-Atc', 'select count(*) from t')).stdout, '3\n', '-1 is one transaction');
    });

    await t.test('meta commands of queries', async t => {
      const script = `select a, b, a::numeric(10,2) as n, now() as w from t \\gdesc
select a, b from t order by a \\gx
select 'select ' || a from t order by a \\gexec
select max(a) as m from t \\gset
\\echo :m
prepare p(int) as select $1 + 1;
execute p(41);
\\set x 5
select :x, :'x', :"x" from (select 1 as "5") s;
\\errverbose
select 1/0;
\\echo :LAST_ERROR_SQLSTATE
\\pset null NULL
select null;
\\timing off
\\conninfo
`;
      const {stdout, stderr} = await run('psql', ['-X', '-q'], script);
      t.match(
        stdout,
        ' Column |           Type           \n--------+--------------------------\n a      | integer\n b      | text\n n      | numeric(10,2)\n w      | timestamp with time zone\n(4 rows)',
      );
      t.match(stdout, '-[ RECORD 1 ]\na | 1\nb | x\n-[ RECORD 2 ]\na | 2\nb | \n');
      t.match(stdout, ' ?column? \n----------\n        3\n');
      t.match(stdout, '\n42\n'.trim());
      t.match(stdout, 'There is no previous error.');
      t.match(stdout, '\n22012\n');
      t.match(stdout, ' NULL\n');
      t.match(stdout, 'You are connected to database "postgres" as user "postgres"');
      t.equal(stderr, 'ERROR:  division by zero\n');
    });

    await t.test('\\copy', async t => {
      const csv = join(folder, 'in.csv');
      const out = join(folder, 'out.csv');
      writeFileSync(csv, 'a,b\n10,"x, ""y"""\n11,\n12,"line\nbreak"\n');
      t.same(await psql('-c', `\\copy t from '${csv}' with (format csv, header)`), {
        code: 0,
        stdout: 'COPY 3\n',
        stderr: '',
      });
      t.same(
        await psql(
          '-c',
          `\\copy (select * from t where a >= 10 order by a) to '${out}' with (format csv, header)`,
        ),
        {code: 0, stdout: 'COPY 3\n', stderr: ''},
      );
      t.equal(readFileSync(out, 'utf8'), readFileSync(csv, 'utf8'));
      t.same(
        await run(
          'psql',
          ['-X', '-q'],
          'copy t from stdin;\n20\tone\n21\t\\N\n\\.\nselect count(*) from t;\n',
        ),
        {
          code: 0,
          stdout: ' count \n-------\n     8\n(1 row)\n\n',
          stderr: '',
        },
      );
      t.match(await run('psql', ['-X', '-q'], 'copy t from stdin;\nbad\tone\n\\.\nselect 1;\n'), {
        stdout: / 1\n/,
        stderr:
          'ERROR:  invalid input syntax for type integer: "bad"\nCONTEXT:  COPY t, line 1, column a: "bad"\n',
      });
      const binary = join(folder, 'out.bin');
      t.same((await psql('-c', `\\copy t to '${binary}' (format binary)`)).stdout, 'COPY 8\n');
      t.same(
        (
          await psql(
            '-c',
            'create table t2 (like t)',
            '-c',
            `\\copy t2 from '${binary}' (format binary)`,
            '-Atc',
            'select count(*) from (table t except table t2) x',
          )
        ).stdout,
        'CREATE TABLE\nCOPY 8\n0\n',
      );
    });

    await t.test('FETCH_COUNT, notifications, single step of \\watch', async t => {
      const {stdout, stderr} = await run(
        'psql',
        ['-X', '-At'],
        `\\set FETCH_COUNT 7
select x from generate_series(1, 20) x;
listen news;
notify news, 'hello';
`,
      );
      t.match(
        stdout,
        /^1\n2\n[^]*\n20\nLISTEN\nNOTIFY\nAsynchronous notification "news" with payload "hello" received from server process with PID \d+\.\n$/,
      );
      t.equal(stderr, '');
    });

    await t.test('pgbench', async t => {
      const initialized = await run('pgbench', ['-i', '-s', '1', '-q']);
      t.equal(initialized.code, 0, initialized.stderr);
      t.same((await psql('-Atc', 'select count(*) from pgbench_accounts')).stdout, '100000\n');
      t.equal(
        (await run('pgbench', ['-i', '-I', 'dtGvpf', '-s', '1', '-q'])).code,
        0,
        'data made by the server, foreign keys',
      );
      for (const mode of ['simple', 'extended', 'prepared']) {
        for (const script of ['tpcb-like', 'simple-update', 'select-only']) {
          const args = [
            '-n',
            '-M',
            mode,
            '-b',
            script,
            '-c',
            '4',
            '-j',
            '1',
            '-t',
            '25',
            '--random-seed=1',
          ];
          const {code, stdout, stderr} = await run('pgbench', args);
          t.equal(code, 0, `${mode} ${script} ${stderr}`);
          t.match(stdout, 'number of transactions actually processed: 100/100');
        }
      }
      t.same(
        (
          await psql(
            '-Atc',
            'select (select sum(abalance) from pgbench_accounts) - (select sum(delta) from pgbench_history), (select count(*) from pgbench_history)',
          )
        ).stdout,
        '0|600\n',
        'no update is lost',
      );
    });
  },
);
