import {existsSync, readFileSync} from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU time that a process has used so far in microseconds, all its threads together; null where there is no /proc. */
export function cpuMicros(pid: number): number | null {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return null;
  // Fields are counted after the command's name, which may contain spaces.
  const text = readFileSync(path, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
}

/** Resident memory in MB; null where there is no /proc. */
export function residentMb(pid: number): number | null {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return null;
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(path, 'utf8'));
  return match === null ? null : Number(match[1]) / 1024;
}
