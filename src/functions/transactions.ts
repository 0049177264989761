import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {formatType} from '../types/format-type.ts';
import type {Datum} from '../types/contract.ts';
import type {FunctionCode, SetFunctionCode} from './contract.ts';
import type {FunctionTable} from './table.ts';

interface Parts {
  readonly xmin: bigint;
  readonly xmax: bigint;
  readonly running: readonly bigint[];
}

/** A snapshot's value is its text. */
function partsOf(snapshot: string): Parts {
  const [xmin, xmax, running] = snapshot.split(':');
  return {
    xmin: BigInt(xmin!),
    xmax: BigInt(xmax!),
    running: running === '' ? [] : running!.split(',').map(BigInt),
  };
}

/** The times of commits are not kept: the change log has them. */
const noCommitTimes: FunctionCode = {
  fn: () => {
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      'could not get commit timestamp data',
      {hint: 'Make sure the configuration parameter "track_commit_timestamp" is set.'},
    );
  },
};

/** Snapshots and transactions (9.26.7). */
export const transactionFunctions: FunctionTable = {
  pg_snapshot_xmin: {fn: (snapshot: string) => partsOf(snapshot).xmin},
  pg_snapshot_xmax: {fn: (snapshot: string) => partsOf(snapshot).xmax},
  pg_visible_in_snapshot: {
    fn: (xid: bigint, snapshot: string) => {
      const {xmin, xmax, running} = partsOf(snapshot);
      return xid < xmin || (xid < xmax && !running.includes(xid));
    },
  },
  pg_last_committed_xact: noCommitTimes,
  pg_xact_commit_timestamp: noCommitTimes,
  pg_xact_commit_timestamp_origin: noCommitTimes,
  mxid_age: {fn: (id: number) => (id === 0 ? 2147483647 : (1 - id) | 0)},
  pg_collation_for: {
    fnTyped: types => {
      const type = types.args[0]!;
      if (type.category !== 'S' && type.element?.category !== 'S' && type.name !== 'unknown')
        throw new PgError(
          SqlState.datatypeMismatch,
          `collations are not supported by type ${formatType(type, null)}`,
        );
      return (): Datum => (type.name === 'name' ? '"C"' : '"default"');
    },
  },
  pg_current_logfile: {fn: () => null},
  pg_current_logfile_1arg: {fn: () => null},
};

/** There are none: a row's lockers are in memory. */
const members: SetFunctionCode = {
  create: () => args => {
    const id = args[0] as number;
    throw new PgError(
      SqlState.internalError,
      id === 0
        ? 'invalid MultiXactId: 0'
        : `MultiXactId ${id} has not been created yet -- apparent wraparound`,
    );
  },
};

const running: SetFunctionCode = {
  create: () => args => partsOf(args[0] as string).running.values(),
};

/** The transactions of a snapshot. */
export const transactionSets: Readonly<Record<string, SetFunctionCode>> = {
  pg_snapshot_xip: running,
  pg_get_multixact_members: members,
};
