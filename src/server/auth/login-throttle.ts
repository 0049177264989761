import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** Time for the throttle; tests give their own. */
export interface ThrottleClock {
  now(): number;
  wait(ms: number): Promise<void>;
}

const firstDelayMs = 250;
const maxDelayMs = 8000;
/** Failures are forgotten after this long without another. */
const memoryMs = 15 * 60_000;
/** Failures that one address may cause, over all users, before it is turned away. */
const maxFailuresPerAddress = 100;
/** Attempts for one user from one address that may wait for each other. */
const maxWaiting = 8;
const maxEntries = 10_000;

interface Entry {
  failures: number;
  lastAt: number;
  waiting: number;
  tail: Promise<unknown>;
}

/**
 * Slows down who guesses passwords: after a failure, attempts of one user from one address run one after another, and a failed one
 * is answered late, twice as late each time. An address that is not known ('') is no reason to turn anybody away.
 * Nobody is locked out for good, and the delay is the same whatever was wrong.
 * Who turns nobody away for an address (`turnsAway` false) makes its failures wait longest instead, once there are many.
 */
export class LoginThrottle {
  readonly #clock: ThrottleClock;
  readonly #users = new Map<string, Entry>();
  readonly #addresses = new Map<string, Entry>();

  constructor(clock: ThrottleClock = systemClock) {
    this.#clock = clock;
  }

  /** Runs a check that gives null for a failure; the answer to a failure comes late. 53400 when too many are tried. */
  async attempt<T>(
    user: string,
    address: string,
    check: () => Promise<T | null>,
    turnsAway = true,
  ): Promise<T | null> {
    const now = this.#clock.now();
    const byAddress = entryOf(this.#addresses, address, now);
    const entry = entryOf(this.#users, `${address} ${user}`, now);
    const isOverBudget = turnsAway && hasManyFailures(address, byAddress);
    if (isOverBudget || (entry.failures > 0 && entry.waiting >= maxWaiting)) {
      throw new PgError(
        SqlState.configurationLimitExceeded,
        'too many failed logins, try again later',
      );
    }
    entry.waiting++;
    byAddress.waiting++;
    try {
      // Who has not failed does not wait for others of his name.
      if (entry.failures === 0) return await this.#run(entry, byAddress, address, check);
      const turn = entry.tail.then(() => this.#run(entry, byAddress, address, check));
      entry.tail = turn.catch(() => undefined);
      return await turn;
    } finally {
      entry.waiting--;
      byAddress.waiting--;
    }
  }

  async #run<T>(
    entry: Entry,
    byAddress: Entry,
    address: string,
    check: () => Promise<T | null>,
  ): Promise<T | null> {
    const start = this.#clock.now();
    const result = await check();
    if (result !== null) {
      entry.failures = 0;
      return result;
    }
    const delay = hasManyFailures(address, byAddress)
      ? maxDelayMs
      : Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(entry.failures, 10));
    for (const each of [entry, byAddress]) {
      each.failures++;
      each.lastAt = start;
    }
    // From the start of the attempt: how long the check took says nothing.
    await this.#clock.wait(Math.max(0, start + delay - this.#clock.now()));
    return null;
  }
}

function hasManyFailures(address: string, {failures}: Entry): boolean {
  return address !== '' && failures >= maxFailuresPerAddress;
}

function entryOf(entries: Map<string, Entry>, key: string, now: number): Entry {
  const known = entries.get(key);
  if (known !== undefined && (known.waiting > 0 || now - known.lastAt < memoryMs)) return known;
  if (entries.size >= maxEntries) forgetOne(entries);
  const entry: Entry = {failures: 0, lastAt: now, waiting: 0, tail: Promise.resolve()};
  entries.set(key, entry);
  return entry;
}

/** The oldest without a waiting attempt goes; one that never failed first. */
function forgetOne(entries: Map<string, Entry>): void {
  let oldest: string | null = null;
  let seen = 0;
  for (const [key, entry] of entries) {
    if (entry.waiting > 0) continue;
    if (entry.failures === 0) {
      entries.delete(key);
      return;
    }
    oldest ??= key;
    if (++seen > 100) break;
  }
  if (oldest !== null) entries.delete(oldest);
}

const systemClock: ThrottleClock = {
  now: () => performance.now(),
  wait: ms => new Promise(resolve => setTimeout(resolve, ms).unref()),
};
