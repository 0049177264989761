// npm run format [-- paths]: Biome's formatter, then comments that are too long.
import {spawnSync} from 'node:child_process';
import {readdirSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {ensureInstalled, nodePath, root} from './prepare.mjs';
import {wrapComments} from './wrap-comments.mjs';

ensureInstalled();
const given = process.argv.slice(2);
const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
const result = spawnSync(nodePath(), [biome, 'format', '--write', ...given], {
  cwd: root,
  stdio: 'inherit',
});
for (const path of given.length > 0 ? given : ['src', 'test', 'bench', 'scripts', 'sdk'])
  visit(join(root, path));
process.exit(result.status ?? 1);

function visit(path) {
  const entry = statSync(path, {throwIfNoEntry: false});
  if (entry === undefined || /\/(node_modules|data)$/.test(path)) return;
  if (entry.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
  else if (/\.(ts|mjs)$/.test(path)) wrapComments(path);
}
