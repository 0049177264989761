// Who may come in by HTTP: passwords, tokens, issuers, argon2id, throttle; and passwords and tokens on the PostgreSQL wire.
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {exportJWK, generateKeyPair, SignJWT, UnsecuredJWT} from 'jose';
import pg from 'pg';
import t from 'tap';
import {basic, post, postSql} from '../support/http-client.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

const sharedSecret = 'a secret of the identity provider, long enough';

async function connect(server: WadiServer, user: string, password: string): Promise<pg.Client> {
  const {host, port} = server;
  const client = new pg.Client({host, port, user, password, database: 'postgres'});
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function wireUser(server: WadiServer, user: string, password: string): Promise<string> {
  const client = await connect(server, user, password);
  try {
    return ((await client.query('SELECT current_user')).rows[0] as {current_user: string})
      .current_user;
  } finally {
    await client.end();
  }
}

t.test('logins', async t => {
  const folder = temporaryFolder('http-auth');
  const {privateKey, publicKey} = await generateKeyPair('ES256');
  const strangers = await generateKeyPair('ES256');
  writeFileSync(join(folder.path, 'secret'), `${sharedSecret}\n`);
  const jwk = {...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256'};
  writeFileSync(join(folder.path, 'jwks.json'), JSON.stringify({keys: [jwk]}));
  writeFileSync(
    join(folder.path, 'wadi.toml'),
    `auth = "password"
[http]
anonymous = true
origins = ["https://app.example"]
[tokens]
access_ttl = 2
[[tokens.issuers]]
issuer = "https://hs.example"
audience = "wadi-test"
role_claim = "role"
superusers = true
secret_file = "secret"
[[tokens.issuers]]
issuer = "https://es.example"
audience = "wadi-test"
jwks_file = "jwks.json"
`,
  );
  const dataDir = join(folder.path, 'data');
  const first = await startWadi({dataDir});
  const setup = await postSql(
    first.httpUrl,
    `ALTER ROLE postgres PASSWORD 'root-Pass';
     CREATE ROLE ann LOGIN PASSWORD 'ann-Pass';
     CREATE ROLE bob LOGIN PASSWORD 'bob-Pass' USING argon2id;
     CREATE ROLE carl PASSWORD 'carl-Pass';
     CREATE ROLE dora LOGIN PASSWORD 'dora-Pass' VALID UNTIL '2001-01-01'`,
  );
  t.equal(setup.status, 200, JSON.stringify(setup));
  const verifiers = await postSql(
    first.httpUrl,
    `SELECT rolname, left(rolpassword, 31) FROM pg_authid WHERE rolname IN ('ann', 'bob') ORDER BY 1`,
  );
  t.match(verifiers.results[0]!.rows[1], ['bob', /^\$argon2id\$v=19\$m=19456,p=1,t=2\$/]);
  t.match(verifiers.results[0]!.rows[0], ['ann', /^SCRAM-SHA-256/]);
  await first.stop();
  const server = await startWadi({
    dataDir,
    args: ['--config', join(folder.path, 'wadi.toml'), '--log-level', 'trace'],
  });
  t.teardown(async () => {
    await server.stop();
    folder.remove();
  });
  const {httpUrl} = server;
  const whoami = async (authorization?: string): Promise<unknown> => {
    const headers = authorization === undefined ? {} : {authorization};
    const answer = await postSql(httpUrl, 'SELECT current_user', undefined, headers);
    return answer.status === 200 ? answer.results[0]!.rows[0]![0] : answer.status;
  };
  const login = (role: string, password: string): ReturnType<typeof post> =>
    post(`${httpUrl}/auth`, {role, password});
  const tokensOf = async (
    role: string,
    password: string,
  ): Promise<{access: string; refresh: string}> => {
    const {body} = await login(role, password);
    return {access: body['access_token'] as string, refresh: body['refresh_token'] as string};
  };

  await t.test('Basic credentials, both kinds of verifier, nobody', async t => {
    t.equal(await whoami(basic('ann', 'ann-Pass')), 'ann');
    t.equal(await whoami(basic('bob', 'bob-Pass')), 'bob');
    t.equal(await whoami(), 'wadi_anonymous');
    t.equal(await whoami('Basic !!!'), 401);
    t.equal(await whoami('Digest x'), 401);
    t.equal(await whoami('Bearer x'), 401);
  });

  await t.test('all that fails, fails the same way', async t => {
    const answers = await Promise.all(
      [
        ['ann', 'wrong'],
        ['bob', 'wrong'],
        ['carl', 'carl-Pass'],
        ['dora', 'dora-Pass'],
        ['nobody', 'wrong'],
        ['wadi_anonymous', ''],
      ].map(([role, password]) => login(role!, password!)),
    );
    for (const {status, body} of answers) {
      t.equal(status, 401);
      t.same(body, answers[0]!.body);
    }
    t.match(answers[0]!.body, {error: {code: '28P01', message: 'authentication failed'}});
  });

  await t.test('tokens: use, renewal, reuse, the end of a password', async t => {
    const {status, body, headers} = await login('ann', 'ann-Pass');
    t.equal(status, 200);
    t.match(body, {token_type: 'Bearer', expires_in: 2, role: 'ann'});
    t.equal(headers.get('cache-control'), 'no-store');
    t.equal(await whoami(`Bearer ${body['access_token'] as string}`), 'ann');
    t.equal(
      await whoami(`Bearer ${body['refresh_token'] as string}`),
      401,
      'no access by a refresh token',
    );
    const renew = (token: unknown): ReturnType<typeof post> =>
      post(`${httpUrl}/auth/refresh`, {refresh_token: token});
    const renewed = await renew(body['refresh_token']);
    t.equal(renewed.status, 200);
    t.equal(await whoami(`Bearer ${renewed.body['access_token'] as string}`), 'ann');
    t.equal(
      (await renew(renewed.body['access_token'])).status,
      401,
      'no renewal by an access token',
    );
    t.equal((await renew(body['refresh_token'])).status, 401, 'a refresh token is good once');
    t.equal(
      (await renew(renewed.body['refresh_token'])).status,
      401,
      'and its reuse ends the login',
    );
    const old = await tokensOf('bob', 'bob-Pass');
    const root = basic('postgres', 'root-Pass');
    const change = `ALTER ROLE bob PASSWORD 'bob-Pass' USING argon2id`;
    t.equal((await postSql(httpUrl, change, undefined, {authorization: root})).status, 200);
    t.equal(
      await whoami(`Bearer ${old.access}`),
      401,
      'a new password ends the tokens of the old one',
    );
    t.equal(await whoami(basic('bob', 'bob-Pass')), 'bob');
  });

  await t.test('forged tokens', async t => {
    const {access} = await tokensOf('ann', 'ann-Pass');
    const [head, , signature] = access.split('.') as [string, string, string];
    const payload = Buffer.from(
      JSON.stringify({sub: 'postgres', iss: 'wadi', aud: 'wadi', exp: 4e9, oid: 10}),
    ).toString('base64url');
    t.equal(await whoami(`Bearer ${head}.${payload}.${signature}`), 401);
    const none = new UnsecuredJWT({sub: 'postgres', role: 'postgres'}).setExpirationTime('1h');
    for (const issuer of ['wadi', 'https://hs.example', 'https://es.example'])
      t.equal(
        await whoami(`Bearer ${none.setIssuer(issuer).setAudience('wadi-test').encode()}`),
        401,
      );
  });

  await t.test('tokens of others, by secret and by JWKS', async t => {
    const hs = (claims: Record<string, unknown>, secret = sharedSecret): Promise<string> =>
      new SignJWT({iss: 'https://hs.example', aud: 'wadi-test', role: 'ann', ...claims})
        .setProtectedHeader({alg: 'HS256'})
        .setExpirationTime((claims['exp'] as number | undefined) ?? '1h')
        .sign(Buffer.from(secret));
    const es = (issuer: string, key = privateKey, sub = 'bob'): Promise<string> =>
      new SignJWT({iss: issuer, aud: 'wadi-test', sub})
        .setProtectedHeader({alg: 'ES256', kid: 'one'})
        .setExpirationTime('1h')
        .sign(key);
    t.equal(await whoami(`Bearer ${await hs({})}`), 'ann');
    t.equal(await whoami(`Bearer ${await hs({role: 'postgres'})}`), 'postgres');
    t.equal(await whoami(`Bearer ${await hs({role: 'carl'})}`), 401, 'not permitted to log in');
    t.equal(await whoami(`Bearer ${await hs({role: 'nobody'})}`), 401);
    t.equal(await whoami(`Bearer ${await hs({role: 'dora'})}`), 401, 'her time is over');
    t.equal(
      await whoami(`Bearer ${await es('https://es.example', privateKey, 'postgres')}`),
      401,
      'no superuser unless the issuer may name one',
    );
    t.equal(await whoami(`Bearer ${await hs({role: 7})}`), 401);
    t.equal(await whoami(`Bearer ${await hs({aud: 'other'})}`), 401);
    t.equal(await whoami(`Bearer ${await hs({iss: 'https://other.example'})}`), 401);
    t.equal(await whoami(`Bearer ${await hs({exp: 1000})}`), 401);
    t.equal(await whoami(`Bearer ${await hs({}, 'another secret that is long enough too')}`), 401);
    t.equal(await whoami(`Bearer ${await es('https://es.example')}`), 'bob');
    t.equal(
      await whoami(`Bearer ${await es('https://hs.example')}`),
      401,
      'the algorithm is fixed',
    );
    t.equal(await whoami(`Bearer ${await es('https://es.example', strangers.privateKey)}`), 401);
  });

  await t.test('on the PostgreSQL wire: a password of either kind, or a token', async t => {
    t.equal(await wireUser(server, 'ann', 'ann-Pass'), 'ann');
    t.equal(await wireUser(server, 'bob', 'bob-Pass'), 'bob');
    const {access} = await tokensOf('ann', 'ann-Pass');
    t.equal(await wireUser(server, 'ann', access), 'ann');
    const refused = (user: string): {code: string; severity: string; message: string} => ({
      ...{code: '28P01', severity: 'FATAL'},
      message: `password authentication failed for user "${user}"`,
    });
    await Promise.all([
      t.rejects(wireUser(server, 'bob', access), refused('bob'), 'a token of another role'),
      t.rejects(wireUser(server, 'ann', 'wrong'), refused('ann')),
      t.rejects(wireUser(server, 'nobody', 'wrong'), refused('nobody')),
      t.rejects(wireUser(server, 'dora', 'dora-Pass'), refused('dora')),
      t.rejects(wireUser(server, 'ann', ''), {code: '28P01'}),
    ]);
    await t.rejects(wireUser(server, 'carl', 'carl-Pass'), {code: '28000'});
  });

  await t.test('origins of the list', async t => {
    const response = await fetch(`${httpUrl}/sql`, {
      method: 'OPTIONS',
      headers: {origin: 'https://app.example', 'access-control-request-method': 'POST'},
    });
    t.equal(response.status, 204);
    t.equal(response.headers.get('access-control-allow-origin'), 'https://app.example');
    t.match(response.headers.get('access-control-allow-headers'), 'Authorization');
    const other = await fetch(`${httpUrl}/sql`, {
      method: 'OPTIONS',
      headers: {origin: 'https://app.example.evil', 'access-control-request-method': 'POST'},
    });
    t.equal(other.status, 403);
    t.equal(other.headers.get('access-control-allow-origin'), null);
  });

  t.notMatch(server.errors(), /-Pass|eyJ/, 'no secret is logged');
});

t.test('a configuration that would not be safe does not start', async t => {
  const folder = temporaryFolder('http-config');
  t.teardown(() => folder.remove());
  writeFileSync(join(folder.path, 'short'), 'secret');
  writeFileSync(join(folder.path, 'oct.json'), JSON.stringify({keys: [{kty: 'oct', k: 'AAAA'}]}));
  const issuer = '[[tokens.issuers]]\nissuer = "a"\naudience = "b"\n';
  for (const [text, message] of [
    [`${issuer}secret_file = "short"`, /at least 32 bytes/],
    [`${issuer}jwks_file = "oct.json"`, /public keys/],
    [issuer, /either secret_file or jwks_file/],
    ['[http]\ntls = true', /needs a table tls/],
    ['[http]\norigins = ["*"]', /must be an origin/],
    ['[http]\nother = 1', /other/],
  ] as const) {
    const path = join(folder.path, 'wadi.toml');
    writeFileSync(path, text);
    await t.rejects(startWadi({args: ['--config', path]}), message, text);
  }
});
