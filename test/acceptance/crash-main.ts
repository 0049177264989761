// npm run crash -- [--kills 200] [--seed 7] [--point flush-after-write]: kill -9 under load, as often as asked for.
import {parseArgs} from 'node:util';
import {FAILPOINTS, type Failpoint} from '../../src/storage/failpoint.ts';
import {crashRounds} from './crash-rounds.ts';

const {values} = parseArgs({
  options: {kills: {type: 'string'}, seed: {type: 'string'}, point: {type: 'string'}},
});
const kills = Number(values.kills ?? 200);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const only = FAILPOINTS.filter(point => point === values.point) as readonly Failpoint[];
if (values.point !== undefined && only.length === 0) {
  console.error(`no such failpoint; there are: ${FAILPOINTS.join(', ')}`);
  process.exit(2);
}
console.log(`SEED=${seed}, ${kills} kills`);
const {findings, reached} = await crashRounds({
  seed,
  kills,
  ...(only.length > 0 ? {failpoints: only} : {}),
  say: line => console.log(line),
});
const missed = (only.length > 0 ? only : FAILPOINTS).filter(point => !reached.has(point));
for (const line of findings) console.log(line);
// Every point has its turn in so many kills.
const isComplete = kills >= FAILPOINTS.length * 2;
if (missed.length > 0) console.log(`failpoints not reached: ${missed.join(', ')}`);
console.log(`${findings.length} findings`);
process.exit(findings.length > 0 || (isComplete && missed.length > 0) ? 1 : 0);
