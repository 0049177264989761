import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Outcome} from './run-spec.ts';
import {type IsolationSpec, parseSpec} from './spec.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'specs');
const stamp = /^# completed-by: PostgreSQL 15\.\d+$/;

/** All specs, or those whose name contains one of the words. */
export function findSpecs(words: readonly string[]): string[] {
  return readdirSync(folder)
    .filter(file => file.endsWith('.spec'))
    .map(file => file.slice(0, -'.spec'.length))
    .filter(name => words.length === 0 || words.some(word => name.includes(word)))
    .toSorted();
}

/** Reads a spec by its name. */
export function readSpec(name: string): IsolationSpec {
  return parseSpec(name, readFileSync(join(folder, `${name}.spec`), 'utf8'));
}

/** What PostgreSQL answered, by the steps in order. */
export function readExpectations(name: string): ReadonlyMap<string, readonly string[]> {
  const path = join(folder, `${name}.expected`);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const lines = text.split('\n');
  if (!stamp.test(lines[0] ?? ''))
    throw new Error(`${name} has no stamp: node test/isolation/main.ts --complete ${name}`);
  const found = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of lines.slice(1)) {
    if (line.startsWith('permutation ')) {
      current = [];
      found.set(line.slice('permutation '.length), current);
    } else if (line !== '') current.push(line);
  }
  return found;
}

/** Writes what PostgreSQL answered. */
export function writeExpectations(
  name: string,
  version: string,
  outcomes: readonly Outcome[],
): void {
  const blocks = outcomes.map(
    ({permutation, lines}) => `permutation ${permutation.join(' ')}\n${lines.join('\n')}\n`,
  );
  const text = `# completed-by: PostgreSQL ${version}\n${blocks.join('\n')}`;
  writeFileSync(join(folder, `${name}.expected`), text);
}
