import type {Datum} from '../types/contract.ts';
import type {AggregateTable} from './aggregate.ts';
import {aggregateOf} from './aggregate.ts';
import type {AggregateCode, CallTypes} from './contract.ts';

/** Rows seen with the place that the hypothetical row would have among them. */
interface Place {
  direct: readonly Datum[] | null;
  readonly rows: (readonly Datum[])[];
}

/**
 * Hypothetical-set aggregates: `args` holds the hypothetical row first, then the row's values. Rows
 * arrive sorted by the aggregate's ORDER BY, so that
 * the direction of each key can be read from them: rows before the first peer come first whatever ASC
 * or DESC says.
 */
function hypothetical(
  final: (before: number, distinctBefore: number, peers: number, count: number) => Datum,
): AggregateCode {
  return aggregateOf(false, types => ({
    init: (): Place => ({direct: null, rows: []}),
    step: (state, args) => {
      const place = state as Place;
      const width = args.length / 2;
      place.direct ??= args.slice(0, width);
      place.rows.push(args.slice(width));
      return place;
    },
    final: state => {
      const {direct, rows} = state as Place;
      if (direct === null) return final(0, 0, 0, 0);
      const counts = countRows(direct, rows, types);
      return final(counts.before, counts.distinct, counts.peers, rows.length);
    },
  }));
}

function countRows(
  direct: readonly Datum[],
  rows: readonly (readonly Datum[])[],
  types: CallTypes,
): {before: number; distinct: number; peers: number} {
  const directions = direct.map((_, key) => directionOf(rows, key, types));
  let before = 0;
  let distinct = 0;
  let peers = 0;
  rows.forEach((row, index) => {
    const order = compareRows(row, direct, directions, types);
    if (order === 0) peers++;
    if (order >= 0) return;
    before++;
    if (index === 0 || compareRows(row, rows[index - 1]!, directions, types) !== 0) distinct++;
  });
  return {before, distinct, peers};
}

/** 1 ascending, -1 descending, as the sorted rows show for a key. */
function directionOf(rows: readonly (readonly Datum[])[], key: number, types: CallTypes): number {
  for (let index = 1; index < rows.length; index++) {
    if (
      rows[index]!.slice(0, key).some(
        (value, at) => compareKey(value, rows[index - 1]![at]!, at, types) !== 0,
      )
    )
      continue;
    const order = compareKey(rows[index - 1]![key]!, rows[index]![key]!, key, types);
    if (order !== 0) return order < 0 ? 1 : -1;
  }
  return 1;
}

function compareKey(a: Datum, b: Datum, key: number, types: CallTypes): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return types.args[key]!.compare(a, b);
}

function compareRows(
  a: readonly Datum[],
  b: readonly Datum[],
  directions: readonly number[],
  types: CallTypes,
): number {
  for (let key = 0; key < directions.length; key++) {
    const order = compareKey(a[key]!, b[key]!, key, types);
    if (order !== 0) return order * directions[key]!;
  }
  return 0;
}

/** rank, dense_rank, percent_rank, cume_dist WITHIN GROUP. */
export const hypotheticalAggregates: AggregateTable = {
  rank: hypothetical(before => BigInt(before + 1)),
  dense_rank: hypothetical((_, distinct) => BigInt(distinct + 1)),
  percent_rank: hypothetical((before, _distinct, _peers, count) =>
    count === 0 ? 0 : before / count,
  ),
  cume_dist: hypothetical((before, _distinct, peers, count) => (before + peers + 1) / (count + 1)),
};
