import {existsSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const entry = join(root, 'dist/database.js');
const unbuilt = existsSync(entry) ? false : 'not built: npm run build';

t.test('the package can be imported by its name', {skip: unbuilt}, async t => {
  const {exports} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: {'.': {types: string; default: string}};
  };
  t.same(Object.keys(exports), ['.'], 'one entry');
  const {types, default: main} = exports['.'];
  t.equal(join(root, main), entry);
  const declarations = readFileSync(join(root, types), 'utf8');
  t.match(declarations, /export declare function openDatabase/);
  t.match(declarations, /session\(options\?:/);

  // The name resolves through "exports"; a variable keeps the compiler from demanding a build.
  const name = 'wadi';
  const wadi = (await import(name)) as typeof import('../../src/database.ts');
  const folder = temporaryFolder('package');
  const database = await wadi.openDatabase({dataDir: join(folder.path, 'data')});
  t.same((await database.session().query('SELECT 6 * $1::int4', [7])).rows, [[42]]);
  await database.close();
  folder.remove();
});
