import {keywords} from './data/keywords.ts';

/** A row of pg_get_keywords(): word, catcode, barelabel, catdesc, baredesc. */
export type KeywordRow = readonly [
  word: string,
  category: string,
  isBareLabel: boolean,
  categoryText: string,
  bareText: string,
];

/** All keywords of PostgreSQL 15 in order. */
export function keywordRows(): readonly KeywordRow[] {
  return keywords.split('\n').map(line => JSON.parse(line) as KeywordRow);
}

/** Keywords that are not unreserved: an identifier spelled so is quoted. */
const reserved: ReadonlySet<string> = new Set(
  [...keywords.matchAll(/^\["(\w+)","([CTR])"/gm)].map(match => match[1] ?? ''),
);

/** An identifier, in double quotes where PostgreSQL's quote_identifier puts them. */
export function quoteIdentifier(name: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && !reserved.has(name)) return name;
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal as quote_literal writes it. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}
