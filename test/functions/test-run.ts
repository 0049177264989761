import type {EvalContext} from '../../src/functions/contract.ts';
import type {ExprRun} from '../../src/expr/run.ts';
import {defaultFormatSettings} from '../../src/types/format-settings.ts';
import type {TypeLookup} from '../../src/types/contract.ts';

/** A run for tests: New York, a fixed clock, no session behind it. */
export function testRun(types: TypeLookup): ExprRun {
  const none = (): never => {
    throw new Error('no port in this test');
  };
  const context: EvalContext = {
    format: {...defaultFormatSettings, timeZone: 'America/New_York', transactionTimestamp: 0n},
    types,
    clock: {transactionTimestamp: () => 0n, statementTimestamp: () => 1n, clockTimestamp: () => 2n},
    session: {
      currentUser: () => 'alice',
      sessionUser: () => 'bob',
      currentDatabase: () => 'db',
      currentSchemas: () => ['public'],
      backendPid: () => 7,
    },
    sequences: {nextval: none, currval: none, setval: none, lastval: none},
    settings: {get: () => undefined, set: none},
    catalog: {call: none},
    random: {next: () => 0.5, seed: none, bytes: size => new Uint8Array(size)},
    extern: {call: none},
  };
  return {params: [], slots: [], outer: [], context};
}
