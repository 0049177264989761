// Hot path: integer arithmetic with PostgreSQL's overflow errors; generated code inlines the helpers.
import type {FunctionCode} from './contract.ts';
import type {FunctionTable} from './table.ts';
import {divisionByZero, outOfRange} from './table.ts';

/** Checks that a whole number fits int4. */
export function checkInt4(value: number): number {
  const result = value | 0;
  if (result !== value) throw outOfRange('integer');
  return result;
}

/** Checks that a whole number fits int2. */
export function checkInt2(value: number): number {
  if (value < -32768 || value > 32767) throw outOfRange('smallint');
  return value | 0;
}

/** Checks that a bigint fits int8. */
export function checkInt8(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw outOfRange('bigint');
  return value;
}

const add4 = (a: number, b: number): number => {
  const r = a + b;
  if (r !== (r | 0)) throw outOfRange('integer');
  return r;
};
const sub4 = (a: number, b: number): number => {
  const r = a - b;
  if (r !== (r | 0)) throw outOfRange('integer');
  return r;
};
const mul4 = (a: number, b: number): number => {
  const r = a * b;
  if (r !== (r | 0)) throw outOfRange('integer');
  return r | 0;
};
const div4 = (a: number, b: number): number => {
  if (b === 0) throw divisionByZero();
  if (b === -1 && a === -2147483648) throw outOfRange('integer');
  return (a / b) | 0;
};
const mod4 = (a: number, b: number): number => {
  if (b === 0) throw divisionByZero();
  return (a % b) | 0;
};
const add8 = (a: bigint, b: bigint): bigint => {
  const r = a + b;
  if (BigInt.asIntN(64, r) !== r) throw outOfRange('bigint');
  return r;
};
const sub8 = (a: bigint, b: bigint): bigint => {
  const r = a - b;
  if (BigInt.asIntN(64, r) !== r) throw outOfRange('bigint');
  return r;
};
const mul8 = (a: bigint, b: bigint): bigint => {
  const r = a * b;
  if (BigInt.asIntN(64, r) !== r) throw outOfRange('bigint');
  return r;
};
const div8 = (a: bigint, b: bigint): bigint => {
  if (b === 0n) throw divisionByZero();
  return checkInt8(a / b);
};
const mod8 = (a: bigint, b: bigint): bigint => {
  if (b === 0n) throw divisionByZero();
  return a % b;
};
const gcd4 = (a: number, b: number): number => {
  let x = Math.abs(a);
  let y = Math.abs(b);
  while (y !== 0) [x, y] = [y, x % y];
  return checkInt4(x);
};
const gcd8 = (a: bigint, b: bigint): bigint => {
  let x = a < 0n ? -a : a;
  let y = b < 0n ? -b : b;
  while (y !== 0n) [x, y] = [y, x % y];
  return checkInt8(x);
};
const lcm4 = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : checkInt4(Math.abs((a / gcd4(a, b)) * b));
const lcm8 = (a: bigint, b: bigint): bigint => {
  if (a === 0n || b === 0n) return 0n;
  const product = (a / gcd8(a, b)) * b;
  return checkInt8(product < 0n ? -product : product);
};
const abs4 = (a: number): number => checkInt4(a < 0 ? -a : a);
const abs2 = (a: number): number => checkInt2(a < 0 ? -a : a);
const abs8 = (a: bigint): bigint => checkInt8(a < 0n ? -a : a);
const neg4 = (a: number): number => checkInt4(0 - a);
const neg2 = (a: number): number => checkInt2(0 - a);
const neg8 = (a: bigint): bigint => checkInt8(-a);

type Text2 = (a: string, b: string) => string;
const call2 = (helper: unknown, convert: Text2 = (a, b) => `${a}, ${b}`): FunctionCode => ({
  emit: (a, b) => `h.run(${convert(a!, b!)})`,
  helpers: {run: helper},
});
const call1 = (helper: unknown): FunctionCode => ({
  emit: a => `h.run(${a})`,
  helpers: {run: helper},
});
const small2 = (helper: (a: number, b: number) => number): FunctionCode =>
  call2((a: number, b: number) => checkInt2(helper(a, b)));
const leftWide: Text2 = (a, b) => `BigInt(${a}), ${b}`;
const rightWide: Text2 = (a, b) => `${a}, BigInt(${b})`;

/** int2, int4, int8 and their mixtures. */
export const intArith: FunctionTable = {
  int4pl: call2(add4),
  int4mi: call2(sub4),
  int4mul: call2(mul4),
  int4div: call2(div4),
  int4mod: call2(mod4),
  int24pl: call2(add4),
  int24mi: call2(sub4),
  int24mul: call2(mul4),
  int24div: call2(div4),
  int42pl: call2(add4),
  int42mi: call2(sub4),
  int42mul: call2(mul4),
  int42div: call2(div4),
  int4abs: call1(abs4),
  int4um: call1(neg4),
  int4up: {emit: a => `${a}`, isTotal: true},
  int4inc: call1((a: number) => checkInt4(a + 1)),
  int4and: {emit: (a, b) => `(${a} & ${b})`},
  int4or: {emit: (a, b) => `(${a} | ${b})`},
  int4xor: {emit: (a, b) => `(${a} ^ ${b})`},
  int4not: {emit: a => `(~${a})`},
  int4shl: {emit: (a, b) => `(${a} << ${b})`},
  int4shr: {emit: (a, b) => `(${a} >> ${b})`},
  int4gcd: call2(gcd4),
  int4lcm: call2(lcm4),
  int2pl: small2((a, b) => a + b),
  int2mi: small2((a, b) => a - b),
  int2mul: small2((a, b) => a * b),
  int2div: small2(div4),
  int2mod: call2(mod4),
  int2abs: call1(abs2),
  int2um: call1(neg2),
  int2up: {emit: a => `${a}`, isTotal: true},
  int2and: {emit: (a, b) => `(${a} & ${b})`},
  int2or: {emit: (a, b) => `(${a} | ${b})`},
  int2xor: {emit: (a, b) => `(${a} ^ ${b})`},
  int2not: {emit: a => `(~${a})`},
  int2shl: {emit: (a, b) => `((${a} << ${b}) << 16 >> 16)`},
  int2shr: {emit: (a, b) => `(${a} >> ${b})`},
  int8pl: call2(add8),
  int8mi: call2(sub8),
  int8mul: call2(mul8),
  int8div: call2(div8),
  int8mod: call2(mod8),
  int48pl: call2(add8, leftWide),
  int48mi: call2(sub8, leftWide),
  int48mul: call2(mul8, leftWide),
  int48div: call2(div8, leftWide),
  int28pl: call2(add8, leftWide),
  int28mi: call2(sub8, leftWide),
  int28mul: call2(mul8, leftWide),
  int28div: call2(div8, leftWide),
  int84pl: call2(add8, rightWide),
  int84mi: call2(sub8, rightWide),
  int84mul: call2(mul8, rightWide),
  int84div: call2(div8, rightWide),
  int82pl: call2(add8, rightWide),
  int82mi: call2(sub8, rightWide),
  int82mul: call2(mul8, rightWide),
  int82div: call2(div8, rightWide),
  int8abs: call1(abs8),
  int8um: call1(neg8),
  int8up: {emit: a => `${a}`, isTotal: true},
  int8inc: call1((a: bigint) => checkInt8(a + 1n)),
  int8dec: call1((a: bigint) => checkInt8(a - 1n)),
  int8and: {emit: (a, b) => `(${a} & ${b})`},
  int8or: {emit: (a, b) => `(${a} | ${b})`},
  int8xor: {emit: (a, b) => `(${a} ^ ${b})`},
  int8not: {emit: a => `(~${a})`},
  int8shl: {emit: (a, b) => `BigInt.asIntN(64, ${a} << BigInt(${b} & 63))`},
  int8shr: {emit: (a, b) => `(${a} >> BigInt(${b} & 63))`},
  int8gcd: call2(gcd8),
  int8lcm: call2(lcm8),
};
