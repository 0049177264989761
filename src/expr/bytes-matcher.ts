// Hot path: LIKE and = over UTF-8 columns without making strings; bench/expr.ts measures it.
import type {LikePattern} from '../functions/like.ts';
import {compileLike} from '../functions/like.ts';

type Form = 'equal' | 'contains' | 'prefix' | 'suffix' | 'any' | 'string';

/** Tests rows of a UTF-8 vector, in ascending order within a batch, against one pattern or string. */
export class BytesMatcher {
  readonly #isLike: boolean;
  #text: string | null = null;
  #form: Form = 'equal';
  #needle: Buffer = Buffer.alloc(0);
  #like: LikePattern | null = null;
  #bytes: Buffer = Buffer.alloc(0);
  /** Nothing lies between #searchedFrom and #found; -1 means nothing up to the end. */
  #found = 0;
  #searchedFrom = Number.MAX_SAFE_INTEGER;

  constructor(isLike: boolean) {
    this.#isLike = isLike;
  }

  /** Starts a batch whose last row ends before `end`. */
  open(bytes: Buffer, end: number): void {
    this.#bytes = bytes.length === end ? bytes : bytes.subarray(0, end);
    this.#found = 0;
    this.#searchedFrom = Number.MAX_SAFE_INTEGER;
  }

  test(pattern: string, start: number, end: number): boolean {
    if (pattern !== this.#text) this.#compile(pattern);
    const needle = this.#needle;
    switch (this.#form) {
      case 'contains':
        return this.#contains(start, end);
      case 'equal':
        return end - start === needle.length && this.#matchesAt(start);
      case 'prefix':
        return end - start >= needle.length && this.#matchesAt(start);
      case 'suffix':
        return end - start >= needle.length && this.#matchesAt(end - needle.length);
      case 'any':
        return true;
      case 'string':
        return this.#like!.test(this.#bytes.utf8Slice(start, end));
    }
  }

  /** One search runs over the whole batch: each hit serves until the rows pass it. */
  #contains(start: number, end: number): boolean {
    if (this.#searchedFrom > start || (this.#found !== -1 && this.#found < start)) {
      this.#found = this.#bytes.indexOf(this.#needle, start);
      this.#searchedFrom = start;
    }
    return this.#found !== -1 && this.#found + this.#needle.length <= end;
  }

  #matchesAt(start: number): boolean {
    const needle = this.#needle;
    const bytes = this.#bytes;
    if (needle.length > 24)
      return bytes.compare(needle, 0, needle.length, start, start + needle.length) === 0;
    for (let index = 0; index < needle.length; index++)
      if (bytes[start + index] !== needle[index]) return false;
    return true;
  }

  #compile(text: string): void {
    this.#text = text;
    this.#found = 0;
    this.#searchedFrom = Number.MAX_SAFE_INTEGER;
    this.#like = null;
    this.#form = 'equal';
    let literal = text;
    if (this.#isLike) {
      const like = compileLike(text);
      this.#like = like;
      this.#form = like.form === 'general' ? 'string' : like.form === 'exact' ? 'equal' : like.form;
      literal = like.literal;
    }
    this.#needle = Buffer.from(literal, 'utf8');
    if (this.#form === 'contains' && literal === '') this.#form = 'any';
  }
}
