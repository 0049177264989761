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
const flushPolls = 5_000;

interface KnownGap {
  readonly reason: string;
  /** Lines of the records that Wadi is known to fail. */
  readonly lines: readonly number[];
  /** Modes in which it fails; absent: all. */
  readonly modes?: readonly string[];
}

const knownGaps = JSON.parse(
  readFileSync(join(scriptFolder, 'known-gaps.json'), 'utf8'),
) as Readonly<Record<string, KnownGap>>;

/** Why a record is known to fail, or null. */
function knownGap(path: string, line: number, mode: SltMode): string | null {
  const gap = knownGaps[path];
  if (gap === undefined || !gap.lines.includes(line)) return null;
  return gap.modes === undefined || gap.modes.includes(mode) ? gap.reason : null;
}

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
          const gap = knownGap(path, record.line, mode);
          if (gap !== null) {
            // A gap that has closed leaves the list: it only shrinks.
            if (problem === null) t.fail(`${name} passes now: take it out of known-gaps.json`);
            else t.fail(name, {todo: gap});
          } else if (problem === null) t.pass(name);
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
  // A flush is a job: what follows shall find its rows cold.
  for (let i = 0; i < flushPolls; i += 1) {
    const open = await control.run(
      `SELECT job_id FROM system.jobs WHERE type = 'flush' AND status IN ('queued', 'running')`,
    );
    if (open.kind !== 'rows' || open.rows.length === 0) return;
    await new Promise(resolve => setTimeout(resolve, 2));
  }
  throw new Error('a flush job does not end');
}

/** Proves that a cold run has been one: no table of the schema that can be flushed has rows left in hot storage. */
async function allRowsAreCold(control: SltConnection, schema: string): Promise<string | null> {
  await flush(control, true);
  const wrong = await control.run(
    `SELECT s.table_name, s.hot_rows, s.cold_rows, s.segments
     FROM system.stats s JOIN system.tables t USING (namespace, table_name)
     WHERE s.namespace = '${schema}' AND t.table_type <> 'stream'
       AND (s.hot_rows > 0 OR (s.cold_rows > 0 AND s.segments = 0))`,
  );
  if (wrong.kind !== 'rows') return `system.stats: ${JSON.stringify(wrong)}`;
  if (wrong.rows.length === 0) return null;
  return `rows that are not cold after the last flush: ${wrong.rows.join(', ')}`;
}
