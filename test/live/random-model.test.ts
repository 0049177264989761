// Random schemas, queries, writes, flushes, rights and definitions; kill -9: `node test/live/model/main.ts` does it for longer.
import t, {type Test} from 'tap';
import {LiveChecker} from './model/checker.ts';
import {Random} from './model/random.ts';
import {ServerWorld} from './model/server-world.ts';
import {EmbeddedWorld, type World} from './model/world.ts';

t.setTimeout(300_000);
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

async function checked(
  t: Test,
  world: World,
  effort: Parameters<LiveChecker['run']>[0],
): Promise<void> {
  t.comment(`SEED=${seed}`);
  const checker = new LiveChecker(new Random(seed), world);
  try {
    await checker.run(effort);
  } finally {
    await world.close();
  }
  t.pass(`${checker.commits} commits, ${checker.resets} resets, ${checker.closings} closings`);
}

t.test('in this process', {timeout: 150_000}, async t => {
  const world = await EmbeddedWorld.open(seed % 2 === 1);
  await checked(t, world, {readers: 24, rounds: 3, steps: 40});
});

t.test('over sockets, with kill -9', {timeout: 150_000}, async t => {
  await checked(t, await ServerWorld.open(), {readers: 16, rounds: 3, steps: 30});
});
