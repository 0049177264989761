// Benchmarks against PostgreSQL 15 on the same machine:
// `npm run bench -- point|commit|scan|loop|start|live|storage|olap [--seconds n] [--rounds n] [--rows n]`.
import {parseArgs} from 'node:util';
import {commit} from './commit.ts';
import {live} from './live/suite.ts';
import {loop} from './loop.ts';
import {olap} from './olap.ts';
import {point} from './point.ts';
import {scan} from './scan.ts';
import {storage} from './storage/suite.ts';
import {startUp} from './start-up.ts';
import type {SuiteOptions} from './support/suite-options.ts';

const suites: Readonly<Record<string, (options: SuiteOptions) => Promise<void>>> = {
  point,
  commit,
  scan,
  loop,
  start: startUp,
  live,
  storage,
  olap,
};

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    seconds: {type: 'string', default: '3'},
    rounds: {type: 'string', default: '5'},
    rows: {type: 'string', default: '1000000'},
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(suites);
const options = {
  seconds: Number(values.seconds),
  rounds: Number(values.rounds),
  rows: Number(values.rows),
};
for (const name of names) {
  const suite = suites[name];
  if (suite === undefined) {
    process.stderr.write(`no suite "${name}"; there are ${Object.keys(suites).join(', ')}\n`);
    process.exit(1);
  }
  await suite(options);
}
process.exit(0);
