import t from 'tap';
import {BATCH_CAPACITY, type Vector} from '../../src/columns/vector.ts';
import type {SegmentColumn, VectorRows} from '../../src/storage/cold/contract.ts';
import {
  dictToStrings,
  GrowingDictionary,
  newVector,
  writeCell,
} from '../../src/storage/hot/cells.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {ColdFixture, column, randomFrom} from './cold-support.ts';
import {randomDatum, TYPE_NAMES} from './cold-values.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const PARTS = 3;

/** A vector as an image has it: text as codes, or as strings. */
function imageVector(type: TypeInstance, values: readonly Datum[], isPlain: boolean): Vector {
  const dictionary = type.physical === 'text' ? new GrowingDictionary() : null;
  let vector = newVector(type, BATCH_CAPACITY, dictionary);
  for (const [at, value] of values.entries()) {
    if (writeCell(vector, at, value, BATCH_CAPACITY)) continue;
    vector = dictToStrings(vector, at);
    writeCell(vector, at, value, BATCH_CAPACITY);
  }
  return isPlain ? dictToStrings(vector, values.length) : vector;
}

t.test(`a segment of vectors is that of their values (SEED=${seed})`, async test => {
  const fixture = new ColdFixture();
  test.teardown(() => fixture.end());
  const random = randomFrom(seed);
  const blooms = [undefined, 0.01];
  for (const fpp of blooms) {
    const names = TYPE_NAMES.filter(name => fpp === undefined || name !== 'json');
    const columns: SegmentColumn[] = [
      column(-101, '_rid', 'int8', {notNull: true}),
      column(-102, '_seq', 'int8'),
      ...names.map((name, i) => column(i + 1, `c${i}`, name, fpp === undefined ? {} : {fpp})),
    ];
    const rows: Datum[][] = [];
    const parts: Vector[][] = [];
    const ends: number[] = [];
    const slots: number[] = [];
    for (let part = 0; part < PARTS; part++) {
      const values = columns.map(({attnum, type}) =>
        Array.from({length: 900}, (_, i): Datum => {
          if (attnum < 0) return BigInt(i) * 2n ** BigInt(part * 20) + BigInt(part);
          return random() < 0.2 ? null : randomDatum(type.name, random);
        }),
      );
      parts.push(
        columns.map(({attnum, type}, i): Vector => {
          if (attnum !== -102) return imageVector(type, values[i]!, random() < 0.5);
          return {kind: 'float64', values: Float64Array.from(values[i]!, Number), nulls: null};
        }),
      );
      for (let slot = 0; slot < 900; slot += 1 + Math.floor(random() * 2)) {
        slots.push(slot);
        rows.push(values.map(list => list[slot]!));
      }
      ends.push(slots.length);
    }
    const wanted = await fixture.write(columns, rows, 1000);
    const source: (VectorRows | null)[] = [{slots: Int32Array.from(slots), parts, ends}, null];
    const path = fixture.path();
    const options = {path, columns, schemaVersion: 7, metadata: {'wadi.test': 'yes'}};
    const meta = await fixture.store.write({...options, rowGroupRows: 1000}, () => source.shift()!);
    test.equal(meta.checksum, wanted.meta.checksum, 'the same bytes');
    test.same(meta, wanted.meta);
  }
});
