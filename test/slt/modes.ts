import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';
import type {SltConnection} from './connection.ts';
import {runScript, type SltRunOptions} from './run-script.ts';
import {parseScript, type SltScript, stampPattern} from './script.ts';

/** Where rows lie, and how operators are called, while the scripts run: they must not see a difference. */
export type SltMode = 'hot' | 'cold' | 'mixed' | 'paused';

/** The folder of the scripts. */
export const scriptFolder = dirname(fileURLToPath(import.meta.url));

const shownFailures = 15;

/** All scripts under test/slt/, or those whose path contains one of the given words. */
export function findScripts(words: readonly string[] = []): string[] {
  return readdirSync(scriptFolder, {recursive: true, encoding: 'utf8'})
    .filter(path => path.endsWith('.slt'))
    .filter(path => words.length === 0 || words.some(word => path.includes(word)))
    .toSorted();
}

/** Reads a script; one under pg/ must carry the stamp of the PostgreSQL that wrote its results. */
export function readScript(path: string): SltScript {
  const text = readFileSync(join(scriptFolder, path), 'utf8');
  const script = parseScript(path, text);
  if (path.startsWith('pg') && !stampPattern.test(text.split('\n', 1)[0] ?? '')) {
    throw new Error(`${path} has no stamp: npm run slt -- --complete ${path}`);
  }
  return script;
}

/** Runs every script against one Wadi server, one subtest for each. */
export async function testMode(mode: SltMode): Promise<void> {
  const env: Record<string, string> = mode === 'paused' ? {WADI_TEST_PAUSE: '1'} : {};
  let server = await startWadi({env});
  t.teardown(() => server.stop());
  for (const path of findScripts((process.env['SLT'] ?? '').split(',').filter(Boolean))) {
    await t.test(relative(scriptFolder, join(scriptFolder, path)), async t => {
      const isAlive = await runScript(readScript(path), optionsOf(mode, server), {
        onRecord(record, actual, problem) {
          const name = `${path}:${record.line}`;
          if (problem === null) t.pass(name);
          else if (t.counts.fail < shownFailures) {
            t.fail(name, {sql: record.sql, problem, actual: actual.kind, stack: '', at: null});
          } else t.fail(name, {stack: '', at: null});
        },
      });
      if (isAlive) return;
      t.fail(`${path}: the server went away`, {errors: server.errors(), stack: '', at: null});
      await server.stop();
      server = await startWadi({env});
    });
  }
}

function optionsOf(mode: SltMode, server: WadiServer): SltRunOptions {
  const {host, port} = server;
  const isCold = mode === 'cold';
  return {
    address: {host, port, user: 'postgres', database: 'postgres'},
    mode,
    isPostgres: false,
    afterWrite:
      isCold || mode === 'mixed' ? (c, writes) => flush(c, isCold || writes % 2 === 0) : null,
    atEnd: isCold ? allRowsAreCold : null,
  };
}

async function flush(control: SltConnection, isWanted: boolean): Promise<void> {
  if (!isWanted) return;
  const outcome = await control.run('STORAGE FLUSH ALL');
  if (outcome.kind === 'error') throw new Error(`flush: ${outcome.code} ${outcome.message}`);
}

/** Proves that a cold run has been one: no table of the schema that can be flushed has rows left in hot storage. */
async function allRowsAreCold(control: SltConnection, schema: string): Promise<string | null> {
  await flush(control, true);
  const left = await control.run(
    `SELECT table_name, hot_rows FROM system.tables
     WHERE namespace = '${schema}' AND type <> 'stream' AND hot_rows > 0`,
  );
  if (left.kind !== 'rows') return `system.tables: ${JSON.stringify(left)}`;
  if (left.rows.length > 0) return `hot rows left after the last flush: ${left.rows.join(', ')}`;
  const lost = await control.run(
    `SELECT t.table_name FROM system.tables t
     WHERE t.namespace = '${schema}' AND t.type <> 'stream' AND t.cold_rows > 0
       AND NOT EXISTS (SELECT 1 FROM system.segments s
                       WHERE s.namespace = t.namespace AND s.table_name = t.table_name)`,
  );
  if (lost.kind !== 'rows') return `system.segments: ${JSON.stringify(lost)}`;
  return lost.rows.length === 0 ? null : `cold rows without a segment: ${lost.rows.join(', ')}`;
}
