import type {TypeInstance} from '../../../types/contract.ts';
import {isRankedType} from '../column-builder.ts';
import {readingOf} from '../column-forms.ts';
import {acceptKind, type ColumnPlan, planColumn} from '../column-plan.ts';
import type {MergeSource, MergeTask, SegmentColumn} from '../contract.ts';
import {fileMetadata} from '../file-metadata.ts';
import type {JobColumn, JobInput, JobKey, JobSource, MergeJob, SentValue} from './merge-job.ts';

const GROUP_BYTES = 12 * 1024 * 1024;
const SEQ_ATTNUM = -102;

/** A merge as it is done here or in a thread, and the types of its indexes. */
export interface PlannedMerge {
  readonly job: MergeJob;
  readonly types: readonly TypeInstance[];
}

/** Places that only the store knows. */
export interface MergePlaces {
  /** Where the new file is made. */
  readonly path: string;
  /** The file of this machine that holds an input. */
  readonly locate: (path: string) => string;
}

/** Plans a merge: which columns are copied as they are stored, and what is to be known of the others. */
export function planMerge(task: MergeTask, {path, locate}: MergePlaces): PlannedMerge {
  const {options, inputs} = task;
  const types: TypeInstance[] = [];
  const indexOf = (type: TypeInstance): number => {
    const known = types.indexOf(type);
    return known === -1 ? types.push(type) - 1 : known;
  };
  const columns = options.columns.map((column): JobColumn => {
    const plan = planColumn(column);
    const isCopied = isStoredForm(plan, column.type) && inputs.every(input => fits(input, column));
    return {plan, type: isCopied ? null : indexOf(column.type)};
  });
  const keys = task.keys.map((column): JobKey => {
    const {plan, type} = columns[column]!;
    const isPlain = type === null && plan.hasStats;
    return {column, type: isPlain ? null : keyType(columns, column, options.columns, indexOf)};
  });
  return {
    types,
    job: {
      path,
      metadata: fileMetadata(options),
      groupRows: options.rowGroupRows,
      groupBytes: options.rowGroupBytes ?? GROUP_BYTES,
      columns,
      keys,
      inputs: inputs.map(input => jobInput(input, {task, columns, indexOf, locate})),
      scratch: task.scratch,
      stop: new Int32Array(new SharedArrayBuffer(4)),
    },
  };
}

/** Keys are made of values, which are then to be made of the column, too. */
function keyType(
  columns: JobColumn[],
  column: number,
  declared: readonly SegmentColumn[],
  indexOf: (type: TypeInstance) => number,
): number {
  const type = indexOf(declared[column]!.type);
  columns[column] = {plan: columns[column]!.plan, type};
  return type;
}

/** Whether the encoder needs no more than stored values. */
function isStoredForm(plan: ColumnPlan, type: TypeInstance): boolean {
  return plan.keyBloom === null && (plan.hasStats || !isRankedType(plan, type));
}

/** Whether a column's stored values are those that would be written today. */
function fits(input: MergeSource, column: SegmentColumn): boolean {
  const stored = input.schema.find(({attnum}) => attnum === column.attnum)?.type;
  if (stored === undefined || stored === column.type) return true;
  const {physicalType, length} = stored.parquet;
  const form = {physicalType, length, typeOid: stored.oid};
  return readingOf(input.path, form, stored, column.type).storedType === column.type;
}

function jobInput(
  input: MergeSource,
  {
    task,
    columns,
    indexOf,
    locate,
  }: {
    readonly task: MergeTask;
    readonly columns: readonly JobColumn[];
    readonly indexOf: (type: TypeInstance) => number;
    readonly locate: (path: string) => string;
  },
): JobInput {
  const {path, meta, schema, deletions} = input;
  const {rows, bytes, footerChecksum} = meta;
  const sources = task.options.columns.map((column, i): JobSource => {
    const stored = schema.find(({attnum}) => attnum === column.attnum)?.type;
    if (stored === undefined) {
      const missing = task.missing[i]!;
      return {kind: 'constant', stored: sentValue(column.type, missing)};
    }
    return {
      kind: 'stored',
      type: columns[i]!.type === null ? null : indexOf(stored),
      nullAs: column.attnum === SEQ_ATTNUM ? input.nullSeq : null,
    };
  });
  return {
    path: locate(path),
    meta: {rows, bytes, footerChecksum},
    sources,
    isSorted: input.isSorted,
    deleted: deletions.pages,
    deletedCount: deletions.count,
  };
}

/** As ColumnBuilder hands values over. */
function sentValue(type: TypeInstance, value: MergeTask['missing'][number]): SentValue {
  if (value === null) return null;
  return acceptKind(type) === 'direct' ? (value as SentValue) : type.parquet.encode(value);
}
