import type {WadiServer} from '../../test/support/wadi-server.ts';
import {ClientProcess} from '../support/client-process.ts';
import {cpuMicros} from '../support/process-cpu.ts';
import type {ReportRow} from '../support/report.ts';
import {serverMemory} from '../support/server-memory.ts';
import {run} from '../support/servers.ts';
import type {SuiteOptions} from '../support/suite-options.ts';
import {delivery, untilReceived} from './delivery.ts';

const PROCESSES = 2;
/** Rows that reach clients in a second, so that one change is over before the next. */
const ROWS_PER_SECOND = 25_000;

/** One change to many sockets, and the memory of these while they are idle. */
export async function fanOut(
  server: WadiServer,
  sockets: number,
  {seconds}: SuiteOptions,
): Promise<readonly ReportRow[]> {
  const port = server.port;
  const httpPort = Number(new URL(server.httpUrl).port);
  await run({name: 'wadi', port}, [
    'create table shared(id int8 primary key, k int4 not null, body text)',
  ]);
  const subscribers = Array.from({length: PROCESSES}, () => new ClientProcess());
  const writer = new ClientProcess();
  const share = sockets / PROCESSES;
  // One socket first: what it loads is not part of a socket.
  await writer.ask('open', {port: httpPort, sockets: 1});
  const before = await serverMemory(server);
  await Promise.all(subscribers.map(each => each.ask('open', {port: httpPort, sockets: share})));
  const idle = await serverMemory(server);
  const ask = {
    ...{port: httpPort, sockets: share, perSocket: 1, firstKey: 0, isOneKey: true},
    sql: 'select id, k, body from shared where k = $1',
  };
  await Promise.all(subscribers.map(each => each.ask('subscribe', ask)));
  const rate = ROWS_PER_SECOND / sockets;
  const base = {port, table: 'shared', connections: 1, keys: 1, rate};
  const warm = 10;
  await writer.ask('write', {...base, firstId: 0, count: warm});
  await untilReceived(subscribers, warm * sockets);
  const count = Math.ceil(rate * seconds * 5);
  const cpu = cpuMicros(server.pid) ?? NaN;
  const written = await writer.ask('write', {...base, firstId: warm, count});
  const received = await untilReceived(subscribers, count * sockets);
  const cpuUsed = (cpuMicros(server.pid) ?? NaN) - cpu;
  await Promise.all([...subscribers, writer].map(each => each.stop()));
  return [
    {
      name: `1 to ${sockets}`,
      values: {
        ...delivery(written, received, {firstId: warm, receivers: sockets}),
        'cpu us': cpuUsed / (count * sockets),
      },
    },
    {
      name: `${sockets / 1000}k idle sockets`,
      values: {
        'heap B': (idle.heap - before.heap) / sockets,
        'memory B': (idle.resident - before.resident) / sockets,
        'all MB': (idle.resident - before.resident) / 2 ** 20,
      },
    },
  ];
}
