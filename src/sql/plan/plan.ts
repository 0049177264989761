import type {Oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {AggregateCall, PlanLock, RowMark, SortKey} from './plan-calls.ts';
import type {WindowCall, WindowFrame} from './plan-calls.ts';

export type {AggregateCall, RowMark, SortKey, WindowCall, WindowFrame};

/** An output column of a plan node. */
export interface PlanColumn {
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
}

/** Fields of every node. `id` is unique in a plan (EXPLAIN counters). `estimatedRows` is the planner's guess. */
interface PlanBase {
  readonly id: number;
  readonly columns: readonly PlanColumn[];
  readonly estimatedRows: number;
}

/** A conjunct pushed to storage for pruning and key ranges; its values are column-free. The filter is still applied above. */
export interface PushedPredicate {
  readonly column: number;
  readonly op: '=' | '<' | '<=' | '>' | '>=' | 'in' | 'isNull' | 'isNotNull';
  readonly values: readonly BoundExpr[];
  /** With op 'in': the single value is an array-typed expression. */
  readonly isArray: boolean;
}

/** Whose rows a user table's FROM item addresses; fixed at bind, shown by EXPLAIN. */
export type OwnerScope = 'none' | 'own' | 'all';

/**
 * Scan of a stored table. `outputs` are attnums or pseudo columns in output order; `filter` (over the node's own
 * output columns) is applied by the node.
 * `lookup`: exact key lookup by an index: one list of expressions per key (column-free or outer), values cast to the key types.
 */
export interface TableScanPlan extends PlanBase {
  readonly kind: 'tableScan';
  readonly table: Oid;
  readonly tableName: string;
  readonly alias: string;
  readonly scope: OwnerScope;
  /** attnum, or a pseudo column. 'userId' is the text `_user_id` (owner's role name), 'tableoid' and 'ctid' as in PostgreSQL. */
  readonly outputs: readonly (
    | number
    | 'rid'
    | 'seq'
    | 'owner'
    | 'location'
    | 'userId'
    | 'tableoid'
    | 'ctid'
  )[];
  readonly filter: BoundExpr | null;
  readonly pushed: readonly PushedPredicate[];
  readonly lookup: {readonly index: Oid; readonly keys: readonly (readonly BoundExpr[])[]} | null;
  /** Equality on `_user_id` pushed down: role name expression; narrows scope 'all' to one owner. */
  readonly ownerEquals: BoundExpr | null;
  /** Index order that the sort above would like; the scan says at execution whether it gives it (RunContext.orderedScans). */
  readonly order: {readonly index: Oid; readonly descending: boolean} | null;
}

/** Scan of a system relation (pg_catalog, information_schema, system). `outputs` are attnums. */
export interface SystemScanPlan extends PlanBase {
  readonly kind: 'systemScan';
  readonly relation: Oid;
  readonly relationName: string;
  readonly alias: string;
  /** Whose view of it is wanted: the owner of a SECURITY DEFINER function; 0 = current_user's. */
  readonly asker: Oid;
  readonly outputs: readonly number[];
  readonly filter: BoundExpr | null;
  /** Equality usable as a lookup: attnum and value expression (column-free or outer). */
  readonly equals: {readonly attnum: number; readonly value: BoundExpr} | null;
}

/** VALUES lists, and the one empty row of a SELECT without FROM (rows = [[]]). Expressions are column-free. */
export interface ValuesPlan extends PlanBase {
  readonly kind: 'values';
  readonly rows: readonly (readonly BoundExpr[])[];
}

export interface FilterPlan extends PlanBase {
  readonly kind: 'filter';
  readonly input: Plan;
  readonly condition: BoundExpr;
}

export interface ProjectPlan extends PlanBase {
  readonly kind: 'project';
  readonly input: Plan;
  readonly exprs: readonly BoundExpr[];
}

/** Set-returning functions in a target list: input columns are followed by one column per function (rows to the longest, NULL padded). */
export interface ProjectSetPlan extends PlanBase {
  readonly kind: 'projectSet';
  readonly input: Plan;
  readonly functions: readonly SetFunctionCall[];
}

export interface SetFunctionCall {
  readonly function: Oid;
  readonly source: string;
  readonly name: string;
  readonly isStrict: boolean;
  readonly args: readonly BoundExpr[];
  /** Columns that it yields: one scalar, or the fields of its row type. */
  readonly columns: readonly PlanColumn[];
  /** True when it yields rows (arrays of Datums) rather than scalars. */
  readonly returnsRow: boolean;
  /** False for an ordinary function in FROM: exactly one row. Then `expr` is the call. */
  readonly expr: BoundExpr | null;
}

/** Function(s) in FROM: ROWS FROM(...), WITH ORDINALITY. Args may hold outer references (LATERAL under Apply-style nested loop). */
export interface FunctionScanPlan extends PlanBase {
  readonly kind: 'functionScan';
  readonly functions: readonly SetFunctionCall[];
  readonly withOrdinality: boolean;
  readonly filter: BoundExpr | null;
}

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti';

/** Output columns: left's then right's (semi, anti: left's only). `condition` is over both concatenated. */
export interface HashJoinPlan extends PlanBase {
  readonly kind: 'hashJoin';
  readonly joinType: JoinType;
  /** Probe side. */
  readonly left: Plan;
  /** Build side. */
  readonly right: Plan;
  readonly leftKeys: readonly BoundExpr[];
  readonly rightKeys: readonly BoundExpr[];
  /** Residual condition beside the keys. */
  readonly condition: BoundExpr | null;
  /** NOT IN semantics: a NULL key on either side makes the anti join yield nothing for it. */
  readonly isNullAware: boolean;
}

/**
 * For each left row: set `run.outer[outerBase + i]` to the value of `bindings[i]` (over left), re-open right, join.
 * With no bindings right is materialised once.
 */
export interface NestedLoopPlan extends PlanBase {
  readonly kind: 'nestedLoop';
  readonly joinType: JoinType;
  readonly left: Plan;
  readonly right: Plan;
  readonly condition: BoundExpr | null;
  readonly bindings: readonly OuterBinding[];
}

/** `run.outer[slot]` := value of `expr` over the current (left or input) row. */
export interface OuterBinding {
  readonly slot: number;
  readonly expr: BoundExpr;
}

/**
 * A subquery in an expression: the input's columns followed by one column with the subquery's value. `guard` (over
 * the input): where it is not true the subplan does not run and the column is NULL.
 * scalar: 21000 on two rows. exists: bool. any/all: `test` compares over [input columns..., subplan columns...] with
 * three-valued logic. array: ARRAY(subquery).
 * Without bindings (and no volatile function) it runs at most once per open of its parent (an InitPlan), lazily.
 */
export interface ApplyPlan extends PlanBase {
  readonly kind: 'apply';
  readonly input: Plan;
  readonly subplan: Plan;
  readonly mode: 'scalar' | 'exists' | 'any' | 'all' | 'array' | 'row';
  readonly test: BoundExpr | null;
  readonly guard: BoundExpr | null;
  readonly bindings: readonly OuterBinding[];
  readonly runOnce: boolean;
}

/** `limit` (column-free, may be null) lets a top-N heap replace a full sort. */
export interface SortPlan extends PlanBase {
  readonly kind: 'sort';
  readonly input: Plan;
  readonly keys: readonly SortKey[];
  readonly limit: BoundExpr | null;
}

/** limit/offset: column-free int8 expressions; NULL limit = all. withTies compares `tieKeys`. */
export interface LimitPlan extends PlanBase {
  readonly kind: 'limit';
  readonly input: Plan;
  readonly limit: BoundExpr | null;
  readonly offset: BoundExpr | null;
  readonly tieKeys: readonly SortKey[] | null;
}

/**
 * Output: group keys, then aggregates, then (with several grouping sets) one int4 column per GROUPING() call. No
 * keys: exactly one row per empty grouping set.
 */
export interface AggregatePlan extends PlanBase {
  readonly kind: 'aggregate';
  readonly input: Plan;
  readonly keys: readonly BoundExpr[];
  readonly aggregates: readonly AggregateCall[];
  /** Indices into keys; null = one set of all keys. Keys outside a set are NULL. */
  readonly groupingSets: readonly (readonly number[])[] | null;
  /** Per GROUPING(...) call the key indices. */
  readonly groupings: readonly (readonly number[])[];
}

/**
 * Input must arrive in any order; the node sorts by partition and order keys. Output: input columns then one per
 * call. One window per node.
 */
export interface WindowPlan extends PlanBase {
  readonly kind: 'window';
  readonly input: Plan;
  readonly partitionBy: readonly BoundExpr[];
  readonly orderBy: readonly SortKey[];
  readonly frame: WindowFrame;
  readonly calls: readonly WindowCall[];
}

/** DISTINCT over all columns, or DISTINCT ON the key expressions of an input already sorted by them. */
export interface DistinctPlan extends PlanBase {
  readonly kind: 'distinct';
  readonly input: Plan;
  readonly on: readonly BoundExpr[] | null;
}

/** UNION ALL. */
export interface AppendPlan extends PlanBase {
  readonly kind: 'append';
  readonly inputs: readonly Plan[];
}

/** INTERSECT [ALL], EXCEPT [ALL]; UNION is distinct over append. */
export interface SetOpPlan extends PlanBase {
  readonly kind: 'setOp';
  readonly op: 'intersect' | 'except';
  readonly all: boolean;
  readonly left: Plan;
  readonly right: Plan;
}

/** WITH: defines ctes (each materialised lazily once per open, or all run to the end when data-modifying), then runs body. */
export interface WithPlan extends PlanBase {
  readonly kind: 'with';
  readonly ctes: readonly CtePlan[];
  readonly body: Plan;
}

export interface CtePlan {
  readonly id: number;
  readonly name: string;
  readonly plan: Plan;
  readonly isDataModifying: boolean;
  /** The statement itself below its RETURNING: the command tag counts its rows. */
  readonly isMain: boolean;
}

export interface CteScanPlan extends PlanBase {
  readonly kind: 'cteScan';
  readonly cte: number;
  readonly name: string;
}

/** WITH RECURSIVE: `workTable` reads rows of the last round. */
export interface RecursiveUnionPlan extends PlanBase {
  readonly kind: 'recursiveUnion';
  readonly cte: number;
  readonly initial: Plan;
  readonly recursive: Plan;
  readonly isDistinct: boolean;
}

export interface WorkTableScanPlan extends PlanBase {
  readonly kind: 'workTableScan';
  readonly cte: number;
}

/** FOR UPDATE and its kin: locks the rows whose rid columns are named, then re-checks (EvalPlanQual). */
export interface LockRowsPlan extends PlanBase {
  readonly kind: 'lockRows';
  readonly input: Plan;
  readonly marks: readonly RowMark[];
  readonly requery: RowRequeryPlan | null;
}

/** A CHECK or NOT NULL of the target, over the new row (columns = table's columns in storage order). */
export interface RowCheck {
  readonly name: string;
  /** WITH CHECK OPTION of a view of that name: anything but true fails (44000). */
  readonly isView?: boolean;
  /** A row-level security policy (42501): the name of a restrictive one, '' for the permissive ones together. */
  readonly isPolicy?: boolean;
  readonly condition: BoundExpr;
  /** A condition with subqueries: a plan of one row and one column, run after `run.outer[slot]` := the new row's value at `position`. */
  readonly query?: {
    readonly plan: Plan;
    readonly bindings: readonly {readonly slot: number; readonly position: number}[];
  } | null;
}

/** A plan of one row for a row of values: run after `run.outer[slot]` := the value at `position`. */
export interface RowQueryPlan {
  readonly plan: Plan;
  readonly bindings: readonly {readonly slot: number; readonly position: number}[];
}

/** Asked instead of `recheck` (EvalPlanQual): no row, or columns `from` for the columns `to`. `before`: `bindings` of the row as found. */
export interface RowRequeryPlan extends RowQueryPlan {
  readonly before: RowQueryPlan['bindings'];
  readonly targets: readonly {readonly from: number; readonly to: number}[];
}

/**
 * INSERT. Input yields values for `targets` (positions in the table's live columns); other columns take `defaults`
 * (column-free expressions per live column, null = NULL).
 * `owner`: column of the input with the `_user_id` text (given in the column list), or null = run.owner.
 */
export interface InsertPlan extends PlanBase {
  readonly kind: 'insert';
  readonly table: Oid;
  readonly input: Plan;
  readonly targets: readonly number[];
  readonly defaults: readonly (BoundExpr | null)[];
  /** Generated columns: position and expression over the new row. */
  readonly generated: readonly {readonly position: number; readonly expr: BoundExpr}[];
  readonly ownerColumn: number | null;
  readonly checks: readonly RowCheck[];
  readonly onConflict: OnConflictPlan | null;
  /** Over the new row: live columns in order, then rid, seq, owner (float64), userId(text). Null = no RETURNING. */
  readonly returning: readonly BoundExpr[] | null;
}

export interface OnConflictPlan {
  readonly action: 'nothing' | 'update';
  /** Arbiter index OIDs; empty = any (DO NOTHING only). */
  readonly arbiters: readonly Oid[];
  /** Over [existing row's live columns..., excluded row's live columns...]. */
  readonly set: readonly {readonly position: number; readonly expr: BoundExpr}[];
  readonly changesKey: boolean;
  readonly where: BoundExpr | null;
  /** With subqueries, instead of `where` and the values of `set`: the condition, then a value for each of `set`. */
  readonly query: RowQueryPlan | null;
  /** Policies: over the row that is there, and over what it becomes (instead of those of the inserted row). */
  readonly existingChecks: readonly RowCheck[];
  readonly updateChecks: readonly RowCheck[];
}

/**
 * UPDATE. Input yields the target's columns named by `rid`, `seq`, `owner`, `location` indices and `oldColumns`
 * (index in the input of each live column), and the new values by `set`.
 * With READ COMMITTED a row changed meanwhile is re-read, `recheck` (over the input row with the target's columns
 * refreshed) decides, `set` expressions are evaluated over the refreshed input row.
 */
export interface UpdatePlan extends PlanBase {
  readonly kind: 'update';
  readonly table: Oid;
  readonly input: Plan;
  readonly rid: number;
  readonly seq: number;
  readonly owner: number;
  readonly location: number;
  readonly oldColumns: readonly number[];
  /** Expressions over the input row. */
  readonly set: readonly {readonly position: number; readonly expr: BoundExpr}[];
  readonly generated: readonly {readonly position: number; readonly expr: BoundExpr}[];
  readonly recheck: BoundExpr | null;
  readonly requery: RowRequeryPlan | null;
  readonly checks: readonly RowCheck[];
  /** Over [new row's live columns..., rid, seq, owner, userId, then the input's columns]. */
  readonly returning: readonly BoundExpr[] | null;
  /** Of columns of unique keys that are set: where one gets another value the lock mode is update instead of noKeyUpdate. */
  readonly keyPositions: readonly number[];
}

/** DELETE: as UPDATE; `returning` over [old row's live columns..., rid, seq, owner, userId, then the input's columns]. */
export interface DeletePlan extends PlanBase {
  readonly kind: 'delete';
  readonly table: Oid;
  readonly input: Plan;
  readonly rid: number;
  readonly seq: number;
  readonly owner: number;
  readonly location: number;
  readonly oldColumns: readonly number[];
  readonly recheck: BoundExpr | null;
  readonly requery: RowRequeryPlan | null;
  readonly returning: readonly BoundExpr[] | null;
}

/** WHEN [NOT] MATCHED [AND condition] THEN ...; expressions over the input row. */
export interface MergeActionPlan {
  readonly kind: 'update' | 'delete' | 'insert' | 'nothing';
  readonly isMatched: boolean;
  readonly condition: BoundExpr | null;
  /** update: the assignments. insert: a value for each column that is not generated. */
  readonly set: readonly {readonly position: number; readonly expr: BoundExpr}[];
  /** insert: the `_user_id` text, or null = run.owner. */
  readonly owner: BoundExpr | null;
  /** update: a column of a unique key may change. */
  readonly changesKey: boolean;
  /** Policies: over the row that is there, and over the one that is written. */
  readonly existingChecks: readonly RowCheck[];
  readonly writtenChecks: readonly RowCheck[];
}

/**
 * MERGE. Input: as of UPDATE, joined with the source; rid NULL = not matched. Of the actions that fit a row the first whose condition is
 * true is done. With READ COMMITTED a row changed meanwhile is re-read; when `recheck` (the join condition) fails it is not matched.
 */
export interface MergePlan extends PlanBase {
  readonly kind: 'merge';
  readonly table: Oid;
  readonly alias: string;
  readonly input: Plan;
  readonly rid: number;
  readonly seq: number;
  readonly owner: number;
  readonly location: number;
  readonly oldColumns: readonly number[];
  readonly recheck: BoundExpr | null;
  readonly requery: RowRequeryPlan | null;
  readonly actions: readonly MergeActionPlan[];
  readonly generated: readonly {readonly position: number; readonly expr: BoundExpr}[];
  readonly checks: readonly RowCheck[];
}

/** A node of an executable plan: readonly data, no role, owner, setting, snapshot or function object in it. */
export type Plan =
  | TableScanPlan
  | SystemScanPlan
  | ValuesPlan
  | FilterPlan
  | ProjectPlan
  | ProjectSetPlan
  | FunctionScanPlan
  | HashJoinPlan
  | NestedLoopPlan
  | ApplyPlan
  | SortPlan
  | LimitPlan
  | AggregatePlan
  | WindowPlan
  | DistinctPlan
  | AppendPlan
  | SetOpPlan
  | WithPlan
  | CteScanPlan
  | RecursiveUnionPlan
  | WorkTableScanPlan
  | LockRowsPlan
  | InsertPlan
  | UpdatePlan
  | DeletePlan
  | MergePlan;

/** Checked at open, for the invoker: (relation, columns, privilege letter of aclitem). */
export interface RequiredPrivilege {
  /** A relation, with 'X' a function, with 'U' a schema. */
  readonly relation: Oid;
  /** attnums, empty = the whole relation. */
  readonly columns: readonly number[];
  readonly privilege: 'r' | 'a' | 'w' | 'd' | 'D' | 'X' | 'U';
  /** Role to check instead of the invoker (owner of a view), 0 = invoker. */
  readonly asRole: Oid;
}

/** A result column with its origin, as RowDescription tells it. */
export interface ResultColumn extends PlanColumn {
  readonly tableOid: Oid;
  readonly attnum: number;
}

/** A planned optimizable statement; without result columns when it returns no rows. */
export interface QueryPlan {
  readonly kind: 'select' | 'insert' | 'update' | 'delete' | 'merge';
  readonly root: Plan;
  readonly columns: readonly ResultColumn[];
  readonly returnsRows: boolean;
  readonly parameterTypes: readonly TypeInstance[];
  /** Size of run.outer. */
  readonly outerCount: number;
  readonly privileges: readonly RequiredPrivilege[];
  /** Writes, locks rows or calls functions that do. */
  readonly isReadOnly: boolean;
  /** Row-level security decided: the plan is for the role and the row_security that it was bound under. */
  readonly dependsOnRole: boolean;
  readonly tables: readonly {readonly oid: Oid; readonly mode: PlanLock}[];
  /** Sequences that it advances or sets, as far as they are known before it runs. */
  readonly sequences: readonly Oid[];
  readonly hasVolatile: boolean;
  /** The session runs statements of functions meanwhile: it goes on seeing what it saw at its begin. */
  readonly runsFunctions: boolean;
}
