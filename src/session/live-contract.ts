import type {PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';

/** A live query as a client outside of SQL asks for it. */
export interface LiveRequest {
  /** Text of one SELECT, or of SUBSCRIBE's body; null with `name`. */
  readonly sql: string | null;
  /** A named live query (CREATE LIVE QUERY); null with `sql`. */
  readonly name: string | null;
  /** Values of $1 ... or the arguments, as JSON values: strings by their type's text form, others by their JSON text. */
  readonly args: readonly unknown[];
  /** False: changes only, no rows at first. */
  readonly snapshot: boolean;
  /** Only the newest rows at first; null = all. */
  readonly lastRows: number | null;
  /** Token of an earlier subscription to the same query: changes since then instead of rows. */
  readonly resume: string | null;
  /** Changes after this commit instead of rows. */
  readonly from: Seq | null;
  /** The storage that the tables which it reads across users must lie in; absent or null = any. */
  readonly storage?: string | null;
  /** Given back with everything that is told of it, so that one receiver can serve many; absent: null. */
  readonly tag?: LiveTag;
}

/** What a receiver calls a live query. */
export type LiveTag = string | number | null;

/** What may be another after a reset. */
export type LiveForm = Pick<LiveHandle, 'class' | 'order'>;

/**
 * Where live queries are delivered: JSON texts. It says how much it takes; what is not given stays in the change log. A connection is one
 * receiver for all its live queries: what they have in common is kept once per receiver.
 */
export interface LiveReceiver {
  /**
   * Credit: rows and operations that it takes now. A commit is given whole when this is above 0. At 0 nothing comes
   * until `handle.wake()`.
   */
  readonly wanted: number;
  /** First rows (after the opening, or after `reset`), at most `wanted`: each `[key,row]`, both arrays. */
  rows(seq: Seq, rows: readonly string[], tag: LiveTag): void;
  /** All rows were given, or nothing happened up to here: a resume may begin behind `seq`. */
  mark(seq: Seq, token: string, tag: LiveTag): void;
  /**
   * One commit (or, `isLag`, the net effect of several) on the result, to be applied together: `["+",key,row]`, `["~",key,row,{old
   * values that changed}]`, `["-",key]`.
   */
  changes(
    seq: Seq,
    operations: readonly string[],
    token: string,
    isLag: boolean,
    tag: LiveTag,
  ): void;
  /**
   * Forget the rows; they follow anew when the subscription wanted rows. `policy` and `schema`: the query was planned anew, its class and
   * order may be others.
   */
  reset(seq: Seq, reason: string, form: LiveForm, tag: LiveTag): void;
  /** The last call: authority lost, killed, table gone, session ended. */
  closed(error: PgError, tag: LiveTag): void;
  /** Everything of this turn was given: write it out. */
  flush(): void;
}

/** An open live query. It can be found again by its `id`, and need not be kept. */
export interface LiveHandle {
  /** As in system.live_queries. */
  readonly id: number;
  /** A: one table, by row. B: with ORDER BY and LIMIT. E: run again after changes. */
  readonly class: string;
  readonly columns: readonly {
    readonly name: string;
    readonly typeOid: Oid;
    readonly typeName: string;
  }[];
  /** Its ORDER BY by columns of the result; null when it has none, or orders by what it does not show. */
  readonly order:
    | readonly {
        readonly column: number;
        readonly descending: boolean;
        readonly nullsFirst: boolean;
      }[]
    | null;
  /** Where a resume would begin; undefined while the first rows are not all given. */
  readonly token: string | undefined;
  /** Commit order up to which everything was given. */
  readonly seq: Seq;
  /** The receiver takes more. */
  wake(): void;
  /** Unsubscribes. `closed` is not called. */
  close(): void;
}

/** All open live queries. */
export interface LiveHandles {
  /** One by the id of its handle, of this session or another one; undefined when it has ended. */
  find(id: number): LiveHandle | undefined;
}
