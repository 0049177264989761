import {lowerOf} from './char-set.ts';
import type {CharClasses} from './char-set.ts';
import {Dfa} from './dfa.ts';
import type {MatchNode} from './match-tree.ts';
import {prefersShort} from './match-tree.ts';
import {codeAt} from './subject.ts';
import type {Search, Subject} from './subject.ts';
import type {ParsedRegex} from './syntax.ts';

/** Characters read, or parts tried, between two chances to pause. */
const PATIENCE = 32_768;

/** Finds the groups inside a match by dividing it among the parts of the expression (regexec.c, cdissect). */
export class Divider {
  readonly #classes: CharClasses;
  readonly #foldsCase: boolean;
  readonly #captureCount: number;
  readonly #automata = new Map<MatchNode, Dfa>();
  #places = new Int32Array(0);
  #pausedAt = 0;

  constructor(classes: CharClasses, parsed: ParsedRegex) {
    this.#classes = classes;
    this.#foldsCase = parsed.isCaseInsensitive;
    this.#captureCount = parsed.captureCount;
  }

  /** The places of match and groups; null when back-references forbid the match. */
  *divide(
    subject: Subject,
    tree: MatchNode,
    start: number,
    end: number,
  ): Search<Int32Array | null> {
    this.#places = new Int32Array(2 * (this.#captureCount + 1)).fill(-1);
    this.#pausedAt = subject.steps;
    if (!(yield* this.#node(subject, tree, start, end))) return null;
    this.#places[0] = start;
    this.#places[1] = end;
    return this.#places;
  }

  #dfa(node: MatchNode): Dfa {
    let dfa = this.#automata.get(node);
    if (dfa === undefined) {
      dfa = new Dfa(node.syntax, this.#classes, {isReversed: false, startsAnywhere: false});
      this.#automata.set(node, dfa);
    }
    return dfa;
  }

  *#node(subject: Subject, node: MatchNode, start: number, end: number): Search<boolean> {
    subject.steps++;
    if (subject.steps - this.#pausedAt > PATIENCE) {
      this.#pausedAt = subject.steps;
      yield;
    }
    let isMatch = true;
    switch (node.kind) {
      case 'leaf':
        break;
      case 'backReference':
        isMatch = this.#sameAs(subject, node, start, end);
        break;
      case 'pair':
        isMatch = yield* this.#pair(subject, node, start, end);
        break;
      case 'choice':
        isMatch = yield* this.#choice(subject, node, start, end);
        break;
      case 'loop':
        isMatch = prefersShort(node)
          ? yield* this.#shortLoop(subject, node, start, end)
          : yield* this.#longLoop(subject, node, start, end);
        break;
    }
    if (isMatch && node.capture !== 0) {
      this.#places[2 * node.capture] = start;
      this.#places[2 * node.capture + 1] = end;
    }
    return isMatch;
  }

  /** Forgets the groups inside a part. */
  #forget(node: MatchNode): void {
    if (node.capture !== 0) {
      this.#places[2 * node.capture] = -1;
      this.#places[2 * node.capture + 1] = -1;
    }
    for (const child of node.children) this.#forget(child);
  }

  *#pair(subject: Subject, node: MatchNode, start: number, end: number): Search<boolean> {
    const left = node.children[0]!;
    const right = node.children[1]!;
    const isShort = prefersShort(left);
    const leftDfa = this.#dfa(left);
    const rightDfa = this.#dfa(right);
    let middle = isShort
      ? leftDfa.shortest(subject, start, start, end)
      : leftDfa.longest(subject, start, end);
    while (middle !== -1) {
      if (rightDfa.longest(subject, middle, end) === end) {
        if (
          (yield* this.#node(subject, left, start, middle)) &&
          (yield* this.#node(subject, right, middle, end))
        )
          return true;
        this.#forget(left);
        this.#forget(right);
      }
      if (isShort) {
        if (middle === end) return false;
        middle = leftDfa.shortest(subject, start, middle + 1, end);
      } else {
        if (middle === start) return false;
        middle = leftDfa.longest(subject, start, middle - 1);
      }
      if (subject.steps - this.#pausedAt > PATIENCE) {
        this.#pausedAt = subject.steps;
        yield;
      }
    }
    return false;
  }

  *#choice(subject: Subject, node: MatchNode, start: number, end: number): Search<boolean> {
    for (const child of node.children) {
      if (this.#dfa(child).longest(subject, start, end) !== end) continue;
      if (yield* this.#node(subject, child, start, end)) return true;
      this.#forget(child);
    }
    return false;
  }

  #sameAs(subject: Subject, node: MatchNode, start: number, end: number): boolean {
    const from = this.#places[2 * node.target]!;
    const length = this.#places[2 * node.target + 1]! - from;
    if (from === -1) return false;
    if (length === 0) return start === end && node.least <= node.most;
    if (start === end) return node.least === 0;
    const rounds = (end - start) / length;
    if (!Number.isInteger(rounds) || rounds < node.least || rounds > node.most) return false;
    for (let at = start; at < end; at++) {
      const left = codeAt(subject, at);
      const right = codeAt(subject, from + ((at - start) % length));
      if (left !== right && !(this.#foldsCase && lowerOf(left) === lowerOf(right))) return false;
    }
    subject.steps += end - start;
    return true;
  }

  *#longLoop(subject: Subject, node: MatchNode, start: number, end: number): Search<boolean> {
    if (start === end && node.least === 0) return yield* this.#emptyRound(subject, node, start);
    const loop = new Loop(node, start, end);
    const {ends, least, most} = loop;
    const child = node.children[0]!;
    const dfa = this.#dfa(child);
    let limit = end;
    let round = 1;
    while (round > 0) {
      const found = dfa.longest(subject, ends[round - 1]!, limit);
      ends[round] = found;
      loop.verified = Math.min(loop.verified, round - 1);
      if (found === -1) round--;
      else if (found !== end) {
        const isIdle = found === ends[round - 1] && (round >= least || least - round < end - found);
        if (round >= most) round--;
        else if (!isIdle) {
          round++;
          limit = end;
          continue;
        }
      } else if (round >= least && (yield* this.#verify(subject, child, loop, round))) return true;
      // Shorter forms of the newest round, then of those before it.
      while (round > 0) {
        const before = ends[round - 1]!;
        if (ends[round]! > before) {
          limit = ends[round]! - 1;
          if (limit > before || (round < least && least - round >= end - before)) break;
        }
        round--;
      }
    }
    return false;
  }

  *#shortLoop(subject: Subject, node: MatchNode, start: number, end: number): Search<boolean> {
    if (start === end && node.least === 0) return yield* this.#emptyRound(subject, node, start);
    const loop = new Loop(node, start, end);
    const {ends, least, most} = loop;
    const child = node.children[0]!;
    const dfa = this.#dfa(child);
    let limit = start;
    let round = 1;
    while (round > 0) {
      // An empty round only where it is needed.
      const isIdle = limit === ends[round - 1] && limit !== end;
      if (isIdle && (round >= least || least - round < end - limit)) limit++;
      // The last round that is allowed must reach the end.
      if (round >= most) limit = end;
      const found = dfa.shortest(subject, ends[round - 1]!, limit, end);
      ends[round] = found;
      loop.verified = Math.min(loop.verified, round - 1);
      if (found === -1) round--;
      else if (found !== end) {
        if (round >= most) round--;
        else {
          round++;
          limit = found;
          continue;
        }
      } else if (round >= least && (yield* this.#verify(subject, child, loop, round))) return true;
      while (round > 0) {
        if (ends[round]! < end) {
          limit = ends[round]! + 1;
          break;
        }
        round--;
      }
    }
    return false;
  }

  /** A part that may be left out and that matches nothing: one empty round where it is possible and not shunned, else none. */
  *#emptyRound(subject: Subject, node: MatchNode, at: number): Search<boolean> {
    const child = node.children[0]!;
    if (prefersShort(child) || this.#dfa(child).longest(subject, at, at) !== at) return true;
    if (!(yield* this.#node(subject, child, at, at))) this.#forget(child);
    return true;
  }

  *#verify(subject: Subject, child: MatchNode, loop: Loop, rounds: number): Search<boolean> {
    for (let round = loop.verified + 1; round <= rounds; round++) {
      this.#forget(child);
      if (!(yield* this.#node(subject, child, loop.ends[round - 1]!, loop.ends[round]!)))
        return false;
      loop.verified = round;
    }
    return true;
  }
}

/** The rounds of a repeated part that is being divided. */
class Loop {
  readonly ends: number[];
  readonly least: number;
  readonly most: number;
  /** Rounds whose inside is known to match. */
  verified = 0;

  constructor(node: MatchNode, start: number, end: number) {
    this.ends = [start];
    this.least = Math.max(1, node.least);
    this.most = Math.max(this.least, Math.min(node.most, end - start));
  }
}
