import {spawnSync} from 'node:child_process';
import {closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {temporaryFolder} from '../support/temporary-folder.ts';

const STEPS = [1 << 20, 1 << 16, 1 << 12];

/** A file system of its own in memory, that a test can fill. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all space but this. */
  fill(leaving?: number): void;
  /** Gives the space back. */
  free(): void;
  unmount(): void;
}

/** Mounts a small tmpfs; null where the machine does not allow it. */
export function mountSmallDisk(megabytes: number): SmallDisk | null {
  if (process.getuid?.() !== 0) return null;
  const folder = temporaryFolder('disk');
  const path = join(folder.path, 'disk');
  mkdirSync(path);
  const {status} = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${megabytes}m`,
    'wadi-test',
    path,
  ]);
  if (status !== 0) {
    folder.remove();
    return null;
  }
  const ballast = join(path, 'ballast');
  return {
    path,
    fill: (leaving = 0) => {
      const spare = join(path, 'spare');
      if (leaving > 0) writeFileSync(spare, Buffer.alloc(leaving));
      takeAll(ballast);
      rmSync(spare, {force: true});
    },
    free: () => rmSync(ballast, {force: true}),
    unmount: () => {
      spawnSync('umount', ['-l', path]);
      folder.remove();
    },
  };
}

/** Writes a file until the disk is full. */
function takeAll(path: string): void {
  const file = openSync(path, 'a');
  for (const step of STEPS) {
    const block = Buffer.alloc(step);
    try {
      while (writeSync(file, block) > 0);
    } catch {
      // Full: what is left is taken in smaller steps.
    }
  }
  closeSync(file);
}
