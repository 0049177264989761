import {join} from 'node:path';
import {FAILPOINTS, type Failpoint} from '../../src/storage/failpoint.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';
import {checkArchive, checkDirectory, checkServer} from './crash-check.ts';
import {prepare, runLoad} from './crash-load.ts';
import {Ledger, randomOf} from './crash-model.ts';

/** A failpoint that is not reached in this time is left to chance, and told. */
const ROUND_LIMIT_MS = 30_000;

/** One run: kills, and who is told of each. */
export interface CrashOptions {
  readonly seed: number;
  readonly kills: number;
  /** Failpoints to be used, besides kills at random moments; all in turn by default. */
  readonly failpoints?: readonly Failpoint[];
  say(line: string): void;
}

/** What a run found: nothing, or sentences; and which failpoints ended a process. */
export interface CrashReport {
  readonly findings: readonly string[];
  readonly reached: ReadonlySet<string>;
}

/**
 * Seeded load, kill -9 at a named failpoint or a random moment, restart, comparison with what was acknowledged, fsck; as
 * often as asked for, on one directory.
 */
export async function crashRounds(options: CrashOptions): Promise<CrashReport> {
  const {seed, kills, say} = options;
  const folder = temporaryFolder('crash');
  const dataDir = join(folder.path, 'data');
  const random = randomOf(seed);
  const ledger = new Ledger();
  const reached = new Set<string>();
  const findings: string[] = [];
  const points = shuffled(options.failpoints ?? FAILPOINTS, random);
  const args = ['--archive-dir', join(folder.path, 'archive')];
  const base = join(folder.path, 'base');
  let server = await startWadi({dataDir, args});
  try {
    await prepare(server, join(folder.path, 'other'), base);
    await server.stop();
    for (let round = 0; round < kills && findings.length === 0; round++) {
      // Two rounds in three end at a failpoint, the others at any moment.
      const point =
        round % 3 === 2 ? null : points[(round - Math.floor(round / 3)) % points.length]!;
      const started = performance.now();
      const how =
        point === null ? 'at random' : `${point}:${1 + Math.floor(random() * reachable(point))}`;
      server = await startWadi({
        dataDir,
        args,
        ...(point === null ? {} : {env: {WADI_FAILPOINT: how}}),
      });
      const isAtPoint = await oneRound(server, ledger, point, random, findings);
      if (isAtPoint) reached.add(point!);
      server = await startWadi({dataDir, args});
      for (const found of await checkServer(server, ledger)) findings.push(found);
      await server.kill('SIGKILL');
      if (round % 20 === 19) findings.push(...checkDirectory(dataDir));
      const took = ((performance.now() - started) / 1000).toFixed(1);
      const end = point === null || isAtPoint ? '' : ' (not reached)';
      say(`kill ${round + 1}: ${how}${end}, ${took} s${findings.length > 0 ? ', FAILED' : ''}`);
      findings.forEach(
        (line, at) => (findings[at] = `SEED=${seed} kill ${round + 1} ${how}: ${line}`),
      );
    }
    findings.push(...checkDirectory(dataDir));
    if (findings.length === 0) findings.push(...(await checkArchive(dataDir, args, base, ledger)));
  } finally {
    await server.kill('SIGKILL');
    if (findings.length === 0) folder.remove();
    else say(`the directory is kept: ${folder.path}`);
  }
  return {findings, reached};
}

/** Load until the process ends; true when it ended at the failpoint. */
async function oneRound(
  server: WadiServer,
  ledger: Ledger,
  point: Failpoint | null,
  random: () => number,
  findings: string[],
): Promise<boolean> {
  const isBulk = point !== null && /^(bulk|move)/.test(point);
  const isWide = point !== null && point.startsWith('bulk-pending');
  const waitMs = point === null ? 200 + random() * 1500 : ROUND_LIMIT_MS;
  let isOurs = false;
  const timer = setTimeout(() => {
    isOurs = true;
    void server.kill('SIGKILL');
  }, waitMs);
  findings.push(...(await runLoad({server, ledger, random, isBulk, isWide})));
  clearTimeout(timer);
  await server.kill('SIGKILL');
  return point !== null && !isOurs;
}

/** How often a point is passed within a second or two of load; the count is chosen below it. */
function reachable(point: Failpoint): number {
  if (point.endsWith('sqlite-commit') || point.endsWith('sync')) return 300;
  return /^(bulk|move|compact|.*checkpoint)/.test(point) ? 2 : 4;
}

function shuffled<T>(list: readonly T[], random: () => number): readonly T[] {
  return list
    .map(item => ({item, at: random()}))
    .sort((a, b) => a.at - b.at)
    .map(({item}) => item);
}
