import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {CopyOptions, CopyTarget} from './copy-options.ts';

/** HEADER MATCH: names must be those of the columns, in order. */
export function checkHeader(
  fields: readonly (string | null)[],
  options: CopyOptions,
  target: CopyTarget,
  where: string,
): void {
  const fail = (message: string): PgError =>
    new PgError(SqlState.badCopyFileFormat, message, {where});
  if (fields.length !== target.columns.length) {
    throw fail(
      `wrong number of fields in header line: got ${fields.length}, expected ${target.columns.length}`,
    );
  }
  target.columns.forEach((column, i) => {
    const field = fields[i]!;
    if (field === column) return;
    const got = field === null ? `null value ("${options.nullText}")` : `"${field}"`;
    throw fail(
      `column name mismatch in header line field ${i + 1}: got ${got}, expected "${column}"`,
    );
  });
}
