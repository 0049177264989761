import {readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import t, {type Test} from 'tap';
import {startWadi} from '../support/wadi-server.ts';
import {findSpecs, readExpectations, readSpec} from './expectations.ts';
import {type RunOptions, SpecRun} from './run-spec.ts';
import {SerialCheck} from './serial-check.ts';

/** Orders in which Wadi is known to differ, with why; one that closes must leave the list. */
const knownGaps = JSON.parse(
  readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'known-gaps.json'), 'utf8'),
) as Readonly<Record<string, {readonly reason: string; readonly permutations: readonly string[]}>>;

const runLimitMs = 600_000;

/** Runs every spec against one Wadi server and compares with what PostgreSQL answered. */
export async function testMode(flush: RunOptions['flush']): Promise<void> {
  t.setTimeout(runLimitMs);
  const server = await startWadi();
  t.teardown(() => server.stop());
  const {host, port} = server;
  const address = {host, port, user: 'postgres', database: 'postgres'};
  for (const name of findSpecs((process.env['SPECS'] ?? '').split(',').filter(Boolean)))
    await t.test(name, t => testSpec(t, name, {address, settleMs: 0, flush}));
}

async function testSpec(t: Test, name: string, options: RunOptions): Promise<void> {
  const spec = readSpec(name);
  const expectations = readExpectations(name);
  const run = new SpecRun(spec, options);
  const serial = new SerialCheck(spec, run);
  await run.open();
  t.teardown(() => run.close());
  for (const permutation of spec.permutations) {
    const title = permutation.join(' ');
    const expected = expectations.get(title);
    if (expected === undefined) {
      t.fail(`${title} is not in ${name}.expected`);
      continue;
    }
    const {lines} = await run.run(permutation, spec.compare === 'exact' ? expected : null);
    const problem =
      spec.compare === 'exact'
        ? firstDifference(lines, expected)
        : await serial.problem(lines, expected);
    const gap = knownGaps[name];
    if (gap?.permutations.includes(title) === true) {
      if (problem === null) t.fail(`${title} passes now: take it out of known-gaps.json`);
      else t.fail(title, {todo: gap.reason});
    } else if (problem === null) t.pass(title);
    else t.fail(title, {problem, stack: '', at: null});
  }
}

function firstDifference(lines: readonly string[], expected: readonly string[]): string | null {
  const length = Math.max(lines.length, expected.length);
  for (let at = 0; at < length; at++) {
    if (lines[at] !== expected[at])
      return `PostgreSQL: ${expected[at] ?? '(nothing)'}; Wadi: ${lines[at] ?? '(nothing)'}`;
  }
  return null;
}
