import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum} from '../types/contract.ts';
import {numericCompare, numericSign} from '../types/numeric-math.ts';
import {pow10} from '../types/numeric-text.ts';
import {Numeric} from '../types/numeric-value.ts';
import type {SetFunctionCode} from './contract.ts';

const zeroStep = (): PgError =>
  new PgError(SqlState.invalidParameterValue, 'step size cannot equal zero');

class IntSeries implements Iterator<Datum> {
  #next: number;
  readonly #end: number;
  readonly #step: number;

  constructor(start: number, end: number, step: number) {
    if (step === 0) throw zeroStep();
    this.#next = start;
    this.#end = end;
    this.#step = step;
  }

  next(): IteratorResult<Datum> {
    const value = this.#next;
    if (this.#step > 0 ? value > this.#end : value < this.#end)
      return {done: true, value: undefined};
    this.#next = value + this.#step;
    return {done: false, value};
  }
}

function* bigSeries(start: bigint, end: bigint, step: bigint): Generator<Datum> {
  if (step === 0n) throw zeroStep();
  for (let value = start; step > 0n ? value <= end : value >= end; value += step) yield value;
}

function* numericSeries(start: Numeric, end: Numeric, step: Numeric): Generator<Datum> {
  for (const [name, value] of [
    ['start', start],
    ['stop', end],
    ['step size', step],
  ] as const) {
    if (value.kind !== 'finite') {
      throw new PgError(
        SqlState.invalidParameterValue,
        `${name}${name === 'step size' ? '' : ' value'} cannot be ${value.kind === 'nan' ? 'NaN' : 'infinity'}`,
      );
    }
  }
  const direction = numericSign(step);
  if (direction === 0) throw zeroStep();
  for (
    let value = start;
    numericCompare(value, end) * direction <= 0;
    value = numericStep(value, step)
  )
    yield value;
}

/** value + step, which may pass beyond what a numeric can hold: then the series ends. */
function numericStep(value: Numeric, step: Numeric): Numeric {
  const scale = Math.max(value.scale, step.scale);
  return Numeric.of(
    value.digits * pow10(scale - value.scale) + step.digits * pow10(scale - step.scale),
    scale,
  );
}

const int4: SetFunctionCode = {
  create: () => args =>
    new IntSeries(args[0] as number, args[1] as number, (args[2] as number | undefined) ?? 1),
};
const int8: SetFunctionCode = {
  create: () => args =>
    bigSeries(args[0] as bigint, args[1] as bigint, (args[2] as bigint | undefined) ?? 1n),
};
const ONE = Numeric.of(1n, 0);
const numeric: SetFunctionCode = {
  create: () => args =>
    numericSeries(args[0] as Numeric, args[1] as Numeric, (args[2] as Numeric | undefined) ?? ONE),
};

/** generate_series over numbers. Set-returning functions are strict: the caller makes no call when an argument is NULL. */
export const seriesSets: Readonly<Record<string, SetFunctionCode>> = {
  generate_series_int4: int4,
  generate_series_step_int4: int4,
  generate_series_int8: int8,
  generate_series_step_int8: int8,
  generate_series_numeric: numeric,
  generate_series_step_numeric: numeric,
};
