/** Every place at which a test can kill the process, in one list: the crash program reaches each. */
export const FAILPOINTS = [
  'before-sqlite-commit',
  'after-sqlite-commit',
  'before-sync',
  'after-sync',
  'large-in-rows',
  'large-before-end',
  'large-after-commit',
  'large-in-memory',
  'bulk-after-intent',
  'bulk-after-write',
  'bulk-pending-intent',
  'bulk-pending-write',
  'bulk-pending-open',
  'flush-after-intent',
  'flush-after-write',
  'flush-after-publish',
  'drain-between-slices',
  'compact-after-intent',
  'compact-after-write',
  'compact-after-publish',
  'move-after-intent',
  'move-after-copy',
  'move-after-publish',
  'before-unlink',
  'after-unlink',
  'before-checkpoint-pass',
  'after-checkpoint-pass',
] as const;

/** A place at which a test can kill the process. */
export type Failpoint = (typeof FAILPOINTS)[number];

/** Every place at which a test can make the file system fail: a sync, or a write to a file of ours. */
export const FAULT_POINTS = [
  'wal-sync',
  'segment-sync',
  'directory-sync',
  'segment-write',
] as const;

/** A place at which a test can make the file system fail. */
export type FaultPoint = (typeof FAULT_POINTS)[number];

/**
 * Kills the process at a named point when WADI_FAILPOINT names it, `name:3` when it is reached for the third time (of each
 * thread); crash tests set it, servers never do.
 */
export function failpoint(name: Failpoint): void {
  if (isDue('WADI_FAILPOINT', name) !== null) process.kill(process.pid, 'SIGKILL');
}

/**
 * Fails as a disk does when WADI_FAULT names the point: `wal-sync:3=EIO` from the third time on. Servers never set it.
 */
export function injectFault(point: FaultPoint): void {
  const code = isDue('WADI_FAULT', point);
  if (code !== null) throw Object.assign(new Error(`${code}: injected fault at ${point}`), {code});
}

/** How many of `length` bytes a write may take: fewer than all with `WADI_FAULT=segment-write:1=SHORT`. */
export function writableBytes(length: number): number {
  if (process.env['WADI_FAULT'] === undefined) return length;
  const code = isDue('WADI_FAULT', 'segment-write');
  if (code === 'SHORT') return Math.max(1, Math.floor(length / 3));
  if (code !== null)
    throw Object.assign(new Error(`${code}: injected fault at segment-write`), {code});
  return length;
}

/** What the variable says of the point when its turn has come; the count that is left is kept in the variable. */
function isDue(variable: 'WADI_FAILPOINT' | 'WADI_FAULT', name: string): string | null {
  const setting = process.env[variable];
  if (setting === undefined || !setting.startsWith(name)) return null;
  const match = /^([a-z-]+)(?::(\d+))?(?:=(\w+))?$/.exec(setting);
  if (match === null || match[1] !== name) return null;
  const left = Number(match[2] ?? 1);
  const code = match[3] ?? 'EIO';
  if (left <= 1) return code;
  process.env[variable] = `${name}:${left - 1}=${code}`;
  return null;
}
