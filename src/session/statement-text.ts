import type {ParsedStatement} from '../sql/contract.ts';

/** The statement's own text within the query string. */
export function textOf(statement: ParsedStatement): string {
  const {text, location, length} = statement;
  if (location === 0 && length >= Buffer.byteLength(text)) return text;
  return Buffer.from(text)
    .subarray(location, location + length)
    .toString('utf8')
    .trim();
}
