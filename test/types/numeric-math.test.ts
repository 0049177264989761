import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import {float4ToText, float8ToText, parseFloat4, parseFloat8} from '../../src/types/float-text.ts';
import * as convert from '../../src/types/numeric-convert.ts';
import * as math from '../../src/types/numeric-math.ts';
import {numericToText, parseNumeric} from '../../src/types/numeric-text.ts';
import * as transcend from '../../src/types/numeric-transcend.ts';
import {loadFixture} from './load-fixture.ts';

interface MathCase {
  readonly fn: string;
  readonly args: readonly string[];
  readonly output?: string;
  readonly error?: {readonly code: string; readonly message: string};
}

const n = parseNumeric;
const text = numericToText;
const binary: Readonly<Record<string, (a: string, b: string) => string>> = {
  add: (a, b) => text(math.numericAdd(n(a), n(b))),
  sub: (a, b) => text(math.numericSub(n(a), n(b))),
  mul: (a, b) => text(math.numericMul(n(a), n(b))),
  div: (a, b) => text(math.numericDiv(n(a), n(b))),
  mod: (a, b) => text(math.numericMod(n(a), n(b))),
  divTrunc: (a, b) => text(math.numericDivTrunc(n(a), n(b))),
  gcd: (a, b) => text(math.numericGcd(n(a), n(b))),
  lcm: (a, b) => text(math.numericLcm(n(a), n(b))),
  power: (a, b) => text(transcend.numericPower(n(a), n(b))),
  log: (a, b) => text(transcend.numericLog(n(a), n(b))),
  round: (a, b) => text(math.numericRound(n(a), Number(b))),
  trunc: (a, b) => text(math.numericTrunc(n(a), Number(b))),
};
const unary: Readonly<Record<string, (a: string) => string>> = {
  sqrt: a => text(transcend.numericSqrt(n(a))),
  exp: a => text(transcend.numericExp(n(a))),
  ln: a => text(transcend.numericLn(n(a))),
  ceil: a => text(math.numericCeil(n(a))),
  floor: a => text(math.numericFloor(n(a))),
  abs: a => text(math.numericAbs(n(a))),
  to_int2: a => String(convert.numericToInt2(n(a))),
  to_int4: a => String(convert.numericToInt4(n(a))),
  to_int8: a => String(convert.numericToInt8(n(a))),
  to_float4: a => float4ToText(convert.numericToFloat4(n(a))),
  to_float8: a => float8ToText(convert.numericToFloat8(n(a))),
  from_float4: a => text(convert.numericFromFloat4(parseFloat4(a))),
  from_float8: a => text(convert.numericFromFloat8(parseFloat8(a))),
};

t.test('numeric arithmetic as PostgreSQL', t => {
  const wrong: string[] = [];
  let count = 0;
  for (const {fn, args, output, error} of loadFixture<MathCase[]>('numeric-math')) {
    count++;
    let found: string;
    try {
      found = args.length === 2 ? binary[fn]!(args[0]!, args[1]!) : unary[fn]!(args[0]!);
    } catch (thrown) {
      if (!(thrown instanceof PgError)) throw thrown;
      found = `${thrown.code} ${thrown.message}`;
    }
    const expected = error === undefined ? output : `${error.code} ${error.message}`;
    if (found !== expected)
      wrong.push(`${fn}(${args.join(', ')}): ${found}, PostgreSQL ${expected}`);
  }
  t.same(wrong, [], `${count} cases`);
  t.end();
});
