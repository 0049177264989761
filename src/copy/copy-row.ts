import {PgError} from '../common/errors.ts';
import type {CopyTarget} from './copy-options.ts';
import type {FieldScanner} from './field-scanner.ts';

/** One row of text or csv input. */
export interface CopyRow {
  readonly fields: readonly (string | null)[];
  /** Number of its (last) line, from 1. */
  readonly line: number;
  /** The line as it came. */
  readonly text: string;
}

/** A reader of text or csv: push bytes cut anywhere, pull rows until null, then push more or end. */
export interface CopyReader {
  push(chunk: Buffer): void;
  /** The next complete row, null when more input is needed or all is read. */
  next(): CopyRow | null;
  /** The next row's fields as bytes of `bytes` when nothing in it is unusual; null leaves it to `next`. Valid until the next push. */
  nextFields(): FieldScanner | null;
  /** What was pushed and not yet consumed. */
  readonly bytes: Buffer;
  /** No more input comes; next() then gives the rest. */
  end(): void;
  /** Line that was begun last: what errors outside of fields name. */
  readonly line: number;
}

/** CONTEXT of an error in a field's value: `COPY t, line 2, column a: "zz"`. */
export function fieldWhere(
  target: CopyTarget,
  line: number,
  column: number,
  value: string | null,
): string {
  const at = `COPY ${target.relation}, line ${line}, column ${target.columns[column] ?? ''}`;
  return value === null ? `${at}: null input` : `${at}: "${limited(value)}"`;
}

/** CONTEXT of an error about a whole row: `COPY t, line 2: "1"`. */
export function rowWhere(target: CopyTarget, line: number, text: string): string {
  return `COPY ${target.relation}, line ${line}: "${limited(text)}"`;
}

/** CONTEXT where the line's text is not at hand: `COPY t, line 2`. */
export function lineWhere(target: CopyTarget, line: number): string {
  return `COPY ${target.relation}, line ${line}`;
}

/** At most 100 bytes of a value, as PostgreSQL prints it. */
function limited(text: string): string {
  if (text.length <= 33 || Buffer.byteLength(text) <= 100) return text;
  const bytes = Buffer.from(text);
  let end = 100;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}...`;
}

/** The same error with a CONTEXT, below one that it has already. */
export function withWhere(error: PgError, where: string): PgError {
  const inner = error.fields.where;
  if (inner === undefined) return error.with({where});
  return new PgError(error.code, error.message, {...error.fields, where: `${inner}\n${where}`});
}
