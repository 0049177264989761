import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BindMessage, Session} from '../../session/contract.ts';

/** A JSON value for $n: strings are text of the parameter's type; objects and arrays are JSON text; null is NULL. */
export type JsonParameter = unknown;

/**
 * Runs SQL in a session: without parameters several statements in one implicit transaction, with a list, even an empty one, a
 * single statement. Answers go to the session's sink; rejects with the error as the client is to see it.
 */
export async function runStatements(
  session: Session,
  sql: string,
  params: readonly JsonParameter[] | null,
): Promise<void> {
  try {
    if (params === null) await session.query(sql);
    else {
      await session.parse('', sql, []);
      await session.bind(bindMessage(params));
      await session.describe('P', '');
      await session.execute('', 0);
      await session.sync();
    }
  } catch (thrown) {
    const error = session.failed(thrown);
    if (error.severity === 'ERROR') {
      if (params === null) session.readyAfterError();
      else await session.sync();
    }
    throw error;
  }
}

const maxParameters = 65_535;

function bindMessage(params: readonly JsonParameter[]): BindMessage {
  if (params.length > maxParameters)
    throw new PgError(SqlState.programLimitExceeded, `more than ${maxParameters} parameters`);
  const values = params.map(parameterText);
  const offsets: number[] = [];
  const lengths: number[] = [];
  const buffers: Buffer[] = [];
  let length = 0;
  for (const value of values) {
    const bytes = value === null ? null : Buffer.from(value);
    offsets.push(length);
    lengths.push(bytes?.length ?? -1);
    if (bytes !== null) buffers.push(bytes);
    length += bytes?.length ?? 0;
  }
  return {
    ...{portal: '', statement: '', parameterFormats: [], resultFormats: []},
    ...{buffer: Buffer.concat(buffers), parameterCount: params.length, offsets, lengths},
  };
}

function parameterText(value: JsonParameter): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
