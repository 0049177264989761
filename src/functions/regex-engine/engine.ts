import {CharClasses} from './char-set.ts';
import type {CharSet} from './char-set.ts';
import {Conditions} from './conditions.ts';
import {Dfa} from './dfa.ts';
import type {Scan} from './dfa.ts';
import {Divider} from './divide.ts';
import {matchTree, prefersShort, refers} from './match-tree.ts';
import type {MatchNode} from './match-tree.ts';
import {offsetsOf, placeOf} from './subject.ts';
import type {Search, Subject} from './subject.ts';
import type {ParsedRegex} from './syntax.ts';

/** Characters read between two looks at the clock. */
const CHUNK = 32_768;
/** From so many candidates on, starts are found by one pass from the end. */
const MANY_STARTS = 64;

/** Places of a match: start and end of the whole, then of each group (-1 = not set). */
export type Places = Int32Array;

/**
 * Searches as PostgreSQL does: automata find where a match begins and ends, in time linear in the text; the groups inside are found
 * by dividing it. Only back-references make it try again.
 */
export class Engine {
  readonly #parsed: ParsedRegex;
  readonly #classes: CharClasses;
  readonly #conditions: Conditions;
  readonly #tree: MatchNode;
  readonly #divider: Divider;
  readonly #anywhere: Dfa;
  #whole: Dfa | null = null;
  #backwards: Dfa | null = null;
  #starts: Uint8Array | null = null;
  #startsOf: Subject | null = null;
  #subject: Subject | null = null;

  constructor(parsed: ParsedRegex) {
    const sets: CharSet[] = [...parsed.sets];
    this.#parsed = parsed;
    this.#conditions = new Conditions(parsed.assertions, sets);
    this.#classes = new CharClasses(sets);
    this.#conditions.useClasses(this.#classes);
    this.#tree = matchTree(parsed.syntax);
    this.#divider = new Divider(this.#classes, parsed);
    this.#anywhere = new Dfa(parsed.syntax, this.#classes, {
      isReversed: false,
      startsAnywhere: true,
    });
  }

  /** Whether any part of the text matches. */
  *test(text: string): Search<boolean> {
    const subject = yield* this.#read(text);
    if (refers(this.#tree)) return (yield* this.#find(subject, 0)) !== null;
    return (yield* this.#firstEnd(subject, 0)) !== -1;
  }

  /** The first match from a UTF-16 offset on. */
  *find(text: string, from: number): Search<{subject: Subject; places: Places} | null> {
    const subject = yield* this.#read(text);
    const start = from === 0 ? 0 : placeOf(subject, from);
    if (start > subject.length) return null;
    const places = yield* this.#find(subject, start);
    return places === null ? null : {subject, places};
  }

  *#read(text: string): Search<Subject> {
    if (this.#subject !== null && this.#subject.text === text) return this.#subject;
    const offsets = offsetsOf(text);
    const length = offsets === null ? text.length : offsets.length - 1;
    const classes = new Uint16Array(length);
    for (let at = 0; at < length; at++) {
      const code = offsets === null ? text.charCodeAt(at) : text.codePointAt(offsets[at]!)!;
      classes[at] = this.#classes.of(code);
      if (at % CHUNK === CHUNK - 1) yield;
    }
    const subject: Subject = {
      text,
      length,
      classes,
      conditions: null,
      conditionMasks: [0],
      stride: 1,
      offsets,
      steps: 0,
    };
    yield* this.#conditions.apply(subject);
    this.#subject = subject;
    return subject;
  }

  /** The end of the match that ends first; -1 = none. */
  *#firstEnd(subject: Subject, from: number): Search<number> {
    const scan: Scan = {state: null, at: from, accepted: -1};
    while (!this.#anywhere.advance(subject, scan, subject.length, CHUNK, true)) yield;
    return scan.accepted;
  }

  *#find(subject: Subject, from: number): Search<Places | null> {
    const firstEnd = yield* this.#firstEnd(subject, from);
    if (firstEnd === -1) return null;
    // A match that begins behind the first end cannot be the leftmost, unless back-references spoil the earlier ones.
    const isExact = !refers(this.#tree);
    const last = isExact ? firstEnd : subject.length;
    const starts = last - from > MANY_STARTS ? yield* this.#findStarts(subject) : null;
    for (let start = from; start <= last; start++) {
      if (starts !== null && starts[start] === 0) continue;
      const places = yield* this.#matchAt(subject, start);
      if (places !== null) return places;
    }
    return null;
  }

  *#findStarts(subject: Subject): Search<Uint8Array> {
    if (this.#startsOf === subject && this.#starts !== null) return this.#starts;
    this.#backwards ??= new Dfa(this.#parsed.syntax, this.#classes, {
      isReversed: true,
      startsAnywhere: true,
    });
    const starts = new Uint8Array(subject.length + 1);
    const scan: Scan = {state: null, at: subject.length, accepted: -1};
    while (!this.#backwards.markBackwards(subject, scan, starts, CHUNK)) yield;
    this.#starts = starts;
    this.#startsOf = subject;
    return starts;
  }

  *#matchAt(subject: Subject, start: number): Search<Places | null> {
    this.#whole ??= new Dfa(this.#parsed.syntax, this.#classes, {
      isReversed: false,
      startsAnywhere: false,
    });
    const {length} = subject;
    const isShort = prefersShort(this.#tree);
    const scan: Scan = {state: null, at: start, accepted: -1};
    while (!this.#whole.advance(subject, scan, length, CHUNK, isShort)) yield;
    let end = scan.accepted;
    while (end !== -1) {
      const places = yield* this.#divider.divide(subject, this.#tree, start, end);
      if (places !== null) return places;
      if (isShort)
        end = end === length ? -1 : this.#whole.shortest(subject, start, end + 1, length);
      else end = end === start ? -1 : this.#whole.longest(subject, start, end - 1);
    }
    return null;
  }
}
