import type {PgError} from '../common/errors.ts';

/**
 * Cancel requests and timeouts of one session: an error raised from outside ends the running statement at its next
 * check, or its wait at once.
 */
export class Interrupts {
  #error: PgError | null = null;
  #wake: (() => void) | null = null;

  raise(error: PgError): void {
    this.#error = error;
    this.#wake?.();
  }

  clear(): void {
    this.#error = null;
  }

  /** Throws what was raised, once. Cheap: called per batch. */
  check(): void {
    const error = this.#error;
    if (error === null) return;
    this.#error = null;
    throw error;
  }

  /** Waits for a promise, or just gives others a turn; an error raised meanwhile ends the wait. */
  async wait(pause: Promise<unknown> | null): Promise<void> {
    if (pause === null) {
      await new Promise<void>(resolve => setImmediate(resolve));
    } else {
      const {promise, resolve} = Promise.withResolvers<void>();
      this.#wake = resolve;
      try {
        await Promise.race([pause, promise]);
      } finally {
        this.#wake = null;
      }
    }
    this.check();
  }
}
