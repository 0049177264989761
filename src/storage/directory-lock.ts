import {closeSync, existsSync, openSync, readFileSync, rmSync, writeSync} from 'node:fs';
import {join} from 'node:path';

/** Another process holds the data directory. */
export class DirectoryInUse extends Error {}

/** Guards a data directory: one process at a time. A lock whose process is gone is taken over. */
export class DirectoryLock {
  readonly #path: string;

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'wadi.lock');
    for (let attempt = 0; ; attempt++) {
      if (tryCreate(this.#path)) return;
      const holder = readHolder(this.#path);
      if (holder !== null && isRunning(holder)) {
        throw new DirectoryInUse(`data directory "${dataDir}" is in use by process ${holder.pid}`);
      }
      if (attempt > 3) throw new Error(`cannot take over the lock file "${this.#path}"`);
      rmSync(this.#path, {force: true});
    }
  }

  release(): void {
    rmSync(this.#path, {force: true});
  }
}

interface Holder {
  readonly pid: number;
  /** When the process started, in the kernel's ticks; '' where that is not known. Tells a reused pid. */
  readonly started: string;
}

function tryCreate(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  writeSync(file, `${process.pid}\n${startOf(process.pid)}\n`);
  closeSync(file);
  return true;
}

function readHolder(path: string): Holder | null {
  if (!existsSync(path)) return null;
  const [pid, started] = readFileSync(path, 'utf8').split('\n');
  const number = Number(pid);
  return Number.isInteger(number) && number > 0 ? {pid: number, started: started ?? ''} : null;
}

function isRunning(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return holder.started === '' || holder.started === startOf(holder.pid);
}

function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
