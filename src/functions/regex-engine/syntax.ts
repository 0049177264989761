import type {CharSet} from './char-set.ts';

/** Positions that an expression can demand: of the text, of lines, of words. */
export type AnchorName =
  | 'textStart'
  | 'textEnd'
  | 'lineStart'
  | 'lineEnd'
  | 'wordStart'
  | 'wordEnd'
  | 'wordEdge'
  | 'notWordEdge';

/** A condition on a position: an anchor, or a look around that `body` describes. */
export type Assertion =
  | {readonly kind: 'anchor'; readonly name: AnchorName}
  | {
      readonly kind: 'look';
      readonly isBehind: boolean;
      readonly isNegated: boolean;
      readonly body: Syntax;
    };

/** Which of its possible lengths a part takes (9.7.3.5): 0 = has no preference, 1 = longest, 2 = shortest. */
export type Preference = 0 | 1 | 2;

/** A parsed regular expression. Sets and assertions are numbers in the lists of `ParsedRegex`. */
export type Syntax =
  | {readonly kind: 'set'; readonly set: number}
  | {readonly kind: 'sequence'; readonly items: readonly Syntax[]}
  | {readonly kind: 'choice'; readonly branches: readonly Syntax[]}
  | {
      readonly kind: 'repeat';
      readonly item: Syntax;
      readonly least: number;
      readonly most: number;
      readonly preference: Preference;
    }
  /** `capture` 0 = not captured. */
  | {readonly kind: 'group'; readonly item: Syntax; readonly capture: number}
  | {readonly kind: 'assertion'; readonly assertion: number}
  | {readonly kind: 'backReference'; readonly capture: number; readonly target: Syntax};

/** An expression with the tables that its numbers point into. */
export interface ParsedRegex {
  readonly syntax: Syntax;
  readonly sets: readonly CharSet[];
  readonly assertions: readonly Assertion[];
  readonly captureCount: number;
  readonly hasBackReference: boolean;
  readonly isCaseInsensitive: boolean;
}

/** The empty expression. */
export const emptySyntax: Syntax = {kind: 'sequence', items: []};
