import type {Preference, Syntax} from './syntax.ts';
import {emptySyntax} from './syntax.ts';

const LONGER = 1;
const SHORTER = 2;
const MIXED = 4;
const CAPTURES = 8;
const REFERS = 16;
const PREFERENCES = LONGER | SHORTER;

/**
 * How a match is divided among the parts of an expression: only where captures, back-references or mixed preferences make
 * the division visible (regcomp.c has the same tree, and the division is its).
 */
export interface MatchNode {
  readonly kind: 'leaf' | 'pair' | 'choice' | 'loop' | 'backReference';
  readonly syntax: Syntax;
  readonly flags: number;
  /** 0 = none. */
  readonly capture: number;
  readonly children: readonly MatchNode[];
  readonly least: number;
  readonly most: number;
  /** Of a back-reference: the group. */
  readonly target: number;
}

/** Whether a node takes the shortest of its possible lengths. */
export function prefersShort(node: MatchNode): boolean {
  return (node.flags & SHORTER) !== 0;
}

/** Whether back-references make the automata mere approximations. */
export function refers(node: MatchNode): boolean {
  return (node.flags & REFERS) !== 0;
}

/** Flags of a whole from those of its parts: what it prefers itself is left out, contradictions become MIXED. */
function up(flags: number): number {
  const isMixed = (flags & PREFERENCES) === PREFERENCES;
  return (flags & ~PREFERENCES) | (isMixed ? MIXED : 0);
}

/** Flags of a sequence of two: the first preference counts. */
function combine(left: number, right: number): number {
  return up(left | right) | (((left & PREFERENCES) === 0 ? right : left) % MIXED);
}

function isMessy(flags: number): boolean {
  return (flags & (MIXED | CAPTURES | REFERS)) !== 0;
}

function node(
  kind: MatchNode['kind'],
  syntax: Syntax,
  flags: number,
  children: readonly MatchNode[] = [],
): MatchNode {
  return {kind, syntax, flags, children, capture: 0, least: 1, most: 1, target: 0};
}

function pair(left: MatchNode, right: MatchNode): MatchNode {
  const syntax: Syntax = {kind: 'sequence', items: [left.syntax, right.syntax]};
  return node('pair', syntax, combine(left.flags, right.flags), [left, right]);
}

/** The tree of an expression. */
export function matchTree(syntax: Syntax): MatchNode {
  return syntax.kind === 'choice' ? choiceNode(syntax) : branchNode(itemsOf(syntax), 0);
}

function itemsOf(syntax: Syntax): readonly Syntax[] {
  return syntax.kind === 'sequence' ? syntax.items : [syntax];
}

function choiceNode(syntax: Extract<Syntax, {kind: 'choice'}>): MatchNode {
  const children = syntax.branches.map(matchTree);
  let flags = LONGER;
  for (const child of children) flags |= up(flags | child.flags);
  return isMessy(flags) ? node('choice', syntax, flags, children) : node('leaf', syntax, flags);
}

function branchNode(items: readonly Syntax[], from: number): MatchNode {
  let flags = 0;
  for (let index = from; index < items.length; index++) {
    const item = items[index]!;
    const {atom, least, most, preference} = quantified(item);
    if (atom.kind === 'assertion' || most === 0) continue;
    const inner = atomNode(atom);
    const all = flags | preference | inner.flags;
    if (!isMessy(up(all))) {
      flags = all;
      continue;
    }
    const counted = quantify(inner, {atom, least, most, preference});
    const tail = index + 1 < items.length ? pair(counted, branchNode(items, index + 1)) : counted;
    if (index === from) return tail;
    const head: Syntax = {kind: 'sequence', items: items.slice(from, index)};
    return pair(node('leaf', head, flags), tail);
  }
  return node('leaf', {kind: 'sequence', items: items.slice(from)}, flags);
}

interface Quantified {
  readonly atom: Syntax;
  readonly least: number;
  readonly most: number;
  readonly preference: Preference;
}

function quantified(item: Syntax): Quantified {
  if (item.kind !== 'repeat') return {atom: item, least: 1, most: 1, preference: 0};
  return {atom: item.item, least: item.least, most: item.most, preference: item.preference};
}

function atomNode(atom: Syntax): MatchNode {
  if (atom.kind === 'backReference')
    return {...node('backReference', atom, REFERS), target: atom.capture};
  if (atom.kind !== 'group') return node('leaf', atom, 0);
  const inner = matchTree(atom.item);
  if (atom.capture === 0) return inner;
  const flags = inner.flags | CAPTURES;
  // A group that is nothing but another group has a node of its own.
  if (inner.capture !== 0)
    return {...pair({...inner, flags}, node('leaf', emptySyntax, 0)), capture: atom.capture};
  return {...inner, flags, capture: atom.capture};
}

function quantify(inner: MatchNode, how: Quantified): MatchNode {
  const {atom, least, most, preference} = how;
  const flags = combine(preference, inner.flags);
  const repeated: Syntax = {kind: 'repeat', item: atom, least, most, preference};
  if (inner.kind === 'backReference' && inner.capture === 0)
    return {...inner, syntax: repeated, flags, least, most};
  const own = inner.flags & (PREFERENCES | MIXED);
  if (least === 1 && most === 1 && (preference === 0 || own === 0 || preference === own))
    return inner;
  if ((inner.flags & (CAPTURES | REFERS)) === 0) return node('leaf', repeated, flags);
  if (least > 0 && (inner.flags & REFERS) === 0) {
    // Only the last round's captures count: the rounds before it are one part.
    const before: Syntax = {
      kind: 'repeat',
      item: atom,
      least: least - 1,
      most: most - 1,
      preference,
    };
    const syntax: Syntax = {kind: 'sequence', items: [before, inner.syntax]};
    return node('pair', syntax, flags, [node('leaf', before, flags & PREFERENCES), inner]);
  }
  return {...node('loop', repeated, flags, [inner]), least, most};
}
