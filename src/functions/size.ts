import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {numericToInt8} from '../types/numeric-convert.ts';
import {numericMul, numericRound, numericTrunc} from '../types/numeric-math.ts';
import {numericToText, parseNumeric} from '../types/numeric-text.ts';
import {Numeric} from '../types/numeric-value.ts';

const units: readonly {readonly name: string; readonly bits: number}[] = [
  {name: 'bytes', bits: 0},
  {name: 'kB', bits: 10},
  {name: 'MB', bits: 20},
  {name: 'GB', bits: 30},
  {name: 'TB', bits: 40},
  {name: 'PB', bits: 50},
];

/** pg_size_pretty: whole units, rounded half away from zero, from 10 of the smaller unit on. */
export function formatBytes(size: bigint): string {
  let value = size;
  const magnitude = (): bigint => (value < 0n ? -value : value);
  if (magnitude() < 10240n) return `${value} bytes`;
  let unit = 0;
  let isHalf = false;
  while (unit < units.length - 1 && (unit === 0 ? magnitude() >= 10240n : magnitude() >= 20479n)) {
    unit++;
    const bits = unit === 1 ? 9n : 10n;
    value = value < 0n ? -(magnitude() >> bits) : value >> bits;
    isHalf = true;
  }
  return `${isHalf ? halfRounded(value) : value} ${units[unit]!.name}`;
}

const halfRounded = (value: bigint): bigint => (value < 0n ? (value - 1n) / 2n : (value + 1n) / 2n);

/** pg_size_pretty(numeric). */
export function formatBytesNumeric(size: Numeric): string {
  const whole = numericTrunc(size, 0);
  if (whole.kind !== 'finite') return `${numericToText(size)} PB`;
  if (whole.digits < 10240n && whole.digits > -10240n) return `${numericToText(size)} bytes`;
  return formatBytes(numericRound(size, 0).digits);
}

/** pg_size_bytes. */
export function parseSize(text: string): bigint {
  const bad = (fields: {hint?: string; detail?: string}): PgError =>
    new PgError(SqlState.invalidParameterValue, `invalid size: "${text}"`, fields);
  const match = /^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*$/s.exec(text);
  if (match === null) throw new PgError(SqlState.invalidParameterValue, `invalid size: "${text}"`);
  const name = match[2]!.toLowerCase();
  const unit = name === '' ? units[0] : units.find(each => each.name.toLowerCase() === name);
  if (unit === undefined) {
    throw bad({
      detail: `Invalid size unit: "${match[2]}".`,
      hint: 'Valid units are "bytes", "kB", "MB", "GB", "TB", and "PB".',
    });
  }
  return numericToInt8(numericMul(parseNumeric(match[1]!), Numeric.of(1n << BigInt(unit.bits), 0)));
}
