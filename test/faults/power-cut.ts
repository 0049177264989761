// npm run power-cut -- [--cuts 10] [--seed 7]: the file system under a server goes away in the middle (xfs_io -c shutdown), which
// loses all that no sync has made durable; after a remount what was acknowledged is there. Needs root, losetup and xfsprogs.
import {spawnSync} from 'node:child_process';
import {mkdirSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {checkDirectory, checkServer} from '../acceptance/crash-check.ts';
import {prepare, runLoad} from '../acceptance/crash-load.ts';
import {Ledger, randomOf} from '../acceptance/crash-model.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

const {values} = parseArgs({options: {cuts: {type: 'string'}, seed: {type: 'string'}}});
const cuts = Number(values.cuts ?? 10);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const folder = temporaryFolder('power');
const image = join(folder.path, 'disk.img');
const mount = join(folder.path, 'mnt');

/** Runs a command; whether it went well. */
function run(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, {stdio: 'ignore'}).status === 0;
}

function isPossible(): boolean {
  if (process.getuid?.() !== 0) return false;
  mkdirSync(mount);
  writeFileSync(image, '');
  truncateSync(image, 1 << 30);
  if (!run('mkfs.xfs', '-q', image) || !run('mount', '-o', 'loop', image, mount)) return false;
  return run('xfs_io', '-c', 'help shutdown', mount);
}

if (!isPossible()) {
  console.log('skipped: power cuts need root, loop devices, and mkfs.xfs and xfs_io of xfsprogs');
  folder.remove();
  process.exit(0);
}
console.log(`SEED=${seed}, ${cuts} power cuts`);
const dataDir = join(mount, 'data');
const random = randomOf(seed);
const ledger = new Ledger();
const findings: string[] = [];
const first = await startWadi({dataDir});
await prepare(first, join(mount, 'other'));
await first.stop();
for (let cut = 0; cut < cuts && findings.length === 0; cut++) {
  const server = await startWadi({dataDir});
  const timer = setTimeout(
    () => {
      // Without flushing its log, as when the current is cut. The server meets errors and ends, or is ended.
      run('xfs_io', '-x', '-c', 'shutdown', mount);
      setTimeout(() => void server.kill('SIGKILL'), 300);
    },
    300 + random() * 3000,
  );
  const unexpected = await runLoad({
    ...{server, ledger, random},
    isBulk: cut % 3 === 0,
    isWide: cut % 6 === 0,
  });
  clearTimeout(timer);
  await server.kill('SIGKILL');
  // What fails while the disk is gone may fail in any way: only what is there afterwards counts.
  const ended = unexpected.length === 0 ? '' : ` (${unexpected[0]})`;
  run('umount', '-l', mount);
  if (!run('mount', '-o', 'loop', image, mount)) findings.push('the file system cannot be mounted');
  const again = await startWadi({dataDir});
  findings.push(...(await checkServer(again, ledger)));
  await again.stop();
  findings.push(...checkDirectory(dataDir));
  console.log(`cut ${cut + 1}: ${findings.length === 0 ? 'ok' : 'FAILED'}${ended}`);
}
run('umount', '-l', mount);
for (const finding of findings) console.log(finding);
console.log(`${findings.length} findings`);
if (findings.length === 0) folder.remove();
process.exit(findings.length === 0 ? 0 : 1);
