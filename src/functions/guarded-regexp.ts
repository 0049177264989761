import {Script} from 'node:vm';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** How long one search may hold the process. */
const limitMs = 500;
/** Subjects too short to keep any pattern busy. */
const shortText = 12;
/** Subjects from this length on are searched under guard even by patterns without repeated groups. */
const longText = 4096;
/** A time limit holds for a script only, and a script reaches the search through a global alone. */
const code = new Script('wadiRegexSearch()');

/**
 * A search that V8 cannot leave for its linear engine (look-around, back-references, flags u and i):
 * one that runs away ends with an error.
 */
export class GuardedRegExp extends RegExp {
  readonly #nests: boolean;

  constructor(source: string, flags: string) {
    super(source, flags);
    // A repeated group is what makes backtracking exponential; without one it is polynomial in the subject's length.
    this.#nests = /\)(?:[*+]|\{\d+,)/.test(source);
  }

  override exec(text: string): RegExpExecArray | null {
    const {length} = text;
    if (length < shortText || (!this.#nests && length < longText)) return super.exec(text);
    let found: RegExpExecArray | null = null;
    const scope = globalThis as {wadiRegexSearch?: (() => void) | undefined};
    scope.wadiRegexSearch = () => {
      found = super.exec(text);
    };
    try {
      code.runInThisContext({timeout: limitMs});
    } catch (error) {
      if ((error as {code?: unknown}).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new PgError(
        SqlState.invalidRegularExpression,
        'regular expression failed: the search takes too long',
      );
    } finally {
      scope.wadiRegexSearch = undefined;
    }
    return found;
  }
}

/** Whether V8 can search for this source in linear time, without flags. */
export function isLinear(source: string): boolean {
  return !/\(\?<?[=!]|\\[1-9]|\\k/.test(source);
}
