/** A search under way: each yield is a chance to pause it. */
export type Search<T> = Generator<undefined, T>;

/** A text as an automaton reads it: a number per character, and the conditions that hold between characters. */
export interface Subject {
  readonly text: string;
  /** In characters. */
  readonly length: number;
  /** By character: its class. */
  readonly classes: Uint16Array;
  /** By position (one more than characters): the number of its conditions; null = the expression has none. */
  conditions: Uint16Array | null;
  /** By that number: the assertions that hold, as bits. */
  conditionMasks: readonly number[];
  /** More than any number of conditions. */
  stride: number;
  /** By position: the UTF-16 offset; null when each character is one unit. */
  readonly offsets: Uint32Array | null;
  /** Characters read so far by all automata. */
  steps: number;
}

/** The character at a place. */
export function codeAt(subject: Subject, at: number): number {
  return subject.offsets === null
    ? subject.text.charCodeAt(at)
    : subject.text.codePointAt(subject.offsets[at]!)!;
}

/** The UTF-16 offset of a place. */
export function offsetAt(subject: Subject, at: number): number {
  return subject.offsets === null ? at : subject.offsets[at]!;
}

/** The place of a UTF-16 offset. */
export function placeOf(subject: Subject, offset: number): number {
  const {offsets} = subject;
  if (offsets === null) return offset;
  let low = 0;
  let high = subject.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return offset > subject.text.length ? subject.length + 1 : low;
}

/** UTF-16 offsets of the characters; null when each is one unit. */
export function offsetsOf(text: string): Uint32Array | null {
  if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return null;
  const offsets: number[] = [];
  let at = 0;
  while (at < text.length) {
    offsets.push(at);
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  offsets.push(at);
  return Uint32Array.from(offsets);
}
