// Cost of DataRow: nanoseconds per row of five columns, from vectors into the buffer.
import type {Vector} from '../src/columns/vector.ts';
import {ByteWriter} from '../src/common/byte-writer.ts';
import {oid} from '../src/common/ids.ts';
import {ResultEncoders} from '../src/server/result-encoders.ts';
import type {ResultShape} from '../src/session/contract.ts';
import type {FormatSettings, TypeInstance} from '../src/types/contract.ts';

const rows = 1024;
const texts = Array.from({length: rows}, (_, i) => `message ${i}`);
const type = (typeOid: number): TypeInstance =>
  ({oid: oid(typeOid), kind: 'b', length: 4, base: null}) as unknown as TypeInstance;
const offsets = new Int32Array(rows + 1);
texts.forEach((text, i) => (offsets[i + 1] = offsets[i]! + text.length));
const longs = BigInt64Array.from(texts, (_, i) => BigInt(i) * 1_000_000_007n);
const cases: Record<string, [TypeInstance, Vector]> = {
  int4: [type(23), {kind: 'int32', values: Int32Array.from(texts.keys()), nulls: null}],
  int8: [type(20), {kind: 'int64', values: longs, nulls: null}],
  bool: [type(16), {kind: 'bool', values: new Uint8Array(rows), nulls: null}],
  utf8: [type(25), {kind: 'utf8', bytes: Buffer.from(texts.join('')), offsets, nulls: null}],
  string: [type(25), {kind: 'string', values: texts, nulls: null}],
  dict: [
    type(25),
    {
      kind: 'dict',
      values: Int32Array.from(texts, (_, i) => i & 7),
      dictionary: {size: 8, get: code => texts[code]!},
      nulls: null,
    },
  ],
};

const mixes = [
  ['int4', 'int8', 'bool', 'utf8', 'string'],
  ...Object.keys(cases).map(name => [name, name, name, name, name]),
];
for (const formats of [null, [1, 1, 1, 1, 1]]) {
  for (const mix of mixes) {
    const columns = mix.map(name => cases[name]!);
    const shape: ResultShape = {
      fields: columns.map(([column]) => {
        return {name: 'c', tableOid: oid(0), attnum: 0, type: column, typmod: -1};
      }),
    };
    const batch = {count: rows, selection: null, vectors: columns.map(([, vector]) => vector)};
    const writer = new ByteWriter(1 << 20);
    const encoder = new ResultEncoders().encoder(shape, formats);
    const output = {writer, flush: () => undefined};
    let best = Infinity;
    for (let run = 0; run < 300; run++) {
      writer.reset();
      const start = process.hrtime.bigint();
      encoder.dataRows(output, batch, {from: 0, to: rows}, {} as FormatSettings, 1 << 30);
      best = Math.min(best, Number(process.hrtime.bigint() - start) / rows);
    }
    console.log(`${formats === null ? 'text' : 'binary'} ${mix.join(' ')}: ${best.toFixed(0)} ns`);
  }
}
