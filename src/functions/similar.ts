import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** SIMILAR TO's pattern as a regular expression (regexp.c, similar_escape_internal). */
export function similarToRegex(pattern: string, escape: string): string {
  if ([...escape].length > 1) {
    throw new PgError(SqlState.invalidEscapeSequence, 'invalid escape string', {
      hint: 'Escape string must be empty or one character.',
    });
  }
  let result = '^(?:';
  let isEscaped = false;
  let isBracket = false;
  let quotes = 0;
  for (const char of pattern) {
    if (isEscaped) {
      if (char === '"' && !isBracket) {
        if (quotes === 0) result += '){1,1}?(';
        else if (quotes === 1) result += '){1,1}(?:';
        else
          throw new PgError(
            '2200C',
            'SQL regular expression may not contain more than two escape-double-quote separators',
          );
        quotes++;
      } else result += `\\${char}`;
      isEscaped = false;
    } else if (escape !== '' && char === escape) isEscaped = true;
    else if (isBracket) {
      if (char === '\\') result += '\\';
      result += char;
      if (char === ']') isBracket = false;
    } else if (char === '[') {
      result += char;
      isBracket = true;
    } else if (char === '%') result += '.*';
    else if (char === '_') result += '.';
    else if (char === '(') result += '(?:';
    else if (char === '\\' || char === '.' || char === '^' || char === '$') result += `\\${char}`;
    else result += char;
  }
  return `${result})$`;
}
