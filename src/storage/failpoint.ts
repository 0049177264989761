/** Kills the process at a named point when WADI_FAILPOINT names it; crash tests set it, servers never do. */
export function failpoint(name: string): void {
  if (process.env['WADI_FAILPOINT'] === name) process.kill(process.pid, 'SIGKILL');
}
