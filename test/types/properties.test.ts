import fc from 'fast-check';
import t from 'tap';
import {ByteReader} from '../../src/common/byte-reader.ts';
import {ByteWriter} from '../../src/common/byte-writer.ts';
import type {Value} from '../../src/types/contract.ts';
import {defaultFormatSettings as settings} from '../../src/types/format-settings.ts';
import {parseJsonb} from '../../src/types/json-parse.ts';
import {Interval} from '../../src/types/interval-value.ts';
import {JsonbValue} from '../../src/types/jsonb-value.ts';
import {Numeric} from '../../src/types/numeric-value.ts';
import {PgArray} from '../../src/types/array-value.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {TimeTz} from '../../src/types/timetz-value.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
t.comment(`seed ${seed}`);
const types = createBuiltinTypes();

const text = fc
  .string({unit: 'binary', maxLength: 12})
  .map(value => value.replaceAll('\0', '').toWellFormed());
const numeric = fc.oneof(
  fc
    .tuple(fc.bigInt(-(10n ** 30n), 10n ** 30n), fc.integer({min: 0, max: 12}))
    .map(([digits, scale]) => Numeric.of(digits, scale)),
  fc
    .tuple(fc.bigInt(-50n, 50n), fc.integer({min: 0, max: 3}))
    .map(([digits, scale]) => Numeric.of(digits * 10n, scale)),
  fc.constantFrom(Numeric.nan, Numeric.infinity, Numeric.minusInfinity),
);
const timestamp = fc.oneof(
  fc.bigInt(-211813488000000000n, 9223371331199999999n),
  fc.bigInt(-(10n ** 15n), 10n ** 15n),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n)),
);
const float = fc.oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 1, -1));

const arbitraries: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  bool: fc.boolean(),
  int2: fc.integer({min: -32768, max: 32767}),
  int4: fc.integer({min: -2147483648, max: 2147483647}),
  int8: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  oid: fc.integer({min: 0, max: 4294967295}),
  xid8: fc.bigInt(0n, 2n ** 64n - 1n),
  float8: float,
  float4: float.map(Math.fround),
  numeric,
  text,
  varchar: text,
  bpchar: text.map(value => value + ' '.repeat(value.length % 3)),
  bytea: fc.uint8Array({maxLength: 12}).map(bytes => Buffer.from(bytes)),
  uuid: fc.uuid(),
  date: fc.oneof(
    fc.integer({min: -2451545, max: 2145031948}),
    fc.integer({min: -10000, max: 20000}),
    fc.constantFrom(2147483647, -2147483648),
  ),
  time: fc.bigInt(0n, 86400000000n),
  timetz: fc
    .tuple(fc.bigInt(0n, 86400000000n), fc.integer({min: -57599, max: 57599}))
    .map(([micros, zone]) => new TimeTz(micros, zone)),
  timestamp,
  timestamptz: timestamp,
  interval: fc
    .oneof(
      fc.tuple(
        fc.integer({min: -2147483648, max: 2147483647}),
        fc.integer({min: -2147483648, max: 2147483647}),
        fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      ),
      fc.tuple(
        fc.integer({min: -2, max: 2}),
        fc.integer({min: -31, max: 31}),
        fc.bigInt(-2n, 2n).map(n => n * 86400000000n),
      ),
    )
    .map(([months, days, micros]) => new Interval(months, days, micros)),
  jsonb: fc.jsonValue({maxDepth: 3}).map(
    value =>
      new JsonbValue(
        parseJsonb(
          JSON.stringify(value)
            .toWellFormed()
            .replaceAll('\\u0000', '')
            .replace(/\\ud[89a-f][0-9a-f]{2}/gi, ''),
        ),
      ),
  ),
  _int4: fc
    .array(fc.option(fc.integer({min: -3, max: 3})), {maxLength: 4})
    .map(items => PgArray.of(items)),
  _text: fc.array(fc.option(text), {maxLength: 4}).map(items => PgArray.of(items)),
  _numeric: fc.array(numeric, {maxLength: 3}).map(items => PgArray.of(items)),
  varbit: fc.string({unit: fc.constantFrom('0', '1'), maxLength: 20}),
  inet: fc.ipV4().map(address => types.byName('inet')!.input(address, -1, settings)),
};

function keyOf(name: string, value: Value): Buffer {
  const out = new ByteWriter(8);
  types.byName(name)!.writeKey(value, out);
  return out.take();
}

for (const [name, arbitrary] of Object.entries(arbitraries)) {
  t.test(name, t => {
    const type = types.byName(name)!;
    const same = (a: Value, b: Value): boolean =>
      type.output(a, settings) === type.output(b, settings);
    fc.assert(
      fc.property(arbitrary, arbitrary, (a, b) => {
        const order = Math.sign(type.compare(a, b));
        const [left, right] = [keyOf(name, a), keyOf(name, b)];
        if (Math.sign(Buffer.compare(left, right)) !== order) return false;
        if (type.equals(a, b) !== (order === 0)) return false;
        if (order === 0 && type.hash(a) !== type.hash(b)) return false;
        return order === 0 || !right.subarray(0, left.length).equals(left);
      }),
      {seed, numRuns: 400},
    );
    fc.assert(
      fc.property(arbitrary, value => {
        if (!same(type.fromSqlite(type.toSqlite(value)), value)) return false;
        if (!same(type.parquet.decode(type.parquet.encode(value)), value)) return false;
        const out = new ByteWriter(8);
        type.send(value, out, settings);
        const reader = new ByteReader(out.take());
        if (!same(type.receive(reader, -1, settings), value) || reader.remaining !== 0)
          return false;
        type.writeText(value, out, settings);
        const shown = out.take().toString('utf8');
        return (
          shown === type.output(value, settings) && same(type.input(shown, -1, settings), value)
        );
      }),
      {seed, numRuns: 400},
    );
    t.pass('order, keys, hash and round trips agree');
    t.end();
  });
}
