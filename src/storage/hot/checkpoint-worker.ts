import {parentPort, workerData} from 'node:worker_threads';
import Database from 'better-sqlite3';
import {failpoint} from '../failpoint.ts';

const {path} = workerData as {readonly path: string};
const db = new Database(path, {timeout: 0});
db.pragma('synchronous = NORMAL');
db.pragma('wal_autocheckpoint = 0');

/** One PASSIVE pass per message; answers with frames in the WAL and frames copied to the database. */
parentPort!.on('message', (message: 'pass' | 'close') => {
  if (message === 'close') {
    db.close();
    parentPort!.close();
    return;
  }
  try {
    failpoint('before-checkpoint-pass');
    const [row] = db.pragma('wal_checkpoint(PASSIVE)') as {
      busy: number;
      log: number;
      checkpointed: number;
    }[];
    failpoint('after-checkpoint-pass');
    parentPort!.postMessage({
      log: Number(row!.log),
      checkpointed: Number(row!.checkpointed),
      error: null,
    });
  } catch (error) {
    parentPort!.postMessage({log: 0, checkpointed: 0, error: String(error)});
  }
});
