import type {DdlEffect, SequenceState, StorageIndex, TableStorage} from '../contract.ts';
import {assert} from '../../common/errors.ts';
import {hasSameShape} from '../hot/image-chunk.ts';
import type {Engine} from '../engine.ts';
import {checkNewIndex, newUniqueIndexes} from './new-index.ts';
import type {TableWrites} from './write-set.ts';

type Tables = ReadonlyMap<number, TableWrites> | null;

/** The DDL of a transaction, with what it does to the transaction's own view until commit or undo. */
export class DdlList {
  readonly #engine: Engine;
  #effects: DdlEffect[] = [];
  /** What sequences were before this transaction gave them another state. */
  readonly #replaced = new Map<DdlEffect, SequenceState>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get effects(): readonly DdlEffect[] {
    return this.#effects;
  }

  get length(): number {
    return this.#effects.length;
  }

  /** Own rows take a new shape at once; new unique indexes are checked against hot and own rows. */
  add(effect: DdlEffect, tables: Tables): void {
    const {hot, sequences} = this.#engine;
    if (effect.kind === 'createSequence') {
      // ALTER SEQUENCE and TRUNCATE ... RESTART IDENTITY give an existing sequence a new state.
      const before = sequences.state(effect.oid);
      if (before !== undefined) this.#replaced.set(effect, before);
      sequences.put(effect.oid, effect.state, true);
    }
    if (effect.kind === 'alterTable') {
      const {before, after} = effect;
      const isSameShape = hasSameShape(before.columns, after.columns);
      assert(
        isSameShape || before.schemaVersion !== after.schemaVersion,
        'stored rows take another shape only with another schema version',
      );
      const writes = tables?.get(after.oid) ?? null;
      if (effect.isChecked !== true) {
        for (const index of newUniqueIndexes(before, after))
          checkNewIndex(this.#engine, after, index, writes);
      }
      writes?.reshape(after);
      if (this.creates(after.oid)) hot.loadedImage(after.oid)?.reshape(after, 0);
      writes?.rebuildKeys();
    }
    this.#effects.push(effect);
  }

  /** Undoes effects since there were `mark`. */
  undo(mark: number, tables: Tables): void {
    const {hot, sequences} = this.#engine;
    for (let i = this.#effects.length - 1; i >= mark; i--) {
      const effect = this.#effects[i]!;
      if (effect.kind === 'createTable') hot.forget(effect.table.oid);
      else if (effect.kind === 'createSequence') {
        const before = this.#replaced.get(effect);
        if (before === undefined) sequences.remove(effect.oid);
        else sequences.put(effect.oid, before, this.#createsSequence(effect.oid, i));
      } else if (effect.kind === 'alterTable') {
        const writes = tables?.get(effect.after.oid);
        writes?.reshape(effect.before);
        if (!this.creates(effect.after.oid)) continue;
        hot.loadedImage(effect.after.oid)?.reshape(effect.before, 0);
        writes?.rebuildKeys();
      }
    }
    this.#effects = this.#effects.slice(0, mark);
  }

  /** Whether one of the first `count` effects puts this sequence. */
  #createsSequence(oid: number, count: number): boolean {
    return this.#effects
      .slice(0, count)
      .some(effect => effect.kind === 'createSequence' && effect.oid === oid);
  }

  creates(oid: number): boolean {
    return this.#effects.some(effect => effect.kind === 'createTable' && effect.table.oid === oid);
  }

  /** OIDs of tables that the transaction drops. */
  dropped(): ReadonlySet<number> {
    return new Set(
      this.#effects.flatMap(effect => (effect.kind === 'dropTable' ? [effect.table.oid] : [])),
    );
  }

  /** Unique indexes that did not exist before, to be checked once more at commit. */
  newIndexes(): readonly {readonly table: TableStorage; readonly index: StorageIndex}[] {
    const dropped = this.dropped();
    return this.#effects.flatMap(effect => {
      if (effect.kind !== 'alterTable' || dropped.has(effect.after.oid)) return [];
      const {before, after} = effect;
      return newUniqueIndexes(before, after).map(index => ({table: after, index}));
    });
  }

  /** Sequence states that the commit stores; null deletes. */
  sequenceRows(): (readonly [oid: number, json: string | null])[] {
    const {sequences} = this.#engine;
    return this.#effects.flatMap((effect): (readonly [number, string | null])[] => {
      if (effect.kind === 'createSequence') {
        return [[effect.oid, sequences.commitCreated(effect.oid)]];
      }
      return effect.kind === 'dropSequence' ? [[effect.oid, null]] : [];
    });
  }

  /** After the commit: dropped sequences and locks of dropped tables are forgotten. */
  committed(): void {
    const {sequences, locks} = this.#engine;
    for (const effect of this.#effects) {
      if (effect.kind === 'dropSequence') sequences.remove(effect.oid);
    }
    for (const oid of this.dropped()) locks.forgetTable(oid);
  }
}
