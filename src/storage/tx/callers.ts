import type {WaiterInfo} from '../contract.ts';

/** Transactions of one session without any of another in between, from which it counts as alone. */
const LONE_AFTER = 8;

/** Who begins transactions: whether one session has been alone for a while. */
export class Callers {
  #last: WaiterInfo | null = null;
  #streak = 0;

  /** Transactions that were begun since the start: maintenance sees by it whether others are at work. */
  begun = 0;

  note(waiter: WaiterInfo): void {
    this.begun++;
    if (waiter === this.#last) {
      this.#streak++;
      return;
    }
    this.#last = waiter;
    this.#streak = 0;
  }

  get isLone(): boolean {
    return this.#streak >= LONE_AFTER;
  }
}
