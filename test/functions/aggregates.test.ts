import {readFileSync} from 'node:fs';
import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import type {Datum} from '../../src/types/contract.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {testRun} from './test-run.ts';

type Case = [
  name: string,
  types: string[],
  rows: (string | null)[][],
  within: string,
  resultType: number,
  expected: string | null,
  code?: string,
  message?: string,
];

const types = createBuiltinTypes();
const {context} = testRun(types);
const library = createFunctionLibrary();
const float8 = types.byName('float8')!;

function evaluate([name, typeNames, rows, within, resultType]: Case): string {
  const columns = typeNames.map(each => types.byName(each)!);
  const result = types.typeByOid(resultType as never) ?? types.byName('text')!;
  const direct: Datum[] = within.trim() === '' ? [] : [Number(within)];
  const code = library.aggregate(name)!;
  try {
    const run = code.create({
      args: [...direct.map(() => float8), ...columns],
      result,
      lookup: types,
      context: () => context,
    });
    const data = rows.map(row =>
      row.map(
        (text, index): Datum =>
          text === null ? null : columns[index]!.input(text, -1, context.format),
      ),
    );
    if (within !== '')
      data.sort((a, b) =>
        a[0] === null || b[0] === null
          ? a[0] === b[0]
            ? 0
            : a[0] === null
              ? 1
              : -1
          : columns[0]!.compare(a[0]!, b[0]!),
      );
    let state = run.init();
    for (const row of data) {
      const args = [...direct, ...row];
      if (!code.skipsNull || !args.includes(null)) state = run.step(state, args);
    }
    const value = run.final(state);
    return value === null ? 'NULL' : result.output(value, context.format);
  } catch (error) {
    if (error instanceof PgError) return `${error.code} ${error.message}`;
    return `BUG ${(error as Error).stack}`;
  }
}

const cases = JSON.parse(
  readFileSync(new URL('aggregates.json', import.meta.url), 'utf8'),
) as Case[];
let failed = 0;
for (const test of cases) {
  const [name, typeNames, rows, within, , expected, code, message] = test;
  const wanted = code === undefined ? (expected ?? 'NULL') : `${code} ${message}`;
  const actual = evaluate(test);
  const isClose =
    code === undefined &&
    typeNames.some(each => each.startsWith('float')) &&
    Math.abs(Number(actual) - Number(wanted)) <= Math.abs(Number(wanted)) * 4e-15;
  if (actual === wanted || isClose) continue;
  failed++;
  t.fail(
    `${name}${within}[${typeNames.join(',')}](${JSON.stringify(rows)}): ${actual}, PostgreSQL: ${wanted}`,
  );
}
t.equal(failed, 0, `${cases.length} cases`);
