import {randomBytes} from 'node:crypto';
import {readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import type {Segment, SegmentMeta, SegmentStore} from '../../src/storage/cold/contract.ts';
import {createSegmentStore} from '../../src/storage/cold/segment-store.ts';
import {END, PAUSE} from '../../src/storage/contract.ts';
import type {ObjectStore} from '../../src/storage/objects/contract.ts';
import {openS3ObjectStore} from '../../src/storage/objects/s3-object-store.ts';
import {storageUrl} from '../../src/storage/objects/storage-url.ts';
import {S3Server, TEST_ACCESS_KEY, TEST_BUCKET, TEST_SECRET_KEY} from '../support/s3-server.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {column, noStats, sourceOf} from './cold-support.ts';

const MB = 1024 * 1024;
const ROWS = 40_000;
const KEY = 'deep/1.parquet';
const URL = storageUrl('far', KEY);

const columns = [
  column(-101, '_rid', 'int8', {notNull: true}),
  column(1, 'id', 'int8', {notNull: true, fpp: 0.01}),
  column(2, 'body', 'text'),
  column(3, 'kind', 'text'),
];

/** A segment of about 12 MB that does not shrink when it is packed: written once for all tests. */
let written: {readonly body: Buffer; readonly meta: SegmentMeta} | null = null;
const bodyOf = (i: number): string => bodies.subarray(i * 320, i * 320 + 320).toString('hex');
const bodies = randomBytes(ROWS * 320);

class Bench {
  readonly folder = temporaryFolder('blocks');
  server!: S3Server;
  objects!: ObjectStore;
  store!: SegmentStore;
  meta!: SegmentMeta;

  static async start(
    test: Test,
    options: {maxBytes?: number; attempts?: number} = {},
  ): Promise<Bench> {
    const bench = new Bench();
    bench.server = await S3Server.start();
    bench.objects = openS3ObjectStore({
      ...{name: 'far', bucket: TEST_BUCKET, prefix: '', region: 'eu-north-1'},
      ...{endpoint: bench.server.endpoint, isPathStyle: true, timeoutMs: 5000, pauseMs: 1},
      ...{attempts: options.attempts ?? 4, partBytes: 8 * MB},
      credentials: () => ({
        ...{accessKeyId: TEST_ACCESS_KEY, secretAccessKey: TEST_SECRET_KEY, sessionToken: null},
      }),
    });
    bench.open(options.maxBytes);
    await bench.put();
    test.teardown(async () => {
      bench.server.fault = () => null;
      await bench.store.close();
      await bench.objects.close();
      await bench.server.stop();
      bench.folder.remove();
    });
    return bench;
  }

  get directory(): string {
    return join(this.folder.path, 'blocks');
  }

  open(maxBytes = 400 * MB): void {
    this.store = createSegmentStore({
      cacheBytes: 64 * MB,
      remote: {
        directory: join(this.folder.path, 'segments'),
        maxBytes,
        store: () => Promise.resolve(this.objects),
      },
    });
  }

  async put(): Promise<void> {
    if (written === null) {
      const path = join(this.folder.path, 'made.parquet');
      const rows = Array.from({length: ROWS}, (_, i) => [
        ...[BigInt(i + 1), BigInt(i) * 3n, bodyOf(i), `kind ${i % 7}`],
      ]);
      const meta = await this.store.write(
        {path, columns, schemaVersion: 1, metadata: {}, rowGroupRows: 8192},
        sourceOf(rows, columns.length),
      );
      written = {body: readFileSync(path), meta};
    }
    this.meta = written.meta;
    await this.objects.put(KEY, written.body);
    this.server.seen.length = 0;
  }

  segment(): Segment {
    return this.store.open(URL, this.meta, columns);
  }

  /** As after a restart of the server. */
  async restart(): Promise<void> {
    await this.store.close();
    this.open();
    this.server.seen.length = 0;
  }

  get requests(): number {
    return this.server.seen.filter(({method}) => method === 'GET').length;
  }

  get bytes(): number {
    return this.server.seen.reduce((sum, {range}) => {
      const [, from, to] = /(\d+)-(\d+)/.exec(range ?? '') ?? [];
      return sum + (from === undefined ? 0 : Number(to) - Number(from) + 1);
    }, 0);
  }
}

async function lookup(segment: Segment, i: number): Promise<readonly unknown[] | null> {
  const found = await segment.find(
    [{attnum: 1, type: columns[1]!.type, value: BigInt(i) * 3n}],
    noStats(),
  );
  if (found.length === 0) return null;
  const wanted = columns.slice(1).map(({attnum, type}) => ({attnum, type, missing: null}));
  return (await segment.read(found, wanted))[0]!;
}

const rowOf = (i: number): readonly unknown[] => [BigInt(i) * 3n, bodyOf(i), `kind ${i % 7}`];

/** Rows of a scan of some columns; the longest row of turns without a pause is not of interest. */
async function scan(segment: Segment, attnums: readonly number[], from = 0): Promise<number> {
  const id = columns[1]!.type;
  const cursor = segment.scan({
    columns: columns
      .filter(({attnum}) => attnums.includes(attnum))
      .map(({attnum, type}) => ({attnum, type, missing: null})),
    withPosition: true,
    predicates:
      from === 0
        ? []
        : [{attnum: 1, type: id, op: '>=', values: [BigInt(from) * 3n], missing: null}],
    deletions: null,
    stats: noStats(),
  });
  let rows = 0;
  try {
    for (;;) {
      const batch = cursor.next(1024);
      if (batch === END) return rows;
      if (batch === PAUSE) await cursor.pause;
      else rows += batch.count;
    }
  } finally {
    cursor.close();
  }
}

t.test('a lookup fetches the blocks that it needs', async t => {
  const bench = await Bench.start(t);
  t.ok(bench.meta.bytes > 10 * MB, `the segment has ${bench.meta.bytes} bytes`);
  t.same(await lookup(bench.segment(), 12_345), rowOf(12_345));
  t.ok(bench.requests <= 5, `${bench.requests} requests`);
  t.ok(bench.bytes <= 2 * MB, `${bench.bytes} bytes`);
  const {requests} = bench;
  t.same(await lookup(bench.segment(), 12_345), rowOf(12_345));
  t.equal(bench.requests, requests, 'what is here is not fetched again');
  t.equal(await lookup(bench.segment(), ROWS + 5), null);
  t.equal(bench.requests, requests, 'the manifest excludes a key');
  await bench.restart();
  t.same(await lookup(bench.segment(), 12_345), rowOf(12_345));
  t.equal(bench.requests, 0, 'blocks outlive a restart');
});

t.test('a scan reads ahead with few large requests', async t => {
  const bench = await Bench.start(t);
  t.equal(await scan(bench.segment(), [-101, 1, 2, 3]), ROWS);
  t.ok(bench.requests <= 3 + Math.ceil(bench.meta.bytes / MB), `${bench.requests} requests`);
  t.ok(bench.bytes <= bench.meta.bytes + MB, 'no byte twice');
  await bench.restart();
  rmSync(bench.directory, {recursive: true});
  t.equal(await scan(bench.segment(), [1]), ROWS);
  t.ok(bench.bytes < bench.meta.bytes / 2, `${bench.bytes} bytes for a small column`);
  await bench.restart();
  rmSync(bench.directory, {recursive: true});
  const rows = await scan(bench.segment(), [1, 2], ROWS - 100);
  t.ok(rows >= 100 && rows <= 8192);
  t.ok(bench.bytes < bench.meta.bytes / 2, `${bench.bytes} bytes for the last rows`);
});

t.test('many read at once; the bound holds', async t => {
  const maxBytes = 4 * MB;
  const bench = await Bench.start(t, {maxBytes});
  const segment = bench.segment();
  const keys = Array.from({length: 60}, (_, i) => (i * 7919) % ROWS);
  const [scanned, ...rows] = await Promise.all([
    scan(segment, [1, 2]),
    ...keys.map(key => lookup(segment, key)),
  ]);
  t.equal(scanned, ROWS);
  t.same(rows, keys.map(rowOf));
  const kept = readdirSync(bench.directory).reduce(
    (sum, name) => sum + statSync(join(bench.directory, name)).size,
    0,
  );
  t.ok(kept <= 2 * maxBytes + MB, `${kept} bytes are kept`);
});

t.test('faults cost tries, never rows', async t => {
  const bench = await Bench.start(t);
  for (const fault of [500, 503, 'reset', 'garble'] as const) {
    let left = fault === 'garble' ? 1 : 3;
    bench.server.fault = ({method}) => (method === 'GET' && left-- > 0 ? fault : null);
    rmSync(bench.directory, {recursive: true, force: true});
    await bench.restart();
    t.same(await lookup(bench.segment(), 31_000), rowOf(31_000), `a lookup with ${fault}`);
    left = fault === 'garble' ? 1 : 3;
    t.equal(await scan(bench.segment(), [1, 2, 3]), ROWS, `a scan with ${fault}`);
  }
  bench.server.fault = () => 500;
  await bench.restart();
  rmSync(bench.directory, {recursive: true, force: true});
  await t.rejects(lookup(bench.segment(), 5), {code: '58030', message: new RegExp(KEY)});
  await t.rejects(scan(bench.segment(), [1]), {code: '58030', message: new RegExp(KEY)});
  bench.server.fault = () => null;
  t.same(await lookup(bench.segment(), 5), rowOf(5), 'and then it goes on');
});

t.test('damage is XX001 and names the file', async t => {
  const bench = await Bench.start(t);
  const damaged = Buffer.from(written!.body);
  for (let at = 1000; at < damaged.length - 100_000; at += 5000) damaged[at]! ^= 0xff;
  await bench.objects.put(KEY, damaged);
  await t.rejects(lookup(bench.segment(), 100), {code: 'XX001', message: new RegExp(KEY)});
  await t.rejects(scan(bench.segment(), [1, 2]), {code: 'XX001', message: new RegExp(KEY)});
  await bench.objects.put(KEY, damaged.subarray(0, 5 * MB));
  await bench.restart();
  rmSync(bench.directory, {recursive: true, force: true});
  await t.rejects(lookup(bench.segment(), 100), {code: 'XX001', message: new RegExp(KEY)});
  await bench.objects.delete(KEY);
  await t.rejects(lookup(bench.segment(), 100), {code: 'XX001', message: /no such object/});
  await bench.put();
  t.same(await lookup(bench.segment(), 100), rowOf(100));
});

t.test('a block that was torn is never served', async t => {
  const bench = await Bench.start(t);
  t.same(await lookup(bench.segment(), 20_000), rowOf(20_000));
  for (const damage of ['cut', 'zeros', 'flip', 'swap'] as const) {
    await bench.store.close();
    const names = readdirSync(bench.directory);
    t.ok(names.length >= 2);
    for (const name of names) {
      const path = join(bench.directory, name);
      const bytes = readFileSync(path);
      if (damage === 'cut') truncateSync(path, bytes.length >> 1);
      else if (damage === 'zeros') writeFileSync(path, Buffer.alloc(bytes.length));
      else if (damage === 'flip') {
        bytes[bytes.length - 7]! ^= 1;
        writeFileSync(path, bytes);
      } else writeFileSync(path, readFileSync(join(bench.directory, names[0]!)));
    }
    writeFileSync(join(bench.directory, `${names[0]!}.new`), 'left by a crash');
    bench.open();
    t.same(await lookup(bench.segment(), 20_000), rowOf(20_000), damage);
    t.notOk(readdirSync(bench.directory).some(name => name.endsWith('.new')));
  }
});

t.test('a replaced object is noticed', async t => {
  const bench = await Bench.start(t);
  t.same(await lookup(bench.segment(), 3), rowOf(3));
  const other = Buffer.from(written!.body);
  other[other.length - 20]! ^= 0xff;
  await bench.objects.put(KEY, other);
  await t.rejects(scan(bench.segment(), [1, 2]), {code: 'XX001', message: new RegExp(KEY)});
  // The same bytes under another ETag (a multipart upload's) are read on.
  await bench.put();
  t.same(await lookup(bench.segment(), 3), rowOf(3));
  const object = bench.server.objects.get(KEY)!;
  bench.server.objects.set(KEY, {...object, etag: '"another-2"'});
  t.equal(await scan(bench.segment(), [1, 2]), ROWS);
  t.same(await lookup(bench.segment(), 39_999), rowOf(39_999));
});

t.test('a check reads all of the object', async t => {
  const bench = await Bench.start(t);
  t.same(await bench.segment().check(bench.meta), []);
  const damaged = Buffer.from(written!.body);
  damaged[MB]! ^= 0xff;
  await bench.objects.put(KEY, damaged);
  t.match(await bench.segment().check(bench.meta), [/checksum/]);
});
