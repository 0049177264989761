import {spawn} from 'node:child_process';
import {dirname, join} from 'node:path';

const root = dirname(dirname(import.meta.dirname));
const main = join(root, process.env['WADI_MAIN'] ?? 'src/main.ts');

/** What a command did. */
export interface Done {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of wadi to its end, beside whatever else this process does. */
export function wadi(...args: readonly string[]): Promise<Done> {
  const child = spawn(process.execPath, [main, ...args], {stdio: ['ignore', 'pipe', 'pipe']});
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', chunk => (stdout += String(chunk)));
  child.stderr.on('data', chunk => (stderr += String(chunk)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', status => resolve({status, stdout, stderr}));
  });
}
