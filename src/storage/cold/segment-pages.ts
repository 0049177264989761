import {crc32} from 'node:zlib';
import {PgError} from '../../common/errors.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {AbsentBytes, type ByteRange} from '../objects/byte-range.ts';
import type {BloomFilter} from './bloom-filter.ts';
import {CachedBloom} from './cached-bloom.ts';
import type {Reading} from './column-forms.ts';
import {readingOf} from './column-forms.ts';
import type {SegmentMeta} from './contract.ts';
import type {DecodedPage, SegmentDictionary} from './decoded-page.ts';
import {corrupt} from './file-errors.ts';
import type {FileReader} from './file-reader.ts';
import {readPageBody} from './page-body.ts';
import type {PageCache} from './page-cache.ts';
import {decodeDictionary, decodePage} from './page-decoder.ts';
import {Encoding, PageType} from './parquet-format.ts';
import type {ChunkLayout} from './layout-parts.ts';
import {SegmentLayout} from './segment-layout.ts';

/** The cached parts of one segment: footer, indexes, filters, dictionaries, decoded pages. Loads what is missing, synchronously. */
export class SegmentPages {
  readonly path: string;
  readonly #meta: SegmentMeta;
  readonly #files: FileReader;
  readonly #cache: PageCache;
  readonly #types: ReadonlyMap<number, TypeInstance>;
  readonly #readings = new Map<number, Map<TypeInstance, Reading>>();
  #layout: SegmentLayout | null = null;

  constructor(
    path: string,
    meta: SegmentMeta,
    types: ReadonlyMap<number, TypeInstance>,
    shared: {readonly files: FileReader; readonly cache: PageCache},
  ) {
    this.path = path;
    this.#meta = meta;
    this.#types = types;
    this.#files = shared.files;
    this.#cache = shared.cache;
  }

  /** Footer and indexes; read again after they were evicted. */
  layout(): SegmentLayout {
    const known = this.#layout;
    if (known !== null) {
      this.#cache.touch(known);
      return known;
    }
    const layout = this.#guard(
      'the footer',
      () => new SegmentLayout(this.path, this.#files, this.#meta),
    );
    layout.onEvict = () => this.#dropAll(layout);
    this.#layout = layout;
    this.#cache.add(layout);
    return layout;
  }

  /** How a stored column is read as a type. */
  reading(layout: SegmentLayout, column: number, wanted: TypeInstance): Reading {
    let byType = this.#readings.get(column);
    if (byType === undefined)
      this.#readings.set(column, (byType = new Map<TypeInstance, Reading>()));
    const known = byType.get(wanted);
    if (known !== undefined) return known;
    const stored = layout.columns[column]!;
    const made = readingOf(this.path, stored, this.#types.get(stored.attnum) ?? null, wanted);
    byType.set(wanted, made);
    return made;
  }

  /** A decoded page if it is in the cache. */
  cached(chunk: ChunkLayout, reading: Reading, page: number): DecodedPage | null {
    const found = chunk.decoded.get(reading.type.oid)?.[page] ?? null;
    if (found !== null) this.#cache.touch(found);
    return found;
  }

  /** A decoded page, read when it is not in the cache. */
  page(
    layout: SegmentLayout,
    group: number,
    column: number,
    reading: Reading,
    page: number,
  ): DecodedPage {
    const chunk = layout.groups[group]!.chunk(column);
    const known = this.cached(chunk, reading, page);
    if (known !== null) return known;
    const stored = layout.columns[column]!;
    const index = layout.pagesOf(chunk, stored);
    const dictionary =
      chunk.dictionaryOffset === -1 ? null : this.#dictionary(layout, chunk, column);
    const rows = Math.min(index.step, chunk.rows - page * index.step);
    const made = this.#guard(
      `page ${page} of column ${column + 1} in row group ${group + 1}`,
      () => {
        const expected = {type: PageType.data, encoding: chunk.encoding, count: rows};
        const body = readPageBody(
          this.#files,
          this.path,
          [index.offsets[page]!, index.sizes[page]!],
          expected,
        );
        return decodePage(body.bytes, rows, stored, {
          encoding: chunk.encoding,
          dictionary,
          reading,
        });
      },
    );
    if (!this.#keep(layout)) return made;
    let slots = chunk.decoded.get(reading.type.oid);
    if (slots === undefined) {
      slots = new Array<DecodedPage | null>(index.count).fill(null);
      chunk.decoded.set(reading.type.oid, slots);
    }
    slots[page] = made;
    const kept = slots;
    made.slot = {
      clear: () => {
        kept[page] = null;
      },
    };
    this.#cache.add(made);
    return made;
  }

  /** Where the pages lie that hold rows of a group, with the dictionary that they need. */
  span(
    layout: SegmentLayout,
    group: number,
    column: number,
    {from, to}: {readonly from: number; readonly to: number},
  ): ByteRange[] {
    const chunk = layout.groups[group]!.chunk(column);
    const {step, offsets, sizes} = layout.pagesOf(chunk, layout.columns[column]!);
    const offset = offsets[Math.floor(from / step)]!;
    const last = Math.floor((to - 1) / step);
    const ranges = [{offset, length: offsets[last]! + sizes[last]! - offset}];
    const {dictionaryOffset, dataOffset} = chunk;
    if (dictionaryOffset !== -1 && chunk.dictionary === null)
      ranges.push({offset: dictionaryOffset, length: dataOffset - dictionaryOffset});
    return ranges;
  }

  /** The bloom filter of a chunk, or null when it has none. */
  bloom(chunk: ChunkLayout): BloomFilter | null {
    if (chunk.bloomPlace === null) return null;
    if (chunk.bloom !== null) {
      this.#cache.touch(chunk.bloom);
      return chunk.bloom.filter;
    }
    const [offset, length, crc] = chunk.bloomPlace;
    const bytes = this.#files.read(this.path, offset, length);
    if (crc32(bytes) !== crc)
      throw corrupt(this.path, 'a bloom filter does not match its checksum');
    const entry = this.#guard('a bloom filter', () => new CachedBloom(bytes));
    chunk.bloom = entry;
    entry.slot = {
      clear: () => {
        chunk.bloom = null;
      },
    };
    this.#cache.add(entry);
    return entry.filter;
  }

  /** Forgets everything that is cached. */
  forget(): void {
    const layout = this.#layout;
    if (layout === null) return;
    this.#cache.remove(layout);
    this.#dropAll(layout);
  }

  /** Makes a layout that a scan still holds the current one again after its eviction; false when another has taken its place. */
  #keep(layout: SegmentLayout): boolean {
    if (this.#layout === null) {
      this.#layout = layout;
      this.#cache.add(layout);
    }
    this.#cache.touch(layout);
    return this.#layout === layout;
  }

  #dropAll(layout: SegmentLayout): void {
    if (this.#layout === layout) this.#layout = null;
    for (const group of layout.groups) {
      for (const chunk of group.known()) {
        for (const slots of chunk.decoded.values()) {
          for (const page of slots) if (page !== null) this.#cache.remove(page);
        }
        chunk.decoded.clear();
        if (chunk.dictionary !== null) this.#cache.remove(chunk.dictionary);
        if (chunk.bloom !== null) this.#cache.remove(chunk.bloom);
        chunk.dictionary = null;
        chunk.bloom = null;
      }
    }
  }

  #dictionary(layout: SegmentLayout, chunk: ChunkLayout, column: number): SegmentDictionary {
    const known = chunk.dictionary;
    if (known !== null) {
      this.#cache.touch(known);
      return known;
    }
    const made = this.#guard(`the dictionary of column ${column + 1}`, () => {
      const expected = {type: PageType.dictionary, encoding: Encoding.plain, count: -1};
      const size = chunk.dataOffset - chunk.dictionaryOffset;
      const body = readPageBody(this.#files, this.path, [chunk.dictionaryOffset, size], expected);
      return decodeDictionary(body.bytes, body.count, layout.columns[column]!);
    });
    if (!this.#keep(layout)) return made;
    chunk.dictionary = made;
    made.slot = {
      clear: () => {
        chunk.dictionary = null;
      },
    };
    this.#cache.add(made);
    return made;
  }

  /** Whatever fails while parsing is a corrupt file. */
  #guard<T>(what: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof PgError || error instanceof AbsentBytes) throw error;
      throw corrupt(
        this.path,
        `${what}: ${error instanceof Error ? error.message : String(error)}`,
        error,
      );
    }
  }
}
