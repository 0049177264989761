import t from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import type {RowVersion, Storage, TableStorage, Transaction} from '../../src/storage/contract.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  begin,
  byKey,
  column,
  contents,
  createTable,
  index,
  INT4,
  INT8,
  next,
  NUMERIC,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  TEXT,
  type,
} from './support.ts';
import {Numeric} from '../../src/types/numeric-value.ts';

type Row = readonly Datum[];
type Model = Map<string, Row>;

function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return below => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

const columns = [
  column(1, 'id', INT4),
  column(2, 'n', NUMERIC),
  column(3, 's', TEXT),
  column(4, 'big', INT8),
];

function tableOf(kind: 'shared' | 'user'): TableStorage {
  return table(20000, {
    kind,
    columns,
    indexes: [
      index(20001, columns, [0], true),
      index(20002, columns, [1], true),
      index(20003, columns, [2], false),
    ],
  });
}

const text = (row: Row): string =>
  row
    .map(value =>
      value instanceof Numeric ? type(NUMERIC).output(value, null as never) : String(value),
    )
    .join('|');

/** One randomized life of a table against a map: transactions with savepoints, snapshots, flushes, compactions, restarts. */
class Life {
  readonly #random: (below: number) => number;
  readonly #made: TableStorage;
  readonly #path: string;
  storage: Storage;
  model: Model = new Map();
  readonly #owners: readonly number[];

  constructor(seed: number, made: TableStorage, path: string) {
    this.#random = randomFrom(seed);
    this.#made = made;
    this.#path = path;
    this.#owners = made.kind === 'user' ? [16400, 16401, 16402] : [0];
    this.storage = this.#open();
  }

  #open(): Storage {
    return open(this.#path, [this.#made], {
      bulkRows: 60,
      orderedRows: 0,
      rowGroupRows: 64,
      checkpointBytes: 100_000,
      // Some commits go in slices that end at every look at the clock.
      largeCommitRows: this.#random(2) * 3,
      sliceMs: 0,
      // Some transactions write out what they hold again and again.
      ...(this.#random(3) > 0 && {
        pendingBytes: this.#random(2) * 3000,
        pendingStep: 1000,
        pendingRows: 1 + this.#random(6),
      }),
    });
  }

  async start(): Promise<void> {
    await createTable(this.storage, this.#made);
  }

  async restart(): Promise<void> {
    await this.storage.close();
    this.storage = this.#open();
  }

  #owner(): number {
    return this.#owners[this.#random(this.#owners.length)]!;
  }

  #row(id: number): Row {
    const random = this.#random;
    const n =
      random(8) === 0
        ? null
        : Numeric.of(BigInt(id) * 10n + BigInt(random(2) === 0 ? 0 : random(20)), random(2));
    return [
      id,
      n,
      random(6) === 0 ? null : `s${random(12)}`,
      random(5) === 0 ? null : BigInt(random(1000)) << 50n,
    ];
  }

  #conflicts(model: Model, owner: number, row: Row, except: string | null): boolean {
    const n = row[1] as Numeric | null;
    for (const [key, other] of model) {
      if (key === except || !key.startsWith(`${owner}:`)) continue;
      if (other[0] === row[0]) return true;
      if (n !== null && other[1] !== null && type(NUMERIC).equals(n, other[1]!)) return true;
    }
    return false;
  }

  async #write(
    attempt: () => 'done' | {readonly kind: 'conflict'} | Promise<void>,
  ): Promise<boolean> {
    for (;;) {
      const result = attempt();
      if (result === 'done') return true;
      if (!(result instanceof Promise)) return false;
      await result;
    }
  }

  async #find(tx: Transaction, owner: number, id: number): Promise<RowVersion | null> {
    const of = this.#made.kind === 'user' ? oid(owner) : null;
    const direct = tx.getByKey(this.#made, this.#made.indexes[0]!, of, [id]);
    const scanned = await byKey(tx, this.#made, [id], of);
    if (
      direct !== undefined &&
      (direct === null ? null : text(direct.row)) !== (scanned === null ? null : text(scanned.row))
    ) {
      throw new Error(
        `getByKey ${direct && text(direct.row)} but scan ${scanned && text(scanned.row)}`,
      );
    }
    return scanned;
  }

  async #change(tx: Transaction, model: Model): Promise<void> {
    const random = this.#random;
    const owner = this.#owner();
    const id = random(150);
    const key = `${owner}:${id}`;
    const made = this.#made;
    const what = random(10);
    if (what < 4) {
      const row = this.#row(id);
      const done = await this.#write(() => tx.insert(made, oid(owner) as OwnerId, row));
      if (done === this.#conflicts(model, owner, row, null))
        throw new Error(`insert ${text(row)} of ${owner}: ${done}`);
      if (done) model.set(key, row);
      next(tx);
      return;
    }
    const found = await this.#find(tx, owner, id);
    if ((found === null) !== !model.has(key))
      throw new Error(`row ${key}: ${found === null ? 'not found' : 'found'}`);
    if (found === null) return;
    if (text(found.row) !== text(model.get(key)!))
      throw new Error(`row ${key}: ${text(found.row)} not ${text(model.get(key)!)}`);
    const locked = tx.lockRow(made, found.rid, 'update', 'wait');
    if (locked !== 'granted') throw new Error('nobody else locks');
    if (what < 6) {
      await this.#write(() => tx.delete(made, found) as 'done');
      model.delete(key);
    } else {
      const row = this.#row(what === 9 ? random(150) : id);
      const done = await this.#write(() => tx.update(made, found, row));
      if (done === this.#conflicts(model, owner, row, key))
        throw new Error(`update ${key} to ${text(row)}: ${done}`);
      if (done) {
        model.delete(key);
        model.set(`${owner}:${String(row[0])}`, row);
      }
    }
    next(tx);
  }

  async transaction(): Promise<void> {
    const random = this.#random;
    const tx = begin(this.storage);
    const model: Model = new Map(this.model);
    const marks: [string, Model][] = [];
    const changes = random(12) === 0 ? 120 : random(8);
    for (let i = 0; i < changes; i++) {
      if (random(10) === 0) {
        marks.push([`s${i}`, new Map(model)]);
        tx.savepoint(`s${i}`);
        next(tx);
      } else if (random(12) === 0 && marks.length > 0) {
        const [name, saved] = marks[random(marks.length)]!;
        while (marks[marks.length - 1]![0] !== name) marks.pop();
        tx.rollbackTo(name);
        next(tx);
        replace(model, saved);
      } else if (random(150) === 0) {
        tx.truncate(this.#made);
        next(tx);
        model.clear();
      } else {
        await this.#change(tx, model);
      }
    }
    if (random(4) === 0) await this.check(tx, model);
    if (random(5) === 0) {
      tx.rollback();
      return;
    }
    await tx.commit();
    this.model = model;
  }

  async check(tx: Transaction, model: Model): Promise<void> {
    const made = this.#made;
    const all = await rowsOf(
      tx,
      request(made, {columns: [0, 1, 2, 3, 'owner']}),
      1 + this.#random(40),
    );
    const seen = all.map(row => `${String(row[4])}:${text(row.slice(0, 4))}`).sort();
    const wanted = [...model].map(([key, row]) => `${key.split(':')[0]}:${text(row)}`).sort();
    if (seen.join('\n') !== wanted.join('\n'))
      throw new Error(`scan: ${seen.length} rows, wanted ${wanted.length}\n${diff(seen, wanted)}`);
    const owner = this.#owner();
    const of = made.kind === 'user' ? oid(owner) : null;
    const wantedText = `s${this.#random(12)}`;
    const byText = await rowsOf(
      tx,
      request(made, {owner: of, lookup: {index: made.indexes[2]!, keys: [[wantedText]]}}),
    );
    const expected = [...model].filter(
      ([key, row]) => key.startsWith(`${owner}:`) && row[2] === wantedText,
    );
    if (
      byText.map(text).sort().join() !==
      expected
        .map(([, row]) => text(row))
        .sort()
        .join()
    )
      throw new Error(`lookup of ${wantedText}: ${byText.length}, wanted ${expected.length}`);
    if (!this.storage.canOrder(made, made.indexes[0]!, true)) return;
    const ordered = await rowsOf(
      tx,
      request(made, {owner: of, order: {index: made.indexes[0]!, descending: true}}),
      9,
    );
    const ids = [...model]
      .filter(([key]) => key.startsWith(`${owner}:`))
      .map(([, row]) => row[0] as number)
      .sort((a, b) => b - a);
    if (ordered.map(row => row[0]).join() !== ids.join())
      throw new Error(`order: ${ordered.map(row => row[0]).join()} wanted ${ids.join()}`);
  }
}

function replace(model: Model, by: Model): void {
  model.clear();
  for (const [key, row] of by) model.set(key, row);
}

function diff(a: readonly string[], b: readonly string[]): string {
  return [
    ...a.filter(line => !b.includes(line)).map(line => `+ ${line}`),
    ...b.filter(line => !a.includes(line)).map(line => `- ${line}`),
  ]
    .slice(0, 10)
    .join('\n');
}

for (const kind of ['shared', 'user'] as const) {
  t.test(
    `a ${kind} table behaves as a map over transactions, savepoints, flushes, compactions, restarts`,
    async test => {
      const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
      test.comment(`seed ${seed}`);
      const random = randomFrom(seed + 1);
      const directory = temporaryDirectory();
      test.teardown(() => directory.remove());
      const made = tableOf(kind);
      const life = new Life(seed, made, directory.path);
      await life.start();
      const snapshots: [Transaction, Model][] = [];
      let flushing: Promise<unknown> = Promise.resolve();
      for (let i = 0; i < 250; i++) {
        await life.transaction();
        const what = random(30);
        if (what === 0) flushing = life.storage.flush(made, null);
        else if (what === 1) await life.storage.compact(made);
        else if (what === 2) await flushing;
        else if (what === 3) {
          const fixed = begin(life.storage, 'repeatable read');
          fixed.snapshot();
          snapshots.push([fixed, life.model]);
        } else if (what === 4 && snapshots.length > 0) {
          const [fixed, model] = snapshots.splice(random(snapshots.length), 1)[0]!;
          await life.check(fixed, model);
          fixed.rollback();
        } else if (what === 5 && snapshots.length === 0) {
          await flushing;
          await life.restart();
        }
        if (i % 10 === 0) {
          const reader = begin(life.storage);
          await life.check(reader, life.model);
          reader.rollback();
        }
      }
      for (const [fixed, model] of snapshots) {
        await life.check(fixed, model);
        fixed.rollback();
      }
      await flushing;
      await life.restart();
      test.equal((await contents(life.storage, made)).length, life.model.size);
      test.same(await life.storage.check(), []);
      await life.storage.close();
    },
  );
}
