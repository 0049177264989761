// Asks a real PostgreSQL 15 what regular expressions match: `PGPORT=5432 node test/functions/make-regex.ts > test/functions/regex.json`.
import pg from 'pg';

const client = new pg.Client({
  host: process.env['PGHOST'] ?? '127.0.0.1',
  port: Number(process.env['PGPORT'] ?? 5432),
  user: 'postgres',
  database: process.env['PGDATABASE'] ?? 'postgres',
});
await client.connect();
await client.query('set statement_timeout = 3000');
let seed = Number(process.env['SEED'] ?? 11);
const random = (size: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 4294967296) * size);
};
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;

const atoms = [
  'a',
  'b',
  'c',
  '.',
  '[ab]',
  '[^a]',
  '\\w',
  '\\d',
  '\\s',
  '\\W',
  '[[:alpha:]]',
  '[[:upper:]b]',
  'é',
  '1',
  '\\n',
  '[a-c]',
  '\\x61',
  '[^\\d]',
  '-',
];
const anchors = ['^', '$', '\\m', '\\M', '\\y', '\\Y', '\\A', '\\Z', '[[:<:]]', '[[:>:]]'];
const quantifiers = [
  '*',
  '+',
  '?',
  '*?',
  '+?',
  '??',
  '{2}',
  '{1,2}',
  '{0,2}?',
  '{1,}',
  '{2}?',
  '{1,1}?',
];
const letters = ['a', 'b', 'c', 'a', 'b', ' ', '1', 'A', 'B', 'é', '\n', '-', '😀'];
const odd = [
  '[a-]',
  '[]a]',
  '[a',
  '(a',
  'a)',
  'a**',
  '*a',
  'a{2,1}',
  'a{300}',
  'a{x',
  '{a',
  '(?i)AB',
  '(?n)^b$',
  '(?x) a b # c',
  '***=a.b',
  '***:a+',
  '[[.hyphen.]]',
  '[[=a=]]',
  '[[:foo:]]',
  '\\q',
  '\\',
  '(a)\\2',
  '(a\\1)',
  '[b-a]',
  'a||b',
  '()',
  '(|a)+',
  '(?=a)*',
  '^*',
  '$+',
  '(?<=a)b',
  '(?<!a)b',
  'a(?=b)',
  'a(?!b)',
  '(?<=(a))b',
  'a{,2}',
  '\\cA',
  '\\u0061',
  '\\U00000061',
  '\\7',
  '\\07',
  '[\\w-]',
  '[a\\-c]',
  '[--/]',
  '[a-\\d]',
  '[\\D]',
  '(?q)a.b',
  '(?b)a\\(b\\)',
  '(?e)a\\b',
  '(?z)a',
  '(?ia',
  '(?a',
  'a(?#comment)b',
  '(?w)^b',
  '(?p)a.b',
  '(?s)a.b',
  '(?c)A',
  '[[:ascii:]]+',
  '[[:word:]]+',
  '\\Aa',
  'b\\Z',
  'a{2}{3}',
  'a+*',
  'x*',
  '(a*)*',
  '(a*)+',
  '(a|ab)(c|bcd)(d*)',
  'a?(ab)?',
  'a?(ab|b)?',
  '(ab|a)(bc|c)?',
  '(.*?)(b+)',
  '(a*?)(a*)',
  '(?:a|ab)(b?)',
  '((a)|b)*',
  '(a(b)?)+',
  '[\\m]',
  '(a)(?:\\1)+',
  '(a|b)\\1',
  '^(.+)\\1$',
  '(.)(.)\\2\\1',
  '(a*)b\\1',
  '[^]a]',
  '[a-c-e]',
  '[^-a]',
  'a|',
  '|a',
  '(?:)',
  '\\Z\\A',
  '\\y\\w+\\y',
];

function expression(depth: number): string {
  const count = 1 + random(3);
  let result = '';
  for (let i = 0; i < count; i++) {
    const kind = random(12);
    if (kind === 0) {
      result += pick(anchors);
      continue;
    }
    let atom: string;
    if (kind < 5 && depth > 0) atom = `(${random(3) === 0 ? '?:' : ''}${expression(depth - 1)})`;
    else if (kind === 5 && depth > 0) {
      result += `(${pick(['?=', '?!', '?<=', '?<!'])}${expression(depth - 1)})`;
      continue;
    } else if (kind === 6 && /\([^?]/.test(result)) atom = '\\1';
    else atom = pick(atoms);
    result += atom + (random(2) === 0 ? pick(quantifiers) : '');
  }
  return depth > 0 && random(4) === 0 ? `${result}|${expression(depth - 1)}` : result;
}

const flags = ['', '', '', 'i', 'n', 'x', 'w', 'p'];
const out: string[] = [];
const rounds = Number(process.env['ROUNDS'] ?? 1500);
for (let round = 0; round < rounds + odd.length * 3; round++) {
  const pattern = round < rounds ? expression(2) : odd[(round - rounds) % odd.length]!;
  const text = Array.from({length: random(9)}, () => pick(letters)).join('');
  const flag = pick(flags);
  try {
    const {rows} = await client.query(
      `select regexp_match($1, $2, $3)::text m, regexp_like($1, $2, $3)::text l,
      regexp_replace($1, $2, '<\\&>', $4)::text r, regexp_count($1, $2, 1, $3)::text c`,
      [text, pattern, flag, `${flag}g`],
    );
    const {m, l, r, c} = rows[0];
    out.push(JSON.stringify([pattern, flag, text, m, l, r, c]));
  } catch (error) {
    const {code, message} = error as {code: string; message: string};
    if (code !== '57014') out.push(JSON.stringify([pattern, flag, text, `${code} ${message}`]));
  }
}
console.log(`[\n${out.join(',\n')}\n]`);
await client.end();
