import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {SortKey} from './plan/plan.ts';

/** A line of properties: text, or a list that JSON keeps as one. */
export type Property = readonly [name: string, value: string | readonly string[]];

/** A plan node as EXPLAIN shows it. Projections, filters and subqueries of expressions belong to the node that they stand on. */
export interface ExplainNode {
  /** Plan nodes that it stands for, outermost first: rows and times are the first one's. */
  readonly ids: readonly number[];
  readonly label: string;
  /** JSON's Node Type and further facts. */
  readonly type: string;
  readonly facts: readonly (readonly [string, string | boolean])[];
  readonly output: readonly string[];
  readonly properties: readonly Property[];
  readonly children: readonly ExplainChild[];
  /** Filters that were folded in: plan node ids of the filter and of what it filters. */
  readonly filters: readonly (readonly [filter: number, input: number])[];
  readonly startCost: number;
  readonly totalCost: number;
  readonly rows: number;
  readonly width: number;
}

/** An input of a node; `title` is set for subplans and CTEs. */
export interface ExplainChild {
  readonly title: string;
  readonly relationship: 'Outer' | 'Inner' | 'Member' | 'InitPlan' | 'SubPlan';
  readonly node: ExplainNode;
}

/** A node with the texts of its output columns: as nodes above name them, and as its own filter does. */
export interface Described {
  readonly node: ExplainNode;
  readonly names: readonly string[];
  readonly bare: readonly string[];
}

/** What a plan node's own line and properties say. */
export interface Shape {
  readonly label: string;
  readonly type: string;
  readonly facts?: readonly (readonly [string, string | boolean])[];
  readonly properties?: readonly Property[];
  readonly children?: readonly ExplainChild[];
  readonly names: readonly string[];
  readonly bare?: readonly string[];
}

/** Prints an expression over columns of these names. */
export type PrintExpr = (
  expr: BoundExpr,
  columns: readonly string[],
  outer: ReadonlyMap<number, string>,
) => string;

/** What describing a node needs of the whole. */
export interface PlanNames {
  readonly catalog: CatalogSnapshot;
  readonly isVerbose: boolean;
  print(expr: BoundExpr, names: readonly string[]): string;
  /** Column names as nodes above show them. */
  prefixed(alias: string, names: readonly string[]): readonly string[];
  /** The quoted name of a column of a relation. */
  columnName(relation: Oid, attnum: number): string;
  sortKey(key: SortKey, names: readonly string[]): string;
}

/** A node's first input. */
export function outer(node: ExplainNode): ExplainChild {
  return {title: '', relationship: 'Outer', node};
}
