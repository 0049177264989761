import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** 22P02 as every input function words it. */
export function invalidSyntax(type: string, text: string): PgError {
  return new PgError(
    SqlState.invalidTextRepresentation,
    `invalid input syntax for type ${type}: "${text}"`,
  );
}

/** 22003 as integer input words it. */
export function valueOutOfRange(type: string, text: string): PgError {
  return new PgError(
    SqlState.numericValueOutOfRange,
    `value "${text}" is out of range for type ${type}`,
  );
}

/** 22003 as arithmetic and casts word it: `integer out of range`. */
export function typeOutOfRange(type: string): PgError {
  return new PgError(SqlState.numericValueOutOfRange, `${type} out of range`);
}

/** 22P03 with PostgreSQL's text for the case. */
export function invalidBinary(message: string): PgError {
  return new PgError(SqlState.invalidBinaryRepresentation, message);
}

/** 08P01: the message ends before the value does. */
export function insufficientData(): PgError {
  return new PgError(SqlState.protocolViolation, 'insufficient data left in message');
}

/** 08P01: the message goes on after the value. */
export function invalidMessageFormat(): PgError {
  return new PgError(SqlState.protocolViolation, 'invalid message format');
}

/** 42883: the type has no btree or hash operator class. */
export function noComparison(typeName: string): PgError {
  return new PgError(
    SqlState.undefinedFunction,
    `could not identify a comparison function for type ${typeName}`,
  );
}

/** 42883: the type has no operator class that could tell equal values. */
export function noEquality(typeName: string): PgError {
  return new PgError(
    SqlState.undefinedFunction,
    `could not identify an equality operator for type ${typeName}`,
  );
}

/** 22008 `timestamp out of range` and its kin. */
export function datetimeOutOfRange(what: string): PgError {
  return new PgError(SqlState.datetimeFieldOverflow, `${what} out of range`);
}
