import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {connect} from 'node:tls';
import pg from 'pg';
import t from 'tap';
import {makeScramVerifier} from '../../src/common/scram.ts';
import {RawClient, int32, query, startup} from './raw-client.ts';
import {startFake} from './start-fake.ts';

const fixture = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
const tls = {cert: fixture('tls-cert.pem'), key: fixture('tls-key.pem')};

t.test('TLS', async t => {
  const {server, database, port, errors} = await startFake({tls, auth: 'scram'});
  t.teardown(() => server.close());
  database.addRole('app', makeScramVerifier('secret'));
  const client = new pg.Client({
    ...{host: '127.0.0.1', port, user: 'app', password: 'secret', database: 'postgres'},
    ssl: {rejectUnauthorized: false},
  });
  await client.connect();
  t.same((await client.query('select 1')).rows, [{'?column?': 1}]);
  const rows = await client.query('rows 200000');
  t.equal(rows.rowCount, 200_000);
  t.same(rows.rows.at(-1), {'?column?': 199_999});
  await client.end();

  const mixed = await RawClient.open(port);
  mixed.send(int32(8), int32(80877103), startup());
  t.equal((await mixed.rest()).length, 0, 'clear text behind SSLRequest is never used');

  const again = await RawClient.open(port);
  again.send(int32(8), int32(80877103));
  t.equal((await again.bytes(1)).toString(), 'S');
  again.send(Buffer.from('this is no handshake'), query('select 1'));
  t.notMatch((await again.rest()).toString(), /SELECT/);

  const raw = await RawClient.open(port);
  raw.send(int32(8), int32(80877103));
  await raw.bytes(1);
  raw.socket.removeAllListeners('data');
  const secure = connect({
    ...{socket: raw.socket, rejectUnauthorized: false, ALPNProtocols: ['h2']},
  });
  const failed = await new Promise<Error>(resolve => secure.once('error', resolve));
  t.match(failed.message, /alpn|no application protocol/i);
  t.equal(database.sessions.size, 0);
  t.same(errors, []);
});
