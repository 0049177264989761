import type {
  RelationDescriptor,
  SystemRelationDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import type {Oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {
  AggregateCall,
  JoinType,
  OwnerScope,
  RowMark,
  SetFunctionCall,
  SortKey,
  TableScanPlan,
  WindowCall,
  WindowFrame,
} from '../plan/plan.ts';

/**
 * A bound query is a tree of relational nodes in which every column has an id that is unique in the statement.
 * `column` expressions hold such
 * ids in `index`; subqueries, aggregates, window calls and set-returning calls inside expressions are ids too, produced by a node below.
 * An id that no node below produces belongs to an enclosing query level. The planner turns ids into positions.
 */
export type ColumnId = number;

/** A column that a node produces. */
export interface LogicalColumn {
  readonly id: ColumnId;
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
}

/** An output column of a query with the origin that RowDescription tells. */
export interface OutputColumn extends LogicalColumn {
  readonly tableOid: Oid;
  readonly attnum: number;
}

/** A query: its node and which columns it yields, in order (an id may come twice). */
export interface BoundQuery {
  readonly node: LogicalNode;
  readonly columns: readonly OutputColumn[];
}

export type ScanSource = TableScanPlan['outputs'][number];

export interface ScanColumn extends LogicalColumn {
  readonly source: ScanSource;
}

/** Scan of a table or system relation. `columns` and `scope` grow while names are resolved; after binding they are fixed. */
export interface ScanNode {
  readonly kind: 'scan';
  readonly relation: TableDescriptor | SystemRelationDescriptor;
  readonly alias: string;
  readonly columns: ScanColumn[];
  scope: OwnerScope;
  /** Of a system relation: the owner of the SECURITY DEFINER function that reads it, 0 = none. */
  readonly asker: Oid;
  /** Locks wanted by FOR UPDATE and its kin; null = none. */
  lock: Pick<RowMark, 'mode' | 'wait'> | null;
}

export interface ValuesNode {
  readonly kind: 'values';
  readonly rows: readonly (readonly BoundExpr[])[];
  readonly columns: readonly LogicalColumn[];
}

/** Keeps the rows for which all conditions are true. */
export interface FilterNode {
  readonly kind: 'filter';
  readonly input: LogicalNode;
  readonly conditions: readonly BoundExpr[];
  /** Row-level security: what may leak the rows it reads is evaluated above, on the rows that are kept. */
  readonly isBarrier?: boolean;
}

/** The filter of a table's policies, which grows while the statement is bound. */
export type SecurityFilter = {-readonly [K in keyof FilterNode]: FilterNode[K]};

/** Adds computed columns to the input's. */
export interface ComputeNode {
  readonly kind: 'compute';
  readonly input: LogicalNode;
  readonly outputs: readonly {readonly column: LogicalColumn; readonly expr: BoundExpr}[];
}

/** `right` may refer to columns of `left` (LATERAL). A side may get a computed column while names are resolved. */
export interface JoinNode {
  readonly kind: 'join';
  readonly joinType: JoinType;
  left: LogicalNode;
  right: LogicalNode;
  readonly on: readonly BoundExpr[];
  /** Anti join with NOT IN semantics. */
  readonly isNullAware: boolean;
}

/** A subquery in an expression: adds `column` with its value. */
export interface ApplyNode {
  readonly kind: 'apply';
  readonly input: LogicalNode;
  readonly subquery: SubqueryExpr;
}

/** A subquery as an expression sees it: the column `column` stands for its value. */
export interface SubqueryExpr {
  readonly column: LogicalColumn;
  readonly query: BoundQuery;
  readonly mode: 'scalar' | 'exists' | 'any' | 'all' | 'array' | 'row';
  /** Over outer columns and the query's columns. */
  readonly test: BoundExpr | null;
  guard: BoundExpr | null;
}

export interface AggregateNode {
  readonly kind: 'aggregate';
  readonly input: LogicalNode;
  /** A key that is a plain column keeps its id. */
  readonly keys: readonly {readonly column: LogicalColumn; readonly expr: BoundExpr}[];
  readonly aggregates: readonly {readonly column: LogicalColumn; readonly call: AggregateCall}[];
  readonly groupingSets: readonly (readonly number[])[] | null;
  readonly groupings: readonly {readonly column: LogicalColumn; readonly keys: readonly number[]}[];
}

export interface WindowNode {
  readonly kind: 'window';
  readonly input: LogicalNode;
  readonly partitionBy: readonly BoundExpr[];
  readonly orderBy: readonly SortKey[];
  readonly frame: WindowFrame;
  readonly calls: readonly {readonly column: LogicalColumn; readonly call: WindowCall}[];
}

export interface SortNode {
  readonly kind: 'sort';
  readonly input: LogicalNode;
  readonly keys: readonly SortKey[];
}

export interface LimitNode {
  readonly kind: 'limit';
  readonly input: LogicalNode;
  readonly limit: BoundExpr | null;
  readonly offset: BoundExpr | null;
  readonly tieKeys: readonly SortKey[] | null;
}

/** DISTINCT over `columns`, or DISTINCT ON expressions of an input sorted by them. */
export interface DistinctNode {
  readonly kind: 'distinct';
  readonly input: LogicalNode;
  readonly columns: readonly LogicalColumn[];
  readonly on: readonly BoundExpr[] | null;
}

export interface AppendNode {
  readonly kind: 'append';
  readonly inputs: readonly BoundQuery[];
  readonly columns: readonly LogicalColumn[];
}

export interface SetOpNode {
  readonly kind: 'setOp';
  readonly op: 'intersect' | 'except';
  readonly all: boolean;
  readonly left: BoundQuery;
  readonly right: BoundQuery;
  readonly columns: readonly LogicalColumn[];
}

export interface LogicalSetCall {
  readonly call: SetFunctionCall;
  readonly columns: readonly LogicalColumn[];
}

/** Set-returning functions of a target list: adds their columns. */
export interface ProjectSetNode {
  readonly kind: 'projectSet';
  readonly input: LogicalNode;
  readonly functions: readonly LogicalSetCall[];
}

export interface FunctionScanNode {
  readonly kind: 'functionScan';
  readonly alias: string;
  readonly functions: readonly LogicalSetCall[];
  readonly ordinality: LogicalColumn | null;
}

export interface CteDefinition {
  readonly id: number;
  readonly name: string;
  readonly query: BoundQuery | DmlQuery;
  readonly isDataModifying: boolean;
  /** The statement itself, whose RETURNING is computed above it: the command tag counts its rows. */
  readonly isMain?: boolean;
}

/** INSERT, UPDATE, DELETE or MERGE; in WITH, a subquery whose rows come from RETURNING. */
export interface DmlQuery {
  /** WITH queries of the statement itself. */
  readonly ctes: readonly CteDefinition[];
  readonly node: DmlNode;
  readonly columns: readonly OutputColumn[];
  /** RETURNING with subqueries: the columns that the node returns for it, and what is computed of them. */
  readonly above?: {
    readonly read: readonly LogicalColumn[];
    /** Columns of a view, computed of them. */
    readonly computed: ComputeNode['outputs'];
    readonly subqueries: readonly SubqueryExpr[];
    readonly exprs: readonly BoundExpr[];
  } | null;
}

export interface WithNode {
  readonly kind: 'with';
  readonly ctes: readonly CteDefinition[];
  readonly body: LogicalNode;
}

export interface CteScanNode {
  readonly kind: 'cteScan';
  readonly cte: number;
  readonly name: string;
  readonly columns: readonly LogicalColumn[];
}

export interface RecursiveNode {
  readonly kind: 'recursive';
  readonly cte: number;
  readonly initial: BoundQuery;
  readonly recursive: BoundQuery;
  readonly isDistinct: boolean;
  readonly columns: readonly LogicalColumn[];
}

export interface WorkTableNode {
  readonly kind: 'workTable';
  readonly cte: number;
  readonly columns: readonly LogicalColumn[];
}

/**
 * The input's query over one row of its FROM items: `values` names the columns from outside and whose values they take, of the row as it is
 * now or, `isBefore`, as it was found.
 */
export interface RowRequery {
  readonly node: LogicalNode;
  readonly values: readonly {
    readonly id: ColumnId;
    readonly of: ColumnId;
    readonly isBefore: boolean;
  }[];
}

/** Locks the rows of the scans below that carry a lock. */
export interface LockNode {
  readonly kind: 'lock';
  readonly input: LogicalNode;
  readonly requery: RowRequery | null;
  readonly scans: readonly ScanNode[];
}

export interface DmlCheck {
  readonly name: string;
  /** WITH CHECK OPTION of a view of that name. */
  readonly isView?: boolean;
  /** A row-level security policy: the name of a restrictive one, '' for the permissive ones together. */
  readonly isPolicy?: boolean;
  /** Over the new row. */
  readonly condition: BoundExpr;
  /** The condition with its subqueries, one row of one column; the new row is an outer one. Instead of `condition`. */
  readonly query?: BoundQuery | null;
}

/**
 * Columns that stand for one version of the target's row inside RETURNING, SET, CHECK and ON CONFLICT expressions: the live columns in
 * order, then the pseudo columns that are used.
 */
export type TargetRow = ScanNode;

/** A value for a position in the table's live columns. */
export interface PositionExpr {
  readonly position: number;
  readonly expr: BoundExpr;
}

export interface InsertNode {
  readonly kind: 'insert';
  readonly table: TableDescriptor;
  readonly source: BoundQuery;
  readonly targets: readonly number[];
  readonly defaults: readonly (BoundExpr | null)[];
  readonly generated: readonly PositionExpr[];
  /** Position in the source's columns of the `_user_id` value, or null. */
  readonly ownerColumn: number | null;
  readonly checks: readonly DmlCheck[];
  readonly onConflict: {
    readonly action: 'nothing' | 'update';
    readonly arbiters: readonly Oid[];
    readonly existing: TargetRow;
    readonly excluded: TargetRow;
    readonly set: readonly PositionExpr[];
    readonly where: BoundExpr | null;
    /** When SET or WHERE have subqueries: the condition and the values as a row over existing and excluded. */
    readonly query: BoundQuery | null;
    /** Policies over `newRow`: of the row that is there (USING), and of what it becomes. */
    readonly existingChecks: readonly DmlCheck[];
    readonly updateChecks: readonly DmlCheck[];
  } | null;
  readonly newRow: TargetRow;
  readonly returning: readonly BoundExpr[] | null;
}

/** UPDATE or DELETE: `input` yields the target scan's columns (and those of FROM or USING). */
export interface ModifyNode {
  readonly kind: 'modify';
  readonly action: 'update' | 'delete';
  readonly table: TableDescriptor;
  readonly target: ScanNode;
  readonly input: LogicalNode;
  readonly recheck: readonly BoundExpr[];
  /** Asked instead of `recheck` where a newer row may change more than conditions. */
  readonly requery: RowRequery | null;
  readonly set: readonly PositionExpr[];
  readonly generated: readonly PositionExpr[];
  readonly checks: readonly DmlCheck[];
  /** The new row (update) or the old row (delete) in RETURNING, CHECK and generated columns. */
  readonly newRow: TargetRow;
  readonly returning: readonly BoundExpr[] | null;
  readonly changesKey: boolean;
}

/** WHEN ... THEN ... of MERGE. */
export interface MergeAction {
  readonly kind: 'update' | 'delete' | 'insert' | 'nothing';
  readonly isMatched: boolean;
  readonly condition: BoundExpr | null;
  /** Policies of the row that is there, again, over the target's scan: only where they are true subqueries of `set` are asked. */
  readonly setGuard: BoundExpr | null;
  /** UPDATE: the assignments. INSERT: a value for each stored column. */
  readonly set: readonly PositionExpr[];
  /** INSERT (_user_id, ...): the owner's name. */
  readonly owner: BoundExpr | null;
  readonly changesKey: boolean;
  /** Policies: of the row that is there (USING), and of the one that is written. */
  readonly existingChecks: readonly DmlCheck[];
  readonly writtenChecks: readonly DmlCheck[];
}

/** MERGE: `input` is the source joined with the target scan; where its rid is NULL nothing matched. */
export interface MergeNode {
  readonly kind: 'merge';
  readonly table: TableDescriptor;
  readonly target: ScanNode;
  readonly alias: string;
  readonly input: LogicalNode;
  readonly recheck: readonly BoundExpr[];
  /** Asked instead of `recheck`: the join and the subqueries, again. */
  readonly requery: RowRequery | null;
  readonly actions: readonly MergeAction[];
  readonly generated: readonly PositionExpr[];
  readonly checks: readonly DmlCheck[];
  readonly newRow: TargetRow;
  readonly returning: null;
}

export type DmlNode = InsertNode | ModifyNode | MergeNode;

export type LogicalNode =
  | ScanNode
  | ValuesNode
  | FilterNode
  | ComputeNode
  | JoinNode
  | ApplyNode
  | AggregateNode
  | WindowNode
  | SortNode
  | LimitNode
  | DistinctNode
  | AppendNode
  | SetOpNode
  | ProjectSetNode
  | FunctionScanNode
  | WithNode
  | CteScanNode
  | RecursiveNode
  | WorkTableNode
  | LockNode;

export type {RelationDescriptor};
