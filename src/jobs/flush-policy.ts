import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** When hot rows of a table are moved to segments; either part may be null, not both. */
export interface FlushPolicy {
  /** Hot rows above which the table is flushed. */
  readonly rows: number | null;
  /** Longest time that a row stays hot. */
  readonly intervalMs: number | null;
}

const LIMIT = 2_147_483_647;

/** Reads `rows:10000,interval:300` (seconds; either part), or `none` = null; 22023 for anything else. */
export function parseFlushPolicy(text: string): FlushPolicy | null {
  if (text.trim().toLowerCase() === 'none') return null;
  let rows: number | null = null;
  let intervalMs: number | null = null;
  for (const part of text.split(',')) {
    const match = /^\s*(rows|interval)\s*:\s*(\d{1,10})\s*$/i.exec(part);
    if (match === null) throw invalidPolicy(text);
    const value = Number(match[2]);
    if (value === 0 || value > LIMIT) throw invalidPolicy(text);
    const isRows = match[1]!.toLowerCase() === 'rows';
    if ((isRows ? rows : intervalMs) !== null) throw invalidPolicy(text);
    if (isRows) rows = value;
    else intervalMs = value * 1000;
  }
  return {rows, intervalMs};
}

function invalidPolicy(text: string): PgError {
  return new PgError(SqlState.invalidParameterValue, `invalid value for flush_policy: "${text}"`, {
    hint: "Write 'rows:10000', 'interval:300' (seconds), both with a comma, or 'none'.",
  });
}

/** The policy of a stored option; null when there is none. */
export function policyOf(options: Readonly<Record<string, string>>): FlushPolicy | null {
  const text = options['flush_policy'];
  return text === undefined ? null : parseFlushPolicy(text);
}
