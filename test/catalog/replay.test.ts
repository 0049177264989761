// The captured queries of psql and of drivers answer as PostgreSQL 15 does on the same schema: columns, types and rows.
import {existsSync} from 'node:fs';
import pg from 'pg';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';
import {comparable, knownQueries} from './replay-gaps.ts';
import {corpora, differences, readRecording, recorded} from './replay-recording.ts';
import {prepareShop, Replay, replayQueries} from './replay.ts';

const shownLines = 12;

if (!corpora.every(({path}) => existsSync(path))) {
  t.pass('the replay is skipped', {skip: 'the corpora are not beside the repository'});
} else {
  const wadi = await startWadi();
  t.teardown(() => wadi.stop());
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({host: wadi.host, port: wadi.port, user: 'postgres', database});
    await client.connect();
    return client;
  };
  await prepareShop(connect);
  const client = await connect('shop');
  const replay = await Replay.over(client);
  const {answers, version} = readRecording();
  for (const {name, path} of corpora) {
    await t.test(`${name} answers as PostgreSQL ${version}`, {timeout: 120_000}, async t => {
      for (const query of replayQueries(path)) {
        const key = `${name} ${query.key}`;
        const wanted = answers[key];
        if (wanted === undefined) {
          t.fail(`${key} is not recorded: node test/catalog/replay-main.ts record`);
          continue;
        }
        const got = recorded(
          comparable(key, query.text, await replay.answer(query), replay.ownNames),
        );
        const found = differences(got, wanted);
        const reason = knownQueries[key];
        if (reason !== undefined)
          t.not(
            found.length,
            0,
            `${key} answers as PostgreSQL now: out of the known queries with it`,
          );
        else
          t.same(
            found.slice(0, shownLines),
            [],
            `${key}: ${query.text.replaceAll(/\s+/g, ' ').slice(0, 100)}`,
          );
      }
    });
  }
  await client.end();
}
