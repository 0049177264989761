import type {Node, SelectStmt} from '@pgsql/types';
import type {NameScope} from '../../catalog/names.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Block, RangeItem} from '../bind/block.ts';
import type {BindContext} from '../contract.ts';
import type {SortKey} from '../plan/plan.ts';
import type {ExpressionPrinter} from './expression.ts';
import type {QueryTrace} from './query-trace.ts';
import type {TextBuilder} from './text-builder.ts';

/** How the result columns of a query are named. */
export interface ResultNames {
  readonly columnNames: readonly string[] | null;
  /** Whether every name is shown, or only one that differs from what the column would be called. */
  readonly showsNames: boolean;
}

/** What the printers of a query's parts share. */
export interface QueryWriter {
  readonly trace: QueryTrace;
  readonly scope: NameScope;
  readonly context: BindContext;
  readonly out: TextBuilder;
  readonly exprs: ExpressionPrinter;
  /** The level whose clauses are being printed. */
  readonly block: Block;
  /** Prints an expression of the current level. */
  expr(expr: BoundExpr, showsImplicit: boolean): void;
  /** The bound form of a part of the tree. */
  bound(node: Node | undefined): BoundExpr;
  /** Expressions with commas between. */
  list(before: string, exprs: readonly BoundExpr[], after: string): void;
  /** Prints a query at the current indentation. */
  query(statement: SelectStmt, names: ResultNames): void;
  /** Starts a clause on its own line. */
  clause(word: string, plus: number): void;
  /** The expression that a sort or group item stands for. */
  outputRef(node: Node): BoundExpr;
  /** An expression where a bare constant or call would be misread. */
  sortExpr(expr: BoundExpr): void;
  /** A bound sort key with its direction. */
  sortKey(key: SortKey): void;
  /** The alias that an item of FROM is printed with. */
  aliasOf(item: RangeItem): string;
}
