/** Tasks run for so long, then others have their turn. */
const SLICE_MS = 5;

/** Tasks in the order in which they came. */
class Queue {
  #tasks: (() => void)[] = [];
  #at = 0;

  get size(): number {
    return this.#tasks.length - this.#at;
  }

  push(task: () => void): void {
    this.#tasks.push(task);
  }

  runOne(): void {
    if (this.size === 0) return;
    const task = this.#tasks[this.#at++]!;
    if (this.#at === this.#tasks.length || this.#at === 4096) {
      this.#tasks = this.#tasks.slice(this.#at);
      this.#at = 0;
    }
    task();
  }
}

/**
 * Runs the tasks of all live queries in turns of a few ms: 20,000 of them may have to read their rows anew at once. Who has just come
 * has half of the time, however long the others' queue is. Tasks do not throw.
 */
export class Pacer {
  readonly #urgent = new Queue();
  readonly #patient = new Queue();
  #isDue = false;

  /** In a later turn. */
  later(task: () => void, isUrgent: boolean): void {
    (isUrgent ? this.#urgent : this.#patient).push(task);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#turn());
  }

  /** Only what was there when it began: what a task asks for later is of a later turn. */
  #turn(): void {
    this.#isDue = false;
    const until = performance.now() + SLICE_MS;
    let left = Math.max(this.#urgent.size, this.#patient.size);
    while (left-- > 0 && performance.now() < until) {
      this.#urgent.runOne();
      this.#patient.runOne();
    }
    if (this.#urgent.size + this.#patient.size > 0) this.#schedule();
  }
}
