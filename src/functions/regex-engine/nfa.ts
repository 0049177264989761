import {invalidRegex} from '../regex-options.ts';
import type {Syntax} from './syntax.ts';

/** What a state does: reads a character of a set, goes on at once to one or two states, demands an assertion, or ends. */
export const READ = 0;
export const FORK = 1;
export const DEMAND = 2;
export const ACCEPT = 3;

const MOST_STATES = 100_000;

/** States by number; `operand` is a set or an assertion; `first` and `second` are the next states (-1 = none). */
export interface Nfa {
  readonly kinds: number[];
  readonly operands: number[];
  readonly first: number[];
  readonly second: number[];
  readonly start: number;
}

/** The automaton of an expression, or of its mirror image. A back-reference reads what its group could have matched. */
export function buildNfa(syntax: Syntax, isReversed: boolean): Nfa {
  const builder = new Builder(isReversed);
  const accept = builder.add(ACCEPT, 0, -1, -1);
  const start = builder.build(syntax, accept);
  return builder.finish(start);
}

class Builder {
  readonly #kinds: number[] = [];
  readonly #operands: number[] = [];
  readonly #first: number[] = [];
  readonly #second: number[] = [];
  readonly #isReversed: boolean;
  /** Inside the copy that stands for a back-reference: its conditions held elsewhere. */
  #isCopy = false;

  constructor(isReversed: boolean) {
    this.#isReversed = isReversed;
  }

  add(kind: number, operand: number, first: number, second: number): number {
    if (this.#kinds.length >= MOST_STATES) throw invalidRegex('regular expression is too complex');
    this.#operands.push(operand);
    this.#first.push(first);
    this.#second.push(second);
    return this.#kinds.push(kind) - 1;
  }

  finish(start: number): Nfa {
    return {
      kinds: this.#kinds,
      operands: this.#operands,
      first: this.#first,
      second: this.#second,
      start,
    };
  }

  /** The first state of `syntax` followed by the state `next`. */
  build(syntax: Syntax, next: number): number {
    switch (syntax.kind) {
      case 'set':
        return this.add(READ, syntax.set, next, -1);
      case 'assertion':
        return this.#isCopy ? next : this.add(DEMAND, syntax.assertion, next, -1);
      case 'group':
        return this.build(syntax.item, next);
      case 'sequence': {
        let at = next;
        const {items} = syntax;
        if (this.#isReversed) for (const item of items) at = this.build(item, at);
        else for (let i = items.length - 1; i >= 0; i--) at = this.build(items[i]!, at);
        return at;
      }
      case 'choice': {
        let at = -1;
        for (const branch of syntax.branches) {
          const first = this.build(branch, next);
          at = at === -1 ? first : this.add(FORK, 0, at, first);
        }
        return at;
      }
      case 'backReference': {
        const wasCopy = this.#isCopy;
        this.#isCopy = true;
        const at = this.build(syntax.target, next);
        this.#isCopy = wasCopy;
        return at;
      }
      case 'repeat':
        return this.#repeat(syntax, next);
    }
  }

  #repeat(syntax: Extract<Syntax, {kind: 'repeat'}>, next: number): number {
    const {item, least, most} = syntax;
    let at = next;
    if (most === Number.POSITIVE_INFINITY) {
      const loop = this.add(FORK, 0, -1, next);
      this.#first[loop] = this.build(item, loop);
      at = loop;
    } else {
      for (let i = least; i < most; i++) at = this.add(FORK, 0, this.build(item, at), next);
    }
    for (let i = 0; i < least; i++) at = this.build(item, at);
    return at;
  }
}
