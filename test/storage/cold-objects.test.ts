import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import {openFileObjectStore} from '../../src/storage/objects/file-object-store.ts';

t.test('objects are stored whole, once, in order', async t => {
  const root = mkdtempSync(join(tmpdir(), 'wadi-objects-'));
  t.teardown(() => rmSync(root, {recursive: true, force: true}));
  const store = await openFileObjectStore(join(root, 'deep', 'er'));
  t.equal(await store.put('a/b/one', Buffer.from('hello'), {ifAbsent: true}), 'stored');
  t.equal(await store.put('a/b/one', Buffer.from('other'), {ifAbsent: true}), 'exists');
  t.equal((await store.get('a/b/one'))?.toString(), 'hello');
  const before = await store.head('a/b/one');
  t.equal(await store.put('a/b/one', [Buffer.from('new'), Buffer.from(' text')]), 'stored');
  t.equal((await store.get('a/b/one', {offset: 4, length: 100}))?.toString(), 'text');
  t.equal((await store.get('a/b/one', {offset: 100, length: 1}))?.length, 0);
  const info = await store.head('a/b/one');
  t.equal(info?.size, 8);
  t.not(info?.etag, before?.etag);
  t.equal(await store.get('a/b'), null, 'a directory is no object');
  t.equal(await store.head('none'), null);
  const results = await Promise.all(
    Array.from({length: 20}, (_, i) =>
      store.put('race', Buffer.from(`writer ${i}`), {ifAbsent: true}),
    ),
  );
  t.equal(results.filter(result => result === 'stored').length, 1, 'one writer wins');
  for (const key of ['a-b', 'a/c', 'a0', 'b/x/y', 'a/b/two'])
    await store.put(key, Buffer.from(key));
  const keys = async (prefix: string, options = {}): Promise<string[]> =>
    (await store.list(prefix, options)).map(({key}) => key);
  t.same(await keys(''), ['a-b', 'a/b/one', 'a/b/two', 'a/c', 'a0', 'b/x/y', 'race']);
  t.same(await keys('a/'), ['a/b/one', 'a/b/two', 'a/c']);
  t.same(await keys('a/b/t'), ['a/b/two']);
  t.same(await keys('', {after: 'a/b/one', limit: 2}), ['a/b/two', 'a/c']);
  t.same(await keys('zzz'), []);
  t.equal(await store.delete('race'), true);
  t.equal(await store.delete('race'), false);
  for (const key of [
    '',
    '/etc/passwd',
    '../x',
    'a/../b',
    'a//b',
    '.staging/x',
    'a\0b',
    'x'.repeat(2000),
  ]) {
    await t.rejects(store.put(key, Buffer.from('x')), {code: '22023'});
  }
  const failing = async function* () {
    yield Buffer.from('half');
    throw new Error('the connection is lost');
  };
  await t.rejects(store.put('half', failing()), {code: '58030'});
  t.equal(await store.head('half'), null);
  t.same(readdirSync(join(root, 'deep', 'er', '.staging')), [], 'nothing is left half written');
  await store.close();
});
