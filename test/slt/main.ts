/**
 * npm run slt -- [--complete] [--postgres | --mode hot|cold|mixed|paused] [words of script paths]
 * --complete runs scripts of pg/ on a real PostgreSQL 15, which it starts, and writes what that answers into them.
 * --postgres checks them against it; otherwise they run on a Wadi server in one mode.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {startPostgres} from '../support/postgres-server.ts';
import {findScripts, readScript, scriptFolder, type SltMode, testMode} from './modes.ts';
import {runScript} from './run-script.ts';
import {
  type Expectation,
  parseScript,
  printScript,
  type SltRecord,
  type SltScript,
  stampPattern,
} from './script.ts';

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    complete: {type: 'boolean', default: false},
    postgres: {type: 'boolean', default: false},
    mode: {type: 'string', default: 'hot'},
  },
});

if (values.complete || values.postgres) process.exitCode = await runOnPostgres();
else {
  process.env['SLT'] = positionals.join(',');
  await testMode(values.mode as SltMode);
}

async function runOnPostgres(): Promise<number> {
  const server = await startPostgres();
  const counts = {passed: 0, failed: 0};
  try {
    for (const path of findScripts(positionals).filter(path => path.startsWith('pg'))) {
      const file = join(scriptFolder, path);
      const script = values.complete
        ? parseScript(path, readFileSync(file, 'utf8'))
        : readScript(path);
      const outcomes = new Map<SltRecord, Expectation>();
      await runScript(
        script,
        {
          address: {host: server.host, port: server.port, user: 'postgres', database: 'postgres'},
          ...{mode: 'hot', isPostgres: true, afterWrite: null, atEnd: null},
        },
        {
          onRecord(record, actual, problem) {
            outcomes.set(record, actual);
            counts[problem === null || values.complete ? 'passed' : 'failed'] += 1;
            if (problem !== null) say(`${path}:${record.line}`, record, actual, problem);
          },
        },
      );
      if (values.complete)
        writeFileSync(file, printScript(complete(script, outcomes, server.version)));
    }
  } finally {
    await server.stop();
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

function complete(
  script: SltScript,
  outcomes: ReadonlyMap<SltRecord, Expectation>,
  version: string,
): SltScript {
  const items = script.items.map(item => {
    const outcome = item.kind === 'record' ? outcomes.get(item) : undefined;
    if (item.kind !== 'record' || outcome === undefined) return item;
    return {...item, expected: expectationFrom(item, outcome)};
  });
  const first = items[0];
  const stamp = {kind: 'text', text: `# completed-by: PostgreSQL ${version}`} as const;
  const hasStamp = first?.kind === 'text' && stampPattern.test(first.text);
  return {file: script.file, items: [stamp, ...(hasStamp ? items.slice(1) : items)]};
}

/** A statement stays one though it has rows; a query whose order is free stays so. */
function expectationFrom(record: SltRecord, outcome: Expectation): Expectation {
  if (outcome.kind === 'rows' && !record.isQuery) return {kind: 'ok'};
  if (outcome.kind === 'rows' && record.expected.kind === 'rows' && record.expected.isSorted) {
    return {...outcome, isSorted: true, rows: outcome.rows.toSorted()};
  }
  return outcome;
}

/** In a first completion only what the author may not have meant is worth a word: an error where rows were due. */
function say(at: string, record: SltRecord, actual: Expectation, problem: string): void {
  const isSurprise = (actual.kind === 'error') !== (record.expected.kind === 'error');
  if (!values.complete || isSurprise) console.log(`${at}: ${record.sql}\n${problem}\n`);
}
