import {type SqlToken, tokenize} from './tokens.ts';

/** The SQL-standard body (RETURN expression, BEGIN ATOMIC ... END) at the end of a CREATE FUNCTION, in one spelling; null without one. */
export function standardBody(statement: string): string | null {
  const tokens = tokenize(statement);
  const at = bodyStart(tokens);
  if (at === -1) return null;
  const last = tokens.findLast(token => token.text !== ';')!;
  if (tokens[at]!.text === 'return')
    return `RETURN ${statement.slice(tokens[at]!.end, last.end).trim()}`;
  return `BEGIN ATOMIC\n${statement.slice(tokens[at + 1]!.end, last.start).trim()}\nEND`;
}

/** Where the body begins: behind the parameters, outside of parentheses. */
function bodyStart(tokens: readonly SqlToken[]): number {
  let depth = 0;
  let hasParameters = false;
  for (let at = 0; at < tokens.length; at++) {
    const {kind, text} = tokens[at]!;
    if (text === '(' && kind !== 'string') depth++;
    if (text === ')' && kind !== 'string') {
      depth--;
      hasParameters = true;
    }
    if (depth > 0 || !hasParameters || kind !== 'word') continue;
    if (text === 'return') return at;
    if (text === 'begin' && tokens[at + 1]?.text === 'atomic') return at;
  }
  return -1;
}

/** The statements of a function's body as a text of plain SQL. */
export function bodyStatements(body: string): string {
  return body
    .trim()
    .replace(/^BEGIN ATOMIC\s+(.*?);?\s*END$/is, '$1')
    .replace(/^RETURN\s/i, 'SELECT ');
}
