import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {FunctionCode} from './contract.ts';

/** Function code by prosrc. */
export type FunctionTable = Readonly<Record<string, FunctionCode>>;

/** Many entries of one shape: `names` gives prosrc and what the shape needs. */
export function each<T>(
  names: Readonly<Record<string, T>>,
  make: (value: T) => FunctionCode,
): FunctionTable {
  return Object.fromEntries(Object.entries(names).map(([name, value]) => [name, make(value)]));
}

/** The same code under several prosrc. */
export function alias(names: readonly string[], code: FunctionCode): FunctionTable {
  return Object.fromEntries(names.map(name => [name, code]));
}

/** 22003 `<type> out of range`. */
export function outOfRange(type: string): PgError {
  return new PgError(SqlState.numericValueOutOfRange, `${type} out of range`);
}

/** 22012. */
export function divisionByZero(): PgError {
  return new PgError(SqlState.divisionByZero, 'division by zero');
}
