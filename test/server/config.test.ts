import {writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import t from 'tap';
import {ConfigError, resolveConfig} from '../../src/server/config.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

t.test('flags over environment over file over defaults', async t => {
  const folder = temporaryFolder('config');
  t.teardown(() => folder.remove());
  const path = join(folder.path, 'wadi.toml');
  const text =
    'port = 1\nhttp_port = 2\nlisten = "0.0.0.0"\nmax_connections = 7\nauth = "scram"\nflush_on_shutdown = true\nsnapshot_keep_mb = 3\nsnapshot_max_age = 60\n';
  writeFileSync(path, text);
  const defaults = await resolveConfig({}, {});
  t.match(defaults, {dataDir: resolve('wadi-data'), httpPort: 5480, logLevel: 'warn'});
  t.match(defaults.server, {listen: '127.0.0.1', port: 5433, auth: 'trust-loopback', tls: null});
  const file = await resolveConfig({config: path}, {});
  t.same(file.engine, {
    flushOnShutdown: true,
    snapshotKeepBytes: 3 * 1_048_576,
    snapshotMaxAgeMs: 60_000,
  });
  t.same(defaults.engine, {});
  t.match(file.server, {listen: '0.0.0.0', port: 1, auth: 'scram', maxConnections: 7});
  const env = {WADI_CONFIG: path, WADI_PORT: '11', WADI_HTTP_PORT: '12', WADI_DATA_DIR: '/d'};
  const both = await resolveConfig({}, env);
  t.match(both, {dataDir: resolve('/d'), httpPort: 12, server: {port: 11, listen: '0.0.0.0'}});
  const all = await resolveConfig({port: '0', listen: '::1', dataDir: 'x', logLevel: 'info'}, env);
  t.match(all, {dataDir: resolve('x'), logLevel: 'info', httpPort: 12});
  t.match(all.server, {port: 0, listen: '::1'});
});

t.test('what cannot be used is one line', async t => {
  const folder = temporaryFolder('config');
  t.teardown(() => folder.remove());
  const file = (text: string): string => {
    const path = join(folder.path, 'wadi.toml');
    writeFileSync(path, text);
    return path;
  };
  const refused = async (flags: object, env: NodeJS.ProcessEnv, message: RegExp): Promise<void> => {
    const error = await resolveConfig(flags, env).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    t.ok(error instanceof ConfigError, String(message));
    t.match((error as Error).message, message);
    t.notMatch((error as Error).message, /\n/);
  };
  await refused({port: 'x'}, {}, /^--port: "x" is no port/);
  await refused({httpPort: '65536'}, {}, /^--http-port: "65536" is no port/);
  await refused({}, {WADI_HTTP_PORT: '-1'}, /^WADI_HTTP_PORT: "-1" is no port/);
  await refused({auth: 'none'}, {}, /^--auth: "none" is none of trust-loopback, scram/);
  await refused({logLevel: 'loud'}, {}, /^--log-level: /);
  await refused({config: join(folder.path, 'none.toml')}, {}, /none\.toml: ENOENT/);
  await refused({config: file('port = ')}, {}, /wadi\.toml: /);
  await refused({config: file('prot = 1')}, {}, /wadi\.toml: .*prot/);
  await refused({config: file('port = "a"')}, {}, /wadi\.toml: port: /);
  await refused({config: file('[tls]\ncert_file = "a"')}, {}, /wadi\.toml: tls\.key_file: /);
  await refused({config: file('[tls]\ncert_file = "a"\nkey_file = "b"')}, {}, /^a: ENOENT/);
});

t.test('storages: a cache, keys, shard functions', async t => {
  const folder = temporaryFolder('config');
  t.teardown(() => folder.remove());
  const path = join(folder.path, 'wadi.toml');
  writeFileSync(join(folder.path, 'region.mjs'), 'export default ({name, id}) => `${name}-${id}`;');
  const keys = '[credentials.main]\naccess_key_id = "a"\nsecret_access_key = "never-shown"\n';
  writeFileSync(
    path,
    `${keys}[storage]\nsegment_cache = "3MB"\n[shard_functions]\nregion = "region.mjs"\n`,
  );
  const {storages} = await resolveConfig({config: path}, {});
  t.equal(storages.cacheBytes, 3 * 1024 * 1024);
  t.match(storages.credentials?.get('main'), {accessKeyId: 'a', sessionToken: null});
  t.equal(storages.shards?.get('region')?.({name: 'bob', id: 7}), 'bob-7');
  for (const more of [
    'colour = "red"',
    '[storage]\nsegment_cache = "many"',
    '[shard_functions]\nx = "none.mjs"',
  ]) {
    writeFileSync(path, `${keys}${more}\n`);
    const error = await resolveConfig({config: path}, {}).catch((thrown: unknown) => thrown);
    t.ok(error instanceof ConfigError, more);
    t.notMatch((error as Error).message, /never-shown|\n/);
  }
});
