import type {Node} from '@pgsql/types';

const MOST = 10_000;

/** Parsed texts of defaults, checks and views, bounded. */
export class ParsedTexts {
  readonly #texts = new Map<string, Node>();

  parsed(text: string, make: () => Node): Node {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= MOST) this.#texts.clear();
    const made = make();
    this.#texts.set(text, made);
    return made;
  }
}
