import type {RawStmt} from '@pgsql/types';
import type {CustomStatement, ParsedStatement} from '../contract.ts';
import {customRules, type Rewrite} from './custom-rules.ts';
import {tokenize, type SqlToken} from './tokens.ts';

/** A text whose custom words are blanked so that PostgreSQL's grammar reads the rest at the same byte offsets. */
export interface CustomText {
  /** Null when nothing is left to parse. */
  readonly text: string | null;
  attach(
    statements: readonly RawStmt[],
    original: string,
    make: (raw: RawStmt, custom: CustomStatement | null) => ParsedStatement,
  ): readonly ParsedStatement[];
}

/** Blanks the custom statements of a text that PostgreSQL's grammar rejected; null when there is none (reference/parser.md 7). */
export function rewriteCustom(text: string): CustomText | null {
  const statements = splitStatements(tokenize(text));
  const rewrites = statements.map(tokens => rewriteStatement(tokens, text));
  if (rewrites.every(rewrite => rewrite === null)) return null;
  let rewritten = '';
  let copied = 0;
  for (const rewrite of rewrites) {
    for (const edit of rewrite?.edits ?? []) {
      rewritten +=
        text.slice(copied, edit.start) + blank(text.slice(edit.start, edit.end), edit.text);
      copied = edit.end;
    }
  }
  rewritten += text.slice(copied);
  return {
    text: rewritten,
    attach: (parsed, _original, make) =>
      parsed.map((raw, index) => make(raw, rewrites[index]?.custom ?? null)),
  };
}

function rewriteStatement(tokens: readonly SqlToken[], text: string): Rewrite | null {
  for (const rule of customRules) {
    const rewrite = rule(tokens, text);
    if (rewrite !== null)
      return {custom: rewrite.custom, edits: [...rewrite.edits].sort((a, b) => a.start - b.start)};
  }
  return null;
}

/** Replacement with as many bytes as the original: the new words, then spaces. */
function blank(source: string, replacement: string): string {
  const bytes = Buffer.byteLength(source);
  return replacement + ' '.repeat(Math.max(0, bytes - Buffer.byteLength(replacement)));
}

function splitStatements(tokens: readonly SqlToken[]): SqlToken[][] {
  const statements: SqlToken[][] = [];
  let current: SqlToken[] = [];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'punctuation') {
      if (token.text === '(') depth++;
      else if (token.text === ')') depth--;
      else if (token.text === ';' && depth <= 0) {
        if (current.length > 0) statements.push(current);
        current = [];
        continue;
      }
    }
    current.push(token);
  }
  if (current.length > 0) statements.push(current);
  return statements;
}
