import {ByteWriter} from '../../common/byte-writer.ts';
import type {Datum, TypeInstance, Value} from '../../types/contract.ts';
import {hashKey} from './column-builder.ts';
import type {Reading} from './column-forms.ts';
import {hasCanonicalForm, storedBytes} from './column-plan.ts';
import type {SegmentPredicate} from './contract.ts';
import type {Bounds, PageIndex} from './layout-parts.ts';
import type {GroupLayout} from './segment-footer.ts';
import type {SegmentLayout} from './segment-layout.ts';
import type {SegmentPages} from './segment-pages.ts';
import type {StoredValue} from './value-stats.ts';
import {compareStored, fixedBytes} from './value-stats.ts';
import {Xxhash64} from './xxhash64.ts';

/** Rows [from, to) of a row group. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** A value as bounds and filters know it. */
interface Probe {
  /** Null when bounds say nothing of it (NaN, or a type that Parquet does not order). */
  readonly stored: StoredValue | null;
  /** Null when a filter says nothing of it. */
  readonly hash: readonly [low: number, high: number] | null;
}

/** A predicate prepared for one segment. */
export interface SegmentFilter {
  readonly column: number;
  readonly op: SegmentPredicate['op'];
  readonly probes: readonly Probe[];
  /** Whether rows pass that are NULL. */
  readonly orNull: boolean;
}

/** Prepares predicates; null when a column that the segment lacks already excludes it. */
export function prepareFilters(
  pages: SegmentPages,
  layout: SegmentLayout,
  predicates: readonly SegmentPredicate[],
): SegmentFilter[] | null {
  const filters: SegmentFilter[] = [];
  for (const {attnum, type, op, values, missing} of predicates) {
    const column = layout.columnOf(attnum);
    if (column === -1) {
      if (!mayMatchDatum(type, op, values, missing)) return null;
      continue;
    }
    const reading = pages.reading(layout, column, type);
    const isAboutNull = op === 'isNull' || op === 'isNotNull';
    const probes = isAboutNull ? [] : probesOf(reading, op, values);
    if (probes === null) continue;
    if (!isAboutNull && probes.length === 0) return null;
    filters.push({column, op, probes, orNull: false});
  }
  return filters;
}

/** The filter of rows that come before or beside a bound; null when nothing can be decided. */
export function topFilter(
  reading: Reading,
  column: number,
  op: '>=' | '<=',
  bound: NonNullable<Datum>,
  orNull: boolean,
): SegmentFilter | null {
  const probes = probesOf(reading, op, [bound]);
  return probes === null || probes.length === 0 ? null : {column, op, probes, orNull};
}

/** Null when nothing can be decided; empty when no row can pass. */
function probesOf(
  reading: Reading,
  op: SegmentPredicate['op'],
  values: readonly Datum[],
): Probe[] | null {
  const {narrow, storedType} = reading;
  if (narrow === null) return null;
  const probes: Probe[] = [];
  for (const value of values) {
    if (value === null) continue;
    const stored = narrow(value);
    if (stored !== null) probes.push(probeOf(storedType, stored));
    else if (op !== '=' && op !== 'in') return null;
  }
  return probes;
}

/** Whether a value can satisfy a predicate; for columns with one value for all rows. */
export function mayMatchDatum(
  type: TypeInstance,
  op: SegmentPredicate['op'],
  values: readonly Datum[],
  datum: Datum,
): boolean {
  if (op === 'isNull') return datum === null;
  if (datum === null) return false;
  if (op === 'isNotNull') return true;
  return values.some(value => value !== null && satisfies(op, type.compare(datum, value)));
}

function satisfies(op: SegmentPredicate['op'], order: number): boolean {
  switch (op) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    default:
      return order === 0;
  }
}

function probeOf(type: TypeInstance, value: Value): Probe {
  const hash = new Xxhash64();
  if (!hasCanonicalForm(type)) {
    hashKey(type, value, new ByteWriter(64), hash);
    return {stored: null, hash: [hash.low, hash.high]};
  }
  if (typeof value === 'number' && value !== value) return {stored: null, hash: null};
  const {parquet: form} = type;
  const isBytes =
    form.physicalType === 'BYTE_ARRAY' || form.physicalType === 'FIXED_LEN_BYTE_ARRAY';
  const encoded = isBytes ? storedBytes(form, value) : form.encode(value);
  const stored = typeof encoded === 'boolean' ? Number(encoded) : (encoded as StoredValue);
  const bytes = typeof stored === 'object' ? stored : fixedBytes(form, stored);
  hash.bytes(bytes, 0, bytes.length);
  return {stored: hasWrapped(value, stored) ? null : stored, hash: [hash.low, hash.high]};
}

/** A timestamp at the end of its range has wrapped below all others: bounds say nothing of it. */
function hasWrapped(value: Value, stored: StoredValue): boolean {
  return typeof value === 'bigint' && typeof stored === 'bigint' && value > 0n && stored < 0n;
}

/** Whether a row group can hold rows that pass, by null counts, bounds and bloom filters. */
export function mayMatchGroup(
  pages: SegmentPages,
  group: GroupLayout,
  filters: readonly SegmentFilter[],
): boolean {
  if (!mayMatchBounds(group, filters)) return false;
  for (const {column, op, probes} of filters) {
    if (op !== '=' && op !== 'in') continue;
    const bloom = pages.bloom(group.chunk(column));
    if (bloom === null) continue;
    if (!probes.some(({hash}) => hash === null || bloom.mayContain(hash[0], hash[1]))) return false;
  }
  return true;
}

/** The same by null counts and bounds only, for which nothing is read. */
export function mayMatchBounds(group: GroupLayout, filters: readonly SegmentFilter[]): boolean {
  for (const filter of filters) {
    const chunk = group.chunk(filter.column);
    if (!mayMatchRows(filter, chunk.bounds, chunk.nullCount, chunk.rows)) return false;
  }
  return true;
}

function mayMatchRows(
  {op, probes, orNull}: SegmentFilter,
  bounds: Bounds | null,
  nullCount: number | null,
  rows: number,
): boolean {
  if (op === 'isNull' || (orNull && nullCount !== 0)) return nullCount !== 0;
  if (nullCount === rows) return false;
  if (op === 'isNotNull' || bounds === null) return true;
  for (const {stored} of probes) if (stored === null || isWithin(op, stored, bounds)) return true;
  return false;
}

function isWithin(op: SegmentPredicate['op'], value: StoredValue, bounds: Bounds): boolean {
  const toMin = compareStored(value, bounds.min);
  if (op === '<') return toMin > 0;
  if (op === '<=') return toMin >= 0;
  const toMax = compareStored(value, bounds.max);
  if (op === '>') return toMax < 0;
  if (op === '>=') return toMax <= 0;
  return toMin >= 0 && toMax <= 0;
}

/** Row ranges of a group whose pages can hold rows that pass, by the page indexes. */
export function rangesOf(
  layout: SegmentLayout,
  pages: SegmentPages,
  group: number,
  filters: readonly SegmentFilter[],
): RowRange[] {
  const {rows} = layout.groups[group]!;
  let ranges: RowRange[] = [{from: 0, to: rows}];
  for (const filter of filters) {
    const index = layout.pagesOf(
      layout.groups[group]!.chunk(filter.column),
      layout.columns[filter.column]!,
    );
    if (index.bounds === null || index.count === 1) continue;
    ranges = intersect(ranges, survivors(index, filter, rows));
    if (ranges.length === 0) break;
  }
  return ranges;
}

function survivors(index: PageIndex, filter: SegmentFilter, rows: number): RowRange[] {
  const found: RowRange[] = [];
  for (let page = 0; page < index.count; page++) {
    const from = page * index.step;
    const to = Math.min(rows, from + index.step);
    const nullCount = index.nullCounts?.[page] ?? null;
    if (!mayMatchRows(filter, index.bounds![page]!, nullCount, to - from)) continue;
    const last = found.at(-1);
    if (last !== undefined && last.to === from) found[found.length - 1] = {from: last.from, to};
    else found.push({from, to});
  }
  return found;
}

function intersect(a: readonly RowRange[], b: readonly RowRange[]): RowRange[] {
  const both: RowRange[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const from = Math.max(a[i]!.from, b[j]!.from);
    const to = Math.min(a[i]!.to, b[j]!.to);
    if (from < to) both.push({from, to});
    if (a[i]!.to < b[j]!.to) i++;
    else j++;
  }
  return both;
}
