import type {Datum} from '../types/contract.ts';
import type {AggregateTable} from './aggregate.ts';
import {aggregateOf} from './aggregate.ts';
import type {AggregateCode, CallTypes} from './contract.ts';

/** Rows seen with the place that the hypothetical row would have among them. */
interface Place {
  direct: readonly Datum[] | null;
  readonly rows: (readonly Datum[])[];
}

/** Hypothetical-set aggregates: `args` holds the hypothetical row first, then the row's values, sorted by the aggregate's ORDER BY. */
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
  let before = 0;
  let distinct = 0;
  let peers = 0;
  rows.forEach((row, index) => {
    const order = compareRows(row, direct, types);
    if (order === 0) peers++;
    if (order >= 0) return;
    before++;
    if (index === 0 || compareRows(row, rows[index - 1]!, types) !== 0) distinct++;
  });
  return {before, distinct, peers};
}

function compareRows(a: readonly Datum[], b: readonly Datum[], types: CallTypes): number {
  for (let key = 0; key < a.length; key++) {
    const order = compareKey(a[key]!, b[key]!, key, types);
    if (order !== 0) return order;
  }
  return 0;
}

function compareKey(a: Datum, b: Datum, key: number, types: CallTypes): number {
  const {descending, nullsFirst} = types.orderBy?.[key] ?? {descending: false, nullsFirst: false};
  if (a === null) return b === null ? 0 : nullsFirst ? -1 : 1;
  if (b === null) return nullsFirst ? 1 : -1;
  const order = types.args[key]!.compare(a, b);
  return descending ? -order : order;
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
