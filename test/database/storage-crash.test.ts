import {spawn} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import t from 'tap';
import {openDatabase} from '../../src/database.ts';
import {S3Server, TEST_ACCESS_KEY, TEST_SECRET_KEY} from '../support/s3-server.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const child = fileURLToPath(new URL('./storage-crash-child.ts', import.meta.url));
const TURNS = 20_000;
const DEEP = {name: 'deep', type: 's3', options: {}} as const;

/** Runs the child until its failpoint kills it. */
function crash(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    running.on('error', reject);
    running.on('exit', (code, signal) =>
      signal === 'SIGKILL' ? resolve() : reject(new Error(`child ended with ${signal ?? code}`)),
    );
  });
}

const POINTS: readonly (readonly [failpoint: string, rows: number])[] = [
  ['flush-after-intent', 3000],
  ['flush-after-write', 3000],
  ['flush-after-publish', 3000],
  ['move-after-intent', 2000],
  ['move-after-copy', 2000],
  ['move-after-publish', 2000],
];

for (const [failpoint, rows] of POINTS) {
  t.test(`kill -9 at ${failpoint} loses no row and leaves no file behind`, async t => {
    const server = await S3Server.start();
    const folder = temporaryFolder('storage-crash');
    const dataDir = join(folder.path, 'data');
    await crash([dataDir, server.endpoint, failpoint]);
    const keys = {
      accessKeyId: TEST_ACCESS_KEY,
      secretAccessKey: TEST_SECRET_KEY,
      sessionToken: null,
    };
    const database = await openDatabase({
      dataDir,
      storages: {credentials: new Map([['main', keys]])},
    });
    const session = database.session();
    t.teardown(async () => {
      await session.close();
      await database.close();
      await server.stop();
      folder.remove();
    });
    const count = await session.query('SELECT count(*), max(x) FROM t');
    t.same(count.rows, [[BigInt(rows), 'row 999']]);
    await session.query('STORAGE FLUSH TABLE t');
    const local = (): string[] =>
      readdirSync(join(dataDir, 'segments'), {recursive: true, encoding: 'utf8'}).filter(name =>
        name.endsWith('.parquet'),
      );
    for (let turn = 0; turn < TURNS; turn++) {
      await database.engine.storage.filesIn(DEEP);
      if (server.keys().length === 1 && (failpoint.startsWith('flush') || local().length === 0))
        break;
      await new Promise(resolve => setImmediate(resolve));
    }
    t.same(
      server.keys().map(key => `storage://deep/${key}`),
      database.engine.storage.segments().map(({path}) => path),
      'the files in the storage are those of the manifest',
    );
    if (failpoint.startsWith('move')) t.same(local(), [], 'nothing is left where it was');
    t.same((await session.query('SELECT count(*) FROM t')).rows, [[BigInt(rows)]]);
    t.same(await database.engine.storage.check(), []);
  });
}
