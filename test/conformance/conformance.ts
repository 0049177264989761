import {spawn} from 'node:child_process';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const root = dirname(dirname(import.meta.dirname));
const floorPath = join(import.meta.dirname, 'floor.json');
const limitMs = 400_000;

/** Where the recordings of a real PostgreSQL 15 lie, beside the repository. */
export const recordings = join(root, '..', 'shared', 'conformance');

/** How to compare a server with a recording. */
export interface Comparison {
  /** Its key in floor.json. */
  readonly name: string;
  /** A file that must be there. */
  readonly program: string;
  command(host: string, port: number): readonly [string, ...string[]];
}

/**
 * Compares a new server with a recording and requires at least as many passes as floor.json says. The floor only rises:
 * RAISE_FLOOR=1 writes a higher count into it.
 */
export function compareWithRecording(comparison: Comparison): void {
  const {name, program} = comparison;
  if (!existsSync(program)) {
    t.pass(`${name} is skipped`, {skip: 'the recordings are not beside the repository'});
    return;
  }
  t.test(name, {timeout: limitMs}, async t => {
    const wadi = await startWadi();
    t.teardown(() => wadi.stop());
    const output = await run(comparison.command(wadi.host, wadi.port));
    const counts = /(\d+) passed, (\d+) failed/.exec(output);
    if (counts === null) {
      t.fail(`no counts:\n${output.slice(-2000)}`);
      return;
    }
    const passed = Number(counts[1]);
    const floors = JSON.parse(readFileSync(floorPath, 'utf8')) as Record<string, number>;
    const floor = floors[name] ?? 0;
    t.comment(`${counts[0]}, the floor is ${floor}`);
    t.ok(passed >= floor, `${passed} pass, at least ${floor} must:\n${failures(output)}`);
    if (passed > floor && process.env['RAISE_FLOOR'] === '1') {
      writeFileSync(floorPath, `${JSON.stringify({...floors, [name]: passed}, null, 2)}\n`);
    }
  });
}

function failures(output: string): string {
  const lines = output.split('\n').filter(line => line.startsWith('not ok'));
  return lines.slice(0, 200).join('\n');
}

function run([command, ...args]: readonly [string, ...string[]]): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = {...process.env, PGUSER: 'postgres', PGDATABASE: 'postgres', PGSSLMODE: 'prefer'};
    const child = spawn(command, args, {env, stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    child.stdout.on('data', chunk => (output += String(chunk)));
    child.stderr.on('data', chunk => (output += String(chunk)));
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}
