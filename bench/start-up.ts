// From the start of the process to its ready line: `npm run bench -- start`.
import {setTimeout as delay} from 'node:timers/promises';
import {cpuMicros, residentMb} from './support/process-cpu.ts';
import {median, report} from './support/report.ts';
import {startDelivered} from './support/servers.ts';
import type {SuiteOptions} from './support/suite-options.ts';

const IDLE_MS = 1500;

/** Start on an empty directory, and memory when idle. */
export async function startUp(options: SuiteOptions): Promise<void> {
  const ready: number[] = [];
  const cpu: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const begun = performance.now();
    const server = await startDelivered();
    ready.push(performance.now() - begun);
    const used = cpuMicros(server.pid);
    if (used !== null) cpu.push(used / 1000);
    await delay(IDLE_MS);
    const mb = residentMb(server.pid);
    if (mb !== null) memory.push(mb);
    await server.stop();
  }
  // On a busy machine only the fastest start and the CPU time say something.
  const values: Record<string, number> = {
    'ready ms': median(ready),
    'fastest ms': Math.min(...ready),
    'target ms': 300,
  };
  if (cpu.length > 0) values['cpu ms'] = median(cpu);
  if (memory.length > 0) Object.assign(values, {'rss MB': median(memory), 'target MB': 120});
  report('start', [{name: 'empty directory', values}]);
}
