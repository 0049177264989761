import {PgError} from '../../common/errors.ts';
import type {Oid, OwnerId} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum} from '../../types/contract.ts';
import {ReadSet} from './read-set.ts';
import type {TableWrites} from './write-set.ts';

/** One SERIALIZABLE transaction, from its snapshot until no transaction overlaps it any more. */
export class SerializableTransaction {
  readonly reads = new ReadSet();
  readonly isReadOnly: boolean;
  /** Its snapshot; null before it read anything. */
  snapshot: number | null = null;
  /** Its commit (of one that wrote nothing: the newest one then); null while it runs. */
  commit: number | null = null;
  writes: ReadonlyMap<number, TableWrites> | null = null;
  /** The first commit among those that changed what this one read, before this one committed. */
  firstOut = Infinity;

  constructor(isReadOnly: boolean) {
    this.isReadOnly = isReadOnly;
  }

  get wrote(): boolean {
    return this.writes !== null;
  }
}

/**
 * Serializable snapshot isolation (Cahill and others; Ports and Grittner for PostgreSQL): a snapshot history that has no serial order
 * holds T1 -> T2 -> T3, each reading what the next one changed beside it, of which T3 committed first. Such a pair of edges
 * at T2 is looked for when T1 or T2 commits, and ends the one that commits. Reads are exact by key or predicate: few fail in vain.
 */
export class SerializableTransactions {
  readonly #active = new Set<SerializableTransaction>();
  #committed: SerializableTransaction[] = [];

  begin(isReadOnly: boolean): SerializableTransaction {
    const transaction = new SerializableTransaction(isReadOnly);
    this.#active.add(transaction);
    return transaction;
  }

  /** Throws 40001 when a commit now could leave a history without a serial order. Nothing may be committed between this and `committed`. */
  check(
    own: SerializableTransaction,
    writes: ReadonlyMap<number, TableWrites> | null,
    newest: number,
  ): void {
    const {snapshot, reads} = own;
    if (snapshot === null) return;
    own.firstOut = Infinity;
    for (const other of this.#committed) {
      if (other.writes === null || other.commit! <= snapshot || !reads.meets(other.writes))
        continue;
      own.firstOut = Math.min(own.firstOut, other.commit!);
      // own -> other -> an earlier commit: who only reads is harmed only if his snapshot holds that.
      if (other.firstOut <= (writes === null ? snapshot : newest)) throw failure();
    }
    if (own.firstOut === Infinity || writes === null) return;
    for (const other of this.#committed)
      if (other.commit! >= snapshot && isBefore(other, own.firstOut) && other.reads.meets(writes))
        throw failure();
    for (const other of this.#active)
      if (other !== own && isBefore(other, own.firstOut) && other.reads.meets(writes))
        throw failure();
  }

  /**
   * Throws 40001 instead of a duplicate key when the row that cannot be written was a lost race: both looked for what the other
   * has written.
   */
  checkKey(own: SerializableTransaction, table: Oid, owner: OwnerId, row: readonly Datum[]): void {
    const {snapshot, reads} = own;
    for (const other of this.#committed) {
      if (other.writes === null || snapshot === null || other.commit! <= snapshot) continue;
      if (other.reads.meetsRow(table, owner, row) && reads.meets(other.writes)) throw failure();
    }
  }

  /** Ends one that wrote nothing. */
  commitReads(own: SerializableTransaction, newest: number): void {
    this.check(own, null, newest);
    this.committed(own, null, newest);
  }

  /** The transaction is visible as of a seq. */
  committed(
    own: SerializableTransaction,
    writes: ReadonlyMap<number, TableWrites> | null,
    seq: number,
  ): void {
    this.#active.delete(own);
    own.commit = seq;
    own.writes = writes;
    if (own.snapshot !== null) this.#committed.push(own);
    this.#forget();
  }

  /** The transaction left nothing. */
  ended(own: SerializableTransaction): void {
    if (this.#active.delete(own)) this.#forget();
  }

  /** Drops those that no running transaction overlaps. */
  #forget(): void {
    if (this.#committed.length === 0) return;
    let oldest = Infinity;
    for (const {snapshot} of this.#active) oldest = Math.min(oldest, snapshot ?? Infinity);
    this.#committed = this.#committed.filter(({commit}) => commit! >= oldest);
  }
}

/** Whether T1 of T1 -> T2 -> T3 sees T3, or may still do, when T3 committed at `out`. */
function isBefore(first: SerializableTransaction, out: number): boolean {
  if (first.snapshot === null) return false;
  if (first.isReadOnly || (first.commit !== null && !first.wrote)) return out <= first.snapshot;
  return first.commit === null || out <= first.commit;
}

function failure(): PgError {
  return new PgError(
    SqlState.serializationFailure,
    'could not serialize access due to read/write dependencies among transactions',
    {hint: 'The transaction might succeed if retried.'},
  );
}
