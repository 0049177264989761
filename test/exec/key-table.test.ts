import t from 'tap';
import type {Vector} from '../../src/columns/vector.ts';
import {KeyTable} from '../../src/exec/key-table.ts';
import {ABSENT} from '../../src/exec/pair-keys.ts';
import {int4, randomOf, text} from './support.ts';

type Random = (below: number) => number;

function word(random: Random, range: number): string {
  const n = random(range);
  switch (random(8)) {
    case 0:
      return ['', 'a', 'ab', 'abc', 'abcd', 'ä', 'äöü', '😀', '\u0000', 'abcde'][n % 10]!;
    case 1:
      return 'long '.repeat(1 + (n % 40)) + n;
    case 2:
      return `ü${n}`;
    default:
      return `key ${n}`;
  }
}

function vectorOf(values: readonly (string | null)[], kind: number): Vector {
  const nulls = values.includes(null)
    ? Uint8Array.from(values, value => (value === null ? 1 : 0))
    : null;
  const texts = values.map(value => value ?? '');
  if (kind === 0) return {kind: 'string', values: texts, nulls};
  if (kind === 1) {
    const entries = [...new Set(texts)];
    const values = Int32Array.from(texts, text => entries.indexOf(text));
    return {kind: 'dict', values, dictionary: {size: entries.length, get: c => entries[c]!}, nulls};
  }
  // Some other bytes before, as in a page.
  const parts = [Buffer.from('page'), ...texts.map(text => Buffer.from(text))];
  const offsets = Int32Array.from({length: texts.length + 1}, () => 4);
  for (let i = 0; i < texts.length; i++) offsets[i + 1] = offsets[i]! + parts[i + 1]!.length;
  return {kind: 'utf8', bytes: Buffer.concat(parts), offsets, nulls};
}

/** Numbers keys as a Map of their JSON does. */
class PlainTable {
  readonly numbers = new Map<string, number>();
  readonly keys: unknown[][] = [];

  number(key: unknown[], inserts: boolean): number {
    const name = JSON.stringify(key);
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    if (!inserts) return ABSENT;
    this.numbers.set(name, this.keys.length);
    return this.keys.push(key) - 1;
  }
}

t.test('texts of all kinds of vectors, alone and in pairs, are numbered as by a Map', t => {
  const seed = Date.now() % 1_000_000;
  const random = randomOf(seed);
  for (let round = 0; round < 60; round++) {
    const isPair = random(2) === 0;
    const table = new KeyTable(isPair ? [text, int4] : [text]);
    const groups = new Int32Array(1024);
    for (let life = 0; life < 3; life++) {
      const plain = new PlainTable();
      const range = [3, 200, 100_000][random(3)]!;
      for (let batch = 0; batch < 6; batch++) {
        const count = random(1025);
        const words = Array.from({length: count}, () =>
          random(20) === 0 ? null : word(random, range),
        );
        const numbers = Array.from({length: count}, () => random([2, 40, 5000][random(3)]!));
        const rows = [...words.keys()].filter(() => random(3) > 0);
        const selection = random(2) === 0 ? null : Int32Array.from(rows);
        const live = selection === null ? words.map((_, i) => i) : rows;
        const inserts = random(4) > 0;
        const vectors = [vectorOf(words, random(3))];
        if (isPair) vectors.push({kind: 'int32', values: Int32Array.from(numbers), nulls: null});
        table.assign(vectors, selection, live.length, groups, inserts);
        const wanted = live.map(row =>
          plain.number(isPair ? [words[row], numbers[row]] : [words[row]], inserts),
        );
        const actual = [...groups.subarray(0, live.length)];
        if (actual.join() !== wanted.join()) t.same(actual, wanted, `seed ${seed}, ${round}`);
      }
      if (table.size !== plain.keys.length) t.equal(table.size, plain.keys.length, `seed ${seed}`);
      const kept = plain.keys.map((_, i) => table.keys.row(i));
      if (JSON.stringify(kept) !== JSON.stringify(plain.keys)) t.same(kept, plain.keys);
      plain.keys.forEach((key, i) => {
        if (table.number(key as string[], false) !== i) t.fail(`seed ${seed}: ${String(key)}`);
      });
      if (random(2) === 0) table.clear();
      else table.reset();
    }
  }
  t.pass(`seed ${seed}`);
  t.end();
});

t.test('texts too long for a batch in one piece', t => {
  const table = new KeyTable([text]);
  const values = Array.from({length: 8}, (_, i) => 'x'.repeat(700_000 + (i % 4)));
  const groups = new Int32Array(8);
  table.assign([{kind: 'string', values, nulls: null}], null, 8, groups);
  t.same([...groups], [0, 1, 2, 3, 0, 1, 2, 3]);
  t.equal(table.keys.at(2, 0), values[2]);
  t.end();
});
