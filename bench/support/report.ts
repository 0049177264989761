import {execFileSync} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import {cpus, loadavg, release, totalmem} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** One line of a table: a name, then figures by column. */
export interface ReportRow {
  readonly name: string;
  readonly values: Readonly<Record<string, number | string>>;
}

/** Prints a suite's tables and stores them with what one must know to compare it later. */
export function report(
  suite: string,
  rows: readonly ReportRow[],
  notes: readonly string[] = [],
): void {
  const cell = (value: number | string | undefined): string =>
    value === undefined
      ? ''
      : typeof value === 'string'
        ? value
        : value >= 100
          ? value.toFixed(0)
          : value.toFixed(2);
  const width = Math.max(...rows.map(row => row.name.length), 4);
  const line = (cells: readonly string[]): string => cells.map(text => text.padStart(12)).join('');
  let header = '';
  process.stdout.write('\n');
  // Rows that have other figures than those above get a header of their own.
  for (const row of rows) {
    const columns = Object.keys(row.values);
    if (line(columns) !== header) {
      header = line(columns);
      process.stdout.write(`${suite.padEnd(width)}${header}\n`);
    }
    process.stdout.write(
      `${row.name.padEnd(width)}${line(columns.map(column => cell(row.values[column])))}\n`,
    );
  }
  for (const note of notes) process.stdout.write(`  ${note}\n`);
  const folder = join(root, 'bench', 'results');
  mkdirSync(folder, {recursive: true});
  const at = new Date().toISOString();
  const file = join(folder, `${suite}-${at.slice(0, 19).replaceAll(':', '')}.json`);
  writeFileSync(file, `${JSON.stringify({suite, at, ...environment(), notes, rows}, null, 2)}\n`);
  process.stdout.write(`  stored in ${file.slice(root.length + 1)}\n`);
}

function environment(): Record<string, unknown> {
  const git = (...args: readonly string[]): string => {
    try {
      return execFileSync('git', args, {cwd: root}).toString().trim();
    } catch {
      return 'unknown';
    }
  };
  return {
    commit: git('rev-parse', '--short', 'HEAD'),
    isDirty: git('status', '--porcelain', '--', 'src') !== '',
    node: process.version,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cpus: cpus().length,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      load: loadavg()[0],
    },
  };
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
