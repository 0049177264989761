// Makes test/functions/wanted.txt, what clients may expect of functions and operators, and test/slt/pg/manual-examples.slt, the examples:
// `node scripts/generate-wanted-functions.ts FOLDER QUERIES...`: the folder with the HTML of PostgreSQL 15's manual (Debian's
// package postgresql-doc-15), and files of captured queries.
import {readFileSync, writeFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {pgProc} from '../src/catalog/data/pg-proc.ts';

/** Chapters 9.1 to 9.9, 9.16 to 9.22 and 9.24 to 9.26. */
const chapters = [
  ...['logical', 'comparison', 'math', 'string', 'binarystring', 'bitstring', 'matching'],
  ...['formatting', 'datetime', 'json', 'sequence', 'conditional', 'array', 'range'],
  ...['aggregate', 'window', 'comparisons', 'srf', 'info'],
];
/** Generic names of types in the manual's tables, each with one that stands for it. */
const generic: Readonly<Record<string, readonly string[]>> = {
  numeric_type: ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision'],
  integral_type: ['smallint', 'integer', 'bigint'],
  anyarray: ['integer[]'],
  anycompatiblearray: ['integer[]'],
  anycompatible: ['integer'],
  anyelement: ['integer'],
  anynonarray: ['integer'],
  anyrange: ['int4range'],
  anymultirange: ['int4multirange'],
};

function plainText(source: string): string {
  const bare = source
    .replace(/<[^>]+>/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return bare
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&nbsp;', ' ')
    .replaceAll('\u00a0', ' ')
    .replaceAll('&amp;', '&');
}

const [folder, ...queryFiles] = process.argv.slice(2);
if (folder === undefined) throw new Error('the folder of the manual is missing');
const lines = new Map<string, string>();
const examples: string[] = [];
for (const chapter of chapters) {
  const page = readFileSync(join(folder, `functions-${chapter}.html`), 'utf8');
  const found = `chapter functions-${chapter}`;
  const add = (line: string): void => void (lines.has(line) || lines.set(line, found));
  for (const [, signature] of page.matchAll(/<p class="func_signature">(.*?)<\/p>/gs)) {
    const name = /<code class="function">([^<]+)<\/code>/.exec(signature!)?.[1];
    if (name !== undefined) add(`function ${plainText(name).toLowerCase()}`);
    else operatorsOf(plainText(signature!)).forEach(add);
  }
  for (const [, example] of page.matchAll(
    /<p>\s*<code class="literal">((?:[^<]|<span[^>]*>|<\/span>)+)<\/code>\s*→/g,
  ))
    examples.push(plainText(example!));
}
for (const file of queryFiles) {
  const known = new Set(Array.from(pgProc.matchAll(/^\[\d+,"([^"]+)"/gm), match => match[1]!));
  const found = `queries ${basename(file)}`;
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/\b([a-z_][a-z0-9_]*)\s*\(/gi)) {
    const line = `function ${name!.toLowerCase()}`;
    if (known.has(name!.toLowerCase()) && !lines.has(line)) lines.set(line, found);
  }
}

/** `numeric_type + numeric_type → numeric_type` for each of its types; forms that are syntax (IS NULL, LIKE) are none. */
function operatorsOf(signature: string): string[] {
  const match =
    /^(?:([a-z][a-z_ ]*(?:\[\])?) )?([-+*/<>=~!@#%^&|`?]+) ([a-z][a-z_ ]*(?:\[\])?) →/.exec(
      signature,
    );
  if (match === null) return [];
  const [, left, symbol, right] = match;
  // The manual says numeric_type of % as well, which floating point does not have.
  const types = (name: string): readonly string[] =>
    (generic[name] ?? [name]).filter(type => symbol !== '%' || !/^(real|double)/.test(type));
  if (left === undefined) return types(right!).map(type => `operator ${symbol} ${type}`);
  return types(left).flatMap((type, index) => {
    const others = types(right!);
    const other = others.length === types(left).length ? others[index]! : others[0]!;
    return [`operator ${type} ${symbol} ${other}`];
  });
}

const sorted = [...lines].sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(
  new URL('../test/functions/wanted.txt', import.meta.url),
  `${sorted.map(([line, from]) => `${line}\t${from}`).join('\n')}\n`,
);
/** What depends on when, where and by whom it is asked. */
const unstable =
  /random|now\(|current_|localtime|clock_|timeofday|statement_timestamp|transaction_timestamp|pg_|inet_|version|my_?seq|setseed|my_array|calvin|nextval|currval/i;
const records = examples
  .filter(example => !unstable.test(example))
  .map(example =>
    /^(select|values)\b/i.test(example) ? `query ?\n${example}\n` : `query ?\nSELECT ${example}\n`,
  );
writeFileSync(
  new URL('../test/slt/pg/manual-examples.slt', import.meta.url),
  `# The examples in the tables of the manual's chapter 9.\n${[...new Set(records)].join('\n')}`,
);
