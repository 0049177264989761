import fc from 'fast-check';
import t from 'tap';
import {createVectorBuilder, datumAt, vectorOf} from '../../src/columns/vector-builder.ts';
import {copySelected} from '../../src/columns/vector-copy.ts';
import type {Vector} from '../../src/columns/vector.ts';
import type {Datum, PhysicalKind} from '../../src/types/contract.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
t.comment(`seed ${seed}`);

const datums: Readonly<Record<PhysicalKind, fc.Arbitrary<Datum>>> = {
  bool: fc.option(fc.boolean()),
  int32: fc.option(fc.integer()),
  float64: fc.option(fc.double()),
  int64: fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  text: fc.option(fc.string()),
  boxed: fc.option(fc.uint8Array({maxLength: 3})),
};

function listOf(vector: Vector, count: number): Datum[] {
  return Array.from({length: count}, (_, row) => datumAt(vector, row));
}

for (const [physical, datum] of Object.entries(datums) as [PhysicalKind, fc.Arbitrary<Datum>][]) {
  t.test(`${physical}: what is appended is found again`, t => {
    const builder = createVectorBuilder(physical);
    fc.assert(
      fc.property(
        fc.array(datum, {maxLength: 60}),
        fc.array(fc.nat(59), {maxLength: 20}),
        (list, picks) => {
          builder.reset();
          for (const item of list) builder.append(item);
          t.strictSame(listOf(builder.vector, builder.length), list);
          t.strictSame(listOf(vectorOf(physical, list), list.length), list);
          const rows = [...new Set(picks.filter(row => row < list.length))].sort((a, b) => a - b);
          const copy = copySelected(builder.vector, Int32Array.from(rows), rows.length);
          t.strictSame(
            listOf(copy, rows.length),
            rows.map(row => list[row]),
          );
          t.strictSame(listOf(copySelected(builder.vector, null, list.length), list.length), list);
        },
      ),
      {seed, numRuns: 60},
    );
    t.end();
  });
}

t.test('utf8 and dictionary vectors', t => {
  const bytes = Buffer.from('aébcc');
  const utf8: Vector = {
    kind: 'utf8',
    bytes,
    offsets: Int32Array.of(0, 1, 3, 3, 6),
    nulls: Uint8Array.of(0, 0, 1, 0),
  };
  t.same(listOf(utf8, 4), ['a', 'é', null, 'bcc']);
  t.same(listOf(copySelected(utf8, Int32Array.of(1, 2, 3), 3), 3), ['é', null, 'bcc']);
  const words = ['x', 'y'];
  const dictionary = {size: 2, get: (code: number): string => words[code]!};
  const dict: Vector = {kind: 'dict', values: Int32Array.of(1, 0, 1), dictionary, nulls: null};
  t.same(listOf(copySelected(dict, Int32Array.of(0, 1), 2), 2), ['y', 'x']);
  t.end();
});
