import {parentPort, workerData} from 'node:worker_threads';
import Database from 'better-sqlite3';
import {checkSqlite} from './check-sqlite.ts';

const {path} = workerData as {readonly path: string};
const db = new Database(path, {readonly: true, timeout: 10_000});
db.defaultSafeIntegers(true);
try {
  parentPort!.postMessage(checkSqlite(db));
} finally {
  db.close();
}
