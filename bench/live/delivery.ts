import {setTimeout as delay} from 'node:timers/promises';
import type {ClientProcess} from '../support/client-process.ts';
import {percentile} from '../support/percentile.ts';
import type {Received} from './subscriber.ts';
import type {Written} from './writer.ts';

const limitMs = 10_000;
const stepMs = 20;

/** Figures of one run; a row lost, doubled or given to the wrong one is an error of the benchmark's run, and shown. */
export interface Delivery {
  readonly 'p50 ms': number;
  readonly 'p99 ms': number;
  readonly 'max ms': number;
  readonly 'p99 sent': number;
  readonly 'changes/s': number;
  readonly lost: number;
  readonly doubled: number;
}

/** Waits until the subscribers have all that they should, or nothing more comes. */
export async function untilReceived(
  subscribers: readonly ClientProcess[],
  expected: number,
): Promise<readonly Received[]> {
  const end = performance.now() + limitMs;
  for (;;) {
    const counts = await Promise.all(subscribers.map(each => each.ask('received', null)));
    const received = counts.reduce((sum, count) => sum + count, 0);
    if (received >= expected || performance.now() > end) break;
    await delay(stepMs);
  }
  // What comes twice comes now.
  await delay(10 * stepMs);
  return Promise.all(subscribers.map(each => each.ask('take', null)));
}

/** Joins what was written with what came. Each row should come to `receivers`. */
export function delivery(
  written: Written,
  received: readonly Received[],
  options: {readonly firstId: number; readonly receivers: number},
): Delivery {
  const {sentAt, ackAt, seconds} = written;
  const counts = new Float64Array(sentAt.length);
  const lastAt = new Float64Array(sentAt.length);
  let wrong = 0;
  for (const each of received) {
    wrong += each.wrong;
    for (let i = 0; i < each.ids.length; i++) {
      const at = each.ids[i]! - options.firstId;
      if (!(at >= 0 && at < counts.length)) {
        wrong += each.counts[i]!;
        continue;
      }
      counts[at]! += each.counts[i]!;
      lastAt[at] = Math.max(lastAt[at]!, each.lastAt[i]!);
    }
  }
  const sinceAck: number[] = [];
  const sinceSent: number[] = [];
  let lost = 0;
  let doubled = wrong;
  for (let at = 0; at < counts.length; at++) {
    lost += Math.max(0, options.receivers - counts[at]!);
    doubled += Math.max(0, counts[at]! - options.receivers);
    if (counts[at] === 0) continue;
    sinceAck.push(lastAt[at]! - ackAt[at]!);
    sinceSent.push(lastAt[at]! - sentAt[at]!);
  }
  return {
    'p50 ms': percentile(sinceAck, 0.5),
    'p99 ms': percentile(sinceAck, 0.99),
    'max ms': percentile(sinceAck, 1),
    'p99 sent': percentile(sinceSent, 0.99),
    'changes/s': sentAt.length / seconds,
    ...{lost, doubled},
  };
}
