import {monitorEventLoopDelay} from 'node:perf_hooks';

const RESOLUTION_MS = 1;

/**
 * Measures how long the event loop is held; SIGUSR2 and the end of the process write a line `wadi loop {...}` and begin
 * anew. Times in ms.
 */
export function startLoopStats(write: (line: string) => void): void {
  const histogram = monitorEventLoopDelay({resolution: RESOLUTION_MS});
  histogram.enable();
  const report = (): void => {
    const ms = (nanoseconds: number): number =>
      Math.max(0, Math.round(nanoseconds / 1e4) / 100 - RESOLUTION_MS);
    write(
      `wadi loop ${JSON.stringify({max: ms(histogram.max), p99: ms(histogram.percentile(99)), samples: histogram.count})}\n`,
    );
    histogram.reset();
  };
  process.on('SIGUSR2', report);
  process.once('exit', report);
}
