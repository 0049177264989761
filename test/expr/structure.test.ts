// Expressions that the random test does not make: arrays, rows, casts, domains, session values; and set-returning functions.
import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import type {BoundExpr} from '../../src/expr/bound.ts';
import {ExprCompiler} from '../../src/expr/compiler.ts';
import {FactoryCache} from '../../src/expr/factory-cache.ts';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {testRun} from '../functions/test-run.ts';

const types = createBuiltinTypes();
const run = testRun(types);
const library = createFunctionLibrary();
const compiler = new ExprCompiler(library, types, new FactoryCache());
const type = (name: string): TypeInstance => types.byName(name)!;
const base = (name: string) => ({type: type(name), typmod: -1, location: -1});
const constant = (text: string | null, name: string): BoundExpr => ({
  kind: 'constant',
  value: text === null ? null : type(name).input(text, -1, run.context.format),
  ...base(name),
});
const int = (value: number | null): BoundExpr =>
  constant(value === null ? null : String(value), 'int4');
const column = (index: number, name: string): BoundExpr => ({kind: 'column', index, ...base(name)});
const call = (source: string, result: string, ...args: BoundExpr[]): BoundExpr => ({
  kind: 'call',
  function: 0 as never,
  source,
  isStrict: true,
  volatility: 'i',
  args,
  operatorName: '',
  functionName: source,
  ...base(result),
});

function value(expr: BoundExpr, row: readonly Datum[] = []): string {
  try {
    const result = compiler.row([expr])(run, row)[0]!;
    return result === null ? 'NULL' : expr.type.output(result, run.context.format);
  } catch (error) {
    if (error instanceof PgError) return `${error.code} ${error.message}`;
    throw error;
  }
}

t.test('array subscripts and slices', t => {
  const array = constant('[2:4]={10,20,30}', '_int4');
  const matrix = constant('{{1,2,3},{4,5,6}}', '_int4');
  const at = (list: BoundExpr, ...places: (number | null)[]): BoundExpr => ({
    kind: 'subscript',
    array: list,
    isSlice: false,
    subscripts: places.map(place => ({lower: null, upper: int(place)})),
    ...base('int4'),
  });
  const slice = (list: BoundExpr, ...places: [number | null, number | null][]): BoundExpr => ({
    kind: 'subscript',
    array: list,
    isSlice: true,
    subscripts: places.map(([lower, upper]) => ({
      lower: lower === null ? null : int(lower),
      upper: upper === null ? null : int(upper),
    })),
    ...base('_int4'),
  });
  t.equal(value(at(array, 3)), '20');
  t.equal(value(at(array, 1)), 'NULL');
  t.equal(value(at(array, null)), 'NULL');
  t.equal(value(at(matrix, 2, 3)), '6');
  t.equal(value(at(matrix, 2)), 'NULL');
  t.equal(value(slice(array, [3, 4])), '{20,30}');
  t.equal(value(slice(array, [null, 3])), '{10,20}');
  t.equal(value(slice(matrix, [1, 2], [2, null])), '{{2,3},{5,6}}');
  t.equal(value(slice(array, [9, 12])), '{}');
  t.equal(value(at(constant(null, '_int4'), 1)), 'NULL');
  t.end();
});

t.test('ARRAY[...] of arrays', t => {
  const array = (...elements: BoundExpr[]): BoundExpr => ({
    kind: 'array',
    elements,
    isMultiDimensional: true,
    ...base('_int4'),
  });
  t.equal(value(array(constant('{1,2}', '_int4'), constant('{3,4}', '_int4'))), '{{1,2},{3,4}}');
  t.match(
    value(array(constant('{1,2}', '_int4'), constant('{3}', '_int4'))),
    /^2202E multidimensional arrays/,
  );
  t.end();
});

t.test('row comparison decides at the first unequal pair', t => {
  const compare = (
    operator: '<' | '<=' | '=',
    left: (number | null)[],
    right: (number | null)[],
  ): BoundExpr => ({
    kind: 'rowCompare',
    operator,
    left: left.map(int),
    right: right.map(int),
    equalitySources: left.map(() => 'int4eq'),
    operatorSources: left.map(() => ({'<': 'int4lt', '<=': 'int4le', '=': 'int4eq'})[operator]),
    ...base('bool'),
  });
  t.equal(value(compare('<', [1, 2], [1, 3])), 't');
  t.equal(value(compare('<', [1, null], [2, 0])), 't');
  t.equal(value(compare('<', [1, null], [1, 0])), 'NULL');
  t.equal(value(compare('<', [1, 2], [1, 2])), 'f');
  t.equal(value(compare('<=', [1, 2], [1, 2])), 't');
  t.equal(value(compare('=', [1, null], [2, 0])), 'f');
  t.equal(value(compare('=', [1, null], [1, 0])), 'NULL');
  t.end();
});

t.test('casts through text, of array elements, into domains', t => {
  t.equal(value({kind: 'ioCast', arg: column(0, 'text'), ...base('int4')}, [' 12 ']), '12');
  t.equal(value({kind: 'ioCast', arg: column(0, 'int4'), ...base('text')}, [null]), 'NULL');
  t.match(value({kind: 'ioCast', arg: column(0, 'text'), ...base('int4')}, ['x']), /^22P02/);
  const element = call('int48', 'int8', {kind: 'letRef', id: 1, ...base('int4')});
  t.equal(
    value({
      kind: 'arrayCast',
      arg: constant('{1,NULL,3}', '_int4'),
      id: 1,
      element,
      ...base('_int8'),
    }),
    '{1,NULL,3}',
  );
  const domain = (arg: BoundExpr): BoundExpr => ({
    kind: 'domainCast',
    arg,
    id: 2,
    isNotNull: true,
    schemaName: 'public',
    checks: [
      {
        name: 'positive',
        condition: call('int4gt', 'bool', {kind: 'letRef', id: 2, ...base('int4')}, int(0)),
      },
    ],
    ...base('int4'),
  });
  t.equal(value(domain(int(5))), '5');
  t.equal(
    value(domain(column(0, 'int4')), [-5]),
    '23514 value for domain int4 violates check constraint "positive"',
  );
  t.equal(value(domain(column(0, 'int4')), [null]), '23502 domain int4 does not allow null values');
  t.end();
});

t.test('rows, fields and row null tests', t => {
  const row: BoundExpr = {
    kind: 'row',
    fields: [column(0, 'int4'), column(1, 'text')],
    ...base('record'),
  };
  t.equal(value(row, [1, 'a b']), '(1,"a b")');
  t.equal(value({kind: 'field', arg: row, index: 1, ...base('text')}, [1, 'x']), 'x');
  const test = (negated: boolean): BoundExpr => ({
    kind: 'nullTest',
    arg: row,
    negated,
    isRow: true,
    ...base('bool'),
  });
  t.equal(value(test(false), [null, null]), 't');
  t.equal(value(test(false), [1, null]), 'f');
  t.equal(value(test(true), [1, null]), 'f');
  t.equal(value(test(true), [1, 'x']), 't');
  t.end();
});

t.test('session values', t => {
  const session = (
    name: 'current_user' | 'current_date' | 'localtimestamp' | 'current_time' | 'current_timestamp',
    result: string,
  ): string => value({kind: 'sessionValue', name, ...base(result)});
  t.equal(session('current_user', 'name'), 'alice');
  t.equal(session('current_timestamp', 'timestamptz'), '1999-12-31 19:00:00-05');
  t.equal(session('current_date', 'date'), '1999-12-31');
  t.equal(session('localtimestamp', 'timestamp'), '1999-12-31 19:00:00');
  t.equal(session('current_time', 'timetz'), '19:00:00-05');
  t.end();
});

t.test('an expression of slots is computed once per batch and not before a row needs it', t => {
  const divide = call('int4div', 'int4', int(1), {kind: 'slot', index: 0, ...base('int4')});
  const filter = compiler.filter([
    call('int4gt', 'bool', column(0, 'int4'), int(10)),
    call('int4lt', 'bool', column(0, 'int4'), divide),
  ]);
  const batch = (values: number[]) => ({
    count: values.length,
    selection: null,
    vectors: [{kind: 'int32' as const, values: Int32Array.from(values), nulls: null}],
  });
  t.equal(filter.run({...run, slots: [0]}, batch([1, 2]), new Int32Array(2)), 0);
  t.throws(() => filter.run({...run, slots: [0]}, batch([1, 20]), new Int32Array(2)), {
    code: '22012',
  });
  t.end();
});

t.test('a dictionary entry is evaluated on the first selected row that has it', t => {
  const divide = call('int4div', 'int4', int(1), call('textlen', 'int4', column(0, 'text')));
  const dictionary = {size: 2, get: (code: number) => ['', 'abc'][code]!};
  const vector = {
    kind: 'dict' as const,
    values: Int32Array.from([1, 0, 1]),
    dictionary,
    nulls: null,
  };
  const projection = compiler.projection([divide]);
  t.equal(
    projection.run(run, {count: 2, selection: Int32Array.from([0, 2]), vectors: [vector]}, 10)
      .count,
    2,
  );
  t.throws(() => projection.run(run, {count: 3, selection: null, vectors: [vector]}, 10), {
    code: '22012',
  });
  t.equal(projection.run(run, {count: 3, selection: null, vectors: [vector]}, 1).count, 1);
  t.end();
});

t.test('set-returning functions', t => {
  const rows = (source: string, result: string, ...args: [string | null, string][]): string[] => {
    const code = library.setReturning(source)!;
    const argTypes = args.map(([, name]) => type(name));
    const start = code.create({
      args: argTypes,
      result: type(result),
      lookup: types,
      context: () => run.context,
    });
    const values = args.map(([text], index) =>
      text === null ? null : argTypes[index]!.input(text, -1, run.context.format),
    );
    const iterator = start(values, run.context);
    const found: string[] = [];
    for (let step = iterator.next(); step.done !== true; step = iterator.next()) {
      const each = step.value as Datum | readonly Datum[];
      found.push(
        Array.isArray(each)
          ? each.map(String).join('|')
          : each === null
            ? 'NULL'
            : type(result).output(each as never, run.context.format),
      );
    }
    return found;
  };
  t.same(rows('generate_series_int4', 'int4', ['1', 'int4'], ['3', 'int4']), ['1', '2', '3']);
  t.same(rows('generate_series_step_int8', 'int8', ['5', 'int8'], ['1', 'int8'], ['-2', 'int8']), [
    '5',
    '3',
    '1',
  ]);
  t.same(
    rows(
      'generate_series_timestamptz',
      'timestamptz',
      ['2023-03-11 12:00-05', 'timestamptz'],
      ['2023-03-13 12:00-04', 'timestamptz'],
      ['1 day', 'interval'],
    ),
    ['2023-03-11 12:00:00-05', '2023-03-12 12:00:00-04', '2023-03-13 12:00:00-04'],
  );
  t.same(rows('array_unnest', 'int4', ['{{1,2},{3,NULL}}', '_int4']), ['1', '2', '3', 'NULL']);
  t.same(rows('generate_subscripts_nodir', 'int4', ['[3:4]={1,2}', '_int4'], ['1', 'int4']), [
    '3',
    '4',
  ]);
  t.same(
    rows('regexp_matches', '_text', ['foobarbequebaz', 'text'], ['b(a.)', 'text'], ['g', 'text']),
    ['{ar}', '{az}'],
  );
  t.same(rows('regexp_split_to_table_no_flags', 'text', ['a1b22c', 'text'], ['\\d+', 'text']), [
    'a',
    'b',
    'c',
  ]);
  t.same(rows('json_each_text', 'text', ['{"a":1,"b":null}', 'json']), ['a|1', 'b|null']);
  t.same(rows('jsonb_array_elements', 'jsonb', ['[1, {"a": 2}]', 'jsonb']), ['1', '{"a": 2}']);
  t.same(rows('jsonb_object_keys', 'text', ['{"bb":1,"a":2}', 'jsonb']), ['a', 'bb']);
  t.same(rows('text_to_table', 'text', ['a,b', 'text'], [',', 'text']), ['a', 'b']);
  t.throws(
    () => rows('generate_series_step_int4', 'int4', ['1', 'int4'], ['3', 'int4'], ['0', 'int4']),
    {code: '22023'},
  );
  t.end();
});
