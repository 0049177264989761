/** A set of code points: ranges and named classes, perhaps all others. */
export interface CharSet {
  /** Pairs of first and last. */
  readonly ranges: readonly number[];
  /** JavaScript sources of named classes, to be tested with flag u. */
  readonly classes: readonly RegExp[];
  readonly isNegated: boolean;
  readonly foldsCase: boolean;
  /** A negated set of a newline-sensitive expression does not hold the newline. */
  readonly excludesNewline: boolean;
}

const LINE_FEED = 10;

/** Every character, or every one but the newline. */
export function anyChar(excludesNewline: boolean): CharSet {
  return {ranges: [], classes: [], isNegated: true, foldsCase: false, excludesNewline};
}

/** The set of one character. */
export function oneChar(code: number, foldsCase: boolean): CharSet {
  return {
    ranges: [code, code],
    classes: [],
    isNegated: false,
    foldsCase,
    excludesNewline: false,
  };
}

/** Whether a set holds a character. */
export function setHas(set: CharSet, code: number): boolean {
  if (set.excludesNewline && code === LINE_FEED) return false;
  let isIn = holds(set, code);
  if (!isIn && set.foldsCase) {
    const lower = lowerOf(code);
    const upper = upperOf(code);
    isIn = (lower !== code && holds(set, lower)) || (upper !== code && holds(set, upper));
  }
  return isIn !== set.isNegated;
}

function holds(set: CharSet, code: number): boolean {
  const {ranges} = set;
  for (let at = 0; at < ranges.length; at += 2)
    if (code >= ranges[at]! && code <= ranges[at + 1]!) return true;
  if (set.classes.length === 0) return false;
  const char = String.fromCodePoint(code);
  return set.classes.some(each => each.test(char));
}

/** The lower-case form where that is one character, else the character itself. */
export function lowerOf(code: number): number {
  return single(String.fromCodePoint(code).toLowerCase(), code);
}

function upperOf(code: number): number {
  return single(String.fromCodePoint(code).toUpperCase(), code);
}

function single(text: string, otherwise: number): number {
  const code = text.codePointAt(0)!;
  return text.length === (code > 0xffff ? 2 : 1) ? code : otherwise;
}

/** Most characters beyond ASCII whose class is remembered. */
const REMEMBERED = 4096;

/** Characters by what an expression's sets say about them: those of one class are alike for it. */
export class CharClasses {
  readonly #sets: readonly CharSet[];
  readonly #ascii = new Int16Array(128).fill(-1);
  readonly #others = new Map<number, number>();
  readonly #numbers = new Map<string, number>();
  /** By class: the sets that hold it. */
  readonly #members: boolean[][] = [];

  constructor(sets: readonly CharSet[]) {
    this.#sets = sets;
  }

  of(code: number): number {
    if (code < 128) {
      const known = this.#ascii[code]!;
      if (known >= 0) return known;
      const found = this.#find(code);
      this.#ascii[code] = found;
      return found;
    }
    const known = this.#others.get(code);
    if (known !== undefined) return known;
    const found = this.#find(code);
    if (this.#others.size >= REMEMBERED) this.#others.clear();
    this.#others.set(code, found);
    return found;
  }

  has(set: number, charClass: number): boolean {
    return this.#members[charClass]![set]!;
  }

  #find(code: number): number {
    const members = this.#sets.map(set => setHas(set, code));
    const key = members.map(Number).join('');
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#members.push(members) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }
}
