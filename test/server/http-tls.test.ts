// What is taken in clear text and what is not: loopback, another address of this machine, TLS, a proxy.
import {copyFileSync, writeFileSync} from 'node:fs';
import {request} from 'node:https';
import {networkInterfaces} from 'node:os';
import {join} from 'node:path';
import pg from 'pg';
import t from 'tap';
import {basic, post, postSql} from '../support/http-client.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

const other = Object.values(networkInterfaces())
  .flat()
  .find(each => each?.family === 'IPv4' && !each.internal)?.address;

function postTls(
  url: string,
  body: object,
  authorization: string,
): Promise<{status: number; text: string}> {
  return new Promise((resolve, reject) => {
    const headers = {'content-type': 'application/json', authorization};
    const outgoing = request(
      url,
      {method: 'POST', rejectUnauthorized: false, headers},
      response => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({status: response.statusCode ?? 0, text}));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}

const login = async (host: string, port: number, ssl: boolean): Promise<string> => {
  const client = new pg.Client({
    ...{host, port, user: 'bob', password: 'bob-Pass', database: 'postgres'},
    ...(ssl ? {ssl: {rejectUnauthorized: false}} : {}),
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return ((await client.query('SELECT current_user AS u')).rows[0] as {u: string}).u;
  } finally {
    await client.end();
  }
};

t.test('TLS', {skip: other === undefined ? 'no address but loopback' : false}, async t => {
  const folder = temporaryFolder('http-tls');
  t.teardown(() => folder.remove());
  for (const name of ['tls-cert.pem', 'tls-key.pem'])
    copyFileSync(join(import.meta.dirname, 'fixtures', name), join(folder.path, name));
  const dataDir = join(folder.path, 'data');
  const config = (text: string): string[] => {
    const path = join(folder.path, 'wadi.toml');
    writeFileSync(path, `listen = "0.0.0.0"\nauth = "password"\n${text}`);
    return ['--config', path];
  };
  const tls = '[tls]\ncert_file = "tls-cert.pem"\nkey_file = "tls-key.pem"\n';
  const first = await startWadi({dataDir});
  await postSql(first.httpUrl, `CREATE ROLE bob LOGIN PASSWORD 'bob-Pass' USING argon2id`);
  await first.stop();

  await t.test('without it, nothing secret is taken from elsewhere', async t => {
    const server = await startWadi({dataDir, args: config(tls)});
    t.teardown(() => server.stop());
    const {port} = new URL(server.httpUrl);
    const away = `http://${other}:${port}`;
    const authorization = basic('bob', 'bob-Pass');
    t.equal((await postSql(server.httpUrl, 'SELECT 1', undefined, {authorization})).status, 200);
    t.match(await postSql(away, 'SELECT 1', undefined, {authorization}), {status: 403});
    t.match(await post(`${away}/auth`, {role: 'bob', password: 'bob-Pass'}), {status: 403});
    t.match(await post(`${away}/auth/refresh`, {refresh_token: 'x'}), {status: 403});
    t.equal((await fetch(`${away}/metrics`)).status, 401);
    t.equal((await fetch(`${away}/health`)).status, 200);
    t.equal(await login('127.0.0.1', server.port, false), 'bob');
    await t.rejects(login(other!, server.port, false), {code: '28000'});
    t.equal(
      await login(other!, server.port, true),
      'bob',
      'an argon2id role, by password over TLS',
    );
  });

  await t.test('with it', async t => {
    const server = await startWadi({dataDir, args: config(`[http]\ntls = true\n${tls}`)});
    t.teardown(() => server.stop());
    t.match(server.httpUrl, /^https:/);
    const {port} = new URL(server.httpUrl);
    const answer = await postTls(
      `https://${other}:${port}/sql`,
      {sql: 'SELECT current_user'},
      basic('bob', 'bob-Pass'),
    );
    t.equal(answer.status, 200);
    t.match(answer.text, '"bob"');
  });

  await t.test('behind a proxy, and nobody is trusted for his address', async t => {
    const args = config('[http]\nbehind_proxy = true\n');
    const server = await startWadi({dataDir, args: [...args, '--auth', 'trust-loopback']});
    t.teardown(() => server.stop());
    const {port} = new URL(server.httpUrl);
    const authorization = basic('bob', 'bob-Pass');
    const away = `http://${other}:${port}`;
    t.equal((await postSql(away, 'SELECT 1', undefined, {authorization})).status, 200);
    const named = {authorization: basic('postgres', '')};
    t.equal((await postSql(server.httpUrl, 'SELECT 1', undefined, named)).status, 401);
    t.equal((await fetch(`${server.httpUrl}/metrics`)).status, 401);
  });
});
