import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum} from '../types/contract.ts';

/**
 * What a window function may ask about the partition of its row. Rows are numbered from 0 within the partition.
 * `arg(index, row)` is the value of an argument in another row of the partition.
 */
export interface WindowPartition {
  readonly rowCount: number;
  /** The current row. */
  readonly row: number;
  /** First row of the current row's peer group, and one past its last. */
  readonly peerStart: number;
  readonly peerEnd: number;
  /** Number of the peer group, from 0. */
  readonly peerGroup: number;
  /** Rows of the frame in order without those that EXCLUDE removes. */
  readonly frameSize: number;
  frameRow(index: number): number;
  arg(index: number, row: number): Datum;
}

/** A window function: its value for the current row. */
export interface WindowCode {
  value(partition: WindowPartition): Datum;
}

const code = (value: (partition: WindowPartition) => Datum): WindowCode => ({value});

/** lag and lead: a NULL offset gives NULL; outside of the partition the default. */
function shifted(direction: 1 | -1, hasOffset: boolean, hasDefault: boolean): WindowCode {
  return code(partition => {
    const offset = hasOffset ? (partition.arg(1, partition.row) as number | null) : 1;
    if (offset === null) return null;
    const row = partition.row + direction * offset;
    if (row >= 0 && row < partition.rowCount) return partition.arg(0, row);
    return hasDefault ? partition.arg(2, partition.row) : null;
  });
}

function ntile(partition: WindowPartition): Datum {
  const buckets = partition.arg(0, partition.row) as number | null;
  if (buckets === null) return null;
  if (buckets <= 0)
    throw new PgError(
      SqlState.invalidArgumentForNtile,
      'argument of ntile must be greater than zero',
    );
  const size = Math.floor(partition.rowCount / buckets);
  const larger = partition.rowCount % buckets;
  const boundary = larger * (size + 1);
  if (partition.row < boundary) return Math.floor(partition.row / (size + 1)) + 1;
  return larger + Math.floor((partition.row - boundary) / size) + 1;
}

function nthValue(partition: WindowPartition): Datum {
  const nth = partition.arg(1, partition.row) as number | null;
  if (nth === null) return null;
  if (nth <= 0)
    throw new PgError(
      SqlState.invalidArgumentForNthValue,
      'argument of nth_value must be greater than zero',
    );
  return nth > partition.frameSize ? null : partition.arg(0, partition.frameRow(nth - 1));
}

/** Window functions (9.22) by prosrc. */
export const windowFunctions: Readonly<Record<string, WindowCode>> = {
  window_row_number: code(partition => BigInt(partition.row + 1)),
  window_rank: code(partition => BigInt(partition.peerStart + 1)),
  window_dense_rank: code(partition => BigInt(partition.peerGroup + 1)),
  window_percent_rank: code(partition =>
    partition.rowCount <= 1 ? 0 : partition.peerStart / (partition.rowCount - 1),
  ),
  window_cume_dist: code(partition => partition.peerEnd / partition.rowCount),
  window_ntile: code(ntile),
  window_lag: shifted(-1, false, false),
  window_lag_with_offset: shifted(-1, true, false),
  window_lag_with_offset_and_default: shifted(-1, true, true),
  window_lead: shifted(1, false, false),
  window_lead_with_offset: shifted(1, true, false),
  window_lead_with_offset_and_default: shifted(1, true, true),
  window_first_value: code(partition =>
    partition.frameSize === 0 ? null : partition.arg(0, partition.frameRow(0)),
  ),
  window_last_value: code(partition =>
    partition.frameSize === 0
      ? null
      : partition.arg(0, partition.frameRow(partition.frameSize - 1)),
  ),
  window_nth_value: code(nthValue),
};
