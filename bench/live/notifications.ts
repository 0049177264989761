import {setTimeout as delay} from 'node:timers/promises';
import {startPostgres} from '../../test/support/postgres-server.ts';
import type {WadiServer} from '../../test/support/wadi-server.ts';
import {ClientProcess} from '../support/client-process.ts';
import {median, type ReportRow} from '../support/report.ts';
import {freePort} from '../support/servers.ts';
import type {SuiteOptions} from '../support/suite-options.ts';

const CHANNELS = 1000;
const SENDERS = 8;
const MAX_ROUNDS = 3;
const AT_MOST = 1_000_000;

/** A target and its listeners, who count. */
interface Side {
  readonly port: number;
  readonly listeners: ClientProcess;
  heard: number;
}

/** NOTIFY to listeners on distinct channels, PostgreSQL and Wadi in turns. */
export async function notifications(
  server: WadiServer,
  {seconds, rounds}: SuiteOptions,
): Promise<readonly ReportRow[]> {
  const tcpPort = await freePort();
  const postgres = await startPostgres({tcpPort, isDurable: true, maxConnections: 1100});
  const speeds: {postgres: number[]; wadi: number[]} = {postgres: [], wadi: []};
  let lost = 0;
  let wrong = 0;
  for (let round = 0; round < Math.min(rounds, MAX_ROUNDS); round++) {
    for (const name of ['postgres', 'wadi'] as const) {
      // Payloads count from 0 on each channel: new listeners each time.
      const side = await open(name === 'postgres' ? postgres.port : server.port);
      const result = await measure(side, seconds * 1000);
      await side.listeners.stop();
      speeds[name].push(result.perSecond);
      lost += result.lost;
      wrong += result.wrong;
    }
  }
  await postgres.stop();
  const [a, b] = [median(speeds.postgres), median(speeds.wadi)];
  return [
    {
      name: 'NOTIFY, 1,000 channels',
      values: {'changes/s': b, 'postgres/s': a, ratio: b / a, lost, doubled: wrong},
    },
  ];
}

async function open(port: number): Promise<Side> {
  const listeners = new ClientProcess();
  await listeners.ask('listen', {port, count: CHANNELS});
  return {port, listeners, heard: 0};
}

async function measure(
  side: Side,
  limitMs: number,
): Promise<{readonly perSecond: number; readonly lost: number; readonly wrong: number}> {
  const sender = new ClientProcess();
  const {sent, begunAt} = await sender.ask('notify', {
    ...{port: side.port, connections: SENDERS, channels: CHANNELS, count: AT_MOST, limitMs},
  });
  await sender.stop();
  const end = performance.now() + limitMs + 5000;
  let heard = await side.listeners.ask('heard', null);
  while (heard.total < sent && performance.now() < end) {
    await delay(20);
    heard = await side.listeners.ask('heard', null);
  }
  return {
    perSecond: heard.total / ((heard.lastAt - begunAt) / 1000),
    lost: sent - heard.total,
    wrong: heard.wrong,
  };
}
