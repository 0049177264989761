import type {ScanStats} from '../contract.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {AbsentBytes} from '../objects/byte-range.ts';
import type {Reading} from './column-forms.ts';
import {hasCanonicalForm} from './column-plan.ts';
import type {SegmentPredicate, SegmentScanOptions} from './contract.ts';
import type {RowRange} from './pruning.ts';
import {mayMatchGroup, prepareFilters, rangesOf} from './pruning.ts';
import type {SegmentLayout} from './segment-layout.ts';
import type {SegmentPages} from './segment-pages.ts';

/** One column of a key and the value looked for. */
export interface KeyPart {
  readonly attnum: number;
  readonly type: TypeInstance;
  readonly value: Datum;
}

/** Positions of the rows whose columns equal a key: bounds, filters, page index, then exact compare. A step is a page at most. */
export function* findPositions(
  pages: SegmentPages,
  key: readonly KeyPart[],
  stats: ScanStats,
): Generator<void, number[]> {
  if (key.some(part => part.value === null)) return [];
  const layout = pages.layout();
  const predicates = key.map(
    ({attnum, type, value}): SegmentPredicate => ({
      attnum,
      type,
      op: '=',
      values: [value],
      missing: null,
    }),
  );
  const filters = prepareFilters(pages, layout, predicates);
  const found: number[] = [];
  if (filters === null) {
    stats.segmentsSkipped++;
    return found;
  }
  const parts = key.map(part => {
    const column = layout.columnOf(part.attnum);
    return {column, value: part.value!, reading: pages.reading(layout, column, part.type)};
  });
  let isRead = false;
  for (let group = 0; group < layout.groups.length; group++) {
    const ranges = mayMatchGroup(pages, layout.groups[group]!, filters)
      ? rangesOf(layout, pages, group, filters)
      : [];
    if (ranges.length === 0) {
      stats.rowGroupsSkipped++;
      continue;
    }
    isRead = true;
    stats.rowGroupsRead++;
    yield* findInGroup(
      pages,
      layout,
      {group, parts: selectiveFirst(layout, group, parts), ranges, stats},
      found,
    );
  }
  if (isRead) stats.segmentsRead++;
  else stats.segmentsSkipped++;
  return found;
}

interface PreparedPart {
  readonly column: number;
  readonly value: NonNullable<Datum>;
  readonly reading: Reading;
}

/** Columns without a dictionary have more distinct values: they are compared first. */
function selectiveFirst(
  layout: SegmentLayout,
  group: number,
  parts: readonly PreparedPart[],
): readonly PreparedPart[] {
  if (parts.length === 1) return parts;
  const place = layout.groups[group]!;
  const rank = ({column}: PreparedPart): number => {
    const {bounds, dictionaryOffset} = place.chunk(column);
    if (dictionaryOffset !== -1) return 2;
    const isConstant =
      bounds !== null && typeof bounds.min !== 'object' && bounds.min === bounds.max;
    return isConstant ? 3 : 1;
  };
  return [...parts].sort((a, b) => rank(a) - rank(b));
}

function* findInGroup(
  pages: SegmentPages,
  layout: SegmentLayout,
  search: {
    readonly group: number;
    readonly parts: readonly PreparedPart[];
    readonly ranges: readonly RowRange[];
    readonly stats: ScanStats;
  },
  found: number[],
): Generator<void, void> {
  const {group, parts, ranges, stats} = search;
  const place = layout.groups[group]!;
  const {firstRow} = place;
  const first = parts[0]!;
  const {step} = layout.pagesOf(place.chunk(first.column), layout.columns[first.column]!);
  const isByBytes = hasCanonicalForm(first.reading.type);
  const rows: number[] = [];
  for (const {from, to} of ranges) {
    for (let number = Math.floor(from / step); number * step < to; number++) {
      const start = number * step;
      const page = pages.page(layout, group, first.column, first.reading, number);
      stats.pagesRead++;
      const part = {
        from: Math.max(0, from - start),
        to: Math.min(page.rows, to - start),
        base: start,
      };
      if (isByBytes) page.match(first.value, part.from, part.to, part.base, rows);
      else page.matchEqual(first.reading.type, first.value, part, rows);
      yield;
    }
  }
  for (const row of rows) {
    let isEqual = true;
    for (let i = 1; i < parts.length && isEqual; i++) {
      const {column, reading, value} = parts[i]!;
      const datum = valueAt(pages, layout, {group, column, reading}, row);
      isEqual = datum !== null && reading.type.equals(datum, value);
    }
    if (isEqual) found.push(firstRow + row);
  }
}

/** One value by its row in a group. */
export function valueAt(
  pages: SegmentPages,
  layout: SegmentLayout,
  at: {readonly group: number; readonly column: number; readonly reading: Reading},
  row: number,
): Datum {
  const {step} = layout.pagesOf(
    layout.groups[at.group]!.chunk(at.column),
    layout.columns[at.column]!,
  );
  const number = Math.floor(row / step);
  return pages.page(layout, at.group, at.column, at.reading, number).datum(row - number * step);
}

/** Reads whole rows in steps of one row; `positions` ascending. */
export class RowReader {
  readonly #pages: SegmentPages;
  readonly #layout: SegmentLayout;
  readonly #positions: readonly number[];
  readonly #columns: readonly {
    readonly column: number;
    readonly reading: Reading | null;
    readonly missing: Datum;
  }[];
  readonly rows: Datum[][] = [];
  #group = 0;

  constructor(
    pages: SegmentPages,
    positions: readonly number[],
    columns: SegmentScanOptions['columns'],
  ) {
    this.#pages = pages;
    const layout = pages.layout();
    this.#layout = layout;
    this.#positions = positions;
    this.#columns = columns.map(({attnum, type, missing}) => {
      const column = layout.columnOf(attnum);
      return {column, missing, reading: column === -1 ? null : pages.reading(layout, column, type)};
    });
  }

  get isDone(): boolean {
    return this.rows.length === this.#positions.length;
  }

  /** Reads one more row. */
  step(): void {
    const position = this.#positions[this.rows.length]!;
    const {groups} = this.#layout;
    if (position < groups[this.#group]!.firstRow) this.#group = 0;
    while (position >= groups[this.#group]!.firstRow + groups[this.#group]!.rows) this.#group++;
    const row = position - groups[this.#group]!.firstRow;
    const values = new Array<Datum>(this.#columns.length);
    try {
      for (let i = 0; i < values.length; i++) {
        const {column, reading, missing} = this.#columns[i]!;
        values[i] =
          reading === null
            ? missing
            : valueAt(this.#pages, this.#layout, {group: this.#group, column, reading}, row);
      }
    } catch (error) {
      throw error instanceof AbsentBytes ? this.#absent(error, row) : error;
    }
    this.rows.push(values);
  }
  /** All that is needed of a row at once. */
  #absent({url, ranges}: AbsentBytes, row: number): AbsentBytes {
    const all = [...ranges];
    for (const {column, reading} of this.#columns) {
      if (reading === null) continue;
      const rows = {from: row, to: row + 1};
      all.push(...this.#pages.span(this.#layout, this.#group, column, rows));
    }
    return new AbsentBytes(url, all);
  }
}
