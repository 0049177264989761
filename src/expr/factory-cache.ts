/** Makes an instance of generated code from its arguments (constants, functions, helpers). */
export type Factory = (args: readonly unknown[]) => (...args: never[]) => unknown;

/**
 * Instantiated factories by source text, so that statements that differ only in constants compile once.
 * Bounded, least recently used goes first.
 */
export class FactoryCache {
  readonly #capacity: number;
  readonly #factories = new Map<string, Factory>();
  #compiled = 0;

  constructor(capacity = 2000) {
    this.#capacity = capacity;
  }

  /** How many sources were handed to the JavaScript compiler. */
  get compiledCount(): number {
    return this.#compiled;
  }

  /** The factory of a source text made by the emitter. */
  get(source: string): Factory {
    const known = this.#factories.get(source);
    if (known !== undefined) {
      this.#factories.delete(source);
      this.#factories.set(source, known);
      return known;
    }
    this.#compiled++;
    const made = new Function('A', source) as Factory;
    this.#factories.set(source, made);
    if (this.#factories.size > this.#capacity) {
      for (const oldest of this.#factories.keys()) {
        this.#factories.delete(oldest);
        break;
      }
    }
    return made;
  }
}
