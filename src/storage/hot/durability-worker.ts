import {closeSync, fdatasyncSync, openSync} from 'node:fs';
import {workerData} from 'node:worker_threads';
import {failpoint, injectFault} from '../failpoint.ts';

/** Slots of the shared array between the main thread and the thread that syncs. */
const REQUESTED = 0;
const DONE = 1;
const STATE = 2;
const STOP = -1;
const FAILED = 1;

const {path, shared} = workerData as {readonly path: string; readonly shared: SharedArrayBuffer};
const slots = new Int32Array(shared);
const file = openSync(path, 'r+');
let done = 0;
for (;;) {
  Atomics.wait(slots, REQUESTED, done);
  const requested = Atomics.load(slots, REQUESTED);
  if (requested === STOP) break;
  try {
    failpoint('before-sync');
    injectFault('wal-sync');
    fdatasyncSync(file);
    failpoint('after-sync');
  } catch {
    Atomics.store(slots, STATE, FAILED);
  }
  done = requested;
  Atomics.store(slots, DONE, done);
  Atomics.notify(slots, DONE);
}
closeSync(file);
