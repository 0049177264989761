/** A token of SQL text; offsets are UTF-16 units. Comments and white space make no tokens. */
export interface SqlToken {
  readonly kind: 'word' | 'quotedWord' | 'string' | 'number' | 'param' | 'operator' | 'punctuation';
  /** Lower-cased word, string value, otherwise the source. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Splits a text into tokens as PostgreSQL's scanner does; an unterminated token ends at the end of the text. */
export function tokenize(text: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < text.length) {
    const skipped = skipBlank(text, at);
    if (skipped !== at) {
      at = skipped;
      continue;
    }
    const token = tokenAt(text, at);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

/** Offset after white space or one comment at `at`; `at` itself if there is none. */
export function skipBlank(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 32 || (code >= 9 && code <= 13)) return at + 1;
  if (code === 45 && text.charCodeAt(at + 1) === 45) {
    const end = text.slice(at).search(/[\n\r]/);
    return end === -1 ? text.length : at + end + 1;
  }
  if (code === 47 && text.charCodeAt(at + 1) === 42) return skipBlockComment(text, at);
  return at;
}

function skipBlockComment(text: string, start: number): number {
  let depth = 1;
  let at = start + 2;
  while (at < text.length && depth > 0) {
    if (text.startsWith('/*', at)) {
      depth++;
      at += 2;
    } else if (text.startsWith('*/', at)) {
      depth--;
      at += 2;
    } else at++;
  }
  return at;
}

const wordPattern = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
const numberPattern = /(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const operatorPattern = /[-+*/<>=~!@#%^&|`?]+/y;
const dollarPattern = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;

function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

/** The token that begins at an offset. */
export function tokenAt(text: string, at: number): SqlToken {
  const char = text[at]!;
  if (char === "'") return quoted(text, at, at, false);
  if (char === '"') return quotedWord(text, at);
  const prefix = /[eEbBxXnN]/.test(char) && text[at + 1] === "'";
  if (prefix) return quoted(text, at, at + 1, char === 'e' || char === 'E');
  if ((char === 'u' || char === 'U') && text[at + 1] === '&' && text[at + 2] === "'")
    return quoted(text, at, at + 2, false);
  if ((char === 'u' || char === 'U') && text[at + 1] === '&' && text[at + 2] === '"')
    return quotedWord(text, at + 2);
  if (char === '$') return dollar(text, at);
  const word = match(wordPattern, text, at);
  if (word !== null)
    return {kind: 'word', text: word.toLowerCase(), start: at, end: at + word.length};
  const number = match(numberPattern, text, at);
  if (number !== null) return {kind: 'number', text: number, start: at, end: at + number.length};
  const operator = match(operatorPattern, text, at);
  if (operator !== null) return operatorToken(operator, at);
  return {kind: 'punctuation', text: char, start: at, end: at + 1};
}

function operatorToken(source: string, at: number): SqlToken {
  const comment = source.search(/--|\/\*/);
  const text = comment > 0 ? source.slice(0, comment) : source;
  return {kind: 'operator', text, start: at, end: at + text.length};
}

function quoted(text: string, start: number, quoteAt: number, hasEscapes: boolean): SqlToken {
  let at = quoteAt + 1;
  let value = '';
  for (; at < text.length; at++) {
    if (hasEscapes && text[at] === '\\') {
      value += text.slice(at, at + 2);
      at++;
    } else if (text[at] === "'") {
      if (text[at + 1] !== "'") break;
      value += "'";
      at++;
    } else value += text[at];
  }
  return {kind: 'string', text: value, start, end: Math.min(at + 1, text.length)};
}

function quotedWord(text: string, start: number): SqlToken {
  let at = start + 1;
  let value = '';
  for (; at < text.length; at++) {
    if (text[at] === '"') {
      if (text[at + 1] !== '"') break;
      at++;
    }
    value += text[at];
  }
  return {kind: 'quotedWord', text: value, start, end: Math.min(at + 1, text.length)};
}

function dollar(text: string, at: number): SqlToken {
  const tag = match(dollarPattern, text, at);
  if (tag !== null) {
    const close = text.indexOf(tag, at + tag.length);
    const end = close === -1 ? text.length : close + tag.length;
    return {
      kind: 'string',
      text: text.slice(at + tag.length, close === -1 ? text.length : close),
      start: at,
      end,
    };
  }
  let end = at + 1;
  while (end < text.length && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  return {kind: 'param', text: text.slice(at, end), start: at, end};
}
