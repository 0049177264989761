/** A token of a deparsed expression. */
interface Token {
  readonly text: string;
  readonly space: boolean;
}

/** A parenthesised group or a token. */
type Piece = {readonly kind: 'token'; readonly text: string; readonly space: boolean} | Group;

interface Group {
  readonly kind: 'group';
  readonly space: boolean;
  readonly pieces: readonly Piece[];
  /** Whether a name stands before it: arguments of a call, not grouping. */
  readonly isCall: boolean;
}

/** A deparsed expression without the parentheses that PostgreSQL's pretty form leaves out. */
export function prettyExpression(text: string): string {
  const tokens = tokenize(text);
  const [pieces, end] = parse(tokens, 0);
  if (end !== tokens.length) return text;
  return print(loosen(pieces, 'top')).trim();
}

function tokenize(text: string): Token[] {
  const pattern =
    /(\s*)(E?'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_][\w$]*|\d+(?:\.\d+)?(?:e[+-]?\d+)?|::|[()[\],.;]|[-+*/<>=~!@#%^&|`?:$]+)/gy;
  const tokens: Token[] = [];
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    tokens.push({text: match[2] ?? '', space: match[1] !== ''});
  }
  return tokens;
}

const keywordsBeforeGroup =
  /^(?:AND|OR|NOT|IN|ANY|ALL|SOME|WHEN|THEN|ELSE|CASE|IS|LIKE|ILIKE|BETWEEN|FROM|SELECT|WHERE|ON|DISTINCT|SIMILAR|ESCAPE|ARRAY|ROW|EXISTS)$/;

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
    const isName = /^[\w"$]/.test(name) && !/^\d/.test(name);
    const isCall =
      isName && (!keywordsBeforeGroup.test(name) || /^(?:ANY|ALL|SOME|IN|ROW|EXISTS)$/.test(name));
    const [inner, end] = parse(tokens, at + 1);
    pieces.push({kind: 'group', space: token.space, pieces: inner, isCall});
    at = end;
  }
  return [pieces, at];
}

/** What stands around a group: nothing or commas, an AND/OR chain, another operator, or a cast. */
type Surround = 'top' | 'and' | 'or' | 'not' | 'operator' | 'cast';

function loosen(pieces: readonly Piece[], outer: Surround): Piece[] {
  return pieces.flatMap((piece, at) => {
    if (piece.kind === 'token') return [piece];
    const inner = loosen(piece.pieces, 'top');
    if (piece.isCall) return [{...piece, pieces: inner}];
    const around = surround(pieces, at, outer);
    if (!canDrop(inner, around)) return [{...piece, pieces: inner}];
    return inner.map((each, index) => (index === 0 ? {...each, space: piece.space} : each));
  });
}

function surround(pieces: readonly Piece[], at: number, outer: Surround): Surround {
  const before = wordAt(pieces, at - 1);
  const after = wordAt(pieces, at + 1);
  if (after === '::' || after === '[' || after === '.') return 'cast';
  if (before === 'NOT') return 'not';
  if (before === 'AND' || after === 'AND') return 'and';
  if (before === 'OR' || after === 'OR') return 'or';
  const isOpen = (word: string): boolean => /^(?:|,|WHEN|THEN|ELSE|END|CASE)$/.test(word);
  if (isOpen(before) && isOpen(after)) return outer;
  return 'operator';
}

function wordAt(pieces: readonly Piece[], at: number): string {
  const piece = pieces[at];
  return piece === undefined ? '' : piece.kind === 'token' ? piece.text : '(';
}

function canDrop(inner: readonly Piece[], around: Surround): boolean {
  const isList = wordAt(inner, 0) !== 'ARRAY' && inner.some(piece => wordIs(piece, ','));
  if (wordAt(inner, 0) === 'SELECT' || isList) return false;
  const isChain = (word: string): boolean => inner.some(piece => wordIs(piece, word));
  switch (around) {
    case 'top':
      return true;
    case 'or':
      return !isChain('OR');
    case 'and':
      return !isChain('OR') && !isChain('AND');
    case 'not':
      return !isChain('OR') && !isChain('AND');
    case 'operator':
      return isPrimary(inner);
    case 'cast':
      return isPrimary(inner) && wordAt(inner, 0) !== '-';
  }
}

function wordIs(piece: Piece, word: string): boolean {
  return piece.kind === 'token' && piece.text === word;
}

/** A name, constant, call, or any of them with casts. */
function isPrimary(pieces: readonly Piece[]): boolean {
  return pieces.every((piece, at) => {
    if (piece.kind === 'group') return piece.isCall;
    if (/^(?:CASE|AND|OR|NOT|IS|IN|LIKE|ILIKE|BETWEEN|COLLATE|AT)$/.test(piece.text)) return false;
    if (/^[\w"']/.test(piece.text)) return true;
    return /^(?:::|[.,[\]])$/.test(piece.text) && at > 0;
  });
}

function print(pieces: readonly Piece[]): string {
  let out = '';
  for (const piece of pieces) {
    if (piece.space) out += ' ';
    out += piece.kind === 'token' ? piece.text : `(${print(piece.pieces)})`;
  }
  return out;
}
