import type {Expectation} from '../slt/script.ts';

/** How an answer of Wadi relates to PostgreSQL's. */
export type Verdict = 'same' | 'unsupported' | 'different';

const tolerance = 1e-9;

/** Rows are a multiset; doubles may differ in their last digits (order of sums); a refusal with 0A000 is no wrong answer. */
export function compare(postgres: Expectation, wadi: Expectation): Verdict {
  if (wadi.kind === 'error' && wadi.code === '0A000') return 'unsupported';
  if (postgres.kind === 'error' && wadi.kind === 'error') {
    // Which of several failing rows or operands is met first is free, but not that it is a data exception.
    const bothData = postgres.code.startsWith('22') && wadi.code.startsWith('22');
    return postgres.code === wadi.code || bothData ? 'same' : 'different';
  }
  if (postgres.kind !== 'rows' || wadi.kind !== 'rows') {
    return postgres.kind === wadi.kind ? 'same' : 'different';
  }
  if (postgres.types !== wadi.types || postgres.rows.length !== wadi.rows.length)
    return 'different';
  const wanted = postgres.rows.map(unsignedZeros).toSorted();
  const got = wadi.rows.map(unsignedZeros).toSorted();
  const isSame = wanted.every(
    (row, i) => row === got[i] || sameRow(postgres.types, row, got[i] ?? ''),
  );
  return isSame ? 'same' : 'different';
}

/** Which of the equal values -0 and 0 DISTINCT and GROUP BY keep is free: it depends on the order of the rows. */
function unsignedZeros(row: string): string {
  return row
    .split(' | ')
    .map(value => (value === '-0' ? '0' : value))
    .join(' | ');
}

function sameRow(types: string, wanted: string, got: string): boolean {
  const [left, right] = [wanted.split(' | '), got.split(' | ')];
  if (left.length !== types.length || right.length !== types.length) return false;
  return left.every(
    (value, i) => value === right[i] || (types[i] === 'R' && isNear(value, right[i])),
  );
}

function isNear(left: string, right: string | undefined): boolean {
  const [a, b] = [Number(left), Number(right)];
  if (Number.isNaN(a) || Number.isNaN(b)) return false;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
}
