// kill -9 under load: after a restart every acknowledged effect is there exactly once, nothing else, and fsck is clean.
// `npm run crash` does the same more often.
import t from 'tap';
import {crashRounds} from './crash-rounds.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env['KILLS'] ?? 20);

t.test(`kill -9 under load, SEED=${seed}`, {timeout: 60_000 + KILLS * 40_000}, async t => {
  const {findings} = await crashRounds({seed, kills: KILLS, say: line => t.comment(line)});
  t.same(findings, []);
});
