import {join} from 'node:path';
import {filesBelow} from '../support/folder-size.ts';
import type {ReportRow} from '../support/report.ts';
import {restart, RunningServer} from './running-server.ts';

const OWNERS = 1000;
const ROWS_EACH = 20;

/** A user table with a segment for each of 1,000 owners: its flush, and the start of a server that has it. */
export async function segments(): Promise<readonly ReportRow[]> {
  const server = await RunningServer.start();
  await server.run([
    ...Array.from({length: OWNERS}, (_, i) => `create role u${i}`),
    'create user table mine(id int8 primary key, body text)',
    `insert into mine (_user_id, id, body)
      select 'u' || g % ${OWNERS}, g, md5(g::text) from generate_series(1, ${OWNERS * ROWS_EACH}) g`,
  ]);
  const begun = performance.now();
  await server.run(['STORAGE FLUSH TABLE mine']);
  const perSecond = (OWNERS * 1000) / (performance.now() - begun);
  const count = filesBelow(join(server.dataDir, 'segments'), '.parquet').length;
  if (count !== OWNERS) throw new Error(`there are ${count} segments`);
  // The first start deletes the hot copies that the flush had no time to delete.
  await server.end();
  await server.startAgain();
  const values = await restart(server, 'select count(_user_id) from mine');
  await server.stop();
  return [
    {name: `flush of ${OWNERS} owners`, values: {'files/s': perSecond}},
    {name: `restart, ${OWNERS} segments`, values},
  ];
}
