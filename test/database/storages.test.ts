import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {type Database, openDatabase, type OpenDatabaseOptions} from '../../src/database.ts';
import {S3Server, TEST_ACCESS_KEY, TEST_BUCKET, TEST_SECRET_KEY} from '../support/s3-server.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const TURNS = 20_000;

/** A database beside an S3 server, both ended by the test. */
class Bench {
  readonly folder = temporaryFolder('storages');
  readonly #options: Partial<OpenDatabaseOptions>;
  server!: S3Server;
  database!: Database;

  constructor(options: Partial<OpenDatabaseOptions> = {}) {
    this.#options = options;
  }

  static async start(
    test: {teardown(run: () => Promise<void>): void},
    options: Partial<OpenDatabaseOptions> = {},
  ): Promise<Bench> {
    const bench = new Bench(options);
    bench.server = await S3Server.start();
    await bench.open();
    test.teardown(async () => {
      bench.server.fault = () => null;
      await bench.database.close();
      await bench.server.stop();
      bench.folder.remove();
    });
    return bench;
  }

  get dataDir(): string {
    return join(this.folder.path, 'data');
  }

  async open(): Promise<void> {
    const keys = {
      accessKeyId: TEST_ACCESS_KEY,
      secretAccessKey: TEST_SECRET_KEY,
      sessionToken: null,
    };
    this.database = await openDatabase({
      dataDir: this.dataDir,
      ...this.#options,
      storages: {credentials: new Map([['main', keys]]), ...this.#options.storages},
    });
  }

  async restart(): Promise<void> {
    await this.database.close();
    await this.open();
  }

  async rows(sql: string, user = 'postgres'): Promise<string[]> {
    const session = this.database.session({user});
    try {
      const results = await session.queryAll(sql);
      return results.at(-1)!.rows.map(row => row.map(value => String(value)).join('|'));
    } finally {
      await session.close();
    }
  }

  async one(sql: string, user = 'postgres'): Promise<string> {
    return (await this.rows(sql, user)).join(';');
  }

  /** SQLSTATE and all texts of an error. */
  async failure(sql: string, user = 'postgres'): Promise<string> {
    try {
      await this.rows(sql, user);
      return '';
    } catch (error) {
      const {code, message, fields} = error as {code: string; message: string; fields?: object};
      return `${code} ${message} ${JSON.stringify({...fields, cause: undefined})}`;
    }
  }

  async until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      if (await check()) return;
      // Looks for files to be removed now, not when its timer fires.
      await this.database.engine.storage.filesIn({name: 'deep', type: 's3', options: {}});
      await new Promise(resolve => setImmediate(resolve));
    }
    throw new Error(`${what} did not happen`);
  }

  /** A storage `deep` in the S3 server. */
  async createDeep(more = ''): Promise<void> {
    await this.rows(`CREATE STORAGE deep TYPE 's3' BUCKET '${TEST_BUCKET}' DESCRIPTION 'old rows'
      CONFIG '{"endpoint": "${this.server.endpoint}", "prefix": "wadi", "attempts": 3, "timeout_ms": 2000}'
      CREDENTIALS '{"config": "main"}' ${more}`);
  }

  async createUsers(): Promise<void> {
    await this.rows(`CREATE SCHEMA chat; GRANT USAGE, CREATE ON SCHEMA chat TO public;
      CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN;
      CREATE TABLE chat.messages (id int8 PRIMARY KEY, body text) WITH (type = 'user', storage = 'deep');
      GRANT ALL ON chat.messages TO public`);
  }

  async insert(user: string, from: number, count: number): Promise<void> {
    await this.rows(
      `INSERT INTO chat.messages SELECT i, '${user} ' || i FROM generate_series(${from}, ${from + count - 1}) i`,
      user,
    );
  }

  flush(): Promise<string[]> {
    return this.rows('STORAGE FLUSH TABLE chat.messages');
  }

  /** Waits for the jobs of a type to end; the status and message of the newest. */
  async job(type: string): Promise<string> {
    let last = '';
    await this.until(`the ${type} job`, async () => {
      last = await this.one(
        `SELECT status, coalesce(error, message) FROM system.jobs WHERE type = '${type}' ORDER BY job_id DESC LIMIT 1`,
      );
      return /^(completed|failed|cancelled|skipped)/.test(last);
    });
    return last;
  }

  localSegments(): string[] {
    const root = join(this.dataDir, 'segments');
    if (!existsSync(root)) return [];
    return readdirSync(root, {recursive: true, encoding: 'utf8'}).filter(name =>
      name.endsWith('.parquet'),
    );
  }
}

const COUNT = 'SELECT count(*), sum(id), max(body) FROM chat.messages';

t.test('a user table on S3, from CREATE STORAGE to DROP', async t => {
  const bench = await Bench.start(t);
  await bench.createDeep();
  t.same(bench.server.keys(), [], 'the trial left nothing');
  await bench.createUsers();
  await bench.insert('alice', 1, 500);
  await bench.insert('bob', 1000, 300);
  await bench.flush();
  const owner = await bench.one("SELECT oid FROM pg_roles WHERE rolname = 'alice'");
  const keys = bench.server.keys();
  t.equal(keys.length, 2);
  t.match(keys.join(' '), new RegExp(`wadi/chat/messages/${owner}/[0-9a-f-]+\\.parquet`));
  t.same(bench.localSegments(), [], 'nothing lies in the data directory');
  t.match(await bench.rows('SELECT path FROM system.segments'), [
    /^storage:\/\/deep\/chat\//,
    /^storage:\/\/deep\/chat\//,
  ]);
  t.match(
    await bench.one("SELECT type, options, table_count FROM system.storages WHERE name = 'deep'"),
    /^s3\|.*"credentials": "config:main".*\|1$/,
  );

  await bench.restart();
  t.equal(await bench.one(COUNT, 'alice'), '500|125250|alice 99');
  t.equal(await bench.one(COUNT, 'bob'), '300|344850|bob 1299');
  t.match(await bench.failure("INSERT INTO chat.messages VALUES (7, 'again')", 'alice'), /^23505/);
  await bench.rows(
    "UPDATE chat.messages SET body = 'changed' WHERE id = 7; DELETE FROM chat.messages WHERE id > 490",
    'alice',
  );
  t.equal(await bench.one('SELECT body FROM chat.messages WHERE id = 7', 'alice'), 'changed');
  await bench.flush();
  await bench.insert('alice', 2000, 100);
  await bench.flush();
  await bench.rows('STORAGE COMPACT TABLE chat.messages');
  t.equal(
    await bench.one('SELECT count(*) FROM system.segments'),
    '2',
    'one segment for each user',
  );
  await bench.until('the removal of merged files', () => bench.server.keys().length === 2);
  t.equal(
    await bench.one('SELECT count(*), sum(id) FROM chat.messages', 'alice'),
    `590|${120295 + 204950}`,
  );

  t.match(await bench.failure('DROP STORAGE deep'), /^2BP01 .*messages/);
  await bench.rows("ALTER TABLE chat.messages SET (storage = 'local')");
  t.match(await bench.job('move'), /^completed\|890 rows in 2 segments/);
  t.equal(bench.localSegments().length, 2);
  await bench.until('the removal of moved files', () => bench.server.keys().length === 0);
  t.equal(
    await bench.one('SELECT count(*), sum(id) FROM chat.messages', 'alice'),
    `590|${120295 + 204950}`,
  );
  await bench.rows('DELETE FROM chat.messages WHERE id = 7', 'alice');

  await bench.rows("ALTER TABLE chat.messages SET (storage = 'deep')");
  t.match(await bench.job('move'), /^completed/);
  await bench.until('the removal of local files', () => bench.localSegments().length === 0);
  t.equal(bench.server.keys().length, 2);
  await bench.restart();
  t.equal(
    await bench.one('SELECT count(*), sum(id) FROM chat.messages', 'alice'),
    `589|${120295 + 204950 - 7}`,
  );
  t.same(await bench.database.engine.storage.check(), []);

  await bench.rows('DROP TABLE chat.messages');
  await bench.until('the removal of dropped files', () => bench.server.keys().length === 0);
  await bench.until(
    'an unused storage',
    async () => !/^55006/.test(await bench.failure('DROP STORAGE IF EXISTS deep')),
  );
  t.equal(await bench.one("SELECT count(*) FROM system.storages WHERE name = 'deep'"), '0');
});

t.test('faults cost tries or a clear error, never data', async t => {
  const bench = await Bench.start(t);
  await bench.createDeep();
  await bench.createUsers();
  await bench.insert('alice', 1, 200);
  const once = (fault: 500 | 503 | 'reset' | 'lose' | 'garble') => {
    const failed = new Set<string>();
    bench.server.fault = ({method, key}) => {
      if (failed.has(method + key)) return null;
      failed.add(method + key);
      return fault;
    };
  };
  for (const fault of [500, 503, 'reset', 'lose'] as const) {
    once(fault);
    await bench.insert('alice', 1000 * (bench.server.keys().length + 1), 10);
    await bench.flush();
    await bench.restart();
    once(fault);
    t.equal(
      await bench.one('SELECT count(*) FROM chat.messages', 'alice'),
      String(200 + 10 * bench.server.keys().length),
      String(fault),
    );
  }
  bench.server.fault = () => 500;
  await bench.insert('alice', 9000, 10);
  const keys = bench.server.keys();
  t.match(
    await bench.failure('STORAGE FLUSH TABLE chat.messages'),
    /^58030 .*s3:\/\/river-bed\/wadi\/chat/,
  );
  bench.server.fault = () => null;
  t.equal(
    await bench.one('SELECT count(*) FROM chat.messages', 'alice'),
    '250',
    'the rows stay hot',
  );
  t.same(bench.server.keys(), keys);
  await bench.restart();
  bench.server.fault = ({method}) => (method === 'GET' ? 503 : null);
  await t.resolves(bench.flush(), 'writing goes on');
  await bench.restart();
  await rmCache(bench);
  bench.server.fault = ({method}) => (method === 'GET' ? 503 : null);
  t.match(await bench.failure(COUNT, 'alice'), /^58030 .*storage:\/\/deep\/chat/);
  t.match(
    await bench.failure('SELECT body FROM chat.messages WHERE id = 5', 'alice'),
    /^58030 .*storage:\/\/deep\/chat/,
  );
  bench.server.fault = () => 'garble';
  t.match(await bench.failure(COUNT, 'alice'), /^XX001 .*storage:\/\/deep\/chat.*checksum/);
  once('garble');
  t.equal(
    await bench.one('SELECT count(*) FROM chat.messages', 'alice'),
    '250',
    'a garbled transfer is repeated',
  );
  bench.server.fault = () => null;

  const [first] = bench.server.keys();
  const object = bench.server.objects.get(first!)!;
  bench.server.objects.delete(first!);
  await bench.restart();
  await rmCache(bench);
  t.match(await bench.failure(COUNT, 'alice'), /^XX001 .*no such object/);
  t.match((await bench.database.engine.storage.check()).join(), /no such object/);
  bench.server.objects.set(first!, object);
  t.equal(await bench.one('SELECT count(*) FROM chat.messages', 'alice'), '250');

  bench.server.fault = ({method}) => (method === 'DELETE' ? 500 : null);
  await bench.rows('DROP TABLE chat.messages');
  await bench.restart();
  t.ok(bench.server.keys().length > 0, 'what cannot be removed yet');
  bench.server.fault = () => null;
  await bench.restart();
  await bench.until('the removal', () => bench.server.keys().length === 0);
});

/** Forgets local copies, so that the next read goes to the server. */
async function rmCache(bench: Bench): Promise<void> {
  await bench.database.close();
  const directory = join(bench.dataDir, 'cache', 'segments');
  for (const name of readdirSync(directory)) writeFileSync(join(directory, name), 'not it');
  await bench.open();
}

t.test('the cache is bounded, and its copies are checked', async t => {
  const bench = await Bench.start(t, {storages: {cacheBytes: 8000}, coldCacheBytes: 10_000});
  await bench.createDeep();
  await bench.createUsers();
  for (let i = 0; i < 8; i++) {
    await bench.insert('alice', i * 1000, 700);
    await bench.flush();
  }
  const directory = join(bench.dataDir, 'cache', 'segments');
  for (let round = 0; round < 3; round++)
    t.equal(await bench.one('SELECT count(*) FROM chat.messages', 'alice'), '5600');
  const answers = await Promise.all(
    Array.from({length: 6}, (_, i) =>
      bench.one(`SELECT count(*) FROM chat.messages WHERE body LIKE '%${i}'`, 'alice'),
    ),
  );
  t.same(
    answers,
    Array.from({length: 6}, () => '560'),
  );
  const bytes = readdirSync(directory).reduce(
    (sum, name) => sum + readFileSync(join(directory, name)).length,
    0,
  );
  const all = [...bench.server.objects.values()].reduce((sum, {body}) => sum + body.length, 0);
  t.ok(all > 20_000 && bytes <= 16_000, `${bytes} of ${all} bytes are kept`);

  bench.server.seen.length = 0;
  t.equal(await bench.one('SELECT body FROM chat.messages WHERE id = 99999', 'alice'), '');
  t.same(bench.server.seen, [], 'bounds in the manifest exclude every segment');
});

t.test('what cannot be used is refused', async t => {
  const bench = await Bench.start(t);
  const s3 = (more: string): string =>
    `CREATE STORAGE x TYPE s3 BUCKET '${TEST_BUCKET}'
      CONFIG '{"endpoint": "${bench.server.endpoint}", "attempts": 1, "timeout_ms": 500}' ${more}`;
  t.match(
    await bench.failure(
      s3(`CREDENTIALS '{"access_key_id": "a", "secret_access_key": "very-secret"}'`),
    ),
    /^22023 .*logged and shown/,
  );
  t.notMatch(await bench.failure(s3(`CREDENTIALS 'very-secret'`)), /very-secret/);
  t.match(await bench.failure(s3(`CREDENTIALS '{"config": "none"}'`)), /^58030 .*credentials/);
  bench.server.ignoresConditions = true;
  t.match(await bench.failure(s3(`CREDENTIALS '{"config": "main"}'`)), /^58030 .*If-None-Match/);
  bench.server.ignoresConditions = false;
  bench.server.fault = ({method}) => (method === 'PUT' ? 403 : null);
  t.match(await bench.failure(s3(`CREDENTIALS '{"config": "main"}'`)), /^42501 /);
  bench.server.fault = () => null;
  t.match(
    await bench.failure(
      s3(`CREDENTIALS '{"config": "main"}' USER_TABLES_TEMPLATE '{namespace}/{nobody}'`),
    ),
    /^22023 .*nobody/,
  );
  t.match(
    await bench.failure(s3(`CREDENTIALS '{"config": "main"}' USER_TABLES_TEMPLATE '../{userId}'`)),
    /^22023/,
  );
  t.match(
    await bench.failure(s3(`CREDENTIALS '{"config": "main"}' USER_TABLES_TEMPLATE '{tableName}'`)),
    /^22023 .*userId/,
  );
  t.match(
    await bench.failure(s3(`CREDENTIALS '{"config": "main"}' SHARD 'beta'`)),
    /^22023 .*hash:N/,
  );
  t.match(
    await bench.failure(s3(`CREDENTIALS '{"config": "main"}' FLAVOUR 'sweet'`)),
    /^22023 .*flavour/,
  );
  t.match(await bench.failure("CREATE STORAGE x TYPE 'gcs' BUCKET 'b'"), /^0A000/);
  t.match(await bench.failure("CREATE STORAGE x TYPE 'filesystem' PATH 'relative'"), /^42P17/);
  t.match(
    await bench.failure(`CREATE STORAGE x TYPE 'filesystem' PATH '${bench.dataDir}/segments'`),
    /^42P17/,
  );
  writeFileSync(join(bench.folder.path, 'file'), '');
  t.match(
    await bench.failure(`CREATE STORAGE x TYPE 'filesystem' PATH '${bench.folder.path}/file'`),
    /^58030 /,
  );
  t.match(await bench.failure("CREATE STORAGE local TYPE filesystem PATH '/tmp/x'"), /^42710/);
  t.match(await bench.failure("CREATE TABLE nowhere (a int4) WITH (storage = 'x')"), /^42704/);
  t.match(
    await bench.failure("CREATE STREAM TABLE s (a int4) WITH (ttl = '1s', storage = 'local')"),
    /^42P16/,
  );
  t.match(await bench.failure("CREATE TABLE s (a int4) WITH (shard = 'alpha')"), /^42P16/);
  t.match(await bench.failure('DROP STORAGE x'), /^42704/);
  t.match(await bench.failure('STORAGE CHECK x'), /^42704/);
  await bench.rows('CREATE ROLE carol LOGIN');
  t.match(await bench.failure(s3(''), 'carol'), /^42501/);
  await bench.rows(s3(`CREDENTIALS '{"config": "main"}'`));
  t.match(await bench.failure(s3('')), /^42710/);
  t.match(await bench.rows('SHOW STORAGES'), [/^local\|/, /^x\|null\|s3\|s3:\/\/river-bed\|/]);
  t.match(
    await bench.one('STORAGE CHECK x EXTENDED'),
    /^x\|healthy\|true\|true\|true\|true\|true\|[\d.]+\|0\|0\|null\|/,
  );
  bench.server.fault = () => 500;
  t.match(await bench.one('STORAGE CHECK x'), /^x\|unreachable\|false\|false\|.*InternalError/);
});

t.test('plain functions, ALTER, templates and shards', async t => {
  const shards = new Map([
    ['vowels', ({name}: {readonly name: string}) => (/^[aeiou]/.test(name) ? 'v/../1' : 'c')],
  ]);
  const bench = await Bench.start(t, {storages: {shards}});
  const disk = join(bench.folder.path, 'disk');
  mkdirSync(disk);
  t.equal(
    await bench.one(
      `SELECT system.create_storage('disk', 'filesystem', '{"base_directory": "${disk}",
        "user_tables_template": "{storage}/{namespace}.{tableName}/s={shard}/{userId}", "shard": "alpha"}')`,
    ),
    'true',
  );
  t.equal(await bench.one("SELECT system.check_storage('disk')"), 'healthy');
  await bench.rows(`CREATE ROLE alice LOGIN; CREATE ROLE "Ömer/../x" LOGIN;
    CREATE TABLE "we ird/.." (id int4 PRIMARY KEY) WITH (type = 'user', storage = 'disk'); GRANT ALL ON "we ird/.." TO public;
    CREATE TABLE shared (id int4) WITH (storage = 'disk', path_template = 'all/{tableName}')`);
  const files = (): string[] =>
    readdirSync(disk, {recursive: true, encoding: 'utf8'})
      .filter(name => name.endsWith('.parquet'))
      .map(name => name.replace(/\d+\/[^/]*$/, ''))
      .sort();
  await bench.rows('INSERT INTO "we ird/.." VALUES (1)', 'alice');
  await bench.rows('INSERT INTO "we ird/.." VALUES (1)', 'Ömer/../x');
  await bench.rows('STORAGE FLUSH TABLE "we ird/.."');
  t.same(files(), ['disk/public.we~20ird~2f~2e~2e/s=a/', 'disk/public.we~20ird~2f~2e~2e/s=other/']);
  t.equal(await bench.one(`SELECT system.alter_storage('disk', '{"shard": "vowels"}')`), 'true');
  await bench.rows('INSERT INTO "we ird/.." VALUES (2)', 'alice');
  await bench.rows('STORAGE FLUSH TABLE "we ird/.."');
  t.match(files().join(), 's=v~2f~2e~2e~2f1/');
  await bench.rows('INSERT INTO shared VALUES (1)');
  await bench.rows('STORAGE FLUSH TABLE shared');
  t.match(readdirSync(join(disk, 'all', 'shared')).length, 1);
  t.match(
    await bench.failure(`ALTER STORAGE disk SET PATH '${bench.folder.path}/other'`),
    /^2BP01/,
  );
  await bench.rows("ALTER STORAGE disk SET DESCRIPTION 'a disk' SET SHARD 'hash:4'");
  t.match(
    await bench.one("SELECT comment, options->>'shard' FROM system.storages WHERE name = 'disk'"),
    'a disk|hash:4',
  );
  await bench.restart();
  t.equal(await bench.one('SELECT count(*) FROM "we ird/.."', 'alice'), '2');
  await bench.rows('DROP TABLE "we ird/.."; DROP TABLE shared');
  await bench.until('the removal', () => files().length === 0);
  t.equal(await bench.one("SELECT system.drop_storage('disk')"), 'true');
});

for (const isRestarted of [true, false]) {
  const when = isRestarted ? 'the next start' : 'the next ALTER';
  t.test(`a cancelled move leaves rows readable, goes on at ${when}`, t =>
    cancelled(t, isRestarted),
  );
}

async function cancelled(t: Test, isRestarted: boolean): Promise<void> {
  const bench = await Bench.start(t);
  await bench.createDeep();
  await bench.createUsers();
  for (let i = 0; i < 4; i++) {
    await bench.insert('alice', i * 100, 50);
    await bench.flush();
  }
  await bench.rows("ALTER TABLE chat.messages SET (storage = 'local')");
  t.match(await bench.job('move'), /^completed/);
  let puts = 0;
  bench.server.fault = ({method}) => (method === 'PUT' && ++puts > 2 ? 'hang' : null);
  await bench.rows("ALTER TABLE chat.messages SET (storage = 'deep')");
  await bench.until('two segments are moved', () => puts > 2);
  const id = await bench.one(
    "SELECT job_id FROM system.jobs WHERE type = 'move' ORDER BY job_id DESC LIMIT 1",
  );
  t.equal(
    await bench.one(`SELECT progress > 0 AND progress < 1 FROM system.jobs WHERE job_id = ${id}`),
    'true',
  );
  await bench.insert('alice', 5000, 1);
  await bench.rows(`KILL JOB ${id}`);
  t.match(await bench.job('move'), /^cancelled/);
  bench.server.fault = () => null;
  t.equal(await bench.one('SELECT count(*) FROM chat.messages', 'alice'), '201');
  t.equal(bench.localSegments().length, 2);
  if (isRestarted) await bench.restart();
  else await bench.rows("ALTER TABLE chat.messages SET (storage = 'deep')");
  await bench.until('the rest is moved', () => bench.localSegments().length === 0);
  t.equal(await bench.one('SELECT count(*) FROM chat.messages', 'alice'), '201');
}
