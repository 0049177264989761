import type {TypeInstance} from '../../../types/contract.ts';
import {DeletionPages} from '../../manifest.ts';
import {acceptKind} from '../column-plan.ts';
import {type Reading, readingOf} from '../column-forms.ts';
import type {DeletionSet} from '../contract.ts';
import type {FileReader} from '../file-reader.ts';
import {SegmentLayout} from '../segment-layout.ts';
import type {JobColumn, JobInput, JobSource, MergeJob, SentValue} from './merge-job.ts';
import {newFixed} from './merged-columns.ts';
import {type KeyKind, KeyRows} from './row-order.ts';
import {type OpenSegment, SegmentRows} from './segment-rows.ts';
import {ConstantRows, type StoredRows} from './stored-rows.ts';

/** Bytes of rows that are copied before the size of a row group is looked at. */
const STEP_BYTES = 1024 * 1024;

/** Rows of an input that are read one after the other, in order. */
export interface MergeInput {
  /** Which of the job's inputs its rows are of. */
  readonly index: number;
  /** One for each column of the new segment. */
  readonly columns: readonly StoredRows[];
  readonly keys: readonly StoredRows[];
  /** Where rows lay before they were sorted; null: they lie where they lay. */
  readonly origin: StoredRows | null;
  readonly rows: number;
  readonly deletions: DeletionSet;
  /** The next live row. */
  at: number;
  /** Rows below have their keys at hand. */
  to: number;
  /** The first deleted row from `at` on. */
  deleted: number;
}

/** An input whose rows have yet to be read. */
export function mergeInput(
  parts: Pick<MergeInput, 'index' | 'columns' | 'keys' | 'origin' | 'rows' | 'deletions'>,
): MergeInput {
  const {index, columns, keys, origin, rows, deletions} = parts;
  return {index, columns, keys, origin, rows, deletions, at: 0, to: 0, deleted: deletions.next(0)};
}

/** How the key columns of a job compare. */
export function keyKinds({columns, keys}: MergeJob): readonly KeyKind[] {
  return keys.map(({column, type}) => {
    if (type !== null) return 'bytes';
    switch (columns[column]!.plan.kind) {
      case 'bool':
      case 'int32':
        return 'int32';
      case 'int64':
        return 'int64';
      case 'float32':
      case 'float64':
        return 'float';
      case 'bytes':
        return 'bytes';
    }
  });
}

/** The key columns among columns of rows. */
export function keyRows(
  {keys}: MergeJob,
  types: readonly TypeInstance[],
  columns: readonly StoredRows[],
): readonly StoredRows[] {
  return keys.map(({column, type}) =>
    type === null ? columns[column]! : new KeyRows(columns[column]!, types[type]!),
  );
}

/** A segment of the job, opened. */
export class JobSegment {
  readonly job: MergeJob;
  readonly types: readonly TypeInstance[];
  readonly input: JobInput;
  readonly index: number;
  readonly #open: OpenSegment;

  constructor(job: MergeJob, types: readonly TypeInstance[], index: number, files: FileReader) {
    this.job = job;
    this.types = types;
    this.index = index;
    this.input = job.inputs[index]!;
    const {path, meta} = this.input;
    this.#open = {path, files, layout: new SegmentLayout(path, files, meta)};
  }

  get deletions(): DeletionPages {
    return new DeletionPages(this.input.deleted, this.input.deletedCount);
  }

  /** Bytes before compression. */
  get unpackedBytes(): number {
    let bytes = 0;
    const {groups, columns} = this.#open.layout;
    for (const group of groups)
      for (let i = 0; i < columns.length; i++) bytes += group.chunk(i).unpackedBytes;
    return bytes;
  }

  /** How many rows may be copied at once, `most` at the most: wide ones a few at a time. */
  stepRows(most: number): number {
    const average = this.unpackedBytes / Math.max(1, this.input.meta.rows);
    return Math.max(1, Math.min(most, Math.floor(STEP_BYTES / average)));
  }

  /** Bytes of the pages of one row, roughly: those of all columns, their dictionaries, what they are unpacked to. */
  get pageBytes(): number {
    const {layout} = this.#open;
    let most = 0;
    for (const group of layout.groups) {
      let bytes = 0;
      for (const [i, column] of layout.columns.entries()) {
        const chunk = group.chunk(i);
        const index = layout.pagesOf(chunk, column);
        const share = Math.min(1, index.step / Math.max(1, chunk.rows));
        const dictionary =
          chunk.dictionaryOffset === -1 ? 0 : (chunk.dataOffset - chunk.dictionaryOffset) * 4;
        bytes += dictionary + chunk.unpackedBytes * share + Math.min(index.step, chunk.rows) * 8;
      }
      most = Math.max(most, bytes);
    }
    return most;
  }

  /** Its columns as those of the new segment, to be read once. */
  columns(): readonly StoredRows[] {
    return this.job.columns.map((column, i) => this.#column(column, this.input.sources[i]!));
  }

  #column(column: JobColumn, source: JobSource): StoredRows {
    const {plan} = column;
    const type = column.type === null ? null : this.types[column.type]!;
    if (source.kind === 'constant') return constantRows(column, type, source.stored);
    const {path, layout} = this.#open;
    const at = layout.columnOf(plan.attnum);
    const stored = source.type === null ? type : this.types[source.type]!;
    const reading: Reading | null =
      type === null ? null : readingOf(path, layout.columns[at]!, stored, type);
    const shift = type === null ? plan.shift : 0n;
    return new SegmentRows(this.#open, at, {shift, nullAs: source.nullAs, reading});
  }
}

function constantRows({plan}: JobColumn, type: TypeInstance | null, stored: SentValue): StoredRows {
  const empty = plan.kind === 'bytes' ? null : newFixed(plan.kind, 0);
  const isPlain = type === null || acceptKind(type) === 'direct';
  const value = stored === null || isPlain ? stored : type.parquet.decode(stored);
  return new ConstantRows(empty, stored, value);
}
