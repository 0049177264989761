import type {WadiServer} from '../../test/support/wadi-server.ts';
import {ClientProcess} from '../support/client-process.ts';
import {cpuMicros} from '../support/process-cpu.ts';
import {median, type ReportRow} from '../support/report.ts';
import {serverMemory} from '../support/server-memory.ts';
import {run} from '../support/servers.ts';
import type {SuiteOptions} from '../support/suite-options.ts';
import {delivery, untilReceived} from './delivery.ts';

const SOCKETS = 100;
const RATE = 5000;
/** Subscriptions from which on it is measured what they cost those whom they do not concern. */
const MANY = 100_000;
const SPEED_ROWS = 4000;

/** Subscriptions on parameters of their own, and changes that hit one each. */
export async function distinct(
  server: WadiServer,
  subscriptions: number,
  {seconds, rounds}: SuiteOptions,
): Promise<readonly ReportRow[]> {
  const port = server.port;
  await run({name: 'wadi', port}, [
    'create table heard(id int8 primary key, k int4 not null, body text)',
    'create table alone(id int8 primary key, k int4 not null, body text)',
  ]);
  const subscriber = new ClientProcess();
  const writer = new ClientProcess();
  const httpPort = Number(new URL(server.httpUrl).port);
  await subscriber.ask('open', {port: httpPort, sockets: SOCKETS});
  const before = await serverMemory(server);
  const begun = performance.now();
  await subscriber.ask('subscribe', {
    ...{port: httpPort, sockets: SOCKETS, perSocket: subscriptions / SOCKETS},
    ...{sql: 'select id, k, body from heard where k = $1', firstKey: 0, isOneKey: false},
  });
  const openSeconds = (performance.now() - begun) / 1000;
  const after = await serverMemory(server);
  const base = {port, table: 'heard', connections: 16, keys: subscriptions};
  // The first second is not counted: code is compiled.
  const warm = RATE;
  await writer.ask('write', {...base, firstId: 0, count: warm, rate: RATE});
  await untilReceived([subscriber], warm);
  const count = RATE * seconds;
  const cpu = cpuMicros(server.pid) ?? NaN;
  const written = await writer.ask('write', {...base, firstId: warm, count, rate: RATE});
  const received = await untilReceived([subscriber], count);
  const cpuUsed = (cpuMicros(server.pid) ?? NaN) - cpu;
  const rows: ReportRow[] = [
    {
      name: `${subscriptions / 1000}k subscriptions`,
      values: {
        ...delivery(written, received, {firstId: warm, receivers: 1}),
        'cpu us': cpuUsed / count,
        'heap B': (after.heap - before.heap) / subscriptions,
        'memory B': (after.resident - before.resident) / subscriptions,
        'opened/s': subscriptions / openSeconds,
      },
    },
  ];
  if (subscriptions >= MANY) rows.push(await writeSpeed(writer, server, warm + count, rounds));
  await subscriber.stop();
  await writer.stop();
  return rows;
}

/** Inserts into the table of the subscriptions, none of which they concern, beside inserts into one without any; in turns. */
async function writeSpeed(
  writer: ClientProcess,
  server: WadiServer,
  firstId: number,
  rounds: number,
): Promise<ReportRow> {
  const speeds: {heard: number[]; alone: number[]} = {heard: [], alone: []};
  const cpu = {heard: 0, alone: 0};
  let from = firstId;
  for (let round = -1; round < rounds; round++) {
    const order = round % 2 === 0 ? (['heard', 'alone'] as const) : (['alone', 'heard'] as const);
    for (const table of order) {
      const before = cpuMicros(server.pid) ?? NaN;
      const written = await writer.ask('write', {
        ...{port: server.port, table, connections: 8},
        ...{firstId: from, count: SPEED_ROWS, rate: 0, keys: -1},
      });
      from += SPEED_ROWS;
      if (round < 0) continue;
      speeds[table].push(SPEED_ROWS / written.seconds);
      cpu[table] += (cpuMicros(server.pid) ?? NaN) - before;
    }
  }
  const [heard, alone] = [median(speeds.heard), median(speeds.alone)];
  const perRow = 1 / (SPEED_ROWS * rounds);
  return {
    name: 'writes beside 100k',
    values: {
      ...{'changes/s': heard, without: alone, 'slower %': (1 - heard / alone) * 100},
      ...{'cpu us': cpu.heard * perRow, 'cpu without': cpu.alone * perRow},
    },
  };
}
