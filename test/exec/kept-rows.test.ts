// Rows kept past a limit come back by their number, from memory, blocks and the tail.
import {readdirSync} from 'node:fs';
import t from 'tap';
import type {Batch} from '../../src/columns/batch.ts';
import {ColumnStore, readRow} from '../../src/exec/column-store.ts';
import {KeptRows} from '../../src/exec/spill/kept-rows.ts';
import type {Datum} from '../../src/types/contract.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {float8, int4, randomOf, text} from './support.ts';

const types = [int4, text, float8];

t.test('any range, before and after forgetting', t => {
  const folder = temporaryFolder('kept-rows');
  t.teardown(() => folder.remove());
  const seed = 7;
  const random = randomOf(seed);
  t.comment(`seed ${seed}`);
  const kept = new KeptRows(types, {spillDir: folder.path, counters: null});
  const rows: Datum[][] = [];
  const batch: Batch = {count: 0, selection: null, vectors: []};
  let forgotten = 0;
  for (let round = 0; round < 60; round++) {
    const store = new ColumnStore(types);
    const count = 1 + random(1024);
    for (let i = 0; i < count; i++) {
      const n = rows.length;
      rows.push([n, random(5) === 0 ? null : `text ${n}`, n / 4]);
      store.appendRow(rows[n]!);
    }
    store.fill(batch, null, 0, count);
    kept.append(batch, 50_000);
    if (round === 40) {
      kept.forget();
      forgotten = rows.length;
    }
    for (let look = 0; look < 5 && rows.length > forgotten; look++) {
      const from = forgotten + random(rows.length - forgotten);
      const to = from + 1 + random(rows.length - from);
      const row: Datum[] = [];
      for (let at = from; at < to; at += batch.count) {
        kept.read(at, to, batch);
        if (batch.count < 1 || batch.count > 1024 * 8) t.fail(`${batch.count} rows at ${at}`);
        for (let i = 0; i < batch.count; i++) {
          readRow(batch, i, row);
          if (row.some((value, c) => value !== rows[at + i]![c])) t.fail(`row ${at + i}: ${row}`);
        }
      }
    }
    if (kept.size !== rows.length) t.fail(`size ${kept.size}, not ${rows.length}`);
  }
  t.same(readdirSync(folder.path), [], 'no file is left');
  kept.close();
  t.end();
});
