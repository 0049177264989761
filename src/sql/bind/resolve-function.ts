import type {FunctionRow} from '../../catalog/contract.ts';
import type {Oid} from '../../common/ids.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from './binding.ts';
import {matchingCandidates, selectCandidate} from './select-candidate.ts';
import {TypeOid} from './type-oids.ts';

/** How a call's arguments map to a function: its parameter types after expansion, defaults to add, and whether VARIADIC was spread. */
export interface FunctionMatch {
  readonly row: FunctionRow;
  /** Types of the arguments in call order after reordering; parameters taken from defaults are not included. */
  readonly argTypes: readonly Oid[];
  /** For each parameter position the index of the call's argument, or -1 for a default. */
  readonly order: readonly number[];
  /** Number of trailing arguments gathered into the variadic array, or -1. */
  readonly variadicCount: number;
}

/** What a call says of itself. */
export interface CallShape {
  readonly name: string;
  /** Schema given in the call, or null for the search path. */
  readonly schema: Oid | null;
  readonly actual: readonly TypeInstance[];
  /** Names of the trailing named arguments, '' for positional ones. */
  readonly argNames: readonly string[];
  /** VARIADIC keyword given: the last argument is the array itself. */
  readonly isVariadicCall: boolean;
  /** How a row counts in this call: CALL counts OUT parameters. */
  readonly asCalled?: (row: FunctionRow) => FunctionRow;
}

/** Finds the function that a call means (PostgreSQL func_get_detail, chapter 10.3). */
export function resolveFunction(
  binding: Binding,
  call: CallShape,
): FunctionMatch | 'ambiguous' | null {
  const candidates = functionCandidates(binding, call);
  const exact = candidates.filter(candidate =>
    candidate.argTypes.every((type, index) => type === call.actual[index]!.oid),
  );
  const plainExact =
    exact.find(candidate => candidate.variadicCount === -1 && !candidate.order.includes(-1)) ??
    exact[0];
  if (plainExact !== undefined) return plainExact;
  const usable = matchingCandidates(binding, candidates, call.actual);
  if (usable.length === 0) return null;
  if (usable.length === 1) return usable[0]!;
  return selectCandidate(binding, call.actual, usable) ?? 'ambiguous';
}

/** All rows of that name in the searched schemas that take that many arguments; earlier schemas hide equal signatures of later ones. */
function functionCandidates(binding: Binding, call: CallShape): FunctionMatch[] {
  const catalog = binding.context.catalog;
  const schemas = call.schema === null ? binding.context.searchPath : [call.schema];
  const matches: FunctionMatch[] = [];
  for (const schema of schemas) {
    for (const found of catalog.functionsByName(schema, call.name)) {
      const row = call.asCalled === undefined ? found : call.asCalled(found);
      const match = shapeOf(row, call);
      if (match === null) continue;
      const rival = matches.findIndex(other => sameTypes(other.argTypes, match.argTypes));
      if (rival === -1) matches.push(match);
      else if (
        preference(match) > preference(matches[rival]!) &&
        matches[rival]!.row.schema === row.schema
      )
        matches[rival] = match;
    }
  }
  return matches;
}

/** Of equal signatures: not variadic before variadic, fewer defaults before more. */
function preference(match: FunctionMatch): number {
  return (match.variadicCount === -1 ? 1000 : 0) - match.order.filter(index => index === -1).length;
}

function sameTypes(left: readonly Oid[], right: readonly Oid[]): boolean {
  return left.length === right.length && left.every((type, index) => type === right[index]);
}

function shapeOf(row: FunctionRow, call: CallShape): FunctionMatch | null {
  const count = call.actual.length;
  const declared = row.argTypes;
  if (call.argNames.some(name => name !== '')) return namedShape(row, call);
  const direct = declared.map((_type, index) => index);
  if (
    row.variadic !== 0 &&
    !call.isVariadicCall &&
    count >= declared.length &&
    !(count === declared.length && row.variadic === TypeOid.any)
  ) {
    const fixed = declared.length - 1;
    const argTypes = [
      ...declared.slice(0, fixed),
      ...Array.from({length: count - fixed}, () => row.variadic),
    ];
    return {
      row,
      argTypes,
      order: argTypes.map((_type, index) => index),
      variadicCount: row.variadic === TypeOid.any ? -1 : count - fixed,
    };
  }
  if (row.variadic === TypeOid.any && count >= declared.length && !call.isVariadicCall) {
    const argTypes = [
      ...declared,
      ...Array.from({length: count - declared.length}, () => TypeOid.any),
    ];
    return {row, argTypes, order: argTypes.map((_type, index) => index), variadicCount: -1};
  }
  if (count === declared.length) return {row, argTypes: declared, order: direct, variadicCount: -1};
  if (count < declared.length && count + row.defaultCount >= declared.length) {
    return {
      row,
      argTypes: declared.slice(0, count),
      order: direct.map(index => (index < count ? index : -1)),
      variadicCount: -1,
    };
  }
  return null;
}

function namedShape(row: FunctionRow, call: CallShape): FunctionMatch | null {
  const declared = row.argTypes;
  if (call.actual.length > declared.length) return null;
  const names = inputNames(row);
  const order = declared.map(() => -1);
  for (let index = 0; index < call.actual.length; index++) {
    const name = call.argNames[index]!;
    const position = name === '' ? index : names.indexOf(name);
    if (position === -1 || position >= declared.length || order[position] !== -1) return null;
    order[position] = index;
  }
  const firstDefault = declared.length - row.defaultCount;
  if (order.some((index, position) => index === -1 && position < firstDefault)) return null;
  const argTypes = call.actual.map((_type, index) => declared[order.indexOf(index)]!);
  return {row, argTypes, order, variadicCount: -1};
}

function inputNames(row: FunctionRow): readonly string[] {
  if (row.argModes === '') return row.argNames;
  return row.argNames.filter((_name, index) => 'ibv'.includes(row.argModes[index] ?? 'i'));
}
