import {oneChar} from './char-set.ts';
import type {CharClasses, CharSet} from './char-set.ts';
import {Dfa} from './dfa.ts';
import type {Scan} from './dfa.ts';
import {classEscapes} from './escapes.ts';
import type {Subject} from './subject.ts';
import type {AnchorName, Assertion} from './syntax.ts';

const CHUNK = 32_768;
const LINE_FEED = 10;

/** Finds which assertions of an expression hold between the characters of a text. */
export class Conditions {
  readonly #assertions: readonly Assertion[];
  readonly #lines: number;
  readonly #words: number;
  readonly #numbers = new Map<number, number>();
  readonly #masks: number[] = [];
  readonly #looks: (Dfa | null)[] = [];
  #classes: CharClasses | null = null;

  /** Adds the sets that it needs itself to `sets`. */
  constructor(assertions: readonly Assertion[], sets: CharSet[]) {
    this.#assertions = assertions;
    const names = new Set(assertions.map(each => (each.kind === 'anchor' ? each.name : '')));
    const needsLines = names.has('lineStart') || names.has('lineEnd');
    this.#lines = needsLines ? sets.push(oneChar(LINE_FEED, false)) - 1 : -1;
    const needsWords = [...names].some(name => /ord/.test(name));
    this.#words = needsWords ? sets.push(classEscapes['w']!) - 1 : -1;
  }

  useClasses(classes: CharClasses): void {
    this.#classes = classes;
    for (const assertion of this.#assertions) {
      if (assertion.kind === 'anchor') this.#looks.push(null);
      else {
        const how = {isReversed: !assertion.isBehind, startsAnywhere: true};
        this.#looks.push(new Dfa(assertion.body, classes, how));
      }
    }
  }

  /** Fills the conditions of a text. */
  *apply(subject: Subject): Generator<undefined, void> {
    if (this.#assertions.length === 0) return;
    const masks = new Int32Array(subject.length + 1);
    for (let at = 0; at <= subject.length; at++) {
      masks[at] = this.#anchorsAt(subject, at);
      if (at % CHUNK === CHUNK - 1) yield;
    }
    this.#number(subject, masks);
    for (const [index, dfa] of this.#looks.entries()) {
      if (dfa === null) continue;
      yield* this.#look(subject, masks, index, dfa);
      this.#number(subject, masks);
    }
  }

  *#look(subject: Subject, masks: Int32Array, index: number, dfa: Dfa): Generator<undefined, void> {
    const assertion = this.#assertions[index] as Extract<Assertion, {kind: 'look'}>;
    const marks = new Uint8Array(subject.length + 1);
    const at = assertion.isBehind ? 0 : subject.length;
    const scan: Scan = {state: null, at, accepted: -1};
    if (assertion.isBehind) while (!dfa.markForwards(subject, scan, marks, CHUNK)) yield;
    else while (!dfa.markBackwards(subject, scan, marks, CHUNK)) yield;
    const wanted = assertion.isNegated ? 0 : 1;
    for (let place = 0; place < marks.length; place++)
      if (marks[place] === wanted) masks[place]! |= 1 << index;
  }

  /** Small numbers for the combinations that occur. */
  #number(subject: Subject, masks: Int32Array): void {
    const numbers = new Uint16Array(masks.length);
    let lastMask = -1;
    let lastNumber = 0;
    for (let at = 0; at < masks.length; at++) {
      const mask = masks[at]!;
      if (mask !== lastMask) {
        lastMask = mask;
        let number = this.#numbers.get(mask);
        if (number === undefined) {
          number = this.#masks.push(mask) - 1;
          this.#numbers.set(mask, number);
        }
        lastNumber = number;
      }
      numbers[at] = lastNumber;
    }
    let stride = 16;
    while (stride < this.#masks.length) stride *= 2;
    subject.conditions = numbers;
    subject.conditionMasks = this.#masks;
    subject.stride = stride;
  }

  #anchorsAt(subject: Subject, at: number): number {
    let mask = 0;
    for (const [index, assertion] of this.#assertions.entries())
      if (assertion.kind === 'anchor' && this.#holds(subject, at, assertion.name))
        mask |= 1 << index;
    return mask;
  }

  #holds(subject: Subject, at: number, name: AnchorName): boolean {
    switch (name) {
      case 'textStart':
        return at === 0;
      case 'textEnd':
        return at === subject.length;
      case 'lineStart':
        return at === 0 || this.#isIn(subject, at - 1, this.#lines);
      case 'lineEnd':
        return at === subject.length || this.#isIn(subject, at, this.#lines);
      default: {
        const before = this.#isIn(subject, at - 1, this.#words);
        const after = this.#isIn(subject, at, this.#words);
        if (name === 'wordStart') return !before && after;
        if (name === 'wordEnd') return before && !after;
        return (before !== after) === (name === 'wordEdge');
      }
    }
  }

  #isIn(subject: Subject, at: number, set: number): boolean {
    const charClass = subject.classes[at];
    return charClass !== undefined && this.#classes!.has(set, charClass);
  }
}
