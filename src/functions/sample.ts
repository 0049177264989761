// Hot path: TABLESAMPLE asks for every row.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {EvalContext} from './contract.ts';
import type {FunctionTable} from './table.ts';

const WHOLE = 2 ** 32;

/** Whether a row is in a sample; these have no SQL names. Without REPEATABLE each row is drawn by itself, else it goes by its identity. */
export const sampleFunctions: FunctionTable = {
  wadi_sample: {
    fnCtx: (_rid: bigint, percent: number | null, context: EvalContext): boolean => {
      const limit = limitOf(percent);
      const bytes = context.random.bytes(4);
      return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0 < limit;
    },
  },
  wadi_sample_repeatable: {
    fn: (rid: bigint, percent: number | null, seed: number | null): boolean => {
      const limit = limitOf(percent);
      if (seed === null)
        throw new PgError(
          SqlState.invalidTablesampleRepeat,
          'TABLESAMPLE REPEATABLE parameter cannot be null',
        );
      let hash = mix(mix(seed / WHOLE, seed), (seed % 1) * WHOLE);
      hash = mix(hash, Number(BigInt.asIntN(32, rid)));
      return mix(hash, Number(BigInt.asIntN(32, rid >> 32n))) >>> 0 < limit;
    },
  },
};

/** Below which a number of 32 bits is in. */
function limitOf(percent: number | null): number {
  if (percent === null)
    throw new PgError(SqlState.invalidTablesampleArgument, 'TABLESAMPLE parameter cannot be null');
  if (!(percent >= 0 && percent <= 100))
    throw new PgError(
      SqlState.invalidTablesampleArgument,
      'sample percentage must be between 0 and 100',
    );
  return (percent / 100) * WHOLE;
}

function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) + 0x9e3779b9;
}
