import type {SegmentTop} from './contract.ts';
import {type SegmentFilter, topFilter} from './pruning.ts';
import type {Reading} from './column-forms.ts';
import type {SegmentLayout} from './segment-layout.ts';
import type {SegmentPages} from './segment-pages.ts';
import {compareStored} from './value-stats.ts';

/** The row groups of a segment, those with the best rows first, and the filter that rows must pass to be among the best by now. */
export class TopGroups {
  readonly #top: SegmentTop;
  readonly #column: number;
  readonly #reading: Reading;
  /** Numbers of the groups in the order in which they are read. */
  readonly order: readonly number[];

  private constructor(top: SegmentTop, layout: SegmentLayout, column: number, reading: Reading) {
    this.#top = top;
    this.#column = column;
    this.#reading = reading;
    this.order = ordered(top, layout, column);
  }

  /** Null where nothing is known of the column in this segment. */
  static of(top: SegmentTop, pages: SegmentPages, layout: SegmentLayout): TopGroups | null {
    const column = layout.columnOf(top.attnum);
    if (column === -1) return null;
    return new TopGroups(top, layout, column, pages.reading(layout, column, top.type));
  }

  /** Null while all rows may be among the best. */
  filter(): SegmentFilter | null {
    const {descending, nullsFirst} = this.#top;
    const bound = this.#top.bound();
    if (bound === undefined) return null;
    const op = descending ? '>=' : '<=';
    return topFilter(this.#reading, this.#column, op, bound, nullsFirst);
  }
}

/** Groups of which nothing is known come first, then by their best value. */
function ordered(top: SegmentTop, layout: SegmentLayout, column: number): readonly number[] {
  const best = layout.groups.map(group => {
    const {bounds, nullCount} = group.chunk(column);
    if (bounds === null || (top.nullsFirst && nullCount > 0)) return null;
    return top.descending ? bounds.max : bounds.min;
  });
  const sign = top.descending ? -1 : 1;
  return [...best.keys()].sort((a, b) => {
    const [x, y] = [best[a]!, best[b]!];
    if (x === null || y === null) return x === y ? a - b : x === null ? -1 : 1;
    return sign * compareStored(x, y) || a - b;
  });
}
