import type {Oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';

/** A key of ORDER BY. */
export interface SortKey {
  readonly expr: BoundExpr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** An aggregate with its arguments over the input. */
export interface AggregateCall {
  readonly function: Oid;
  readonly source: string;
  readonly name: string;
  readonly type: TypeInstance;
  /** Over the input. Empty for count(*). Direct arguments of ordered-set aggregates come first. */
  readonly args: readonly BoundExpr[];
  readonly isDistinct: boolean;
  readonly filter: BoundExpr | null;
  readonly orderBy: readonly SortKey[];
  readonly kind: 'n' | 'o' | 'h';
  readonly directArgCount: number;
  /** Made by CREATE AGGREGATE; absent = the library's. */
  readonly user?: UserAggregate;
}

/** The functions of an aggregate of a user, over [state, arguments...]. */
export interface UserAggregate {
  readonly step: BoundExpr;
  /** The transition function is strict: rows with a NULL are passed over. */
  readonly isStrict: boolean;
  readonly initial: Datum;
  /** Over [state]; null = the state is the result. */
  readonly final: BoundExpr | null;
  readonly isFinalStrict: boolean;
}

/** What a plan locks a table for. */
export type PlanLock = 'accessShare' | 'rowShare' | 'rowExclusive';

/** Which rows of the partition a window call sees. */
export interface WindowFrame {
  readonly mode: 'rows' | 'range' | 'groups';
  readonly start: {
    readonly kind: 'unboundedPreceding' | 'preceding' | 'currentRow' | 'following';
    readonly offset: BoundExpr | null;
  };
  readonly end: {
    readonly kind: 'preceding' | 'currentRow' | 'following' | 'unboundedFollowing';
    readonly offset: BoundExpr | null;
  };
  readonly exclude: 'noOthers' | 'currentRow' | 'group' | 'ties';
}

/** A window function or aggregate over a window. */
export interface WindowCall {
  readonly function: Oid;
  readonly source: string;
  readonly name: string;
  readonly type: TypeInstance;
  readonly isAggregate: boolean;
  /** As of AggregateCall. */
  readonly user?: UserAggregate;
  readonly args: readonly BoundExpr[];
  readonly filter: BoundExpr | null;
}

/** What FOR UPDATE and its kin lock. */
export interface RowMark {
  readonly table: Oid;
  /** Index of the rid, seq, owner and location columns in the input. */
  readonly rid: number;
  readonly seq: number;
  readonly owner: number;
  readonly location: number;
  readonly mode: 'keyShare' | 'share' | 'noKeyUpdate' | 'update';
  readonly wait: 'wait' | 'nowait' | 'skip';
  /** Scan node whose columns are refreshed for the re-check: index in the input of each of the scan's outputs. */
  readonly columns: readonly {readonly input: number; readonly output: number | 'userId'}[];
  /**
   * FOR KEY SHARE: attnums of the columns of unique keys. A newer version with the same key is not taken instead of the row that was
   * found. Null for other modes.
   */
  readonly keyColumns: readonly number[] | null;
  /** Condition re-checked over the refreshed input row; null = none. */
  readonly recheck: BoundExpr | null;
}
