import {readFileSync} from 'node:fs';
import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import type {FunctionCode} from '../../src/functions/contract.ts';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import type {Datum} from '../../src/types/contract.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {testRun} from './test-run.ts';

type Case = [pattern: string, flags: string, text: string, ...expected: (string | null)[]];

const types = createBuiltinTypes();
const {context} = testRun(types);
const library = createFunctionLibrary();
const text = types.byName('text')!;
const texts = types.byName('_text')!;

function caller(source: string): (...args: Datum[]) => Datum {
  const code = library.scalar(source) as Extract<FunctionCode, {fnTyped: unknown}>;
  const call = code.fnTyped({args: [], result: text, lookup: types, context: () => context});
  return call as (...args: Datum[]) => Datum;
}

const match = caller('regexp_match');
const like = caller('regexp_like');
const replace = caller('textregexreplace');
const count = caller('regexp_count');

function answers([pattern, flags, subject]: Case): (string | null)[] {
  try {
    const found = match(subject, pattern, flags);
    return [
      found === null ? null : texts.output(found, context.format),
      String(like(subject, pattern, flags)),
      replace(subject, pattern, '<\\&>', `${flags}g`) as string,
      String(count(subject, pattern, 1, flags)),
    ];
  } catch (error) {
    if (error instanceof PgError) return [`${error.code} ${error.message}`];
    return [`BUG ${(error as Error).stack}`];
  }
}

const file = process.env['CASES'] ?? new URL('regex.json', import.meta.url);
const cases = JSON.parse(readFileSync(file, 'utf8')) as Case[];
let failed = 0;
for (const test of cases) {
  const actual = JSON.stringify(answers(test));
  const wanted = JSON.stringify(test.slice(3));
  if (actual === wanted) continue;
  failed++;
  t.fail(`${JSON.stringify(test.slice(0, 3))}: ${actual}, PostgreSQL: ${wanted}`);
}
t.equal(failed, 0, `${cases.length} cases`);
