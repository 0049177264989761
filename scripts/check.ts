/**
 * All that CI runs: types, lint, format, build, tests. `node scripts/check.ts [test files ...]`
 * The last line printed is `N passed, N failed`, where a failed step counts as one failure.
 */
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {ensureBuilt, ensureSdkBuilt, root} from './prepare.mjs';
import {runTests} from './run-tests.ts';

const bin = (name: string, path: string) => join(root, 'node_modules', name, path);
const onlyTests = process.argv.slice(2);

const steps: readonly (readonly [name: string, run: () => boolean])[] = [
  [
    'types',
    () => node(bin('typescript', 'bin/tsc'), '-p', 'tsconfig.check.json', '--pretty', 'false'),
  ],
  [
    'lint',
    () =>
      node(
        bin('oxlint', 'bin/oxlint'),
        '--type-aware',
        '--quiet',
        'src',
        'test',
        'scripts',
        'bench',
        'sdk',
        'examples',
      ),
  ],
  ['format', () => node(bin('@biomejs/biome', 'bin/biome'), 'format', '--reporter=summary')],
  ['build', () => ensureBuilt() && ensureSdkBuilt()],
];

let failedSteps = 0;
if (onlyTests.length === 0) {
  for (const [name, run] of steps) {
    const start = performance.now();
    const isGood = run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${isGood ? 'ok' : 'NOT OK'}: ${name} (${seconds} s)`);
    if (!isGood) failedSteps += 1;
  }
}
const {passed, failed, skipped} = await runTests(onlyTests);
const skippedText = skipped > 0 ? `, ${skipped} skipped` : '';
console.log(`${passed} passed, ${failed + failedSteps} failed${skippedText}`);
process.exit(failed + failedSteps > 0 || passed === 0 ? 1 : 0);

function node(...args: readonly string[]): boolean {
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return result.status === 0;
}
