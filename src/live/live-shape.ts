import type {Oid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {QueryPlan, ResultColumn, SortKey, TableScanPlan} from '../sql/plan/plan.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';

/** Pseudo columns as the matcher lays them behind the stored columns of a row, in this order. */
export const PSEUDO_COLUMNS = ['rid', 'seq', 'owner', 'userId', 'tableoid', 'ctid'] as const;

/** A parameter or literal slot that the query reads. */
export interface ValueRef {
  readonly kind: 'param' | 'slot';
  readonly index: number;
  readonly type: TypeInstance;
}

/** An equality (or IN list) that makes the query findable by a column's value. The values hold no column. */
export interface AccessKey {
  /** Positions in the table's stored columns. */
  readonly positions: readonly number[];
  readonly types: readonly TypeInstance[];
  /** One list of expressions per key; empty with `list`. */
  readonly keys: readonly (readonly BoundExpr[])[];
  /** An array whose elements are the keys (of one position); null otherwise. */
  readonly list: BoundExpr | null;
}

/**
 * A query of class A: one table, a condition on one row, a target list over one row. Expressions are over the table's
 * stored row followed by PSEUDO_COLUMNS.
 * Readonly data, shared by all subscriptions of the plan; parameters and slots stay open.
 */
export interface LiveShape {
  readonly class: 'A';
  /** Equal for queries that mean the same; part of resume tokens. */
  readonly queryId: string;
  /** As queryId, over this layout of the table: what compiled code is kept by. */
  readonly id: string;
  readonly table: Oid;
  readonly tableName: string;
  readonly scope: TableScanPlan['scope'];
  /** The scan as planned: pushed predicates, key lookup and owner serve the snapshot. */
  readonly scan: TableScanPlan;
  /** The whole condition. */
  readonly filter: BoundExpr | null;
  readonly access: AccessKey | null;
  /** What remains of the condition once the access key matched. */
  readonly residual: BoundExpr | null;
  readonly projection: readonly BoundExpr[];
  /** Order of the first rows (ORDER BY without LIMIT); changes come in commit order. Empty = any. */
  readonly order: readonly SortKey[];
  readonly columns: readonly ResultColumn[];
  /** attnums of the table's live columns in stored order when it was analysed. */
  readonly attnums: readonly number[];
  /** Stored positions that the condition reads, and those that the target list reads. */
  readonly filterPositions: readonly number[];
  readonly projectionPositions: readonly number[];
  readonly readsPseudo: boolean;
  /** Reads session_user, the search path or the like: who logged in matters, not only the role. */
  readonly readsSession: boolean;
  /** Stored positions of the primary key; empty when there is none. */
  readonly keyPositions: readonly number[];
  readonly values: readonly ValueRef[];
  /** Constants of comparisons, read as parameters behind the statement's own. Not part of the identity. */
  readonly constants: readonly Datum[];
  readonly parameterCount: number;
  readonly schemaVersion: number;
}

/** A query of class B: one of class A with ORDER BY and LIMIT. The window is kept, with some rows behind its end. */
export interface WindowShape {
  readonly class: 'B';
  readonly queryId: string;
  readonly id: string;
  /** The query without order and limit. Values, constants and schema version are its own. */
  readonly inner: LiveShape;
  /** Over the stored row; ties go by row id. */
  readonly keys: readonly SortKey[];
  readonly limit: BoundExpr | null;
  readonly offset: BoundExpr | null;
  readonly columns: readonly ResultColumn[];
  readonly values: readonly ValueRef[];
  readonly constants: readonly Datum[];
  readonly parameterCount: number;
  readonly schemaVersion: number;
}

/** A table that a query of class E reads. */
export interface ReadTable {
  readonly table: Oid;
  readonly tableName: string;
  readonly scope: TableScanPlan['scope'];
  /** attnums that the query reads. */
  readonly attnums: readonly number[];
}

/** A query of class E: run again after changes of the tables that it reads, and compared with what it was. */
export interface ResultShape {
  readonly class: 'E';
  readonly queryId: string;
  readonly id: string;
  readonly plan: QueryPlan;
  readonly tables: readonly ReadTable[];
  /** Result columns that no two rows share; null when none are known: then equal rows are counted. */
  readonly keyColumns: readonly number[] | null;
  /** What makes it more than class A or B, for EXPLAIN (LIVE). */
  readonly cause: string;
  readonly columns: readonly ResultColumn[];
  readonly values: readonly ValueRef[];
  readonly constants: readonly Datum[];
  readonly parameterCount: number;
  readonly schemaVersion: number;
}

/** How a query is kept live. */
export type AnyShape = LiveShape | WindowShape | ResultShape;
