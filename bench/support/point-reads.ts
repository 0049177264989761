import {setTimeout as delay} from 'node:timers/promises';
import {LeanClient} from './lean-client.ts';
import {monotonicMs} from './monotonic.ts';

/** Reads by key, one after the other, from one connection. */
export interface ReadCommand {
  readonly port: number;
  /** With `$1`, a number. */
  readonly sql: string;
  /** Parameters go from `first` by `step`, `count` of them, then again. */
  readonly first: number;
  readonly step: number;
  readonly count: number;
  /** Until so many were read, or so many milliseconds are over. */
  readonly reads: number;
  readonly limitMs: number;
  /** A pause between two reads. */
  readonly pauseMs: number;
  /** Rows that each must answer. */
  readonly rows: number;
}

/** How long each took, and how many answered another number of rows than they should. */
export interface PointReads {
  readonly times: Float64Array;
  /** When each began. */
  readonly begunAt: Float64Array;
  readonly wrong: number;
}

/** Carries out the reads, until it is told to stop. */
export async function pointReads(
  command: ReadCommand,
  isStopped: () => boolean,
): Promise<PointReads> {
  const client = await LeanClient.connect(command.port);
  await client.prepare('r', command.sql);
  const times: number[] = [];
  const begunAt: number[] = [];
  let wrong = 0;
  const end = monotonicMs() + command.limitMs;
  for (let i = 0; i < command.reads && monotonicMs() < end && !isStopped(); i++) {
    const value = String(command.first + (i % command.count) * command.step);
    const begun = monotonicMs();
    begunAt.push(begun);
    const rows = await client.execute('r', [value]);
    times.push(monotonicMs() - begun);
    if (rows !== command.rows) wrong++;
    if (command.pauseMs > 0) await delay(command.pauseMs);
  }
  client.close();
  return {times: Float64Array.from(times), begunAt: Float64Array.from(begunAt), wrong};
}
