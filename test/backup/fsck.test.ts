// Every kind of damage is found by `wadi fsck` and by system.fsck(), and named.
import {copyFileSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {crc32} from 'node:zlib';
import Database from 'better-sqlite3';
import {parquetMetadata} from 'hyparquet';
import t from 'tap';
import {openDatabase} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {wadi} from './support.ts';

t.setTimeout(600_000);

interface Made {
  readonly data: string;
  /** Segment of table `a`. */
  readonly path: string;
  readonly segment: number;
  /** SQLite's names of the hot rows of `a` and `b`, and what the change log has of `b`. */
  readonly hotA: string;
  readonly hotB: string;
}

/** Table `a`: 5,000 rows in a segment, ten of them deleted, a hot one. Table `b`: hot rows of two shapes. */
async function make(data: string): Promise<Made> {
  const database = await openDatabase({dataDir: data});
  const session = database.session();
  await session.query('CREATE TABLE a (id int PRIMARY KEY, n int UNIQUE, s text)');
  await session.query(
    `INSERT INTO a SELECT g, CASE WHEN g > 50 THEN g END, 'row ' || g FROM generate_series(1, 5000) g`,
  );
  await session.query('CREATE INDEX ON a USING bloom (s)');
  await session.query('STORAGE FLUSH TABLE a');
  await session.query('DELETE FROM a WHERE id <= 10');
  await session.query(`INSERT INTO a VALUES (6000, 6000, 'hot')`);
  await session.query('CREATE TABLE b (id int PRIMARY KEY, s text)');
  await session.query(`INSERT INTO b SELECT g, 'x' FROM generate_series(1, 20) g`);
  await session.query('ALTER TABLE b ADD COLUMN more int');
  await session.query('INSERT INTO b VALUES (100, NULL, 1)');
  await session.query('BEGIN; INSERT INTO a VALUES (6001); INSERT INTO b VALUES (101); COMMIT');
  const segments = await session.query('SELECT path FROM system.segments');
  const oids = await session.query(`SELECT 'a'::regclass::oid, 'b'::regclass::oid`);
  const path = String(segments.rows[0]![0]);
  const [a, b] = oids.rows[0]!.map(String) as [string, string];
  await session.close();
  await database.close();
  const db = new Database(join(data, 'wadi.db'), {readonly: true});
  const [hotA, hotB] = [a, b].map(oid =>
    String(
      db
        .prepare(`SELECT 't_' || tbl || '_' || max(version) FROM generations WHERE tbl = ${oid}`)
        .pluck()
        .get(),
    ),
  ) as [string, string];
  const segment = Number(db.prepare('SELECT id FROM segments').pluck().get());
  db.close();
  return {data, path, segment, hotA, hotB};
}

type Damage = readonly [what: string, harm: (made: Made) => void, finding: RegExp];

function sql(text: (made: Made) => string): (made: Made) => void {
  return made => {
    const db = new Database(join(made.data, 'wadi.db'));
    db.exec(text(made));
    db.close();
  };
}

/** Changes the manifest's description of the segment. */
function meta(change: (meta: Record<string, unknown>) => void): (made: Made) => void {
  return ({data}) => {
    const db = new Database(join(data, 'wadi.db'));
    const json = JSON.parse(
      String(db.prepare('SELECT meta FROM segments').pluck().get()),
    ) as Record<string, unknown>;
    change(json);
    db.prepare('UPDATE segments SET meta = ?').run(JSON.stringify(json));
    db.close();
  };
}

type Stats = {attnum: number; nullCount: number; minKey: string | null; maxKey: string | null};

function stats(attnum: number, change: (stats: Stats) => void): (made: Made) => void {
  return meta(({columns}) => change((columns as Stats[]).find(each => each.attnum === attnum)!));
}

const key = Buffer.from('no such key').toString('base64');
const copyHot = (from: string, changes: string): string =>
  `CREATE TEMP TABLE copied AS SELECT * FROM ${from} LIMIT 1; UPDATE copied SET ${changes}; INSERT INTO ${from} SELECT * FROM copied`;
const lastPart = `(SELECT max(id) FROM log WHERE length(data) > 40)`;

const damages: readonly Damage[] = [
  [
    'a unique key twice in hot rows',
    sql(({hotB}) => copyHot(hotB, '_rid = 17')),
    /^(index public\.b_pkey: rows \d+ and \d+ have the same key|table \d+: row 17 is stored hot more than once)$/m,
  ],
  [
    'a unique key in hot rows and a segment',
    sql(({hotA}) => `UPDATE ${hotA} SET c1 = 4711 WHERE c1 = 6000`),
    /^index public\.a_pkey: rows \d+ and \d+ have the same key$/m,
  ],
  [
    'a unique key of a second index',
    sql(({hotA}) => `UPDATE ${hotA} SET c2 = 4711 WHERE c1 = 6000`),
    /^index public\.a_n_key: rows \d+ and \d+ have the same key$/m,
  ],
  [
    'a row hot and in a segment',
    sql(({hotA}) => `UPDATE ${hotA} SET _rid = 100 WHERE c1 = 6000`),
    /^table public\.a: row 100 is stored more than once$/m,
  ],
  [
    'a row id that was never given out',
    sql(({hotB}) => `UPDATE ${hotB} SET _rid = 1000000000 WHERE c1 = 100`),
    /^wadi\.db: 1 rows of t_\d+_\d+ have a row id or seq that was never given out$/m,
  ],
  [
    'a hot table that is gone',
    sql(({hotB}) => `DROP TABLE ${hotB}`),
    /^wadi\.db: hot table t_\d+_\d+ is listed but missing$/m,
  ],
  [
    'deletions beyond the rows',
    ({data, segment}) => {
      const db = new Database(join(data, 'wadi.db'));
      const bits = new Uint8Array(512);
      bits[511] = 0x80;
      db.prepare('INSERT INTO deletions VALUES (?, 7, ?)').run(segment, bits);
      db.close();
    },
    /parquet: row 32767 is marked as deleted, but it has 5000 rows$/m,
  ],
  [
    'a short page of deletions',
    sql(({segment}) => `UPDATE deletions SET bits = x'ff' WHERE segment = ${segment}`),
    /^wadi\.db: page 0 of the deletions of segment \d+ is no such page$/m,
  ],
  [
    'deletions of nothing',
    sql(() => `INSERT INTO deletions VALUES (999, 0, zeroblob(512))`),
    /^wadi\.db: 1 pages of deletions are of segment 999, which does not exist$/m,
  ],
  [
    'a part of the change log that is cut',
    sql(() => `UPDATE log SET data = substr(data, 1, 20) WHERE id = ${lastPart}`),
    /^change log: part \d+ of commit \d+ cannot be read: /m,
  ],
  [
    'a part of the change log that is garbage',
    sql(() => `UPDATE log SET data = randomblob(100) WHERE id = ${lastPart}`),
    /^change log: part \d+ of commit \d+ cannot be read: /m,
  ],
  [
    'a part of the change log that is missing',
    sql(
      () =>
        `DELETE FROM log WHERE id = (SELECT min(id) FROM log WHERE id & 1048575 = 0 AND id + 1 IN (SELECT id FROM log))`,
    ),
    /^change log: commit \d+ lacks part 0$/m,
  ],
  [
    'a wrong number of rows',
    meta(json => (json['rows'] = 4999)),
    /parquet: it has 5000 rows instead of 4999$/m,
  ],
  [
    'a wrong number of NULLs',
    stats(2, each => (each.nullCount = 3)),
    /column 2: it has 50 NULLs instead of 3$/m,
  ],
  [
    'a wrong smallest value',
    stats(1, each => (each.minKey = key)),
    /column 1: the smallest value is not that of the manifest$/m,
  ],
  [
    'a wrong largest value',
    stats(1, each => (each.maxKey = key)),
    /column 1: the largest value is not that of the manifest$/m,
  ],
  [
    'a checksum',
    meta(json => (json['checksum'] = '00000000')),
    /parquet: the checksum is \w+ instead of 00000000$/m,
  ],
  [
    'a bloom filter without its values',
    made => {
      const bytes = readFileSync(made.path);
      const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
      const {columns} = parquetMetadata(buffer).row_groups[0]!;
      const filters = columns.map(each => each.meta_data?.bloom_filter_offset);
      const from = Number(filters.find(offset => offset !== undefined)) + 64;
      bytes.fill(0, from, from + 1024);
      writeFileSync(made.path, bytes);
      const checksum = crc32(bytes).toString(16).padStart(8, '0');
      meta(json => (json['checksum'] = checksum))(made);
    },
    /parquet: .*: a bloom filter does not match its checksum$/m,
  ],
  ['a segment that is gone', ({path}) => renameSync(path, `${path}.away`), /parquet: .*ENOENT.*$/m],
  [
    'a segment that is cut',
    ({path}) => writeFileSync(path, readFileSync(path).subarray(0, 1000)),
    /parquet: /m,
  ],
  ['a segment that is empty', ({path}) => writeFileSync(path, ''), /parquet: /m],
  [
    'a file of no table',
    ({path}) => writeFileSync(join(path, '..', 'orphan.parquet'), 'x'),
    /orphan\.parquet: no table has this file$/m,
  ],
];

t.test('damage of every kind', async t => {
  const folder = temporaryFolder('fsck');
  t.teardown(() => folder.remove());
  const made = await make(join(folder.path, 'data'));
  const database = join(made.data, 'wadi.db');
  const saved = join(folder.path, 'saved');
  copyFileSync(database, saved);
  const segment = readFileSync(made.path);
  t.match(await wadi('fsck', '--data-dir', made.data), {status: 0, stdout: ''}, 'sound');
  for (const [what, harm, finding] of damages) {
    harm(made);
    const found = await wadi('fsck', '--data-dir', made.data);
    t.equal(found.status, 1, what);
    t.match(found.stdout, finding, `${what} ${found.stderr}`);
    const online = await openDatabase({dataDir: made.data}).catch((error: unknown) => error);
    if (online instanceof Error) t.comment(`${what}: no start: ${online.message}`);
    else {
      const running = online as Awaited<ReturnType<typeof openDatabase>>;
      const session = running.session();
      const {rows} = await session.query(
        'SELECT array_to_string(f, chr(10)) FROM (SELECT system.fsck() AS f OFFSET 0) AS found',
      );
      t.match(String(rows[0]![0]), finding, `${what}, online`);
      await session.close();
      await running.close();
    }
    for (const rest of ['-wal', '-shm']) rmSync(database + rest, {force: true});
    copyFileSync(saved, database);
    writeFileSync(made.path, segment);
    for (const rest of [`${made.path}.away`, join(made.path, '..', 'orphan.parquet')])
      rmSync(rest, {force: true});
  }
  t.match(await wadi('fsck', '--data-dir', made.data), {status: 0, stdout: ''}, 'sound again');
});
