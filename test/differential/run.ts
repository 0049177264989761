import {type Address, SltConnection} from '../slt/connection.ts';
import type {Expectation} from '../slt/script.ts';
import {compare, type Verdict} from './compare.ts';
import {Random} from './random.ts';
import {checkStatements, randomStatement, setupStatements} from './statements.ts';

/** What came of a run: how many answers were the same, refused, different. */
export interface DifferentialCounts {
  same: number;
  unsupported: number;
  different: number;
  /** Statements that PostgreSQL itself refused: a generator of errors only would test little. */
  errors: number;
}

/** Called for each answer that is not the same. */
export type DifferenceListener = (
  sql: string,
  verdict: Verdict,
  postgres: Expectation,
  wadi: Expectation,
) => void;

const schema = 'differential';
const statementsPerCheck = 50;

/** Runs random statements of one seed on both servers; every 50th time all rows of the tables are compared. */
export async function runDifferential(
  postgres: Address,
  wadi: Address,
  options: {readonly seed: number; readonly count: number},
  onDifference: DifferenceListener,
): Promise<DifferentialCounts> {
  const counts: DifferentialCounts = {same: 0, unsupported: 0, different: 0, errors: 0};
  const both = [await openSide(postgres), await openSide(wadi)] as const;
  const ask = async (sql: string): Promise<void> => {
    const [left, right] = await Promise.all([both[0].run(sql), both[1].run(sql)]);
    if (both.some(side => side.isBroken)) throw new Error(`a server was lost at: ${sql}`);
    const verdict = compare(left, right);
    counts[verdict] += 1;
    if (left.kind === 'error') counts.errors += 1;
    if (verdict !== 'same') onDifference(sql, verdict, left, right);
  };
  try {
    const random = new Random(options.seed);
    for (const sql of setupStatements(random)) await ask(sql);
    for (let i = 1; i <= options.count; i += 1) {
      await ask(randomStatement(random));
      if (i % statementsPerCheck === 0) for (const sql of checkStatements()) await ask(sql);
    }
    return counts;
  } finally {
    await Promise.all(both.map(side => side.close()));
  }
}

async function openSide(address: Address): Promise<SltConnection> {
  const side = await SltConnection.open(address, schema);
  for (const sql of [`DROP SCHEMA IF EXISTS ${schema} CASCADE`, `CREATE SCHEMA ${schema}`]) {
    await side.run(sql);
  }
  return side;
}
