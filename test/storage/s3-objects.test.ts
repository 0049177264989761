import {randomBytes} from 'node:crypto';
import {readdirSync, writeFileSync} from 'node:fs';
import {crc32} from 'node:zlib';
import t from 'tap';
import {openS3ObjectStore} from '../../src/storage/objects/s3-object-store.ts';
import type {ObjectStore} from '../../src/storage/objects/contract.ts';
import {SegmentCache} from '../../src/storage/objects/segment-cache.ts';
import {storageUrl} from '../../src/storage/objects/storage-url.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {probe} from '../../src/storage/objects/probe.ts';
import {S3Server, TEST_ACCESS_KEY, TEST_BUCKET, TEST_SECRET_KEY} from '../support/s3-server.ts';

const MB = 1024 * 1024;

async function setup(
  test: {teardown(run: () => Promise<void>): void},
  options: {prefix?: string; secret?: string; timeoutMs?: number; attempts?: number} = {},
): Promise<{server: S3Server; store: ObjectStore}> {
  const server = await S3Server.start();
  const store = openS3ObjectStore({
    name: 'deep',
    bucket: TEST_BUCKET,
    prefix: options.prefix ?? 'a/b',
    region: 'eu-north-1',
    endpoint: server.endpoint,
    isPathStyle: true,
    credentials: () => ({
      accessKeyId: TEST_ACCESS_KEY,
      secretAccessKey: options.secret ?? TEST_SECRET_KEY,
      sessionToken: null,
    }),
    timeoutMs: options.timeoutMs ?? 10_000,
    attempts: options.attempts ?? 4,
    pauseMs: 1,
    partBytes: 5 * MB,
  });
  test.teardown(async () => {
    await store.close();
    await server.stop();
  });
  return {server, store};
}

t.test('put, get, ranges, head, list, delete', async t => {
  const {server, store} = await setup(t);
  t.equal(await store.put("x/y z'(1)*+~&=é.parquet", Buffer.from('0123456789')), 'stored');
  t.same(server.keys(), ["a/b/x/y z'(1)*+~&=é.parquet"]);
  const key = "x/y z'(1)*+~&=é.parquet";
  t.equal(String(await store.get(key)), '0123456789');
  t.equal(String(await store.get(key, {offset: 2, length: 3})), '234');
  t.equal(String(await store.get(key, {offset: 8, length: 30})), '89');
  t.equal(String(await store.get(key, {offset: 80, length: 3})), '');
  t.equal((await store.head(key))?.size, 10);
  t.equal(await store.get('x/none'), null);
  t.equal(await store.head('x/none'), null);
  for (let i = 0; i < 5; i++) await store.put(`l/${i}`, Buffer.from('v'));
  t.same(
    (await store.list('l/')).map(info => info.key),
    ['l/0', 'l/1', 'l/2', 'l/3', 'l/4'],
  );
  t.same(
    (await store.list('l/', {after: 'l/1', limit: 2})).map(info => info.key),
    ['l/2', 'l/3'],
  );
  t.same(
    (await store.list('x/')).map(info => info.key),
    [key],
  );
  await store.delete(key);
  t.equal(await store.head(key), null);
  t.equal(await store.put('x/empty', []), 'stored');
  t.equal((await store.get('x/empty'))?.length, 0);
  await t.rejects(store.get('../x'), {code: '22023'});
});

t.test('an object that is there is never replaced', async t => {
  const {server, store} = await setup(t);
  t.equal(await store.put('k', Buffer.from('first'), {ifAbsent: true}), 'stored');
  t.equal(await store.put('k', Buffer.from('second'), {ifAbsent: true}), 'exists');
  const large = randomBytes(11 * MB);
  t.equal(await store.put('k', large, {ifAbsent: true}), 'exists');
  t.equal(String(await store.get('k')), 'first');
  t.equal(server.uploads.size, 0, 'no upload is left');
  server.ignoresPartConditions = true;
  t.equal(await store.put('k', large, {ifAbsent: true}), 'exists');
  t.equal(String(await store.get('k')), 'first');
  server.ignoresConditions = true;
  t.match((await probe(store)).error?.message, /If-None-Match/);
});

t.test('an object that comes while parts are sent is not replaced', async t => {
  const {server, store} = await setup(t);
  server.fault = ({key, query}) => {
    if (query.get('partNumber') === '2') {
      const [other] = server.objects.values();
      server.objects.set(key, other!);
    }
    return null;
  };
  await store.put('other', Buffer.from('first'));
  t.equal(await store.put('k', randomBytes(11 * MB), {ifAbsent: true}), 'exists');
  t.equal(String(await store.get('k')), 'first');
  t.equal(server.uploads.size, 0, 'no upload is left');
});

t.test('large objects go in parts', async t => {
  const {server, store} = await setup(t);
  const large = randomBytes(13 * MB);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < large.length; at += 777_777) yield large.subarray(at, at + 777_777);
  }
  t.equal(await store.put('big', pieces(), {ifAbsent: true}), 'stored');
  t.ok(large.equals((await store.get('big'))!), 'the same bytes');
  t.equal(server.seen.filter(({query}) => query.has('partNumber')).length, 3);
  const stop = new AbortController();
  server.fault = ({query}) => {
    if (query.get('partNumber') !== '2') return null;
    stop.abort(new Error('enough'));
    return 'hang';
  };
  await t.rejects(store.put('cut', pieces(), {signal: stop.signal}), {message: 'enough'});
  t.equal(server.uploads.size, 0, 'no upload is left');
  t.equal(server.objects.has('a/b/cut'), false);
});

t.test('a segment that meets a file of its name leaves it alone', async t => {
  const {server, store} = await setup(t, {prefix: ''});
  const folder = temporaryFolder('segment-cache');
  t.teardown(() => Promise.resolve(folder.remove()));
  const cache = new SegmentCache({
    directory: folder.path,
    maxBytes: MB,
    store: () => Promise.resolve(store),
  });
  await store.put('k/1.parquet', Buffer.from('another'));
  const staged = cache.stagingPath();
  writeFileSync(staged, 'mine');
  const file = {bytes: 4, checksum: crc32('mine').toString(16).padStart(8, '0')};
  const url = storageUrl('deep', 'k/1.parquet');
  await t.rejects(cache.publish(url, staged, file), {code: '58030'});
  await cache.remove(url);
  t.equal(String(server.objects.get('k/1.parquet')?.body), 'another');
  const own = storageUrl('deep', 'k/2.parquet');
  await cache.publish(own, staged, file);
  t.equal(cache.ensure(own, file), null, 'what was written is the first copy');
  await cache.remove(own);
  t.same(server.keys(), ['k/1.parquet']);
  t.same(readdirSync(folder.path), []);
});

t.test('what passes is tried again', async t => {
  const {server, store} = await setup(t, {timeoutMs: 900});
  for (const fault of [500, 503, 'reset', 'hang'] as const) {
    const failed = new Set<string>();
    server.fault = ({method, key, query}) => {
      const name = `${method} ${key} ${query.get('partNumber')} ${query.has('uploads')}`;
      if (failed.has(name)) return null;
      failed.add(name);
      return fault;
    };
    t.equal(await store.put(`k-${fault}`, Buffer.from('v'), {ifAbsent: true}), 'stored');
    t.equal(String(await store.get(`k-${fault}`)), 'v');
    t.equal(await store.put(`p-${fault}`, randomBytes(6 * MB), {ifAbsent: true}), 'stored');
    t.equal((await store.list('')).length > 0, true);
  }
});

t.test('an answer that is lost does not make a put fail', async t => {
  const {server, store} = await setup(t);
  let lost = 0;
  server.fault = ({method, query}) =>
    (method === 'PUT' || (method === 'POST' && query.has('uploadId'))) && lost++ === 0
      ? 'lose'
      : null;
  t.equal(await store.put('small', Buffer.from('v'), {ifAbsent: true}), 'stored');
  lost = 0;
  let completed = 0;
  server.fault = ({method, query}) =>
    method === 'POST' && query.has('uploadId') && completed++ === 0 ? 'lose' : null;
  t.equal(await store.put('large', randomBytes(6 * MB), {ifAbsent: true}), 'stored');
  t.equal(completed, 2);
});

t.test('what does not pass is a clear error without secrets', async t => {
  const {server, store} = await setup(t, {attempts: 3, timeoutMs: 100});
  for (const fault of [500, 'hang', 'reset'] as const) {
    server.seen.length = 0;
    server.fault = () => fault;
    await t.rejects(store.get('k'), {code: '58030', message: /s3:\/\/river-bed\/a\/b\/k/});
    t.equal(server.seen.length, 3, `${fault}: three tries`);
  }
  const wrong = await setup(t, {secret: 'another'});
  const error = await wrong.store.put('k', Buffer.from('v')).catch((caught: unknown) => caught);
  t.match(error, {code: '42501', message: /SignatureDoesNotMatch/});
  t.notMatch(JSON.stringify(error) + String((error as Error).stack), /another|AKIATEST/);
});

t.test('a storage is looked at', async t => {
  const {server, store} = await setup(t, {prefix: ''});
  const found = await probe(store);
  t.match(found, {
    isReadable: true,
    isWritable: true,
    isListable: true,
    isDeletable: true,
    keepsExisting: true,
    error: null,
  });
  t.same(server.keys(), []);
});

const REAL = process.env['WADI_TEST_S3'] ?? '';

t.test(
  'a real server',
  {skip: REAL === '' ? 'WADI_TEST_S3=http://host:port/bucket is not set' : false},
  async t => {
    const {origin, pathname} = new URL(REAL);
    const store = openS3ObjectStore({
      name: 'real',
      bucket: pathname.slice(1),
      prefix: `wadi-test-${randomBytes(6).toString('hex')}`,
      region: process.env['AWS_REGION'] ?? 'us-east-1',
      endpoint: origin,
      isPathStyle: true,
      credentials: () => ({
        accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
        secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
        sessionToken: process.env['AWS_SESSION_TOKEN'] ?? null,
      }),
      timeoutMs: 30_000,
      attempts: 3,
      pauseMs: 100,
      partBytes: 5 * MB,
    });
    t.teardown(() => store.close());
    t.match(await probe(store), {
      isReadable: true,
      isListable: true,
      isDeletable: true,
      error: null,
    });
    const key = "x/y z'(1)*+~&=é.parquet";
    const large = randomBytes(11 * MB);
    t.equal(await store.put(key, large, {ifAbsent: true}), 'stored');
    t.equal(await store.put(key, large, {ifAbsent: true}), 'exists');
    t.ok(large.equals((await store.get(key))!), 'the same bytes');
    t.ok(large.subarray(9, 99).equals((await store.get(key, {offset: 9, length: 90}))!), 'a range');
    t.same(
      (await store.list('x/')).map(info => info.key),
      [key],
    );
    await store.delete(key);
    t.equal(await store.head(key), null);
  },
);
