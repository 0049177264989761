// Hot path: states of the automaton are made as the text needs them.
import type {CharClasses} from './char-set.ts';
import {ACCEPT, buildNfa, DEMAND, FORK, READ} from './nfa.ts';
import type {Nfa} from './nfa.ts';
import type {Subject} from './subject.ts';
import type {Syntax} from './syntax.ts';

/** Past this many states the automaton begins anew. */
const MOST_STATES = 2000;
/** Work on new states between two chances to pause. */
const MOST_WORK = 100_000;

/** A set of states of the NFA that are possible at once. */
interface DfaState {
  /** Reading states, in ascending order. */
  readonly reads: Int32Array;
  readonly accepts: boolean;
  /** Nothing can follow. */
  readonly isDead: boolean;
  /** By conditions and class of the character; a hole = not made yet. */
  readonly next: (DfaState | undefined)[];
}

/** A search that can stop and go on: the automaton at a place of the text. */
export interface Scan {
  state: DfaState | null;
  at: number;
  /** The last place where it accepted, -1 = none. */
  accepted: number;
}

/** A deterministic automaton over an expression, forwards or backwards, beginning at one place or at all. */
export class Dfa {
  readonly #nfa: Nfa;
  readonly #classes: CharClasses;
  readonly #startsAnywhere: boolean;
  #states = new Map<string, DfaState>();
  #starts: (DfaState | undefined)[] = [];
  readonly #marks: Int32Array;
  #mark = 0;
  #stride = 0;

  constructor(
    syntax: Syntax,
    classes: CharClasses,
    how: {readonly isReversed: boolean; readonly startsAnywhere: boolean},
  ) {
    this.#nfa = buildNfa(syntax, how.isReversed);
    this.#classes = classes;
    this.#startsAnywhere = how.startsAnywhere;
    this.#marks = new Int32Array(this.#nfa.kinds.length);
  }

  /** Where the longest match from `from` ends that ends at `stop` at most; -1 = none. */
  longest(subject: Subject, from: number, stop: number): number {
    const scan: Scan = {state: null, at: from, accepted: -1};
    this.advance(subject, scan, stop, Number.POSITIVE_INFINITY, false);
    return scan.accepted;
  }

  /** Where the shortest match from `from` ends that ends at `least` or later; -1 = none. */
  shortest(subject: Subject, from: number, least: number, stop: number): number {
    const scan: Scan = {state: null, at: from, accepted: -1};
    this.advance(subject, scan, Math.min(least, stop), Number.POSITIVE_INFINITY, false);
    if (least > stop || scan.at < least) return -1;
    if (scan.accepted === least) return least;
    this.advance(subject, scan, stop, Number.POSITIVE_INFINITY, true);
    return scan.accepted >= least ? scan.accepted : -1;
  }

  /** Goes forwards to `stop`, for `most` characters at most, to the first acceptance where `stopsAtFirst`; true when it is finished. */
  advance(
    subject: Subject,
    scan: Scan,
    stop: number,
    most: number,
    stopsAtFirst: boolean,
  ): boolean {
    const {classes, conditions, stride} = subject;
    let {state, at} = scan;
    if (state === null) {
      state = this.#startAt(subject, at);
      if (state.accepts) scan.accepted = at;
      if (stopsAtFirst && state.accepts) {
        scan.state = state;
        return true;
      }
    }
    const end = Math.min(stop, at + most);
    subject.steps += end - at;
    const limit = most === Number.POSITIVE_INFINITY ? most : subject.steps + MOST_WORK;
    while (at < end && !state.isDead && subject.steps < limit) {
      const charClass: number = classes[at]!;
      at++;
      const index: number = conditions === null ? charClass : charClass * stride + conditions[at]!;
      state = state.next[index] ?? this.#step(subject, state, charClass, at, index);
      if (state.accepts) {
        scan.accepted = at;
        if (stopsAtFirst) break;
      }
    }
    subject.steps -= end - at;
    scan.state = state;
    scan.at = at;
    return state.isDead || at >= stop || (stopsAtFirst && state.accepts);
  }

  /** Goes forwards over `most` characters at most and marks each place where it accepts; true when it is finished. */
  markForwards(subject: Subject, scan: Scan, marks: Uint8Array, most: number): boolean {
    const {length} = subject;
    const end = Math.min(length, scan.at + most);
    if (scan.state === null) {
      scan.state = this.#startAt(subject, scan.at);
      if (scan.state.accepts) marks[scan.at] = 1;
    }
    while (scan.at < end) {
      this.advance(subject, scan, scan.at + 1, 1, false);
      if (scan.accepted === scan.at) marks[scan.at] = 1;
    }
    return end === length;
  }

  /** Goes backwards over `most` characters at most and marks each place where it accepts; true when it is finished. */
  markBackwards(subject: Subject, scan: Scan, marks: Uint8Array, most: number): boolean {
    const {classes, conditions, stride} = subject;
    let {state, at} = scan;
    if (state === null) {
      state = this.#startAt(subject, at);
      if (state.accepts) marks[at] = 1;
    }
    const end = Math.max(0, at - most);
    subject.steps += at - end;
    const limit = subject.steps + MOST_WORK;
    while (at > end && subject.steps < limit) {
      at--;
      const charClass: number = classes[at]!;
      const index: number = conditions === null ? charClass : charClass * stride + conditions[at]!;
      state = state.next[index] ?? this.#step(subject, state, charClass, at, index);
      if (state.accepts) marks[at] = 1;
    }
    scan.state = state;
    scan.at = at;
    return at === 0;
  }

  #startAt(subject: Subject, at: number): DfaState {
    if (subject.stride !== this.#stride) {
      this.#stride = subject.stride;
      this.#states = new Map();
      this.#starts = [];
    }
    const condition = subject.conditions === null ? 0 : subject.conditions[at]!;
    let state = this.#starts[condition];
    if (state === undefined) {
      this.#mark++;
      const reads: number[] = [];
      const accepts = this.#close(this.#nfa.start, subject.conditionMasks[condition]!, reads);
      state = this.#intern(reads, accepts);
      this.#starts[condition] = state;
    }
    return state;
  }

  #step(subject: Subject, from: DfaState, charClass: number, at: number, index: number): DfaState {
    const {operands, first, start} = this.#nfa;
    const mask = subject.conditionMasks[subject.conditions === null ? 0 : subject.conditions[at]!]!;
    this.#mark++;
    const reads: number[] = [];
    let accepts = false;
    subject.steps += from.reads.length;
    for (const state of from.reads) {
      if (this.#classes.has(operands[state]!, charClass))
        accepts = this.#close(first[state]!, mask, reads) || accepts;
    }
    if (this.#startsAnywhere) accepts = this.#close(start, mask, reads) || accepts;
    const next = this.#intern(reads, accepts);
    from.next[index] = next;
    return next;
  }

  /** Adds every reading state that is reached from `start` without reading; true when the end is reached. */
  #close(start: number, mask: number, reads: number[]): boolean {
    const {kinds, operands, first, second} = this.#nfa;
    const pending = [start];
    let accepts = false;
    for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
      if (this.#marks[state] === this.#mark) continue;
      this.#marks[state] = this.#mark;
      switch (kinds[state]) {
        case READ:
          reads.push(state);
          break;
        case FORK:
          pending.push(second[state]!, first[state]!);
          break;
        case DEMAND:
          if ((mask & (1 << operands[state]!)) !== 0) pending.push(first[state]!);
          break;
        case ACCEPT:
          accepts = true;
          break;
      }
    }
    return accepts;
  }

  #intern(reads: number[], accepts: boolean): DfaState {
    const sorted = Int32Array.from(reads).sort();
    const key = `${accepts ? '+' : '-'}${sorted.join(',')}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      if (this.#states.size >= MOST_STATES) {
        this.#states = new Map();
        this.#starts = [];
      }
      const isDead = sorted.length === 0 && !this.#startsAnywhere;
      state = {reads: sorted, accepts, isDead, next: []};
      this.#states.set(key, state);
    }
    return state;
  }
}
