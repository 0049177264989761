import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {zstdDecompressSync} from 'node:zlib';
import Database from 'better-sqlite3';
import {parquetReadObjects} from 'hyparquet';
import t from 'tap';
import yauzl from 'yauzl';
import {connect, failure, rows} from '../jobs/support.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

const compressors = {ZSTD: (input: Uint8Array) => zstdDecompressSync(input)};

/** Files of a zip by name. */
async function unzip(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const zip = await yauzl.openPromise(path);
  const files = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    const parts: Buffer[] = [];
    for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part as Buffer);
    files.set(entry.fileName, Buffer.concat(parts));
  }
  return files;
}

t.test("a user's data can be exported, imported and deleted", {timeout: 300_000}, async t => {
  const folder = temporaryFolder('user-data');
  t.teardown(() => folder.remove());
  const server = await startWadi({dataDir: folder.path});
  t.teardown(() => server.stop());
  const client = await connect(server);
  t.teardown(() => client.end());
  await client.query(
    'CREATE ROLE bob LOGIN; CREATE ROLE ann LOGIN; CREATE SCHEMA chat; GRANT USAGE ON SCHEMA chat TO bob, ann',
  );
  await client.query(
    `CREATE USER TABLE chat.messages (id int PRIMARY KEY, body text NOT NULL CHECK (body <> ''), at timestamptz, n numeric, j jsonb,
       len int GENERATED ALWAYS AS (length(body)) STORED)`,
  );
  await client.query('CREATE USER TABLE notes (k text PRIMARY KEY, tags text[])');
  await client.query('CREATE USER TABLE nothing (id int)');
  await client.query('GRANT ALL ON chat.messages, notes TO bob, ann');
  for (const user of ['bob', 'ann']) {
    await client.query(
      `INSERT INTO chat.messages (_user_id, id, body, at, n, j)
         SELECT '${user}', i, '${user} secret ' || i, '2026-01-01'::timestamptz + i * interval '1 s', i / 8.0, jsonb_build_object('i', i)
         FROM generate_series(1, 500) i`,
    );
    await client.query(
      `INSERT INTO notes (_user_id, k, tags) VALUES ('${user}', 'a', '{x,NULL}'), ('${user}', 'b', NULL)`,
    );
  }
  await client.query('STORAGE FLUSH TABLE chat.messages');
  await client.query("DELETE FROM chat.messages WHERE _user_id = 'bob' AND id <= 100");
  await client.query(
    "UPDATE chat.messages SET body = 'bob secret changed' WHERE _user_id = 'bob' AND id = 200",
  );
  const bob = await connect(server, 'bob');
  t.teardown(() => bob.end());
  const picture = async () => [
    ...(await rows(bob, 'SELECT * FROM chat.messages ORDER BY id')),
    ...(await rows(bob, 'SELECT * FROM notes ORDER BY k')),
  ];
  const before = await picture();
  t.equal(await failure(bob, "EXPORT USER DATA FOR 'ann'"), '42501');
  t.equal(
    await failure(bob, "EXPORT USER DATA FOR 'nobody'"),
    '42501',
    'rights come before existence',
  );
  t.equal(await failure(client, "EXPORT USER DATA FOR 'nobody'"), '42704');
  t.equal(await failure(bob, "EXPORT USER DATA TO '/var/tmp/x.zip'"), '42501');
  t.equal(await failure(bob, "DROP USER DATA FOR 'ann'"), '42501');
  const [[, path, tables, count]] = (await rows(bob, 'EXPORT USER DATA')) as [string[]];
  t.same([tables, count], ['3', '402']);
  const files = await unzip(path!);
  const manifest = JSON.parse(files.get('manifest.json')!.toString()) as {
    user: string;
    tables: {
      name: string;
      columns: {name: string; type: string}[];
      files: {file: string; rows: number}[];
    }[];
  };
  t.equal(manifest.user, 'bob');
  t.same(
    manifest.tables.map(({name, files: of}) => [name, of.map(({rows: r}) => r)]),
    [
      ['messages', [400]],
      ['notes', [2]],
      ['nothing', []],
    ],
  );
  const parquet = files.get(manifest.tables[1]!.files[0]!.file)!;
  const bytes = parquet.buffer.slice(
    parquet.byteOffset,
    parquet.byteOffset + parquet.length,
  ) as ArrayBuffer;
  t.same(
    (await parquetReadObjects({file: bytes, compressors})).map(({k}) => String(k)).sort(),
    ['a', 'b'],
    'any reader can read it',
  );
  const kept = join(folder.path, 'kept.zip');
  writeFileSync(kept, readFileSync(path!));

  t.equal(await failure(bob, `IMPORT USER DATA FROM '${path}'`), '23505', 'the rows are there');
  t.equal(
    await failure(bob, `IMPORT USER DATA FROM '${kept}'`),
    '42501',
    'not from the own exports',
  );
  t.same(await picture(), before);
  const [[, gone, deleted, parts, remains]] = (await rows(client, "DROP USER DATA FOR 'bob'")) as [
    string[],
  ];
  t.same([gone, deleted], ['2', '402']);
  t.ok(Number(parts) > 0);
  t.match(remains, /backups/);
  t.same(await picture(), []);
  t.same(await rows(client, "SELECT count(*) FROM chat.messages WHERE _user_id = 'ann'"), [
    ['500'],
  ]);
  t.same(await rows(client, "SELECT count(*) FROM system.segments WHERE owner = 'bob'"), [['0']]);
  t.equal(existsSync(path!), false, 'his exports are gone');
  t.same(await rows(client, 'SELECT system.fsck()'), [['{}']]);

  t.match(await rows(client, `IMPORT USER DATA FROM '${kept}' FOR 'bob'`), [[/^\d+$/, '3', '402']]);
  t.same(await picture(), before, 'equal again');
  await client.query(
    "ALTER TABLE notes RENAME COLUMN tags TO labels; DELETE FROM notes WHERE _user_id = 'bob'",
  );
  await client.query("DELETE FROM chat.messages WHERE _user_id = 'bob'");
  t.equal(await failure(client, `IMPORT USER DATA FROM '${kept}' FOR 'bob'`), '42703');
  t.same(
    await rows(bob, 'SELECT count(*) FROM chat.messages'),
    [['0']],
    'nothing of a refused import stays',
  );
  const damaged = readFileSync(kept);
  damaged[damaged.length >> 1]! ^= 1;
  writeFileSync(kept, damaged);
  t.equal(await failure(client, `IMPORT USER DATA FROM '${kept}' FOR 'bob'`), 'XX001');
  t.same(
    await rows(
      client,
      "SELECT actor, action FROM system.audit_log WHERE subject = 'bob' AND action LIKE '%data' ORDER BY 1, 2",
    ),
    [
      ['postgres', 'delete user data'],
      ...Array<string[]>(4).fill(['postgres', 'import user data']),
    ].slice(0, -1),
  );
  t.same(
    await rows(
      client,
      "SELECT type, status, count(*) FROM system.jobs WHERE type IN ('export', 'import', 'cleanup') GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    [
      ['cleanup', 'completed', '1'],
      ['export', 'completed', '1'],
      ['import', 'completed', '1'],
      ['import', 'failed', '4'],
    ],
  );
  const ann = await connect(server, 'ann');
  t.teardown(() => ann.end());
  t.same(
    await rows(ann, "SELECT count(*) FROM system.jobs WHERE type = 'export'"),
    [['0']],
    'jobs about others are not shown',
  );
  t.equal(await failure(client, 'BEGIN; EXPORT USER DATA'), '25001');
  await client.query('ROLLBACK');
});

t.test('nothing that can be read of a deleted user stays', {timeout: 300_000}, async t => {
  const folder = temporaryFolder('user-data');
  t.teardown(() => folder.remove());
  const server = await startWadi({dataDir: folder.path});
  const client = await connect(server);
  await client.query('CREATE ROLE bob; CREATE USER TABLE own (id int PRIMARY KEY, body text)');
  const insert = (from: number) =>
    client.query(
      `INSERT INTO own (_user_id, id, body) SELECT 'bob', i, 'zeb' || 'ra-' || i FROM generate_series(${from}, ${from + 999}) i`,
    );
  await insert(1);
  await client.query('STORAGE FLUSH TABLE own');
  await insert(2000);
  await client.query(
    "UPDATE own SET body = body || ' again' WHERE _user_id = 'bob' AND id % 2 = 0",
  );
  await client.query("SELECT system.export_user_data('bob')");
  await client.query("SELECT system.delete_user_data('bob')");
  await client.end();
  await server.stop();
  const left = readdirSync(folder.path, {recursive: true, withFileTypes: true})
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(path => readFileSync(path).includes('zebra-'));
  t.same(left, [join(folder.path, 'wadi.db')], 'only free pages of SQLite');
  const db = new Database(join(folder.path, 'wadi.db'), {readonly: true});
  for (const text of ['zebra-', Buffer.from('zebra-').toString('base64')]) {
    for (const [table, column] of [
      ['log', 'data'],
      ['segments', 'meta'],
    ]) {
      const found = db
        .prepare(
          `SELECT count(*) FROM ${table} WHERE instr(CAST(${column} AS BLOB), CAST(? AS BLOB)) > 0`,
        )
        .pluck()
        .get(text);
      t.equal(found, 0, `${table}: ${text}`);
    }
  }
  db.close();
});
