// node test/live/model/main.ts [--seed 7] [--runs 10] [--minutes 30] [--kills]: the model checker of live queries, as often as asked for.
import {parseArgs} from 'node:util';
import {LiveChecker} from './checker.ts';
import {Random} from './random.ts';
import {ServerWorld} from './server-world.ts';
import {EmbeddedWorld} from './world.ts';

const {values} = parseArgs({
  options: {
    ...{seed: {type: 'string'}, runs: {type: 'string'}, minutes: {type: 'string'}},
    kills: {type: 'boolean'},
  },
});
const first = Number(values.seed ?? Date.now() % 1_000_000);
const runs = Number(values.runs ?? (values.minutes === undefined ? 1 : Infinity));
const until = Date.now() + Number(values.minutes ?? 1e6) * 60_000;
let failed = 0;
for (let seed = first; seed < first + runs && Date.now() < until; seed++) {
  const random = new Random(seed);
  const world =
    values.kills === true ? await ServerWorld.open() : await EmbeddedWorld.open(seed % 2 === 1);
  const checker = new LiveChecker(random, world);
  try {
    await checker.run({readers: 30, rounds: 6, steps: 50});
    console.log(
      `SEED=${seed}: ${checker.commits} commits, ${checker.resets} resets, ${checker.closings} closings`,
    );
  } catch (error) {
    failed++;
    console.log(`SEED=${seed} FAILED\n${error instanceof Error ? error.stack : String(error)}\n`);
  }
  await world.close().catch((error: unknown) => console.log(`close: ${String(error)}`));
}
console.log(`${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
