import {open, rm} from 'node:fs/promises';
import {dirname} from 'node:path';
import {setImmediate as nextTurn} from 'node:timers/promises';
import type {TypeInstance} from '../../../types/contract.ts';
import {injectFault} from '../../failpoint.ts';
import type {SegmentCache} from '../../objects/segment-cache.ts';
import {isRemote} from '../../objects/storage-url.ts';
import type {ValueRange} from '../column-builder.ts';
import type {MergedSegments, MergeTask, SegmentMeta} from '../contract.ts';
import type {DurableDirectories} from '../durable-directories.ts';
import {fileError} from '../file-errors.ts';
import {segmentMeta} from '../segment-meta.ts';
import {MergeFile} from './merge-file.ts';
import type {MergeOutcome, SentRange} from './merge-job.ts';
import {planMerge, type PlannedMerge} from './merge-plan.ts';
import type {MergeThread} from './merge-thread.ts';
import {MergeStopped, SegmentMerger} from './segment-merger.ts';
import {specOf, type TypeSpec} from './type-specs.ts';

/** Rows, and bytes of files, above which the thread takes over. */
const INLINE_ROWS = 8192;
const INLINE_BYTES = 1024 * 1024;
const SLICE_MS = 2;

/** What merges need of a store. */
export interface MergeParts {
  readonly thread: MergeThread;
  readonly directories: DurableDirectories;
  readonly copies: SegmentCache | null;
  readonly locate: (path: string) => string;
}

/** Merges segments into a new file, which is durable and stored when this resolves. On an error nothing is left of it on this machine. */
export async function mergeSegments(task: MergeTask, parts: MergeParts): Promise<MergedSegments> {
  const {copies, directories, locate} = parts;
  const {options, inputs, signal} = task;
  const remote = inputs.filter(({path}) => isRemote(path));
  const staged = isRemote(options.path) ? copies!.stagingPath() : options.path;
  const directory = dirname(staged);
  const touched = new Set([...(await directories.make(directory)), directory]);
  const planned = planMerge(task, {path: staged, locate});
  const stop = (): void => {
    Atomics.store(planned.job.stop, 0, 1);
  };
  signal?.addEventListener('abort', stop);
  const pinned: string[] = [];
  try {
    for (const {path, meta} of remote) {
      for (let wait = copies!.ensure(path, meta); wait !== null; wait = copies!.ensure(path, meta))
        await wait;
      copies!.pin(path);
      pinned.push(path);
    }
    signal?.throwIfAborted();
    const outcome = await run(planned, parts.thread);
    if (outcome === null) throw signal!.reason;
    const {encoded, positions} = outcome;
    if (encoded === null) return {meta: null, positions};
    const meta = metaOf(task, planned, outcome)!;
    try {
      await Promise.all([...touched].map(touch => directories.sync(touch)));
      directories.confirm(directory);
      if (isRemote(options.path)) await copies!.publish(options.path, staged, meta, signal);
    } catch (error) {
      await rm(staged, {force: true});
      throw error;
    }
    return {meta, positions};
  } finally {
    signal?.removeEventListener('abort', stop);
    for (const path of pinned) copies!.unpin(path);
  }
}

function run({job, types}: PlannedMerge, thread: MergeThread): Promise<MergeOutcome | null> {
  const rows = job.inputs.reduce((sum, input) => sum + input.meta.rows, 0);
  const bytes = job.inputs.reduce((sum, input) => sum + input.meta.bytes, 0);
  const isLarge = rows > INLINE_ROWS || bytes > INLINE_BYTES;
  const specs = types.map(specOf);
  const isPortable = (spec: TypeSpec | null): spec is TypeSpec => spec !== null;
  if (isLarge && specs.every(isPortable)) return thread.run(job, specs);
  return runInline({job, types});
}

/** Here, in slices: few rows, and types that a thread cannot make. */
async function runInline({job, types}: PlannedMerge): Promise<MergeOutcome | null> {
  const file = new MergeFile(job.path);
  const merger = new SegmentMerger(job, types, file, INLINE_ROWS);
  try {
    const work = merger.run();
    let began = performance.now();
    let step = work.next();
    while (step.done !== true) {
      if (performance.now() - began > SLICE_MS) {
        await nextTurn();
        began = performance.now();
      }
      step = work.next();
    }
    if (step.value.encoded !== null) await syncFile(job.path);
    file.close();
    return step.value;
  } catch (error) {
    file.drop();
    if (error instanceof MergeStopped) return null;
    throw error;
  } finally {
    merger.close();
  }
}

async function syncFile(path: string): Promise<void> {
  try {
    injectFault('segment-sync');
    const handle = await open(path, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError('sync', path, error as NodeJS.ErrnoException);
  }
}

function metaOf(
  {options}: MergeTask,
  {job, types}: PlannedMerge,
  {encoded, ranges}: MergeOutcome,
): SegmentMeta {
  return segmentMeta(
    job.columns.map(({plan}) => plan),
    options.columns.map(({type}) => type),
    ranges.map((range, i) => valueRange(range, types[job.columns[i]!.type ?? -1])),
    encoded!,
    options.schemaVersion,
  );
}

function valueRange(range: SentRange, type: TypeInstance | undefined): ValueRange {
  const {isKnown} = range;
  if (type === undefined) return {min: null, max: null, isKnown};
  const {min, max} = range;
  return {
    min: min === null ? null : type.parquet.decode(min),
    max: max === null ? null : type.parquet.decode(max),
    isKnown,
  };
}
