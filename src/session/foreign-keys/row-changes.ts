// Hot path: rows changed by INSERT, UPDATE, DELETE of tables with foreign keys.
import type {Oid, OwnerId} from '../../common/ids.ts';
import type {RowChanges} from '../../exec/operator.ts';
import type {Datum} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {checkReferencedKey, checkReferencingKey, checkUniqueKey} from './check-keys.ts';
import {performAction} from './referential-action.ts';
import {
  type DeferrableKey,
  keyOfRow,
  keyText,
  type Reference,
  type ReferencedKey,
  type ReferencingKey,
  type TableReferences,
  typesAt,
} from './references.ts';

/** Keys that one statement put into, or took away from, tables with foreign keys; checked when it has ended. */
export class StatementChanges {
  readonly #session: SessionContext;
  readonly #tables = new Map<Oid, TableChanges>();

  constructor(session: SessionContext) {
    this.#session = session;
  }

  /** Where changes of a table are noted. */
  of(table: Oid, references: TableReferences): RowChanges {
    let changes = this.#tables.get(table);
    if (changes === undefined) {
      changes = new TableChanges(references);
      this.#tables.set(table, changes);
    }
    return changes;
  }

  /** Referential actions and checks, or their entry among the deferred ones. A promise when they wait or run statements. */
  finish(): Promise<void> | undefined {
    const {transaction} = this.#session;
    transaction.tx.advanceCommand();
    for (const {lost} of this.#tables.values()) if (lost.length > 0) return this.#actAndCheck();
    return this.#check();
  }

  async #actAndCheck(): Promise<void> {
    const session = this.#session;
    const {deferred} = session.transaction;
    for (const {lost} of this.#tables.values()) {
      for (const key of lost) {
        const {constraint} = key.reference;
        const action = key.replacement === null ? constraint.onDelete : constraint.onUpdate;
        if (action === 'a' && deferred.isDeferred(constraint))
          deferred.add({kind: 'referenced', key});
        else if (action === 'a' || action === 'r')
          await checkReferencedKey(session, key, action === 'a');
        else await performAction(session, key, action);
      }
    }
    await this.#check();
  }

  #check(): Promise<void> | undefined {
    const {deferred} = this.#session.transaction;
    const uniqueKeys: DeferrableKey[] = [];
    const keys: ReferencingKey[] = [];
    for (const changes of this.#tables.values()) {
      for (const key of changes.references.keys) {
        if (deferred.isDeferred(key.constraint)) deferred.addUnique(key);
        else uniqueKeys.push(key);
      }
      for (const key of changes.gained()) {
        if (deferred.isDeferred(key.reference.constraint)) deferred.add({kind: 'referencing', key});
        else keys.push(key);
      }
    }
    for (const key of uniqueKeys) {
      const pending = checkUniqueKey(this.#session, key);
      if (pending !== undefined) return this.#checkAll(uniqueKeys, keys);
    }
    for (let i = 0; i < keys.length; i++) {
      const pending = checkReferencingKey(this.#session, keys[i]!);
      if (pending !== undefined) return this.#checkRest(pending, keys, i + 1);
    }
    return undefined;
  }

  async #checkAll(
    uniqueKeys: readonly DeferrableKey[],
    keys: readonly ReferencingKey[],
  ): Promise<void> {
    for (const key of uniqueKeys) await checkUniqueKey(this.#session, key);
    for (const key of keys) await checkReferencingKey(this.#session, key);
  }

  async #checkRest(
    pending: Promise<void>,
    keys: readonly ReferencingKey[],
    from: number,
  ): Promise<void> {
    await pending;
    for (let i = from; i < keys.length; i++) await checkReferencingKey(this.#session, keys[i]!);
  }
}

class TableChanges implements RowChanges {
  readonly references: TableReferences;
  readonly #gained: Map<string, ReferencingKey>[];
  /** Referenced keys that are no longer there. */
  readonly lost: ReferencedKey[] = [];

  constructor(references: TableReferences) {
    this.references = references;
    this.#gained = references.referencing.map(() => new Map());
  }

  note(owner: OwnerId, before: readonly Datum[] | null, after: readonly Datum[] | null): void {
    const {referencing, referenced} = this.references;
    if (after !== null) {
      for (let i = 0; i < referencing.length; i++)
        this.#noteReferencing(referencing[i]!, this.#gained[i]!, owner, before, after);
    }
    if (before !== null)
      for (const reference of referenced) this.#noteReferenced(reference, owner, before, after);
  }

  #noteReferencing(
    reference: Reference,
    gained: Map<string, ReferencingKey>,
    owner: OwnerId,
    before: readonly Datum[] | null,
    after: readonly Datum[],
  ): void {
    const {child, childColumns, constraint} = reference;
    const key = keyOfRow(after, childColumns);
    const nulls = key.filter(value => value === null).length;
    if (nulls === key.length || (nulls > 0 && constraint.match === 's')) return;
    const types = typesAt(child, childColumns);
    const text = keyText(key, types, owner);
    if (before !== null && keyText(keyOfRow(before, childColumns), types, owner) === text) return;
    if (!gained.has(text)) gained.set(text, {reference, owner, key});
  }

  #noteReferenced(
    reference: Reference,
    owner: OwnerId,
    before: readonly Datum[],
    after: readonly Datum[] | null,
  ): void {
    const {parent, parentColumns} = reference;
    const key = keyOfRow(before, parentColumns);
    if (key.includes(null)) return;
    const replacement = after === null ? null : keyOfRow(after, parentColumns);
    if (replacement !== null) {
      const types = typesAt(parent, parentColumns);
      if (keyText(key, types, owner) === keyText(replacement, types, owner)) return;
    }
    this.lost.push({reference, owner, key, replacement});
  }

  *gained(): Iterable<ReferencingKey> {
    for (const keys of this.#gained) yield* keys.values();
  }
}
