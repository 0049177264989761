import {spawn} from 'node:child_process';
import {existsSync, readdirSync} from 'node:fs';
import {cpus} from 'node:os';
import {join, relative} from 'node:path';
import {Parser} from 'tap-parser';
import {root} from './prepare.mjs';

/** What all test files together said; a file that breaks without a word counts as one failure. */
export interface TestTotals {
  passed: number;
  failed: number;
  skipped: number;
}

const jobs = Math.max(1, Math.min(2, cpus().length));
const fileLimitMs = 8 * 60_000;

/**
 * Runs test files, two at a time, each as its own process of this Node, and prints one line per file and every failure.
 * tap's own command compiles TypeScript by a loader; Node runs it as it is, so only tap's library and parser are used.
 */
export async function runTests(only: readonly string[]): Promise<TestTotals> {
  const files = only.length > 0 ? only.map(path => relative(root, path)) : findTests();
  const totals: TestTotals = {passed: 0, failed: 0, skipped: 0};
  const queue = [...files];
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runFile(file);
      totals.passed += result.passed;
      totals.failed += result.failed;
      totals.skipped += result.skipped;
    }
  };
  await Promise.all(Array.from({length: jobs}, work));
  return totals;
}

function findTests(): string[] {
  const folder = join(root, 'test');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, {recursive: true, encoding: 'utf8'})
    .filter(path => path.endsWith('.test.ts'))
    .map(path => join('test', path))
    .sort();
}

function runFile(file: string): Promise<TestTotals> {
  return new Promise(resolve => {
    const start = performance.now();
    const totals: TestTotals = {passed: 0, failed: 0, skipped: 0};
    const failures: string[] = [];
    const parser = new Parser();
    parser.on('pass', () => (totals.passed += 1));
    parser.on('skip', () => (totals.skipped += 1));
    parser.on('todo', () => (totals.skipped += 1));
    parser.on('fail', result => {
      totals.failed += 1;
      failures.push(`${result.fullname}: ${result.name}\n${JSON.stringify(result.diag, null, 2)}`);
    });
    const child = spawn(process.execPath, ['--enable-source-maps', file], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      // tap ends a file after 30 s unless told otherwise: too early on a busy machine.
      env: {TAP_TIMEOUT: '300', ...process.env, NO_COLOR: '1', TAP: '1', WADI_MAIN: 'dist/main.js'},
    });
    const errors: Buffer[] = [];
    const timer = setTimeout(() => child.kill('SIGKILL'), fileLimitMs);
    child.stdout.pipe(parser, {end: false});
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      parser.on('complete', results => {
        if ((code !== 0 || !results.ok) && totals.failed === 0) {
          totals.failed = 1;
          failures.push(`${file} ended with ${signal ?? code} without a failed assertion`);
        }
        if (totals.passed + totals.failed + totals.skipped === 0) {
          totals.failed = 1;
          failures.push(`${file} has no assertion`);
        }
        report(file, totals, failures, errors, performance.now() - start);
        resolve(totals);
      });
      parser.end();
    });
  });
}

function report(
  file: string,
  totals: TestTotals,
  failures: readonly string[],
  errors: readonly Buffer[],
  ms: number,
): void {
  const isGood = totals.failed === 0;
  const counts = `${totals.passed} ok${totals.failed > 0 ? `, ${totals.failed} NOT OK` : ''}`;
  console.log(`${isGood ? 'ok' : 'NOT OK'}: ${file} (${counts}, ${(ms / 1000).toFixed(1)} s)`);
  if (isGood) return;
  for (const failure of failures) console.log(indent(failure));
  const text = Buffer.concat(errors).toString();
  if (text !== '') console.log(indent(text.slice(-8_000)));
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ');
}
