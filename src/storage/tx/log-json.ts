import type {IntSet} from '../../common/int-set.ts';
import type {DdlEffect} from '../contract.ts';
import type {SegmentMeta} from '../cold/contract.ts';
import {generationOf, type GenerationColumn} from '../hot/hot-table.ts';
import {isMemoryOnly} from '../hot/hot-store.ts';
import type {SegmentEntry} from '../manifest.ts';
import type {CommitUnit} from './commit-unit.ts';
import {storedColumn, type StoredSegmentColumn} from './manifest-writer.ts';

/** A change of a table's storage: 'new' = a generation begins, `columns` with the affinity of each. */
export interface LoggedTable {
  readonly kind: 'new' | 'drop';
  readonly table: number;
  readonly version: number;
  readonly columns: readonly (GenerationColumn & {
    readonly sqliteType: string;
    readonly name: string;
  })[];
}

/** A segment as the log names it: all that the manifest has of it. */
export interface LoggedSegment {
  readonly id: number;
  readonly table: number;
  readonly owner: number;
  readonly path: string;
  readonly meta: SegmentMeta;
  readonly schema: readonly StoredSegmentColumn[];
  readonly createdAt: string;
  readonly sortedBy: readonly number[];
  /** Pages of the deletion vector that the segment came with, in base64. */
  readonly deletions?: readonly (readonly [page: number, bits: string])[];
}

/** The part of a log entry that holds no rows: with the rows' parts all that a replay needs. */
export interface LoggedJson {
  readonly catalog: readonly (readonly [key: string, json: string | null])[];
  /** Absent in entries of older servers, which cannot be replayed. */
  readonly changes?: readonly LoggedTable[];
  readonly sequences: readonly (readonly [oid: number, json: string | null])[];
  /** Segments of rows that the commit wrote itself: their rows are in no other part. */
  readonly bulk?: readonly LoggedSegment[];
  /** Segments that a flush or compaction published and removed: no row changes by that. */
  readonly segments: readonly LoggedSegment[];
  readonly removed: readonly number[];
  readonly nextRid?: number;
  readonly nextOid?: number;
  readonly nextSegment?: number;
}

/** JSON of a bulk part: a segment of new rows, or rows that are gone or lie in such a segment now. */
export interface LoggedBulk {
  readonly segment?: number;
  readonly rows?: number;
  /** Identities in pages of 4,096: bits, or a list of 16 bits each where that is shorter, in base64. */
  readonly gone?: readonly (readonly [page: number, bits: string])[];
}

/** Pages of one part of gone rows. */
const GONE_PAGES = 256;
const PAGE_VALUES = 4096;
const PAGE_BYTES = PAGE_VALUES / 8;

/** Identities of rows as the JSON of parts of a log entry. */
export function* goneRows({rids}: {readonly rids: IntSet}): Generator<string> {
  let gone: [number, string][] = [];
  for (const [page, bits] of rids.pages) {
    gone.push([page, encodePage(bits)]);
    if (gone.length < GONE_PAGES) continue;
    yield JSON.stringify({gone});
    gone = [];
  }
  if (gone.length > 0) yield JSON.stringify({gone});
}

/** The identities that such a part names. */
export function* goneRids({gone}: LoggedBulk): Generator<number> {
  for (const [page, text] of gone ?? []) {
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length === PAGE_BYTES) {
      for (let bit = 0; bit < PAGE_VALUES; bit++)
        if ((bytes[bit >> 3]! & (1 << (bit & 7))) !== 0) yield page * PAGE_VALUES + bit;
    } else
      for (let at = 0; at < bytes.length; at += 2)
        yield page * PAGE_VALUES + bytes.readUInt16LE(at);
  }
}

function encodePage(bits: Uint8Array): string {
  const list: number[] = [];
  for (let bit = 0; bit < PAGE_VALUES && list.length * 2 < PAGE_BYTES; bit++)
    if ((bits[bit >> 3]! & (1 << (bit & 7))) !== 0) list.push(bit);
  if (list.length * 2 >= PAGE_BYTES) return Buffer.from(bits).toString('base64');
  const bytes = Buffer.alloc(list.length * 2);
  list.forEach((bit, i) => bytes.writeUInt16LE(bit, i * 2));
  return bytes.toString('base64');
}

/** What a commit does beside rows, as its log entry has it. */
export function logJson(
  unit: CommitUnit,
  counters: {readonly nextRid: number; readonly nextOid: number; readonly nextSegment: number},
): string {
  const logged: LoggedJson = {
    catalog: unit.ddl.flatMap(effect =>
      effect.kind === 'catalog' ? [[effect.key, effect.json] as const] : [],
    ),
    changes: unit.ddl.flatMap(loggedTable),
    sequences: unit.sequences,
    bulk: unit.bulk.map(({entry}) => ({...loggedSegment(entry), ...loggedDeletions(entry)})),
    segments: (unit.manifest?.put ?? []).map(loggedSegment),
    removed: unit.manifest === null ? [] : unit.manifest.removed.map(entry => entry.id),
    nextRid: counters.nextRid,
    nextOid: counters.nextOid,
    nextSegment: counters.nextSegment,
  };
  return JSON.stringify(logged);
}

function loggedTable(effect: DdlEffect): LoggedTable[] {
  if (effect.kind === 'dropTable')
    return [{kind: 'drop', table: effect.table.oid, version: 0, columns: []}];
  const table =
    effect.kind === 'createTable'
      ? effect.table
      : effect.kind === 'alterTable' && effect.after.schemaVersion !== effect.before.schemaVersion
        ? effect.after
        : null;
  if (table === null || isMemoryOnly(table)) return [];
  const columns = generationOf(table).columns.map((column, i) => ({
    ...column,
    sqliteType: table.columns[i]!.type.sqliteType,
    name: table.columns[i]!.name,
  }));
  return [{kind: 'new', table: table.oid, version: table.schemaVersion, columns}];
}

function loggedSegment(entry: SegmentEntry): LoggedSegment {
  return {
    id: entry.id,
    table: entry.table,
    owner: entry.owner,
    path: entry.path,
    meta: entry.meta,
    schema: entry.schema.map(storedColumn),
    createdAt: String(entry.createdAt),
    sortedBy: entry.sortedBy,
  };
}

function loggedDeletions({deletions}: SegmentEntry): Pick<LoggedSegment, 'deletions'> {
  if (deletions.count === 0) return {};
  const pages = deletions.pages.flatMap((bits, page) =>
    bits === undefined ? [] : [[page, Buffer.from(bits).toString('base64')] as const],
  );
  return {deletions: pages};
}
