import {cpuMicros} from './process-cpu.ts';
import {median, type ReportRow} from './report.ts';
import {type Pair, pgbench} from './servers.ts';
import type {SuiteOptions} from './suite-options.ts';

/**
 * Runs the same pgbench on both servers in turns; medians, their ratio, and Wadi's CPU time for one transaction. A run of
 * each before them is not counted: code is compiled as it is used. Its ratio is shown, too.
 */
export function compare(
  pair: Pair,
  name: string,
  args: readonly string[],
  options: SuiteOptions,
): ReportRow {
  const postgres: number[] = [];
  const wadi: number[] = [];
  const cpu: number[] = [];
  const all = ['-T', String(options.seconds), ...args];
  const first = [pgbench(pair.postgres, all), pgbench(pair.wadi, all)] as const;
  for (let round = 0; round < options.rounds; round++) {
    postgres.push(pgbench(pair.postgres, all));
    const before = cpuMicros(pair.wadiServer.pid);
    const tps = pgbench(pair.wadi, all);
    const after = cpuMicros(pair.wadiServer.pid);
    wadi.push(tps);
    if (before !== null && after !== null) cpu.push((after - before) / (tps * options.seconds));
  }
  const [a, b] = [median(postgres), median(wadi)];
  const values: Record<string, number> = {postgres: a, wadi: b, ratio: b / a};
  values['at first'] = first[1] / first[0];
  if (cpu.length > 0) values['cpu us'] = median(cpu);
  process.stdout.write(`${name}: ${a.toFixed(0)} / ${b.toFixed(0)} tps, ${(b / a).toFixed(2)}\n`);
  return {name, values};
}
