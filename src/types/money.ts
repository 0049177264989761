import {valueOutOfRange, invalidSyntax} from './type-errors.ts';
import type {Value} from './contract.ts';
import {int64Layout, Int64BasedType} from './integers.ts';

/** money: cents, shown as under lc_monetary C. */
export class MoneyType extends Int64BasedType {
  constructor() {
    super({oid: 790, name: 'money', arrayOid: 791, category: 'N', length: 8}, int64Layout);
  }

  input(text: string): Value {
    return parseMoney(text);
  }

  output(value: Value): string {
    return moneyToText(value as bigint);
  }
}

/** Cents of `$1,234.56`, `-5`, `(3.1)`. */
export function parseMoney(text: string): bigint {
  const match =
    /^\s*([-+(]?)\s*\$?\s*([-+(]?)\s*(\d[\d,]*)?(?:\.(\d*))?\s*(\)?)\s*(-?)\s*\$?\s*$/.exec(text);
  if (text.trim() === '') return 0n;
  if (match === null || (match[3] === undefined && (match[4] ?? '') === ''))
    throw invalidSyntax('money', text);
  const whole = (match[3] ?? '0').replaceAll(',', '');
  const fraction = match[4] ?? '';
  let cents = BigInt(whole) * 100n + BigInt(fraction.slice(0, 2).padEnd(2, '0'));
  if (fraction.length > 2 && fraction.charCodeAt(2) >= 53) cents += 1n;
  const isNegative = [match[1], match[2], match[6]].some(sign => sign === '-' || sign === '(');
  const value = isNegative ? -cents : cents;
  if (BigInt.asIntN(64, value) !== value) throw valueOutOfRange('money', text);
  return value;
}

/** `-$1,234.56`. */
export function moneyToText(cents: bigint): string {
  const size = cents < 0n ? -cents : cents;
  const whole = (size / 100n).toString().replace(/\B(?=(\d{3})+$)/g, ',');
  return `${cents < 0n ? '-' : ''}$${whole}.${(size % 100n).toString().padStart(2, '0')}`;
}
