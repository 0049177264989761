import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {GuardedRegExp, isLinear} from './guarded-regexp.ts';
import type {RegexOptions} from './regex-translate.ts';
import {
  applyOption,
  defaultOptions,
  invalidRegex,
  quoteChar,
  translateRegex,
} from './regex-translate.ts';

/** A PostgreSQL regular expression ready to run, with a form of its own for subjects of ASCII only. */
export class CompiledRegex {
  readonly #pattern: string;
  readonly #options: RegexOptions;
  #ascii: RegExp | null = null;
  #unicode: RegExp | null = null;

  constructor(pattern: string, options: RegexOptions) {
    this.#pattern = pattern;
    this.#options = options;
    this.#ascii = this.#make(true);
  }

  /** The form for a subject; it searches from lastIndex, which the caller sets. */
  for(text: string): RegExp {
    if (this.#ascii !== null && /^[\0-\x7f]*$/.test(text)) return this.#ascii;
    this.#unicode ??= this.#make(false)!;
    return this.#unicode;
  }

  /** V8 leaves a runaway search for its linear engine only without the flags u and i; back-references need i itself. */
  #make(isAscii: boolean): RegExp | null {
    const options = {...this.#options};
    const source = bodyOf(this.#pattern, options, isAscii);
    if (isAscii && options.isCaseInsensitive && /\(\?:\\\d/.test(source)) return null;
    try {
      if (isAscii && isLinear(source)) return new RegExp(source, 'g');
      return new GuardedRegExp(source, isAscii ? 'g' : options.isCaseInsensitive ? 'gui' : 'gu');
    } catch (error) {
      throw invalidRegex(error instanceof Error ? error.message : 'unknown');
    }
  }
}

/** Compiles a pattern with option letters (without g). */
export function compileRegex(pattern: string, flags = ''): CompiledRegex {
  const options = defaultOptions();
  for (const letter of flags) {
    if (!applyOption(options, letter)) throw invalidOption(letter);
  }
  return new CompiledRegex(pattern, options);
}

/** 22023 for a flag that no function knows. */
export function invalidOption(letter: string): PgError {
  return new PgError(
    SqlState.invalidParameterValue,
    `invalid regular expression option: "${letter}"`,
  );
}

function bodyOf(pattern: string, options: RegexOptions, isAscii: boolean): string {
  let text = pattern;
  if (text.startsWith('***=')) {
    options.isLiteral = true;
    text = text.slice(4);
  } else if (text.startsWith('***:')) text = text.slice(4);
  else if (text.startsWith('***')) throw invalidRegex('quantifier operand invalid');
  if (!options.isLiteral && !options.isBasic) {
    const embedded = /^\(\?([a-z]+)\)/.exec(text);
    if (embedded !== null) {
      for (const letter of embedded[1]!)
        if (!applyOption(options, letter)) throw invalidRegex('invalid embedded option');
      text = text.slice(embedded[0].length);
    }
  }
  if (options.isLiteral) {
    const quoted = [...text].map(quoteChar);
    const isFolded = isAscii && options.isCaseInsensitive;
    return quoted.map(char => (isFolded ? bothCases(char) : char)).join('');
  }
  return translateRegex(text, options, isAscii);
}

function bothCases(char: string): string {
  return /^[A-Za-z]$/.test(char) ? `[${char.toLowerCase()}${char.toUpperCase()}]` : char;
}

/** Compiled patterns by (pattern, flags): the newest few hundred. Belongs to one call site. */
export class RegexCache {
  readonly #compiled = new Map<string, CompiledRegex>();
  #lastPattern: string | null = null;
  #lastFlags = '';
  #last: CompiledRegex | null = null;

  get(pattern: string, flags = ''): CompiledRegex {
    if (this.#last !== null && pattern === this.#lastPattern && flags === this.#lastFlags)
      return this.#last;
    const key = `${flags}/${pattern}`;
    let compiled = this.#compiled.get(key);
    if (compiled === undefined) {
      compiled = compileRegex(pattern, flags);
      if (this.#compiled.size >= 256) this.#compiled.clear();
      this.#compiled.set(key, compiled);
    }
    this.#lastPattern = pattern;
    this.#lastFlags = flags;
    this.#last = compiled;
    return compiled;
  }

  test(text: string, pattern: string, flags: string): boolean {
    const search = this.get(pattern, flags).for(text);
    search.lastIndex = 0;
    return search.test(text);
  }
}
