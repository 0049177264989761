// Hot path: rows of segments in another order are sorted here, a block at a time.
import {rmSync} from 'node:fs';
import type {TypeInstance} from '../../../types/contract.ts';
import {DeletionPages} from '../../manifest.ts';
import {readingOf} from '../column-forms.ts';
import {acceptKind, type ColumnData, type ColumnPlan} from '../column-plan.ts';
import type {FileReader} from '../file-reader.ts';
import {PageSink} from '../page-sink.ts';
import {type EncodedSegment, SegmentEncoder} from '../segment-encoder.ts';
import {SegmentLayout} from '../segment-layout.ts';
import {hex} from '../segment-meta.ts';
import {MergeFile, scratchPath} from './merge-file.ts';
import {type JobSegment, keyKinds, keyRows, type MergeInput, mergeInput} from './merge-input.ts';
import type {JobColumn} from './merge-job.ts';
import {CopiedColumn, type MergedColumn, ValueColumn} from './merged-columns.ts';
import {compareRows} from './row-order.ts';
import {SegmentRows} from './segment-rows.ts';
import {GatheredRows, type StoredRows} from './stored-rows.ts';

const STEP_ROWS = 1024;
const INT4_OID = 23;

/** The position that a row had before it was sorted. */
const ORIGIN: ColumnPlan = {
  attnum: -1000,
  name: '_position',
  typeOid: INT4_OID,
  typeName: 'int4',
  typmod: -1,
  isNullable: false,
  physicalType: 'INT32',
  length: 0,
  logicalType: null,
  kind: 'int32',
  shift: 0n,
  hasStats: false,
  isText: false,
  valueBloom: null,
  keyBloom: null,
  bloomItems: null,
};

/** How much is sorted in memory at once. */
export interface BlockLimits {
  readonly bytes: number;
  readonly rows: number;
}

/** Sorts the rows of a segment that lie in another order: blocks of them, each into a temporary file, which are inputs of the merge. */
export class SortedRuns {
  readonly #segment: JobSegment;
  readonly #files: FileReader;
  readonly #limits: BlockLimits;
  readonly #plans: readonly ColumnPlan[];
  #writing: MergeFile | null = null;

  constructor(segment: JobSegment, files: FileReader, limits: BlockLimits) {
    this.#segment = segment;
    this.#files = files;
    this.#limits = limits;
    this.#plans = segment.job.columns.map(({plan}) => ({
      ...plan,
      valueBloom: null,
      keyBloom: null,
    }));
  }

  *run(): Generator<void, readonly MergeInput[]> {
    const {input, deletions} = this.#segment;
    const rows = this.#segment.columns();
    const step = this.#segment.stepRows(STEP_ROWS);
    const runs: MergeInput[] = [];
    let block = this.#newBlock();
    let positions = new Int32Array(STEP_ROWS);
    let count = 0;
    for (let at = 0; at < input.meta.rows; ) {
      const to = Math.min(input.meta.rows, deletions.next(at), at + step);
      if (to === at) {
        at++;
        continue;
      }
      let size = 0;
      for (let i = 0; i < rows.length; i++) {
        block[i]!.append(rows[i]!, at, to - at);
        size += block[i]!.size;
      }
      if (count + to - at > positions.length) positions = doubled(positions);
      for (; at < to; at++) positions[count++] = at;
      if (size >= this.#limits.bytes || count >= this.#limits.rows) {
        runs.push(yield* this.#writeRun(block, positions.subarray(0, count)));
        block = this.#newBlock();
        count = 0;
      }
      yield;
    }
    if (count > 0) runs.push(yield* this.#writeRun(block, positions.subarray(0, count)));
    for (const column of rows) column.release();
    return runs;
  }

  /** Removes what an end before its time leaves. */
  drop(): void {
    this.#writing?.drop();
    this.#writing = null;
  }

  #newBlock(): readonly MergedColumn[] {
    const {job, types} = this.#segment;
    return job.columns.map(({type}, i) =>
      type === null
        ? new CopiedColumn(this.#plans[i]!)
        : new ValueColumn(this.#plans[i]!, types[type]!),
    );
  }

  *#writeRun(block: readonly MergedColumn[], positions: Int32Array): Generator<void, MergeInput> {
    const {job, types} = this.#segment;
    const rows = block.map((column, i) => this.#gathered(column.take(), job.columns[i]!));
    yield;
    const kinds = keyKinds(job);
    const keys = keyRows(job, types, rows);
    const order = Int32Array.from(positions, (_, i) => i);
    order.sort((a, b) => compareRows(kinds, keys, a, keys, b));
    yield;
    const columns = [...this.#plans, ORIGIN].map(plan => new CopiedColumn(plan));
    const origin = new GatheredRows(fixedData(positions), () => null);
    const sources: readonly StoredRows[] = [...rows, origin];
    for (let from = 0; from < order.length; from += STEP_ROWS) {
      const to = Math.min(order.length, from + STEP_ROWS);
      for (let i = 0; i < columns.length; i++)
        for (let at = from; at < to; at++) columns[i]!.append(sources[i]!, order[at]!, 1);
      yield;
    }
    return yield* this.#write(columns.map(column => column.take()));
  }

  *#write(data: readonly ColumnData[]): Generator<void, MergeInput> {
    const path = scratchPath(this.#segment.job.scratch);
    const file = new MergeFile(path);
    this.#writing = file;
    const plans = [...this.#plans, ORIGIN];
    const declared = plans.map(({attnum, typeOid}) => ({attnum, oid: typeOid}));
    const encoder = new SegmentEncoder(
      plans,
      {'wadi.columns': JSON.stringify(declared)},
      new PageSink(parts => file.write(parts)),
    );
    const rows = data[0]!.rows;
    yield* encoder.group(data);
    const encoded = encoder.finish();
    file.close();
    this.#writing = null;
    try {
      return this.#input(path, encoded, rows);
    } finally {
      // It stays open, and nothing of it survives the process.
      rmSync(path, {force: true});
    }
  }

  #input(path: string, encoded: EncodedSegment, rows: number): MergeInput {
    const {job, types, index} = this.#segment;
    const files = this.#files;
    const bounds = {bytes: encoded.bytes, footerChecksum: hex(encoded.footerChecksum)};
    const layout = new SegmentLayout(path, files, bounds);
    const open = {path, files, layout};
    const columns = job.columns.map(({plan, type}, i) => {
      if (type === null)
        return new SegmentRows(open, i, {shift: plan.shift, nullAs: null, reading: null});
      const wanted = types[type]!;
      const reading = readingOf(path, layout.columns[i]!, wanted, wanted);
      return new SegmentRows(open, i, {shift: 0n, nullAs: null, reading});
    });
    const origin = new SegmentRows(open, columns.length, {shift: 0n, nullAs: null, reading: null});
    const keys = keyRows(job, types, columns);
    return mergeInput({index, columns, keys, origin, rows, deletions: DeletionPages.none});
  }

  #gathered(data: ColumnData, {type}: JobColumn): GatheredRows {
    if (type === null) return new GatheredRows(data, () => null);
    return new GatheredRows(data, datumOf(this.#segment.types[type]!));
  }
}

/** What a value for the encoder is as a Datum. */
function datumOf(type: TypeInstance): (stored: unknown) => ReturnType<TypeInstance['fromSqlite']> {
  const form = type.parquet;
  const isBoolean = form.physicalType === 'BOOLEAN';
  if (acceptKind(type) === 'direct')
    return stored => (isBoolean ? stored === 1 : (stored as number));
  return stored => form.decode(isBoolean ? stored === 1 : (stored as number));
}

function fixedData(values: Int32Array): ColumnData {
  return {
    rows: values.length,
    nulls: null,
    values,
    arenas: [],
    arenaLengths: [],
    offsets: null,
    keyHashes: null,
  };
}

function doubled(from: Int32Array): Int32Array<ArrayBuffer> {
  const to = new Int32Array(from.length * 2);
  to.set(from);
  return to;
}
