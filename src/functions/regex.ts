import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {EvalContext} from './contract.ts';
import {Engine} from './regex-engine/engine.ts';
import {fastForm} from './regex-engine/fast-path.ts';
import type {FastForm} from './regex-engine/fast-path.ts';
import {parseRegex} from './regex-engine/parse.ts';
import {offsetAt} from './regex-engine/subject.ts';
import type {ParsedRegex} from './regex-engine/syntax.ts';
import type {RegexOptions} from './regex-options.ts';
import {applyOption, defaultOptions, invalidRegex} from './regex-options.ts';
import {SearchRunner} from './regex-pause.ts';

/** A match: UTF-16 offsets of the whole (0) and of each group; -1 = not set. */
export interface RegexMatch {
  readonly text: string;
  readonly places: readonly number[];
}

/** The text of a match (0) or of a group; null where the group is not set or does not exist. */
export function groupText(match: RegexMatch, group: number): string | null {
  const start = match.places[2 * group];
  if (start === undefined || start === -1) return null;
  return match.text.slice(start, match.places[2 * group + 1]);
}

/** How many groups the expression has. */
export function groupCount(match: RegexMatch): number {
  return match.places.length / 2 - 1;
}

/** A PostgreSQL regular expression ready to run. */
export class CompiledRegex {
  readonly #parsed: ParsedRegex;
  readonly #fast: FastForm | null;
  #engine: Engine | null = null;

  constructor(pattern: string, options: RegexOptions) {
    const body = bodyOf(pattern, options);
    this.#parsed = parseRegex(body, options);
    this.#fast = fastForm(this.#parsed);
  }

  /** Whether any part of the text matches. */
  test(text: string, runner: SearchRunner, name: string): boolean {
    const fast = this.#fast;
    if (fast !== null && text.length <= fast.longestText) {
      fast.search.lastIndex = 0;
      return fast.search.test(text);
    }
    return runner.run(
      () => this.#search().test(text),
      () => `t/${name}/${text}`,
      this.#detach,
    );
  }

  /** The first match from an offset on. */
  find(text: string, from: number, runner: SearchRunner, name: string): RegexMatch | null {
    const fast = this.#fast;
    if (fast !== null && fast.findsSame && text.length <= fast.longestText)
      return findFast(fast.search, text, from);
    const found = runner.run(
      () => this.#search().find(text, from),
      () => `${from}/${name}/${text}`,
      this.#detach,
    );
    if (found === null) return null;
    const {subject, places} = found;
    if (subject.offsets === null) return {text, places: [...places]};
    return {text, places: Array.from(places, at => (at === -1 ? -1 : offsetAt(subject, at)))};
  }

  #search(): Engine {
    this.#engine ??= new Engine(this.#parsed);
    return this.#engine;
  }

  /** An interrupted search keeps its engine for itself. */
  readonly #detach = (): void => {
    this.#engine = null;
  };
}

function findFast(search: RegExp, text: string, from: number): RegexMatch | null {
  search.lastIndex = from;
  const match = search.exec(text);
  if (match === null) return null;
  const places = [match.index, match.index + match[0].length];
  if (match.length === 1) return {text, places};
  const indexed = withIndices(search);
  indexed.lastIndex = match.index;
  const {indices} = indexed.exec(text)!;
  for (let group = 1; group < match.length; group++) {
    const pair = indices![group];
    places.push(pair?.[0] ?? -1, pair?.[1] ?? -1);
  }
  return {text, places};
}

function withIndices(search: RegExp): RegExp {
  return new RegExp(search.source, `${search.flags}d`);
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

/** The pattern behind its director and embedded options, which are applied. */
function bodyOf(pattern: string, options: RegexOptions): string {
  let text = pattern;
  if (options.isLiteral || options.isBasic || options.isExtended) return text;
  if (text.startsWith('***=')) {
    options.isLiteral = true;
    return text.slice(4);
  }
  if (text.startsWith('***:')) text = text.slice(4);
  else if (text.startsWith('***')) throw invalidRegex('quantifier operand invalid');
  const embedded = /^\(\?([a-z]+)(\))?/.exec(text);
  if (embedded !== null) {
    for (const letter of embedded[1]!)
      if (!applyOption(options, letter)) throw invalidRegex('invalid embedded option');
    if (embedded[2] === undefined) throw invalidRegex('invalid embedded option');
    text = text.slice(embedded[0].length);
  }
  return text;
}

/** Compiled patterns by (pattern, flags): the newest few hundred. Belongs to one call site. */
export class RegexCache {
  readonly #compiled = new Map<string, CompiledRegex>();
  readonly #runner: SearchRunner;
  #lastPattern: string | null = null;
  #lastFlags = '';
  #last: CompiledRegex | null = null;

  constructor(context: (() => EvalContext) | null = null) {
    this.#runner = new SearchRunner(context);
  }

  /** Whether a text matches. */
  test(text: string, pattern: string, flags: string): boolean {
    return this.#get(pattern, flags).test(text, this.#runner, `${flags}/${pattern}`);
  }

  /** The first match from an offset on. */
  find(text: string, pattern: string, flags: string, from: number): RegexMatch | null {
    return this.#get(pattern, flags).find(text, from, this.#runner, `${flags}/${pattern}`);
  }

  #get(pattern: string, flags: string): CompiledRegex {
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
}
