// Cost of the wire alone: pgbench against a session that answers 1. Prints CPU microseconds of the server per query.
import {fork, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const seconds = Number(process.env['SECONDS'] ?? 3);
const runs = Number(process.env['RUNS'] ?? 3);
const pgbench = ['/usr/lib/postgresql/15/bin/pgbench', '/usr/bin/pgbench'].find(existsSync);
if (pgbench === undefined) {
  console.log('pgbench is not installed');
  process.exit(0);
}

interface Cpu {
  readonly user: number;
  readonly system: number;
}

const folder = mkdtempSync(join(tmpdir(), 'wadi-bench-'));
const child = fork(join(import.meta.dirname, 'wire-stub.ts'));
const [{port}] = (await once(child, 'message')) as [{port: number}];
const single = join(folder, 'single.sql');
const pipeline = join(folder, 'pipeline.sql');
writeFileSync(single, 'SELECT 1;\n');
writeFileSync(pipeline, `\\startpipeline\n${'SELECT 1;\n'.repeat(100)}\\endpipeline\n`);

async function cpu(): Promise<Cpu> {
  child.send('cpu');
  const [{cpu: used}] = (await once(child, 'message')) as [{cpu: Cpu}];
  return used;
}

async function measure(
  script: string,
  perTransaction: number,
  mode: string,
  clients: number,
): Promise<void> {
  let [best, rate] = [Infinity, 0];
  for (let run = 0; run < runs; run++) {
    const before = await cpu();
    const args = ['-n', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-M', mode];
    const result = spawnSync(
      pgbench!,
      [...args, '-c', String(clients), '-j', '1', '-T', String(seconds), '-f', script, 'postgres'],
      {encoding: 'utf8'},
    );
    const after = await cpu();
    const count = /actually processed: (\d+)/.exec(result.stdout)?.[1];
    if (count === undefined) throw new Error(result.stderr);
    const queries = Number(count) * perTransaction;
    const used = after.user + after.system - before.user - before.system;
    best = Math.min(best, used / queries);
    rate = Math.max(rate, queries / seconds);
  }
  const name = `${perTransaction > 1 ? `pipeline ${perTransaction}, ` : ''}${mode} c=${clients}`;
  console.log(`${name}: ${best.toFixed(2)} us, ${Math.round(rate / 1000)}k queries/s`);
}

try {
  for (const mode of ['simple', 'extended', 'prepared']) {
    for (const clients of [1, 8]) await measure(single, 1, mode, clients);
  }
  for (const mode of ['extended', 'prepared']) await measure(pipeline, 100, mode, 8);
} finally {
  child.disconnect();
  rmSync(folder, {recursive: true});
}
