// From the start of the process to its ready line: `npm run bench -- start`.
import {setTimeout as delay} from 'node:timers/promises';
import {residentMb} from './support/process-cpu.ts';
import {median, report} from './support/report.ts';
import {startDelivered} from './support/servers.ts';
import type {SuiteOptions} from './support/suite-options.ts';

const IDLE_MS = 1500;

/** Start on an empty directory, and memory when idle. */
export async function startUp(options: SuiteOptions): Promise<void> {
  const ready: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const begun = performance.now();
    const server = await startDelivered();
    ready.push(performance.now() - begun);
    await delay(IDLE_MS);
    const mb = residentMb(server.pid);
    if (mb !== null) memory.push(mb);
    await server.stop();
  }
  const values: Record<string, number> = {'ready ms': median(ready), 'target ms': 300};
  if (memory.length > 0) Object.assign(values, {'rss MB': median(memory), 'target MB': 120});
  report('start', [{name: 'empty directory', values}]);
}
