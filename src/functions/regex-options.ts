import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Options of a regular expression (9.7.3.4) after flags and embedded options. */
export interface RegexOptions {
  isCaseInsensitive: boolean;
  isLiteral: boolean;
  isExpanded: boolean;
  /** . and negated brackets do not match a newline. */
  dotStopsAtNewline: boolean;
  /** ^ and $ match at lines. */
  anchorsAtLines: boolean;
  isBasic: boolean;
  /** POSIX's extended form (flag e): no escapes but of punctuation, no shortest quantifiers. */
  isExtended: boolean;
}

/** 2201B with PostgreSQL's wording. */
export function invalidRegex(what: string): PgError {
  return new PgError(SqlState.invalidRegularExpression, `invalid regular expression: ${what}`);
}

/** The options before any letter is read. */
export function defaultOptions(): RegexOptions {
  return {
    isCaseInsensitive: false,
    isLiteral: false,
    isExpanded: false,
    dotStopsAtNewline: false,
    anchorsAtLines: false,
    isBasic: false,
    isExtended: false,
  };
}

/** Applies one option letter; false when it is unknown. */
export function applyOption(options: RegexOptions, letter: string): boolean {
  switch (letter) {
    case 'i':
      options.isCaseInsensitive = true;
      return true;
    case 'c':
      options.isCaseInsensitive = false;
      return true;
    case 'n':
    case 'm':
      options.dotStopsAtNewline = true;
      options.anchorsAtLines = true;
      return true;
    case 'p':
      options.dotStopsAtNewline = true;
      options.anchorsAtLines = false;
      return true;
    case 'w':
      options.dotStopsAtNewline = false;
      options.anchorsAtLines = true;
      return true;
    case 's':
      options.dotStopsAtNewline = false;
      options.anchorsAtLines = false;
      return true;
    case 'x':
      options.isExpanded = true;
      return true;
    case 't':
      options.isExpanded = false;
      return true;
    case 'q':
      options.isLiteral = true;
      return true;
    case 'b':
      options.isBasic = true;
      return true;
    case 'e':
      options.isExtended = true;
      return true;
    default:
      return false;
  }
}
