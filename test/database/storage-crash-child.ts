// A process that the crash test of storages kills at a failpoint: rows are flushed to S3, or moved there.
import {openDatabase} from '../../src/database.ts';
import {TEST_ACCESS_KEY, TEST_BUCKET, TEST_SECRET_KEY} from '../support/s3-server.ts';

const [dataDir, endpoint, failpoint] = process.argv.slice(2) as [string, string, string];
const keys = {accessKeyId: TEST_ACCESS_KEY, secretAccessKey: TEST_SECRET_KEY, sessionToken: null};
const database = await openDatabase({
  dataDir,
  storages: {credentials: new Map([['main', keys]])},
});
const session = database.session();
const isMove = failpoint.startsWith('move');
await session.queryAll(`
  CREATE STORAGE deep TYPE s3 BUCKET '${TEST_BUCKET}' CONFIG '{"endpoint": "${endpoint}"}' CREDENTIALS '{"config": "main"}';
  CREATE TABLE t (id int4 PRIMARY KEY, x text) WITH (storage = '${isMove ? 'local' : 'deep'}');
  INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 3000) i`);
if (isMove) {
  await session.query('STORAGE FLUSH TABLE t');
  await session.query('DELETE FROM t WHERE id > 2000');
}
process.env['WADI_FAILPOINT'] = failpoint;
if (isMove) await session.query("ALTER TABLE t SET (storage = 'deep')");
else await session.query('STORAGE FLUSH TABLE t');
// The failpoint ends the process; a move runs in the background.
setInterval(() => {}, 1000);
