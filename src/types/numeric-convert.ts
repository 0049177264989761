import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {float4ToText} from './float-text.ts';
import {numericCompare, numericRound} from './numeric-math.ts';
import {numericToText, parseNumeric, pow10} from './numeric-text.ts';
import {Numeric} from './numeric-value.ts';
import {nearestSingle, sideOfDecimal} from './single.ts';
import {typeOutOfRange} from './type-errors.ts';

/** An integer as numeric. */
export function numericFromInt(value: number | bigint): Numeric {
  return Numeric.of(BigInt(value), 0);
}

/** double precision to numeric: 15 significant digits, as PostgreSQL's %.15g. */
export function numericFromFloat8(value: number): Numeric {
  if (value !== value) return Numeric.nan;
  if (!Number.isFinite(value)) return value > 0 ? Numeric.infinity : Numeric.minusInfinity;
  return parseNumeric(trimZeros(value.toPrecision(15)));
}

/** real to numeric: 6 significant digits. */
export function numericFromFloat4(value: number): Numeric {
  if (!Number.isFinite(value)) return numericFromFloat8(value);
  return parseNumeric(trimZeros(value === 0 ? '0' : float4ToText(value, 0)));
}

/** %g drops trailing zeros of the fraction. */
function trimZeros(text: string): string {
  const at = text.indexOf('e');
  const mantissa = at === -1 ? text : text.slice(0, at);
  if (!mantissa.includes('.')) return text;
  return mantissa.replace(/\.?0+$/, '') + (at === -1 ? '' : text.slice(at));
}

/** numeric to the nearest double; beyond its range infinite (callers raise 22003). */
export function numericToFloat(value: Numeric): number {
  switch (value.kind) {
    case 'finite':
      return value.scale === 0 &&
        value.digits < 9007199254740992n &&
        value.digits > -9007199254740992n
        ? Number(value.digits)
        : Number(numericToText(value));
    case 'nan':
      return NaN;
    case 'inf':
      return Infinity;
    case '-inf':
      return -Infinity;
  }
}

/** numeric cast to double precision; 22003 beyond its range. */
export function numericToFloat8(value: Numeric): number {
  const result = numericToFloat(value);
  if (
    value.kind === 'finite' &&
    (!Number.isFinite(result) || (result === 0 && value.digits !== 0n))
  ) {
    throw floatRange(value, 'double precision');
  }
  return result;
}

/** numeric cast to real; 22003 beyond its range. */
export function numericToFloat4(value: Numeric): number {
  const wide = numericToFloat(value);
  const result = nearestSingle(wide, () => sideOfDecimal(numericToText(value), wide));
  if (
    value.kind === 'finite' &&
    (!Number.isFinite(result) || (result === 0 && value.digits !== 0n))
  ) {
    throw floatRange(value, 'real');
  }
  return result;
}

function floatRange(value: Numeric, type: string): PgError {
  return new PgError(
    SqlState.numericValueOutOfRange,
    `"${numericToText(value)}" is out of range for type ${type}`,
  );
}

/** numeric cast to an integer type, rounded half away from zero. */
export function numericToInteger(value: Numeric, type: 'smallint' | 'integer' | 'bigint'): bigint {
  if (value.kind !== 'finite') {
    const what = value.kind === 'nan' ? 'NaN' : 'infinity';
    throw featureNotSupported(`cannot convert ${what} to ${type}`);
  }
  const whole = value.scale === 0 ? value.digits : numericRound(value, 0).digits;
  const bits = type === 'smallint' ? 16 : type === 'integer' ? 32 : 64;
  if (BigInt.asIntN(bits, whole) !== whole) throw typeOutOfRange(type);
  return whole;
}

/** numeric cast to integer. */
export function numericToInt4(value: Numeric): number {
  return Number(numericToInteger(value, 'integer'));
}

/** numeric cast to smallint. */
export function numericToInt2(value: Numeric): number {
  return Number(numericToInteger(value, 'smallint'));
}

/** numeric cast to bigint. */
export function numericToInt8(value: Numeric): bigint {
  return numericToInteger(value, 'bigint');
}

/** A float rounded half to even into an integer type (the cast); 22003 beyond its range. */
export function floatToInteger(value: number, type: 'smallint' | 'integer' | 'bigint'): number {
  const rounded = roundHalfEven(value);
  const limit = type === 'smallint' ? 32768 : type === 'integer' ? 2147483648 : 2 ** 63;
  if (!(rounded >= -limit && rounded < limit)) throw typeOutOfRange(type);
  return rounded === 0 ? 0 : rounded;
}

/** C's rint. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Rounds to a numeric typmod and refuses what does not fit (22003 with PostgreSQL's detail). */
export function applyNumericTypmod(value: Numeric, typmod: number): Numeric {
  if (typmod < 4 || value.kind === 'nan') return value;
  const {precision, scale} = numericTypmodParts(typmod);
  if (value.kind !== 'finite') {
    throw fieldOverflow(
      `A field with precision ${precision}, scale ${scale} cannot hold an infinite value.`,
    );
  }
  const rounded = value.scale === scale ? value : numericRound(value, scale);
  const limit = precision - scale;
  const bound = limit >= 0 ? pow10(limit) * pow10(rounded.scale) : 1n;
  const magnitude = rounded.digits < 0n ? -rounded.digits : rounded.digits;
  const fits =
    limit >= 0
      ? magnitude < bound
      : numericCompare(Numeric.of(magnitude, rounded.scale), Numeric.of(1n, -limit)) < 0;
  if (fits) return rounded;
  throw fieldOverflow(
    `A field with precision ${precision}, scale ${scale} must round to an absolute value less than ${limit === 0 ? '1' : `10^${limit}`}.`,
  );
}

function fieldOverflow(detail: string): PgError {
  return new PgError(SqlState.numericValueOutOfRange, 'numeric field overflow', {detail});
}

/** Precision and (possibly negative) scale of a numeric typmod >= 4. */
export function numericTypmodParts(typmod: number): {
  readonly precision: number;
  readonly scale: number;
} {
  const packed = typmod - 4;
  return {precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024};
}
