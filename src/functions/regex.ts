import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {RegexOptions} from './regex-translate.ts';
import {
  applyOption,
  defaultOptions,
  invalidRegex,
  quoteChar,
  translateRegex,
} from './regex-translate.ts';

/** A PostgreSQL regular expression ready to run. */
export interface CompiledRegex {
  /** Searches from lastIndex ('g' flag): set it before use. */
  readonly search: RegExp;
  readonly groupCount: number;
}

/** Compiles a pattern with option letters (without g). */
export function compileRegex(pattern: string, flags = ''): CompiledRegex {
  const options = defaultOptions();
  for (const letter of flags) {
    if (!applyOption(options, letter)) throw invalidOption(letter);
  }
  const source = bodyOf(pattern, options);
  let search: RegExp;
  try {
    search = new RegExp(source, options.isCaseInsensitive ? 'gui' : 'gu');
  } catch (error) {
    throw invalidRegex(error instanceof Error ? error.message : 'unknown');
  }
  const groupCount = new RegExp(`${source}|`, 'u').exec('')!.length - 1;
  return {search, groupCount};
}

/** 22023 for a flag that no function knows. */
export function invalidOption(letter: string): PgError {
  return new PgError(
    SqlState.invalidParameterValue,
    `invalid regular expression option: "${letter}"`,
  );
}

function bodyOf(pattern: string, options: RegexOptions): string {
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
  if (options.isLiteral) return [...text].map(quoteChar).join('');
  return translateRegex(text, options);
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
    const {search} = this.get(pattern, flags);
    search.lastIndex = 0;
    return search.test(text);
  }
}
