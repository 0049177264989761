import pg from 'pg';
import t from 'tap';
import {makeScramVerifier} from '../../src/common/scram.ts';
import {RawClient, int32, message, query, startup, terminate, zero} from './raw-client.ts';
import {startFake} from './start-fake.ts';

t.test('start-up', async t => {
  const {server, database, port, errors} = await startFake();
  t.teardown(() => server.close());
  const answer = async (...bytes: Buffer[]): Promise<string[]> => {
    const client = await RawClient.open(port);
    client.send(...bytes);
    const lines = await client.until('EZ');
    client.end();
    return lines;
  };
  const closedWith = async (...bytes: Buffer[]): Promise<string> => {
    const client = await RawClient.open(port);
    client.send(...bytes);
    return (await client.rest()).toString();
  };

  t.same(await answer(startup()), ['R 0', 'S', 'S', 'K', 'Z I']);
  t.same(await answer(startup({database: 'postgres'})), [
    'E FATAL 28000 no PostgreSQL user name specified in startup packet',
  ]);
  t.same(await answer(startup({user: 'nobody'})), [
    'R 0',
    'E FATAL 28000 role "nobody" does not exist',
  ]);
  t.same(await answer(startup({user: 'postgres', database: 'nope'})), [
    'R 0',
    'E FATAL 3D000 database "nope" does not exist',
  ]);
  t.same(await answer(startup({user: 'postgres', nonsense: '1'})), [
    'R 0',
    'E FATAL 42704 unrecognized configuration parameter "nonsense"',
  ]);
  t.same((await answer(startup({user: 'postgres'}, 196610))).slice(0, 2), ['v', 'R 0']);
  t.same((await answer(startup({user: 'postgres', '_pq_.x': '1'}))).slice(0, 2), ['v', 'R 0']);
  t.same(await answer(startup({user: 'postgres'}, 4 << 16)), [
    'E FATAL 0A000 unsupported frontend protocol 4.0: server supports 3.0 to 3.0',
  ]);
  t.equal(
    await closedWith(startup({user: 'postgres'}, 2 << 16)),
    'EFATAL:  unsupported frontend protocol 2.0: server supports 3.0 to 3.0\n\0',
  );
  t.equal(await closedWith(int32(3)), '');
  t.equal(await closedWith(int32(-1)), '');
  t.equal(await closedWith(int32(10_001)), '');
  t.equal(await closedWith(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')), '');
  t.match(await closedWith(int32(13), int32(196608), Buffer.from('user\x01')), /08P01/);

  const ssl = await RawClient.open(port);
  ssl.send(int32(8), int32(80877104));
  t.equal((await ssl.bytes(1)).toString(), 'N');
  ssl.send(int32(8), int32(80877103));
  t.equal((await ssl.bytes(1)).toString(), 'N');
  const again = await RawClient.open(port);
  again.send(int32(8), int32(80877103));
  await again.bytes(1);
  again.send(int32(8), int32(80877103));
  t.match((await again.rest()).toString(), /unsupported frontend protocol 1234\.5679/);
  ssl.send(startup());
  t.equal((await ssl.until('Z')).at(-1), 'Z I');
  ssl.send(terminate);
  await ssl.rest();

  t.equal(
    await closedWith(int32(8), int32(80877103), startup()),
    '',
    'clear text after SSLRequest',
  );
  t.same(database.sessions.size, 0, 'no session is left');
  t.same(errors, []);
});

t.test('options become settings, names are cut', async t => {
  const {server, database, port} = await startFake();
  t.teardown(() => server.close());
  const client = await RawClient.open(port);
  const options = '-c a.b=1 --work-mem=2\\ MB -cx=y';
  client.send(startup({user: 'postgres', options, application_name: 'é'}));
  await client.until('Z');
  const [session] = database.sessions.values();
  t.same(session?.options.settings, [
    ['a.b', '1'],
    ['work_mem', '2 MB'],
    ['x', 'y'],
    ['application_name', 'é'],
  ]);
  t.equal(session?.options.isLoopback, true);
  client.end();
});

t.test('start-up packet byte by byte, and with messages behind it', async t => {
  const {server, port} = await startFake();
  t.teardown(() => server.close());
  const slow = await RawClient.open(port);
  for (const byte of startup()) {
    slow.send(Buffer.from([byte]));
    await new Promise(resolve => setImmediate(resolve));
  }
  t.equal((await slow.until('Z')).at(-1), 'Z I');
  slow.end();
  const eager = await RawClient.open(port);
  eager.send(startup(), query('select 1'));
  t.same((await eager.until('Z', 2)).slice(-4), ['T', 'D 1', 'C SELECT 1', 'Z I']);
  eager.end();
});

t.test('SCRAM refuses what PostgreSQL refuses', async t => {
  const {server, database, port} = await startFake({auth: 'scram'});
  t.teardown(() => server.close());
  database.addRole('app', makeScramVerifier('secret', 4096));
  const login = async (...messages: Buffer[]): Promise<string> => {
    const client = await RawClient.open(port);
    client.send(startup({user: 'app', database: 'postgres'}));
    await client.until('R');
    client.send(...messages);
    const last = (await client.until('E')).at(-1) ?? '';
    client.end();
    return last;
  };
  const initial = (text: string): Buffer =>
    message('p', zero('SCRAM-SHA-256'), int32(Buffer.byteLength(text)), Buffer.from(text));
  t.equal(
    await login(query('select 1')),
    'E FATAL 08P01 expected SASL response, got message type 81',
  );
  t.equal(
    await login(message('p', Buffer.alloc(70_000))),
    'E FATAL 28P01 password authentication failed for user "app"',
  );
  t.equal(
    await login(message('p', zero('SCRAM-SHA-256-PLUS'), int32(0))),
    'E FATAL 08P01 client selected an invalid SASL authentication mechanism',
  );
  t.equal(
    await login(initial('p=tls-server-end-point,,n=,r=abc')),
    'E FATAL 08P01 malformed SCRAM message',
  );
  t.equal(
    await login(initial('n,a=x,n=,r=abc')),
    'E FATAL 0A000 client uses authorization identity, but it is not supported',
  );
  t.equal(
    await login(initial('n,,n=,r=abc'), message('p', Buffer.from('c=biws,r=abc,p=AAAA'))),
    'E FATAL 08P01 invalid SCRAM response',
  );
});

t.test('SCRAM attempts are counted by the throttle, of users that do not exist too', async t => {
  const {server, database, port} = await startFake({auth: 'scram'});
  t.teardown(() => server.close());
  database.addRole('app', makeScramVerifier('secret', 4096));
  const login = async (user: string, password: string): Promise<unknown> => {
    const client = new pg.Client({host: '127.0.0.1', port, user, password, database: 'postgres'});
    client.on('error', () => undefined);
    const error = await client.connect().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    await client.end().catch(() => undefined);
    return error;
  };
  const {credentials} = server;
  t.equal(await login('app', 'secret'), undefined);
  t.same([credentials.succeeded, credentials.failed], [1, 0]);
  t.match(await login('app', 'wrong'), {code: '28P01'});
  t.match(await login('nobody', 'wrong'), {code: '28P01'});
  t.same([credentials.succeeded, credentials.failed], [1, 2]);
  t.equal(await login('app', 'secret'), undefined, 'the right password is let in after a failure');
});

t.test('limits: slots, reserved slots, time, unauthenticated connections', async t => {
  const {server, database, port} = await startFake({
    maxConnections: 3,
    superuserReservedConnections: 1,
    authenticationTimeoutMs: 200,
    maxUnauthenticated: 2,
  });
  t.teardown(() => server.close());
  database.addRole('app', null);
  const start = async (user: string): Promise<[RawClient, string]> => {
    const client = await RawClient.open(port);
    client.send(startup({user, database: 'postgres'}));
    return [client, (await client.until('EZ')).at(-1) ?? ''];
  };
  t.equal((await start('app'))[1], 'Z I');
  t.equal((await start('app'))[1], 'Z I');
  t.match((await start('app'))[1], /FATAL 53300 remaining connection slots are reserved/);
  const [third, said] = await start('postgres');
  t.equal(said, 'Z I');
  t.equal((await start('postgres'))[1], 'E FATAL 53300 sorry, too many clients already');
  third.send(terminate);
  await third.rest();
  t.equal((await start('postgres'))[1], 'Z I', 'a freed slot is given again');
  const idle = await Promise.all([1, 2, 3].map(() => RawClient.open(port)));
  t.equal((await idle[0]!.rest()).length, 0, 'the oldest made room');
  t.equal((await idle[1]!.rest()).length, 0, 'the others ran out of time');
  t.equal((await idle[2]!.rest()).length, 0);
});
