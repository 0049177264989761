import {parentPort} from 'node:worker_threads';
import {PgError} from '../../../common/errors.ts';
import type {TypeInstance} from '../../../types/contract.ts';
import {MergeFile} from './merge-file.ts';
import type {MergeOutcome} from './merge-job.ts';
import type {MergeReply, MergeRequest} from './merge-protocol.ts';
import {MergeStopped, SegmentMerger} from './segment-merger.ts';
import type {TypeSpec} from './type-specs.ts';

/** Rows that are sorted at once. */
const BLOCK_ROWS = 256 * 1024;

const port = parentPort;
if (port === null) throw new Error('segments are merged in a worker thread');
let queue: Promise<void> = Promise.resolve();
port.on('message', (request: MergeRequest) => {
  queue = queue.then(async () => {
    const reply = await answer(request);
    port.postMessage(reply, reply.kind === 'done' ? buffersOf(reply.outcome) : []);
  });
});

async function answer({id, job, types}: MergeRequest): Promise<MergeReply> {
  const file = new MergeFile(job.path);
  try {
    const merger = new SegmentMerger(job, await typesOf(types), file, BLOCK_ROWS);
    try {
      const work = merger.run();
      let step = work.next();
      while (step.done !== true) step = work.next();
      file.sync();
      file.close();
      return {kind: 'done', id, outcome: step.value};
    } finally {
      merger.close();
    }
  } catch (error) {
    file.drop();
    if (error instanceof MergeStopped) return {kind: 'stopped', id};
    const {message, stack} = error as Error;
    if (error instanceof PgError) return {kind: 'failed', id, code: error.code, message};
    return {kind: 'failed', id, code: null, message: stack ?? message};
  }
}

/** Types are loaded when they are needed first: most tables have none whose values are looked at. */
async function typesOf(specs: readonly TypeSpec[]): Promise<readonly TypeInstance[]> {
  if (specs.length === 0) return [];
  const [{createBuiltinTypes}, {typeOf}] = await Promise.all([
    import('../../../types/registry.ts'),
    import('./type-specs.ts'),
  ]);
  const builtins = createBuiltinTypes();
  return specs.map(spec => typeOf(spec, builtins));
}

function buffersOf({positions}: MergeOutcome): ArrayBuffer[] {
  return positions.map(({buffer}) => buffer);
}
