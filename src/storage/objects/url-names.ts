import {createHash} from 'node:crypto';

/** File names of segments by their URL, for a cache on the local disk. */
export class UrlNames {
  readonly #suffix: string;
  readonly #names = new Map<string, string>();

  constructor(suffix: string) {
    this.#suffix = suffix;
  }

  of(url: string): string {
    let name = this.#names.get(url);
    if (name === undefined) {
      name = createHash('sha256').update(url).digest('hex').slice(0, 40) + this.#suffix;
      this.#names.set(url, name);
    }
    return name;
  }

  /** Keeps it no longer. */
  forget(url: string): void {
    this.#names.delete(url);
  }
}
