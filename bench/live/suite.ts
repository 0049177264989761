// Live queries with real sockets, clients in processes of their own: `npm run bench -- live`.
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {temporaryFolder} from '../../test/support/temporary-folder.ts';
import type {WadiServer} from '../../test/support/wadi-server.ts';
import {report, type ReportRow} from '../support/report.ts';
import {MEMORY_FLAGS} from '../support/server-memory.ts';
import {startDelivered} from '../support/servers.ts';
import type {SuiteOptions} from '../support/suite-options.ts';
import {distinct} from './distinct.ts';
import {fanOut} from './fan-out.ts';
import {notifications} from './notifications.ts';

/** Changes to one subscriber each, one change to all, NOTIFY, and what subscriptions and sockets cost. */
export async function live(options: SuiteOptions): Promise<void> {
  const rows: ReportRow[] = [];
  for (const subscriptions of [1000, 10_000, 100_000]) {
    rows.push(...(await onServer(server => distinct(server, subscriptions, options))));
  }
  for (const sockets of [1000, 10_000]) {
    rows.push(...(await onServer(server => fanOut(server, sockets, options))));
  }
  rows.push(...(await onServer(server => notifications(server, options))));
  report('live', rows, [
    'p50, p99, max: ms from the acknowledgement of a commit to the frame parsed by its (last) subscriber; sent: from the sending of the INSERT',
    '1 to N: one change to N sockets; sockets and subscriptions: bytes of heap and memory after a collection, each',
    'cpu us: of the server for one change (1 to N: for one receiver)',
    'NOTIFY: notifications a second that reached 1,000 listeners on channels of their own, 8 senders',
  ]);
}

/** A server of its own for each part: nothing that one left behind slows down the next. */
async function onServer(
  part: (server: WadiServer) => Promise<readonly ReportRow[]>,
): Promise<readonly ReportRow[]> {
  const folder = temporaryFolder('bench');
  const config = join(folder.path, 'wadi.toml');
  writeFileSync(config, 'max_connections = 2000\n');
  const server = await startDelivered({}, {nodeFlags: MEMORY_FLAGS, args: ['--config', config]});
  try {
    return await part(server);
  } finally {
    await server.stop();
    folder.remove();
  }
}
