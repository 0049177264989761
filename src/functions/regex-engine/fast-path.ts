import {setHas} from './char-set.ts';
import type {CharSet} from './char-set.ts';
import type {ParsedRegex, Syntax} from './syntax.ts';

/** Steps that a search by JavaScript's engine may take at worst. */
const MOST_STEPS = 2_000_000;

/** JavaScript's form of an expression that cannot run away. */
export interface FastForm {
  readonly search: RegExp;
  /** Longest text for which the worst case is bearable. */
  readonly longestText: number;
  /** Whether JavaScript finds the same places as PostgreSQL, not only that there is a match. */
  readonly findsSame: boolean;
}

/** The form for JavaScript's engine; null where it could run away or means something else. */
export function fastForm(parsed: ParsedRegex): FastForm | null {
  const form = new FormWriter(parsed);
  const source = form.write(parsed.syntax, false);
  if (source === null) return null;
  const degree = form.loops + (form.isAnchored(parsed.syntax) ? 0 : 1);
  return {
    search: new RegExp(source, parsed.isCaseInsensitive ? 'giu' : 'gu'),
    longestText: degree === 0 ? MOST_STEPS : Math.floor(MOST_STEPS ** (1 / degree)),
    findsSame: isDeterministic(parsed),
  };
}

class FormWriter {
  readonly #parsed: ParsedRegex;
  /** Parts of which the length varies: each multiplies the work. */
  loops = 0;

  constructor(parsed: ParsedRegex) {
    this.#parsed = parsed;
  }

  write(syntax: Syntax, isRepeated: boolean): string | null {
    switch (syntax.kind) {
      case 'set':
        return setSource(this.#parsed.sets[syntax.set]!);
      case 'sequence':
        return this.#all(syntax.items, isRepeated, '');
      case 'choice': {
        const inner = isRepeated ? null : this.#all(syntax.branches, isRepeated, '|');
        return inner === null ? null : `(?:${inner})`;
      }
      case 'group': {
        const inner = this.write(syntax.item, isRepeated);
        return inner === null ? null : `(${syntax.capture === 0 ? '?:' : ''}${inner})`;
      }
      case 'assertion': {
        const assertion = this.#parsed.assertions[syntax.assertion]!;
        if (assertion.kind === 'look') return null;
        if (assertion.name === 'textStart') return '^';
        return assertion.name === 'textEnd' ? '$' : null;
      }
      case 'repeat':
        return this.#repeat(syntax, isRepeated);
      case 'backReference':
        return null;
    }
  }

  #all(parts: readonly Syntax[], isRepeated: boolean, between: string): string | null {
    const sources: string[] = [];
    for (const part of parts) {
      const source = this.write(part, isRepeated);
      if (source === null) return null;
      sources.push(source);
    }
    return sources.join(between);
  }

  #repeat(syntax: Extract<Syntax, {kind: 'repeat'}>, isRepeated: boolean): string | null {
    const {item, least, most, preference} = syntax;
    if (isRepeated || most === 0) return null;
    if (least !== most) this.loops++;
    const inner = this.write(item, true);
    if (inner === null || (item.kind !== 'set' && least !== most)) return null;
    const bound = most === Number.POSITIVE_INFINITY ? `${least},` : `${least},${most}`;
    return `(?:${inner}){${bound}}${preference === 2 ? '?' : ''}`;
  }

  isAnchored(syntax: Syntax): boolean {
    const first = syntax.kind === 'sequence' ? syntax.items[0] : syntax;
    if (first?.kind !== 'assertion') return false;
    const assertion = this.#parsed.assertions[first.assertion]!;
    return assertion.kind === 'anchor' && assertion.name === 'textStart';
  }
}

function setSource(set: CharSet): string | null {
  if (set.foldsCase && (set.classes.length > 0 || set.isNegated)) return null;
  let body = '';
  for (const each of set.classes) {
    const source = bare(each.source.slice(1, -1));
    if (source === null) return null;
    body += source;
  }
  const {ranges} = set;
  for (let at = 0; at < ranges.length; at += 2) {
    const from = ranges[at]!;
    const to = ranges[at + 1]!;
    body += from === to ? codeSource(from) : `${codeSource(from)}-${codeSource(to)}`;
  }
  if (set.isNegated) return `[^${body}${set.excludesNewline ? '\\n' : ''}]`;
  return set.classes.length === 0 && ranges.length === 2 && ranges[0] === ranges[1]
    ? codeSource(ranges[0]!)
    : `[${body}]`;
}

/** A class's source for use inside brackets; null where it has none. */
function bare(source: string): string | null {
  if (source.startsWith('[^')) return complements[source] ?? null;
  return source.replace(/^\[|\]$/g, '').replaceAll('/', '\\/');
}

const complements: Readonly<Record<string, string>> = {
  '[^0-9]': '\\D',
  '[^\\s]': '\\S',
};

function codeSource(code: number): string {
  const char = String.fromCodePoint(code);
  return /[0-9A-Za-z ]/.test(char) ? char : `\\u{${code.toString(16)}}`;
}

/** Whether each character of a text can belong to one part only, so that every engine finds the same places. */
function isDeterministic(parsed: ParsedRegex): boolean {
  const parts: {readonly set: CharSet; readonly isOpen: boolean; readonly isNullable: boolean}[] =
    [];
  if (!flatten(parsed, parsed.syntax, parts)) return false;
  for (const [index, part] of parts.entries()) {
    if (!part.isOpen) continue;
    for (let next = index + 1; next < parts.length; next++) {
      if (overlap(part.set, parts[next]!.set)) return false;
      if (!parts[next]!.isNullable) break;
    }
  }
  return true;
}

function flatten(
  parsed: ParsedRegex,
  syntax: Syntax,
  parts: {set: CharSet; isOpen: boolean; isNullable: boolean}[],
): boolean {
  switch (syntax.kind) {
    case 'set':
      parts.push({set: parsed.sets[syntax.set]!, isOpen: false, isNullable: false});
      return true;
    case 'sequence':
      return syntax.items.every(item => flatten(parsed, item, parts));
    case 'group':
      return flatten(parsed, syntax.item, parts);
    case 'assertion':
      return true;
    case 'repeat': {
      const {item, least, most, preference} = syntax;
      if (item.kind !== 'set' || preference === 2) return false;
      const isNullable = least === 0;
      parts.push({set: parsed.sets[item.set]!, isOpen: least !== most, isNullable});
      return true;
    }
    default:
      return false;
  }
}

function overlap(left: CharSet, right: CharSet): boolean {
  if (reachesFar(left) && reachesFar(right)) return true;
  for (let code = 0; code < 128; code++) if (setHas(left, code) && setHas(right, code)) return true;
  return false;
}

/** Whether a set may hold characters beyond ASCII. */
function reachesFar(set: CharSet): boolean {
  if (set.isNegated || set.foldsCase) return true;
  if (set.classes.some(each => each.test('é') || /\\[pPsS]|\^/.test(each.source.slice(1))))
    return true;
  return set.ranges.some(code => code > 127);
}
