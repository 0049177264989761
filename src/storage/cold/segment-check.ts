import {open} from 'node:fs/promises';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {crc32} from 'node:zlib';
import {ByteWriter} from '../../common/byte-writer.ts';
import {PgError} from '../../common/errors.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {hashKey} from './column-builder.ts';
import type {Reading} from './column-forms.ts';
import {hasCanonicalForm, storedBytes} from './column-plan.ts';
import type {SegmentColumnStats, SegmentMeta} from './contract.ts';
import type {DecodedPage} from './decoded-page.ts';
import type {SegmentLayout} from './segment-layout.ts';
import {hex, keyBytes} from './segment-meta.ts';
import type {SegmentPages} from './segment-pages.ts';
import type {StoredValue} from './value-stats.ts';
import {compareStored, fixedBytes} from './value-stats.ts';
import {Xxhash64} from './xxhash64.ts';

/**
 * Reads everything again and compares it with the manifest: checksum, counts, bounds, statistics, filters. `pages` must
 * have a cache of its own; `file` is where its bytes lie.
 */
export async function checkSegment(
  pages: SegmentPages,
  meta: SegmentMeta,
  types: ReadonlyMap<number, TypeInstance>,
  file: string = pages.path,
): Promise<readonly string[]> {
  const findings: string[] = [];
  const {path} = pages;
  try {
    const checksum = hex(await fileChecksum(file));
    if (checksum !== meta.checksum)
      findings.push(`${path}: the checksum is ${checksum} instead of ${meta.checksum}`);
    const layout = pages.layout();
    const rows = layout.groups.reduce((sum, group) => sum + group.rows, 0);
    if (rows !== meta.rows) findings.push(`${path}: it has ${rows} rows instead of ${meta.rows}`);
    for (const stats of meta.columns) {
      const type = types.get(stats.attnum);
      const column = layout.columnOf(stats.attnum);
      if (column === -1) findings.push(`${path}: column ${stats.attnum} is missing`);
      else if (type !== undefined)
        await new ColumnCheck(pages, layout, column, type).run(stats, findings);
    }
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    findings.push(`${path}: ${error.message}`);
  }
  return findings;
}

async function fileChecksum(path: string): Promise<number> {
  const missing = (error: NodeJS.ErrnoException): never => {
    throw new PgError('XX001', error.message, {cause: error});
  };
  const file = await open(path, 'r').catch(missing);
  try {
    const buffer = Buffer.allocUnsafe(1 << 18);
    let checksum = 0;
    for (;;) {
      const {bytesRead} = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return checksum;
      checksum = crc32(buffer.subarray(0, bytesRead), checksum);
    }
  } finally {
    await file.close();
  }
}

/** Checks one column of a segment. */
class ColumnCheck {
  readonly #pages: SegmentPages;
  readonly #layout: SegmentLayout;
  readonly #column: number;
  readonly #type: TypeInstance;
  readonly #reading: Reading;
  readonly #hash = new Xxhash64();
  readonly #key = new ByteWriter(64);
  #min: Datum = null;
  #max: Datum = null;
  #nullCount = 0;
  #isOutside = false;
  #isUnfiltered = false;

  constructor(pages: SegmentPages, layout: SegmentLayout, column: number, type: TypeInstance) {
    this.#pages = pages;
    this.#layout = layout;
    this.#column = column;
    this.#type = type;
    this.#reading = pages.reading(layout, column, type);
  }

  async run(stats: SegmentColumnStats, findings: string[]): Promise<void> {
    const name = `${this.#pages.path}: column ${stats.attnum}`;
    for (let group = 0; group < this.#layout.groups.length; group++) {
      await this.#checkGroup(
        group,
        stats.minKey !== null,
        `${name}, row group ${group + 1}`,
        findings,
      );
    }
    if (this.#nullCount !== stats.nullCount) {
      findings.push(`${name}: it has ${this.#nullCount} NULLs instead of ${stats.nullCount}`);
    }
    if (stats.minKey === null || this.#min === null || this.#max === null) return;
    const min = keyBytes(this.#type, this.#min).subarray(0, 64).toString('base64');
    if (min !== stats.minKey)
      findings.push(`${name}: the smallest value is not that of the manifest`);
    if (stats.maxKey === null) return;
    const order = Buffer.compare(
      keyBytes(this.#type, this.#max),
      Buffer.from(stats.maxKey, 'base64'),
    );
    const isRight = stats.isMaxTruncated ? order <= 0 : order === 0;
    if (!isRight) findings.push(`${name}: the largest value is not that of the manifest`);
  }

  async #checkGroup(
    group: number,
    isRanked: boolean,
    name: string,
    findings: string[],
  ): Promise<void> {
    const chunk = this.#layout.groups[group]!.chunk(this.#column);
    const index = this.#layout.pagesOf(chunk, this.#layout.columns[this.#column]!);
    const before = this.#nullCount;
    this.#isOutside = false;
    this.#isUnfiltered = false;
    for (let number = 0; number < index.count; number++) {
      const page = this.#pages.page(this.#layout, group, this.#column, this.#reading, number);
      const nulls = this.#nullCount;
      for (let from = 0; from < page.rows; from += 2048) {
        this.#checkRows(page, from, Math.min(page.rows, from + 2048), {group, number, isRanked});
        await nextTurn();
      }
      const expected = index.nullCounts?.[number];
      if (expected !== undefined && expected !== this.#nullCount - nulls) {
        findings.push(`${name}, page ${number + 1}: the number of NULLs is wrong`);
      }
    }
    if (this.#nullCount - before !== chunk.nullCount)
      findings.push(`${name}: the number of NULLs is wrong`);
    if (this.#isOutside) findings.push(`${name}: a value is outside of its bounds`);
    if (this.#isUnfiltered) findings.push(`${name}: a value is not in the bloom filter`);
  }

  #checkRows(
    page: DecodedPage,
    from: number,
    to: number,
    at: {readonly group: number; readonly number: number; readonly isRanked: boolean},
  ): void {
    const type = this.#type;
    const chunk = this.#layout.groups[at.group]!.chunk(this.#column);
    const bounds = chunk.index?.bounds?.[at.number] ?? null;
    const bloom = this.#pages.bloom(chunk);
    for (let row = from; row < to; row++) {
      const value = page.datum(row);
      if (value === null) {
        this.#nullCount++;
        continue;
      }
      if (at.isRanked) {
        if (this.#min === null || type.compare(value, this.#min) < 0) this.#min = value;
        if (this.#max === null || type.compare(value, this.#max) > 0) this.#max = value;
      }
      const stored = this.#storedOf(value);
      for (const range of [bounds, chunk.bounds]) {
        if (range === null) continue;
        if (compareStored(stored, range.min) < 0 || compareStored(stored, range.max) > 0)
          this.#isOutside = true;
      }
      if (bloom === null || value !== value) continue;
      if (hasCanonicalForm(type)) {
        const bytes = typeof stored === 'object' ? stored : fixedBytes(type.parquet, stored);
        this.#hash.bytes(bytes, 0, bytes.length);
      } else {
        hashKey(type, value, this.#key, this.#hash);
      }
      if (!bloom.mayContain(this.#hash.low, this.#hash.high)) this.#isUnfiltered = true;
    }
  }

  #storedOf(value: NonNullable<Datum>): StoredValue {
    const {parquet: form} = this.#type;
    if (form.physicalType === 'BYTE_ARRAY' || form.physicalType === 'FIXED_LEN_BYTE_ARRAY') {
      return storedBytes(form, value);
    }
    const stored = form.encode(value);
    return typeof stored === 'boolean' ? Number(stored) : (stored as StoredValue);
  }
}
