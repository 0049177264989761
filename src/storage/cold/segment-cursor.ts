// Hot path: hands out cached vectors, 1,024 rows at a time.
import type {Batch} from '../../columns/batch.ts';
import type {Vector} from '../../columns/vector.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {END, PAUSE} from '../contract.ts';
import type {ByteRange} from '../objects/byte-range.ts';
import type {Reading} from './column-forms.ts';
import {constantVector} from './constant-vector.ts';
import type {SegmentCursor, SegmentScanOptions} from './contract.ts';
import type {RowRange, SegmentFilter} from './pruning.ts';
import {mayMatchBounds, mayMatchGroup, prepareFilters, rangesOf} from './pruning.ts';
import type {PageIndex} from './layout-parts.ts';
import type {SegmentLayout} from './segment-layout.ts';
import type {SegmentPages} from './segment-pages.ts';
import {TopGroups} from './top-groups.ts';

const SLICE_MS = 4;
/** 0, 1, 2 ... : selections of consecutive rows are views of it. */
const CONSECUTIVE = Int32Array.from({length: BATCH_CAPACITY}, (_, i) => i);

interface CursorColumn {
  /** Position in the file, or -1 with a constant. */
  readonly column: number;
  readonly reading: Reading | null;
  readonly constant: Vector | null;
}

/** Scans one segment in position order, or with the best groups first; decodes pages as it meets them and yields when that takes long. */
export class PagesCursor implements SegmentCursor {
  readonly pause = null;
  readonly #pages: SegmentPages;
  readonly #options: SegmentScanOptions;
  readonly #batch: Batch = {count: 0, selection: null, vectors: []};
  readonly #positions: Float64Array | null;
  #selection: Int32Array | null = null;
  #layout: SegmentLayout | null = null;
  #filters: readonly SegmentFilter[] = [];
  #columns: CursorColumn[] = [];
  #indexes: (PageIndex | null)[] = [];
  #group = -1;
  /** Groups visited. */
  #visited = 0;
  #top: TopGroups | null = null;
  #ranges: readonly RowRange[] = [];
  #range = 0;
  /** Rows of a chunk in this group. */
  #unit = BATCH_CAPACITY;
  /** The prepared chunk: group rows [chunkFrom, chunkTo), of which `at` is the next; vectors start at chunkStart. */
  #chunkStart = 0;
  #chunkTo = 0;
  #at = 0;
  #isReady = false;
  #spent = 0;
  #isClosed = false;

  constructor(pages: SegmentPages, options: SegmentScanOptions) {
    this.#pages = pages;
    this.#options = options;
    this.#positions = options.withPosition ? new Float64Array(BATCH_CAPACITY) : null;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#isClosed || (this.#layout === null && !this.#begin())) return END;
    for (;;) {
      if (this.#isReady && this.#at < this.#chunkTo) {
        const batch = this.#emit(wanted);
        if (batch !== null) return batch;
        continue;
      }
      this.#isReady = false;
      if (!this.#findChunk()) return END;
      if (!this.#loadChunk()) {
        this.#spent = 0;
        return PAUSE;
      }
    }
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Reads the footer again if it was forgotten: XX001 when the file is another one now. */
  checkFooter(): void {
    this.#pages.layout();
  }

  /** Row groups that were begun. */
  get visited(): number {
    return this.#visited;
  }

  /** Where that lies what the scan reads next, about so many bytes, and how many row groups will have been begun when it is read. */
  ahead(bytes: number): {readonly ranges: readonly ByteRange[]; readonly visited: number} {
    const layout = this.#layout;
    const ranges: ByteRange[] = [];
    if (layout === null) return {ranges, visited: 0};
    // Of groups in the order of their best rows few may be read.
    const wanted = this.#top === null ? bytes : 1;
    let visited = Math.max(0, this.#visited - 1);
    for (let planned = 0; visited < layout.groups.length && planned < wanted; visited++) {
      const group = this.#nth(visited);
      const isCurrent = visited === this.#visited - 1;
      const rows = isCurrent ? this.#ranges : this.#rangesIn(layout, group);
      if (rows.length === 0) continue;
      const from = isCurrent ? Math.max(rows[0]!.from, this.#at) : rows[0]!.from;
      const {to} = rows[rows.length - 1]!;
      if (from >= to) continue;
      for (const {column} of this.#columns) {
        if (column === -1) continue;
        for (const range of this.#pages.span(layout, group, column, {from, to})) {
          ranges.push(range);
          planned += range.length;
        }
      }
    }
    return {ranges, visited};
  }

  #rangesIn(layout: SegmentLayout, group: number): readonly RowRange[] {
    const filters = this.#currentFilters();
    return mayMatchBounds(layout.groups[group]!, filters)
      ? rangesOf(layout, this.#pages, group, filters)
      : [];
  }

  #nth(visited: number): number {
    return this.#top === null ? visited : this.#top.order[visited]!;
  }

  /** Opens the file; false when it holds nothing that is wanted. */
  #begin(): boolean {
    const {stats, columns, predicates} = this.#options;
    const layout = this.#pages.layout();
    const filters = prepareFilters(this.#pages, layout, predicates);
    if (filters === null) {
      stats.segmentsSkipped++;
      this.#isClosed = true;
      return false;
    }
    stats.segmentsRead++;
    this.#layout = layout;
    this.#filters = filters;
    const {top} = this.#options;
    this.#top = top == null ? null : TopGroups.of(top, this.#pages, layout);
    this.#columns = columns.map(({attnum, type, missing}) => {
      const column = layout.columnOf(attnum);
      if (column === -1) return {column, reading: null, constant: constantVector(type, missing)};
      return {column, reading: this.#pages.reading(layout, column, type), constant: null};
    });
    this.#batch.vectors = this.#columns.map(({constant}) => constant ?? NO_VECTOR);
    if (this.#positions !== null) {
      this.#batch.vectors.push({kind: 'float64', values: this.#positions, nulls: null});
    }
    return true;
  }

  /** Moves on to the next rows that can pass; false at the end. */
  #findChunk(): boolean {
    for (;;) {
      const range = this.#ranges[this.#range];
      if (range === undefined) {
        if (!this.#nextGroup()) return false;
        continue;
      }
      if (this.#at < range.from) this.#at = range.from;
      if (this.#at < range.to) {
        this.#chunkStart = this.#at - (this.#at % this.#unit);
        this.#chunkTo = Math.min(range.to, this.#chunkStart + this.#unit);
        return true;
      }
      this.#range++;
    }
  }

  #nextGroup(): boolean {
    const layout = this.#layout!;
    const {stats} = this.#options;
    while (this.#visited < layout.groups.length) {
      const next = this.#nth(this.#visited);
      const group = layout.groups[next]!;
      const filters = this.#currentFilters();
      const isWanted = filters.length === 0 || mayMatchGroup(this.#pages, group, filters);
      // Whoever could not read a filter asks again: nothing is changed before.
      this.#visited++;
      this.#group = next;
      this.#ranges = isWanted ? rangesOf(layout, this.#pages, next, filters) : [];
      if (this.#ranges.length === 0) {
        stats.rowGroupsSkipped++;
        continue;
      }
      stats.rowGroupsRead++;
      this.#range = 0;
      this.#at = 0;
      this.#unit = BATCH_CAPACITY;
      this.#indexes = this.#columns.map(({column}) =>
        column === -1 ? null : layout.pagesOf(group.chunk(column), layout.columns[column]!),
      );
      for (const index of this.#indexes) {
        if (index === null) continue;
        if (index.count > 1 && index.step < this.#unit) this.#unit = index.step;
        this.#countPages(index);
      }
      return true;
    }
    return false;
  }

  #currentFilters(): readonly SegmentFilter[] {
    const filter = this.#top === null ? null : this.#top.filter();
    return filter === null ? this.#filters : [...this.#filters, filter];
  }

  #countPages(index: PageIndex): void {
    let read = 0;
    for (let page = 0; page < index.count; page++) {
      const from = page * index.step;
      if (this.#ranges.some(range => range.from < from + index.step && range.to > from)) read++;
    }
    this.#options.stats.pagesRead += read;
    this.#options.stats.pagesSkipped += index.count - read;
  }

  /** Puts the chunk's vectors into the batch; false when the slice is used up before all are there. */
  #loadChunk(): boolean {
    const layout = this.#layout!;
    const group = layout.groups[this.#group]!;
    const start = this.#chunkStart;
    for (let i = 0; i < this.#columns.length; i++) {
      const {column, reading} = this.#columns[i]!;
      if (reading === null) continue;
      const {step} = this.#indexes[i]!;
      const number = Math.floor(start / step);
      let page = this.#pages.cached(group.chunk(column), reading, number);
      if (page === null) {
        if (this.#spent > SLICE_MS) return false;
        const began = performance.now();
        page = this.#pages.page(layout, this.#group, column, reading, number);
        this.#spent += performance.now() - began;
      }
      const from = start - number * step;
      const vector = page.chunk(Math.floor(from / BATCH_CAPACITY));
      const skip = from % BATCH_CAPACITY;
      this.#batch.vectors[i] = skip === 0 ? vector : tail(vector, skip);
    }
    if (this.#positions !== null) {
      const base = group.firstRow + start;
      for (let i = 0; i < this.#unit; i++) this.#positions[i] = base + i;
    }
    this.#isReady = true;
    return true;
  }

  /** The next rows of the prepared chunk, or null when all the rest are deleted. */
  #emit(wanted: number): Batch | null {
    const {deletions} = this.#options;
    const batch = this.#batch;
    const base = this.#layout!.groups[this.#group]!.firstRow;
    const from = this.#at;
    const to = Math.min(this.#chunkTo, from + wanted);
    if (deletions === null || deletions.next(base + from) >= base + to) {
      this.#at = to;
      const start = from - this.#chunkStart;
      batch.count = to - from;
      batch.selection = start === 0 ? null : CONSECUTIVE.subarray(start, start + batch.count);
      return batch;
    }
    this.#selection ??= new Int32Array(BATCH_CAPACITY);
    const selection = this.#selection;
    let count = 0;
    let row = from;
    let deleted = deletions.next(base + row) - base;
    for (; row < this.#chunkTo && count < wanted; row++) {
      if (row === deleted) deleted = deletions.next(base + row + 1) - base;
      else selection[count++] = row - this.#chunkStart;
    }
    this.#at = row;
    if (count === 0) return null;
    batch.count = count;
    batch.selection = selection;
    return batch;
  }
}

const NO_VECTOR: Vector = {kind: 'boxed', values: [], nulls: null};

/** The rows of a vector from one on, for a column with larger pages than another's. */
function tail(vector: Vector, from: number): Vector {
  const nulls = vector.nulls === null ? null : vector.nulls.subarray(from);
  switch (vector.kind) {
    case 'utf8':
      return {...vector, offsets: vector.offsets.subarray(from), nulls};
    case 'string':
      return {...vector, values: vector.values.slice(from), nulls};
    case 'boxed':
      return {...vector, values: vector.values.slice(from), nulls};
    case 'int32':
      return {...vector, values: vector.values.subarray(from), nulls};
    case 'float64':
      return {...vector, values: vector.values.subarray(from), nulls};
    case 'int64':
      return {...vector, values: vector.values.subarray(from), nulls};
    case 'bool':
      return {...vector, values: vector.values.subarray(from), nulls};
    case 'dict':
      return {...vector, values: vector.values.subarray(from), nulls};
  }
}
