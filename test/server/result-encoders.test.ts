import t from 'tap';
import type {Batch} from '../../src/columns/batch.ts';
import type {Vector} from '../../src/columns/vector.ts';
import {ByteWriter} from '../../src/common/byte-writer.ts';
import {oid} from '../../src/common/ids.ts';
import {ResultEncoders} from '../../src/server/result-encoders.ts';
import type {Formats, ResultShape} from '../../src/session/contract.ts';
import type {FormatSettings, TypeInstance} from '../../src/types/contract.ts';
import {fakeType, types} from './fake-types.ts';

const settings = {} as FormatSettings;

function shapeOf(...columns: readonly TypeInstance[]): ResultShape {
  return {
    fields: columns.map((type, i) => {
      return {name: `c${i}`, tableOid: oid(0), attnum: 0, type, typmod: -1};
    }),
  };
}

function encode(
  shape: ResultShape,
  vectors: Vector[],
  rows: number,
  formats: Formats = null,
  selection: Int32Array | null = null,
): (Buffer | null)[][] {
  const writer = new ByteWriter(16);
  const encoder = new ResultEncoders().encoder(shape, formats);
  const batch: Batch = {count: rows, selection, vectors};
  encoder.dataRows({writer, flush: () => undefined}, batch, {from: 0, to: rows}, settings, 1 << 30);
  return decode(writer.take());
}

function decode(bytes: Buffer): (Buffer | null)[][] {
  const rows: (Buffer | null)[][] = [];
  for (let at = 0; at < bytes.length; ) {
    t.equal(bytes[at], 0x44);
    const end = at + 1 + bytes.readInt32BE(at + 1);
    const row: (Buffer | null)[] = [];
    let value = at + 7;
    for (let i = 0; i < bytes.readInt16BE(at + 5); i++) {
      const size = bytes.readInt32BE(value);
      row.push(size === -1 ? null : bytes.subarray(value + 4, value + 4 + size));
      value += 4 + Math.max(0, size);
    }
    t.equal(value, end);
    rows.push(row);
    at = end;
  }
  return rows;
}

const asText = (rows: (Buffer | null)[][]): (string | null)[] =>
  rows.map(([value]) => value?.toString() ?? null);

t.test('integers', t => {
  const edges = [0, 1, -1, 9, 10, 99, 100, 999, 1000, 65_535, 99_999, 100_000, 999_999, 1_000_000];
  const more = [9_999_999, 99_999_999, 100_000_000, 999_999_999, 1_000_000_000, 2_147_483_647];
  const ints = [...edges, ...more, -2_147_483_648, ...edges.map(n => -n)];
  const int4: Vector = {kind: 'int32', values: Int32Array.from(ints), nulls: null};
  t.same(
    asText(encode(shapeOf(types.int4), [int4], ints.length)),
    ints.map(n => String(n | 0)),
  );
  const longs = [...ints.map(BigInt), 4_294_967_295n, 4_294_967_296n, 9_007_199_254_740_991n];
  longs.push(9_007_199_254_740_992n, 2n ** 63n - 1n, -(2n ** 63n), -9_007_199_254_740_991n);
  for (let n = 1n; n < 2n ** 63n; n = n * 7n + 3n) longs.push(n, -n);
  const int8: Vector = {kind: 'int64', values: BigInt64Array.from(longs), nulls: null};
  t.same(asText(encode(shapeOf(types.int8), [int8], longs.length)), longs.map(String));
  const oids: Vector = {kind: 'float64', values: Float64Array.of(0, 4_294_967_295), nulls: null};
  t.same(asText(encode(shapeOf(types.oid), [oids], 2)), ['0', '4294967295']);
  const hex = (column: TypeInstance, vector: Vector): string[] =>
    encode(shapeOf(column), [vector], 2, [1]).map(([value]) => value!.toString('hex'));
  const pair: Vector = {kind: 'int32', values: Int32Array.of(-2, 258), nulls: null};
  t.same(hex(types.int4, pair), ['fffffffe', '00000102']);
  t.same(hex(types.int2, pair), ['fffe', '0102']);
  t.same(hex(types.int8, {kind: 'int64', values: BigInt64Array.of(-2n, 258n), nulls: null}), [
    ...['fffffffffffffffe', '0000000000000102'],
  ]);
  t.same(hex(types.oid, oids), ['00000000', 'ffffffff']);
  const floats: Vector = {kind: 'float64', values: Float64Array.of(1.5, -0), nulls: null};
  t.same(hex(types.float8, floats), ['3ff8000000000000', '8000000000000000']);
  t.same(hex(types.float4, floats), ['3fc00000', '80000000']);
  t.end();
});

t.test('text from every kind of vector', t => {
  const texts = ['', 'a', 'é', '日本', 'x'.repeat(23), 'y'.repeat(24), 'z'.repeat(25)];
  texts.push('ü'.repeat(40), '0123456789'.repeat(1000));
  const bytes = Buffer.from(texts.join(''));
  const offsets = new Int32Array(texts.length + 1);
  texts.forEach((text, i) => (offsets[i + 1] = offsets[i]! + Buffer.byteLength(text)));
  const codes = Int32Array.from(texts.keys());
  const dictionary = {size: texts.length, get: (code: number) => texts[code]!};
  const vectors: Vector[] = [
    {kind: 'string', values: texts, nulls: null},
    {kind: 'utf8', bytes, offsets, nulls: null},
    {kind: 'dict', values: codes, dictionary, nulls: null},
    {kind: 'boxed', values: texts, nulls: null},
  ];
  for (const vector of vectors) {
    for (const formats of [null, [1]]) {
      const [column, prefix] =
        vector.kind === 'boxed' && formats !== null ? [types.text, 'sent:'] : [types.text, ''];
      const got = asText(encode(shapeOf(column), [vector], texts.length, formats));
      t.same(
        got,
        texts.map(text => prefix + text),
        `${vector.kind} ${formats}`,
      );
    }
  }
  const [ids] = [{kind: 'string' as const, values: ['550e'], nulls: null}];
  t.same(asText(encode(shapeOf(types.uuid), [ids], 1)), ['550e']);
  t.same(asText(encode(shapeOf(types.uuid), [ids], 1, [1])), ['sent:550e']);
  t.end();
});

t.test('nulls, selection, formats, domains, changing kinds', t => {
  const values = Int32Array.of(1, 2, 3, 4);
  const nulls = Uint8Array.of(0, 1, 0, 1);
  const ints: Vector = {kind: 'int32', values, nulls};
  t.same(asText(encode(shapeOf(types.int4), [ints], 4)), ['1', null, '3', null]);
  t.same(asText(encode(shapeOf(types.int4), [ints], 2, null, Int32Array.of(1, 2))), [null, '3']);
  t.same(asText(encode(shapeOf(types.date), [ints], 1)), ['1'], 'through the type');
  const bools: Vector = {kind: 'bool', values: Uint8Array.of(1, 0), nulls: null};
  t.same(asText(encode(shapeOf(types.bool), [bools], 2)), ['t', 'f']);
  t.same(asText(encode(shapeOf(types.bool), [bools], 2, [1])), ['\x01', '\0']);
  const boxed: Vector = {kind: 'boxed', values: [null, 'n'], nulls: null};
  t.same(asText(encode(shapeOf(types.numeric), [boxed], 2)), [null, 'n']);
  t.throws(() => encode(shapeOf(types.int4), [ints], 1, [2]), {
    code: '22023',
    message: 'unsupported format code: 2',
  });
  const [mixed] = encode(shapeOf(types.int4, types.int4), [ints, ints], 1, [1, 0]);
  t.same(
    mixed!.map(value => value!.toString('hex')),
    ['00000001', '31'],
  );

  const domain = {...fakeType(16_400, 'dom', 'int32'), kind: 'd' as const, base: types.int4};
  const encoder = new ResultEncoders().encoder(shapeOf({...domain, baseTypmod: 9}), null);
  const described = encoder.rowDescription;
  t.equal(described.readInt32BE(described.length - 12), 23, 'the base type');
  t.equal(described.readInt32BE(described.length - 6), 9, 'and its typmod');

  const writer = new ByteWriter(16);
  const encoders = new ResultEncoders();
  const shape = shapeOf(types.text);
  const kinds: Vector[] = [
    {kind: 'string', values: ['a'], nulls: null},
    {kind: 'utf8', bytes: Buffer.from('b'), offsets: Int32Array.of(0, 1), nulls: null},
    {kind: 'string', values: ['c'], nulls: null},
  ];
  const output = {writer, flush: () => undefined};
  for (const vector of kinds) {
    const batch = {count: 1, selection: null, vectors: [vector]};
    encoders.encoder(shape, null).dataRows(output, batch, {from: 0, to: 1}, settings, 1 << 30);
  }
  t.same(asText(decode(writer.take())), ['a', 'b', 'c']);
  t.equal(encoders.encoder(shape, null), encoders.encoder(shape, [0]), 'one encoder for text');
  t.not(encoders.encoder(shape, null), encoders.encoder(shape, [1]));
  t.end();
});

t.test('a value that cannot be written takes its row back, not those before', t => {
  const failing: TypeInstance = {
    ...types.numeric,
    writeText: (value, out) => {
      if (value === 'bad') throw new Error('no');
      out.utf8(String(value));
    },
  };
  const writer = new ByteWriter(16);
  const boxed: Vector = {kind: 'boxed', values: ['good', 'bad'], nulls: null};
  const batch = {count: 2, selection: null, vectors: [boxed]};
  const output = {writer, flush: () => undefined};
  const encoder = new ResultEncoders().encoder(shapeOf(failing), null);
  t.throws(() => encoder.dataRows(output, batch, {from: 0, to: 2}, settings, 1 << 30));
  t.same(asText(decode(writer.take())), ['good']);
  t.end();
});
