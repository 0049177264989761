// kill -9 under load: after a restart every acknowledged effect is there exactly once, nothing else, and fsck is clean.
// `npm run crash` does the same more often.
import t from 'tap';
import {FAILPOINTS} from '../../src/storage/failpoint.ts';
import {crashRounds} from './crash-rounds.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env['KILLS'] ?? 20);
const LIMIT_MS = 60_000 + KILLS * 40_000;
t.setTimeout(LIMIT_MS);

t.test(`kill -9 under load, SEED=${seed}`, {timeout: LIMIT_MS}, async t => {
  // Those of bulk loads need 200,000 rows a round: the program's turn.
  const failpoints = FAILPOINTS.filter(point => !point.startsWith('bulk'));
  const say = (line: string): unknown => t.comment(line);
  const {findings} = await crashRounds({seed, kills: KILLS, failpoints, say});
  t.same(findings, []);
});
