import {connect} from 'node:net';
import {once} from 'node:events';
import t from 'tap';
import {DEFAULT_HTTP_SETTINGS} from '../../src/server/http/http-options.ts';
import {HttpServer} from '../../src/server/http/http-server.ts';

t.test('health and readiness', async t => {
  let isReady = false;
  const http = new HttpServer({
    ...{listen: '127.0.0.1', port: 0, isReady: () => isReady, auth: 'scram', tls: null},
    ...{settings: DEFAULT_HTTP_SETTINGS, engine: null},
  });
  await http.listen();
  t.teardown(() => http.close());
  const url = `http://127.0.0.1:${http.port}`;
  const status = async (path: string, init?: RequestInit): Promise<number> =>
    (await fetch(url + path, init)).status;
  t.equal(await status('/health'), 200);
  t.equal(await status('/ready'), 503);
  isReady = true;
  t.equal(await status('/ready?x=1'), 200);
  t.equal(await status('/nothing'), 404);
  t.equal(await status('/ready', {method: 'POST'}), 405);
  t.equal(await status('/ready', {headers: {'x-large': 'x'.repeat(20_000)}}), 431);
  const socket = connect(http.port, '127.0.0.1');
  socket.write('nonsense\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  t.match(answer.toString(), /^HTTP\/1.1 400/);
  socket.destroy();
});
