import {setTimeout as delay, setImmediate as nextTurn} from 'node:timers/promises';

/** Milliseconds after which work in slices lets others have their turn, where no setting says so. */
const SLICE_MS = 4;

/** Work that can pause: where it yields, others may take their turn. Rows are not yielded one by one. */
export type Slices<T = void> = Generator<void, T, void>;

/** Tells work in slices when its share of a turn is used up. */
export class Pace {
  readonly #sliceMs: number;
  #until = Infinity;

  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs;
  }

  begin(): void {
    this.#until = performance.now() + this.#sliceMs;
  }

  get isOver(): boolean {
    return performance.now() >= this.#until;
  }
}

/** Runs work to its end, a slice per turn of the event loop; what fits one slice is done when this returns. */
export async function runInTurns<T>(
  start: (pace: Pace) => Slices<T>,
  sliceMs: number = SLICE_MS,
): Promise<T> {
  const pace = new Pace(sliceMs);
  const work = start(pace);
  for (;;) {
    pace.begin();
    const step = work.next();
    if (step.done === true) return step.value;
    await nextTurn();
  }
}

/** Milliseconds of work after which maintenance gives way, and of a rest while others are at work. */
const BREATH_MS = 1;
/** Milliseconds of work that one of rest allows. */
const WORK_PER_REST = 2;

/** Lets maintenance give way: to whoever waits for the loop always, and a third of the time while others are at work. */
export class Breather {
  readonly #begun: () => number;
  #seen: number;
  #since: number;
  /** Milliseconds of work that no rest has followed. A rest that took longer, on a busy machine, is counted whole. */
  #owed = 0;

  /** `begun` counts what others have begun. */
  constructor(begun: () => number = () => 0) {
    this.#begun = begun;
    this.#seen = begun();
    this.#since = performance.now();
  }

  /** Whether it is time for a rest. */
  get isDue(): boolean {
    return performance.now() - this.#since >= BREATH_MS;
  }

  async rest(): Promise<void> {
    const began = performance.now();
    const begun = this.#begun();
    const isShared = begun !== this.#seen;
    this.#owed = isShared ? this.#owed + began - this.#since : 0;
    if (this.#owed < BREATH_MS * WORK_PER_REST) {
      await nextTurn();
      this.#since = performance.now();
    } else {
      await delay(BREATH_MS);
      this.#since = performance.now();
      this.#owed -= (this.#since - began) * WORK_PER_REST;
    }
    this.#seen = begun;
  }
}
