// Searches by regular expressions: `node bench/regex.ts`. The engine against JavaScript's own where both can answer.
import {RegexCache} from '../src/functions/regex.ts';

const cache = new RegexCache();

function measure(name: string, rounds: number, work: () => unknown): void {
  for (let i = 0; i < Math.min(rounds, 100); i++) work();
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
    const begin = performance.now();
    for (let i = 0; i < rounds; i++) work();
    times.push(((performance.now() - begin) * 1000) / rounds);
  }
  const best = Math.min(...times);
  process.stdout.write(`${name.padEnd(60)}${best.toFixed(2).padStart(12)} us\n`);
}

const lines = Array.from(
  {length: 1000},
  (_, i) => `2024-05-${i % 30} user${i} opened /a/b/${i} in ${i % 97} ms`,
);
for (const pattern of [
  'user\\d+',
  '\\d+ ms$',
  '(\\w+)@(\\w+)',
  '(a|b|c)/\\d',
  'in (\\d+) (ms|s)',
  '\\muser[0-9]*7\\M',
]) {
  let at = 0;
  const next = (): string => lines[at++ % lines.length]!;
  measure(`${pattern} ~ line`, 20_000, () => cache.test(next(), pattern, ''));
  measure(`${pattern} groups of a line`, 20_000, () => cache.find(next(), pattern, '', 0));
  const script = new RegExp(pattern.replaceAll('\\m', '\\b').replaceAll('\\M', '\\b'), 'u');
  measure(`${pattern} JavaScript exec`, 20_000, () => script.exec(next()));
}
const long = 'a'.repeat(100_000);
for (const pattern of ['(a+)+$', '(a|aa)+$', '(.*)*x', '(a*)*b'])
  measure(`${pattern} on 100,000 characters that do not match`, 3, () =>
    cache.test(`${long}!`, pattern, ''),
  );
