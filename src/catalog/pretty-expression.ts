/** A parenthesised group or a token; `space` is what stands before it. */
type Piece = {readonly kind: 'token'; readonly text: string; readonly space: string} | Group;

interface Group {
  readonly kind: 'group';
  readonly space: string;
  readonly pieces: readonly Piece[];
  /** What stands before the closing parenthesis. */
  readonly endSpace: string;
  /** Whether a name stands before it: arguments of a call, not grouping. */
  readonly isCall: boolean;
}

interface Token {
  readonly text: string;
  readonly space: string;
}

/** A deparsed expression or query without the parentheses that PostgreSQL's pretty form leaves out. */
export function prettyExpression(text: string): string {
  const tokens = tokenize(text);
  if (tokens === undefined) return text;
  const [pieces, end] = parse(tokens, 0);
  return end === tokens.length ? print(loosen(pieces)) : text;
}

const strings = /E?'(?:[^']|'')*'|"(?:[^"]|"")*"/.source;
const words = /[A-Za-z_][\w$]*|\d+(?:\.\d+)?(?:e[+-]?\d+)?/.source;
const tokenPattern = `(\\s*)(${strings}|${words}|::|[()[\\],.;]|[-+*/<>=~!@#%^&|\`?:$]+)`;

/** The tokens, or undefined when a character is none of ours. */
function tokenize(text: string): Token[] | undefined {
  const pattern = new RegExp(tokenPattern, 'gy');
  const tokens: Token[] = [];
  let end = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    tokens.push({text: match[2] ?? '', space: match[1] ?? ''});
    end = pattern.lastIndex;
  }
  return text.slice(end).trim() === '' ? tokens : undefined;
}

/** Words before a parenthesis that do not make it a call. */
const clauseWords: ReadonlySet<string> = new Set(
  (
    'AND OR NOT WHEN THEN ELSE CASE IS LIKE ILIKE BETWEEN FROM SELECT WHERE ON DISTINCT SIMILAR ESCAPE ARRAY HAVING BY JOIN ' +
    'LIMIT OFFSET UNION EXCEPT INTERSECT AS'
  ).split(' '),
);

/** `pieces` up to the parenthesis that closes this level, and the place of it. */
function parse(tokens: readonly Token[], from: number): [Piece[], number] {
  const pieces: Piece[] = [];
  let at = from;
  for (; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.text === ')') return [pieces, at];
    if (token.text !== '(') {
      pieces.push({kind: 'token', ...token});
      continue;
    }
    const before = pieces.at(-1);
    const name = before?.kind === 'token' ? before.text : '';
    const isCall = /^[A-Za-z_"]/.test(name) && !clauseWords.has(name);
    const [inner, end] = parse(tokens, at + 1);
    const endSpace = tokens[end]?.space ?? '';
    pieces.push({kind: 'group', space: token.space, pieces: inner, endSpace, isCall});
    at = end;
  }
  return [pieces, at];
}

/** Words beside which an expression stands alone. */
const openWords: ReadonlySet<string> = new Set(
  (
    'WHEN THEN ELSE END CASE WHERE ON HAVING SELECT GROUP ORDER LIMIT OFFSET UNION EXCEPT INTERSECT FROM AS JOIN LEFT RIGHT FULL ' +
    'CROSS INNER BY DISTINCT DESC ASC NULLS WINDOW FETCH FOR'
  ).split(' '),
);

const joinWords: ReadonlySet<string> = new Set(['JOIN', 'LEFT', 'RIGHT', 'FULL', 'CROSS', 'INNER']);

function loosen(pieces: readonly Piece[]): Piece[] {
  return pieces.flatMap((piece, at) => {
    if (piece.kind === 'token') return [piece];
    const inner = loosen(piece.pieces);
    if (piece.isCall || !canDrop(inner, pieces, at)) return [{...piece, pieces: inner}];
    return inner.map((each, index) =>
      index === 0 && !each.space.includes('\n') ? {...each, space: piece.space} : each,
    );
  });
}

function isOpen(word: string): boolean {
  return word === '' || word === ',' || word === ';' || openWords.has(word);
}

/** Whether the group at a place needs no parentheses there. */
function canDrop(inner: readonly Piece[], pieces: readonly Piece[], at: number): boolean {
  const first = wordAt(inner, 0);
  if (first === 'SELECT' || first === 'VALUES' || first === 'EXISTS' || first === 'WITH')
    return false;
  if (first !== 'ARRAY' && hasWord(inner, ',')) return false;
  const before = wordAt(pieces, at - 1);
  const after = wordAt(pieces, at + 1);
  if (hasWord(inner, 'JOIN')) return before !== 'JOIN' && (isOpen(after) || joinWords.has(after));
  if (after === '.') return false;
  if (after === '::' || after === '[') {
    return first === 'CASE' || (isPrimary(inner) && first !== '-');
  }
  const isChain = ['OR', 'AND', 'ANY', 'ALL', 'IN'].some(word => hasWord(inner, word));
  if (before === 'NOT') return !isChain;
  if (before === 'AND' || after === 'AND') {
    return !['OR', 'ANY', 'ALL', 'IN'].some(word => hasWord(inner, word));
  }
  if (before === 'OR' || after === 'OR') {
    return !['ANY', 'ALL', 'IN'].some(word => hasWord(inner, word));
  }
  if (isOpen(before) && isOpen(after)) return !isSortKey(pieces, at);
  return isPrimary(inner) || bindsTighter(inner, before, after);
}

/** Whether the nearest clause word before is BY: keys that are not columns keep their parentheses. */
function isSortKey(pieces: readonly Piece[], at: number): boolean {
  for (let back = at - 1; back >= 0; back--) {
    const word = wordAt(pieces, back);
    if (clauseStarts.has(word)) return word === 'BY';
  }
  return false;
}

const clauseStarts: ReadonlySet<string> = new Set([
  'BY',
  'SELECT',
  'FROM',
  'WHERE',
  'HAVING',
  'ON',
  'LIMIT',
]);

/** Arithmetic inside arithmetic: `*` within `+`, and equal rank on the left. */
function bindsTighter(inner: readonly Piece[], before: string, after: string): boolean {
  const own = inner.map((_, at) => wordAt(inner, at)).filter(word => /^[-+*/%]$/.test(word));
  const operator = own[0];
  const isLeft = isOpen(before) && /^[-+*/%]$/.test(after);
  const outer = isLeft ? after : before;
  if (operator === undefined || !/^[-+*/%]$/.test(outer)) return false;
  const hasOther = inner.some(
    (piece, at) =>
      piece.kind === 'token' &&
      /^[^\w"'.,:[\]]/.test(piece.text) &&
      !own.includes(wordAt(inner, at)),
  );
  if (hasOther) return false;
  const rank = (word: string): number => (word === '+' || word === '-' ? 1 : 2);
  const lowest = Math.min(...own.map(rank));
  return lowest > rank(outer) || (lowest === rank(outer) && isLeft);
}

function wordAt(pieces: readonly Piece[], at: number): string {
  const piece = pieces[at];
  return piece === undefined ? '' : piece.kind === 'token' ? piece.text : '(';
}

function hasWord(pieces: readonly Piece[], word: string): boolean {
  return pieces.some(piece => piece.kind === 'token' && piece.text === word);
}

/** A name, constant, call, or any of them with casts. */
function isPrimary(pieces: readonly Piece[]): boolean {
  return pieces.every((piece, at) => {
    if (piece.kind === 'group') return piece.isCall || wordAt(pieces, at + 1) === '.';
    if (/^(?:CASE|AND|OR|NOT|IS|IN|LIKE|ILIKE|BETWEEN|COLLATE|AT)$/.test(piece.text)) return false;
    if (/^[\w"']/.test(piece.text)) return true;
    return /^(?:::|[.,[\]])$/.test(piece.text) && at > 0;
  });
}

function print(pieces: readonly Piece[]): string {
  let out = '';
  for (const piece of pieces) {
    out += piece.space;
    out += piece.kind === 'token' ? piece.text : `(${print(piece.pieces)}${piece.endSpace})`;
  }
  return out;
}
