/**
 * node test/isolation/main.ts --complete [words]: runs specs on a real PostgreSQL 15, which it starts, and writes what that answers.
 * Without --complete: runs them on Wadi (SPECS and --flush no|all|half).
 */
import {parseArgs} from 'node:util';
import {startPostgres} from '../support/postgres-server.ts';
import {findSpecs, readSpec, writeExpectations} from './expectations.ts';
import {type Outcome, type RunOptions, SpecRun} from './run-spec.ts';

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {complete: {type: 'boolean', default: false}, flush: {type: 'string', default: 'no'}},
});

if (values.complete) await complete(positionals);
else {
  process.env['SPECS'] = positionals.join(',');
  // Imported here alone: tap, which it uses, ends a process that does not report.
  const {testMode} = await import('./modes.ts');
  await testMode(values.flush as RunOptions['flush']);
}

async function complete(words: readonly string[]): Promise<void> {
  const server = await startPostgres();
  try {
    const address = {host: server.host, port: server.port, user: 'postgres', database: 'postgres'};
    for (const name of findSpecs(words)) {
      const spec = readSpec(name);
      const run = new SpecRun(spec, {address, settleMs: 60, flush: 'no'});
      await run.open();
      const outcomes: Outcome[] = [];
      for (const permutation of spec.permutations) outcomes.push(await run.run(permutation, null));
      await run.close();
      writeExpectations(name, server.version, outcomes);
      console.log(`${name}: ${outcomes.length}`);
    }
  } finally {
    await server.stop();
  }
}
