import {SqlState} from './sqlstate.ts';

/** Optional fields of an ErrorResponse (PostgreSQL 55.8), as a client sees them. */
export interface PgErrorFields {
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** 1-based, counted in characters of the statement text as sent. */
  readonly position?: number | undefined;
  readonly internalPosition?: number | undefined;
  readonly internalQuery?: string | undefined;
  readonly where?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly dataType?: string | undefined;
  readonly constraint?: string | undefined;
  /** PostgreSQL's C function that raises it, where drivers decide by it. */
  readonly routine?: string | undefined;
  readonly severity?: 'ERROR' | 'FATAL' | 'PANIC' | undefined;
  readonly cause?: unknown;
}

/** The only error that a client sees: SQLSTATE, PostgreSQL's text, and the fields that PostgreSQL would set. */
export class PgError extends Error {
  readonly code: string;
  readonly fields: PgErrorFields;

  constructor(code: string, message: string, fields: PgErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : {cause: fields.cause});
    this.code = code;
    this.fields = fields;
  }

  get severity(): 'ERROR' | 'FATAL' | 'PANIC' {
    return this.fields.severity ?? 'ERROR';
  }

  /** The same error with more fields; those already set win. */
  with(fields: PgErrorFields): PgError {
    const merged = new PgError(this.code, this.message, {...fields, ...definedOnly(this.fields)});
    if (this.stack !== undefined) merged.stack = this.stack;
    return merged;
  }
}

function definedOnly(fields: PgErrorFields): PgErrorFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A notice or warning: sent in order with results, filtered by client_min_messages. */
export interface Notice {
  readonly severity: 'DEBUG' | 'LOG' | 'INFO' | 'NOTICE' | 'WARNING';
  readonly code: string;
  readonly message: string;
  readonly fields: PgErrorFields;
}

/** 0A000 with a clear text: what is not supported is said, never ignored. */
export function featureNotSupported(what: string, fields: PgErrorFields = {}): PgError {
  return new PgError(SqlState.featureNotSupported, what, fields);
}

/** 54001 for what a JavaScript stack overflow means to a client; null for other errors. */
export function stackDepthError(error: unknown): PgError | null {
  if (!(error instanceof RangeError) || !error.message.includes('call stack')) return null;
  return new PgError(SqlState.statementTooComplex, 'stack depth limit exceeded', {
    hint:
      'Increase the configuration parameter "max_stack_depth" (currently 2048kB), ' +
      "after ensuring the platform's stack depth limit is adequate.",
    cause: error,
  });
}

/** XX000: a bug of ours, logged with its stack where it becomes bytes. */
export function internalError(message: string, cause?: unknown): PgError {
  return new PgError(SqlState.internalError, message, {cause});
}

/** Throws when a condition that only a bug can break does not hold. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw internalError(`assertion failed: ${message}`);
}

/** The end of an exhaustive switch. */
export function assertNever(value: never): never {
  throw internalError(`unexpected value: ${JSON.stringify(value)}`);
}
