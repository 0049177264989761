import {readFileSync} from 'node:fs';
import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import type {BoundExpr} from '../../src/expr/bound.ts';
import {ExprCompiler} from '../../src/expr/compiler.ts';
import {FactoryCache} from '../../src/expr/factory-cache.ts';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import type {TypeInstance} from '../../src/types/contract.ts';
import {testRun} from './test-run.ts';

type Case = [
  source: string,
  types: string[],
  args: (string | null)[],
  resultType: number,
  expected: string | null,
  code?: string,
  message?: string,
];

const types = createBuiltinTypes();
const run = testRun(types);
const compiler = new ExprCompiler(createFunctionLibrary(), types, new FactoryCache());
const nonStrict = new Set(
  JSON.parse(readFileSync(new URL('non-strict.json', import.meta.url), 'utf8')) as string[],
);

/** jsonpath values are their text. */
const typeNamed = (name: string): TypeInstance | undefined =>
  types.byName(name) ?? (name === 'jsonpath' ? types.byName('text') : undefined);

function evaluate(test: Case): string {
  const [source, argTypes, args, resultType] = test;
  try {
    const constants = argTypes.map((name, index): BoundExpr => {
      const type = typeNamed(name)!;
      const text = args[index]!;
      return {
        kind: 'constant',
        type,
        typmod: -1,
        location: -1,
        value: text === null ? null : type.input(text, -1, run.context.format),
      };
    });
    const type: TypeInstance = types.typeByOid(resultType as never) ?? types.byName('text')!;
    const call: BoundExpr = {
      kind: 'call',
      function: 0 as never,
      source,
      isStrict: !nonStrict.has(source),
      volatility: 'i',
      args: constants,
      operatorName: '',
      functionName: source,
      type,
      typmod: -1,
      location: -1,
    };
    const value = compiler.scalar(call)(run);
    return value === null ? 'NULL' : type.output(value, run.context.format);
  } catch (error) {
    if (error instanceof PgError) return `${error.code} ${error.message}`;
    return `BUG ${(error as Error).stack}`;
  }
}

/** Cases whose difference from PostgreSQL is known and accepted: last digits of the C library's functions. */
const close = (actual: string, expected: string): boolean => {
  const left = Number(actual);
  const right = Number(expected);
  return Math.abs(left - right) <= Math.abs(right) * 4e-15;
};

const cases = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8')) as Case[];
const failures: string[] = [];
for (const test of cases) {
  const [source, argTypes, args, resultType, expected, code, message] = test;
  if (
    argTypes.some(name => typeNamed(name) === undefined) ||
    (resultType !== 0 && types.typeByOid(resultType as never) === undefined)
  )
    continue;
  const wanted = code === undefined ? (expected ?? 'NULL') : `${code} ${message}`;
  const actual = evaluate(test);
  if (/cmp(_\w+)?$/.test(source) && Math.sign(Number(actual)) === Math.sign(Number(wanted)))
    continue;
  if (
    actual === wanted ||
    (code === undefined && (resultType === 701 || resultType === 700) && close(actual, wanted))
  )
    continue;
  failures.push(
    `${source}(${args.map(arg => (arg === null ? 'NULL' : JSON.stringify(arg))).join(', ')}) [${argTypes.join(',')}]: ${actual}, PostgreSQL: ${wanted}`,
  );
}
for (const failure of failures) t.fail(failure);
t.pass(`${cases.length} cases`);
