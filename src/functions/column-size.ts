import {featureNotSupported} from '../common/errors.ts';
import type {Datum, Value} from '../types/contract.ts';
import {formatType} from '../types/format-type.ts';
import type {CallTypes} from './contract.ts';
import type {FunctionTable} from './table.ts';

/** The length word of a value of varying length. */
const HEADER = 4;

/** pg_column_size of a value that is not stored: what PostgreSQL would need for it in memory. */
function columnSize(types: CallTypes): (value: Value) => Datum {
  const type = types.args[0]!;
  if (type.length > 0) return () => type.length;
  switch (type.name) {
    case 'text':
    case 'varchar':
    case 'bpchar':
    case 'json':
      return value => HEADER + Buffer.byteLength(value as string);
    case 'bytea':
      return value => HEADER + (value as Uint8Array).length;
    case 'numeric':
      return value => numericSize(type.output(value, types.context().format));
    default:
      throw featureNotSupported(
        `pg_column_size of type ${formatType(type, null)} is not supported`,
      );
  }
}

/** Groups of four digits, without those of zeros at the ends; a short header where weight and scale are small (numeric.c). */
function numericSize(text: string): number {
  if (!/[0-9]/.test(text)) return HEADER + 2;
  const [whole, fraction = ''] = text.replace('-', '').split('.');
  const left = whole!.padStart(Math.ceil(whole!.length / 4) * 4, '0');
  const digits = left + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
  const groups = digits.match(/.{4}/g) ?? [];
  let first = 0;
  let last = groups.length;
  while (first < last && groups[first] === '0000') first++;
  while (last > first && groups[last - 1] === '0000') last--;
  const weight = first === last ? 0 : left.length / 4 - 1 - first;
  const isShort = fraction.length <= 63 && weight >= -64 && weight <= 63;
  return HEADER + (isShort ? 2 : 4) + 2 * (last - first);
}

/** pg_column_size. */
export const columnSizeFunctions: FunctionTable = {pg_column_size: {fnTyped: columnSize}};
