import type {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import type {CallTypes, FunctionCode} from './contract.ts';
import {jsonFunctions} from './json.ts';
import {miscFunctions} from './misc.ts';
import type {FunctionTable} from './table.ts';

/** What a call with VARIADIC array gives a function of VARIADIC "any" as its source: its own, after this word. */
const VARIADIC = 'variadic ';

/** Shapes kept per call: one for each length of the array. */
const MAX_SHAPES = 64;

type Call = (...args: Datum[]) => Datum;

/** Calls a function with the elements of its last argument; a NULL array gives NULL, or counts as empty. */
function spread(code: FunctionCode, isNullEmpty: boolean): FunctionCode {
  return {
    fnTyped: types => {
      const callOf = shapes(code, types);
      return (...args: Datum[]) => {
        const array = args[args.length - 1] as PgArray | null;
        if (array === null && !isNullEmpty) return null;
        const elements = array === null ? [] : array.elements;
        return callOf(elements.length)(...args.slice(0, -1), ...elements);
      };
    },
  };
}

function shapes(code: FunctionCode, types: CallTypes): (count: number) => Call {
  if ('fn' in code) return () => code.fn as Call;
  const fixed = types.args.slice(0, -1);
  const element = types.args.at(-1)!.element as TypeInstance;
  const made = new Map<number, Call>();
  return count => {
    let call = made.get(count);
    if (call === undefined) {
      const args = [...fixed, ...new Array<TypeInstance>(count).fill(element)];
      call = (code as {fnTyped: (types: CallTypes) => Call}).fnTyped({...types, args});
      if (made.size < MAX_SHAPES) made.set(count, call);
    }
    return call;
  };
}

const sources: readonly (readonly [table: FunctionTable, source: string])[] = [
  [miscFunctions, 'text_concat'],
  [miscFunctions, 'text_concat_ws'],
  [miscFunctions, 'text_format'],
  [miscFunctions, 'pg_num_nulls'],
  [miscFunctions, 'pg_num_nonnulls'],
  [jsonFunctions, 'json_build_array'],
  [jsonFunctions, 'jsonb_build_array'],
  [jsonFunctions, 'json_build_object'],
  [jsonFunctions, 'jsonb_build_object'],
];

/** The functions that take VARIADIC "any", called with VARIADIC array. */
export const variadicAnyFunctions: FunctionTable = Object.fromEntries(
  sources.map(([table, source]) => [
    VARIADIC + source,
    spread(table[source]!, source === 'text_format'),
  ]),
);
