import type {Node, SelectStmt, WindowDef} from '@pgsql/types';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {
  AggregateCall,
  RequiredPrivilege,
  SortKey,
  WindowCall,
  WindowFrame,
} from '../plan/plan.ts';
import type {Binding, QueryLevel} from './binding.ts';
import type {
  BoundQuery,
  ColumnId,
  CteDefinition,
  LogicalColumn,
  LogicalNode,
  LogicalSetCall,
  ScanNode,
  SubqueryExpr,
} from './logical.ts';

/** Which part of a statement is being bound; the text is what PostgreSQL's errors say. */
export type Clause =
  | 'SELECT'
  | 'WHERE'
  | 'HAVING'
  | 'GROUP BY'
  | 'ORDER BY'
  | 'DISTINCT ON'
  | 'LIMIT'
  | 'OFFSET'
  | 'VALUES'
  | 'JOIN conditions'
  | 'FILTER'
  | 'functions in FROM'
  | 'FROM'
  | 'UPDATE'
  | 'INSERT'
  | 'RETURNING'
  | 'DEFAULT expressions'
  | 'check constraints'
  | 'window definitions'
  | 'index expressions'
  | 'index predicates'
  | 'column generation expressions'
  | 'MERGE WHEN conditions'
  | 'aggregate arguments'
  | 'EXECUTE parameters'
  | 'COPY FROM WHERE conditions'
  | 'policy expressions';

/** A column that names can reach. */
export interface ScopeColumn {
  readonly name: string;
  readonly id: ColumnId;
  readonly type: TypeInstance;
  readonly typmod: number;
  readonly tableOid: Oid;
  readonly attnum: number;
  /** Where reading it is noted for the privilege check. */
  readonly use: PrivilegeUse | null;
}

/** Columns of a relation read by a statement; becomes a RequiredPrivilege. */
export interface PrivilegeUse {
  readonly relation: Oid;
  readonly columns: Set<number>;
  readonly asRole: Oid;
  readonly privilege: RequiredPrivilege['privilege'];
  /** Counts only when a column is read: the target of UPDATE and DELETE. */
  readonly needsColumns: boolean;
}

/** An item of FROM as names see it. */
export interface RangeItem {
  readonly alias: string;
  /** Schema of a table named without alias, so that schema.table.column finds it. */
  readonly schema: Oid;
  readonly columns: readonly ScopeColumn[];
  readonly scan: ScanNode | null;
  /** Row type of a table or view; null = record. */
  readonly rowType: TypeInstance | null;
  readonly use: PrivilegeUse | null;
  /** alias.column finds it. */
  readonly isNamed: boolean;
  /** An unqualified name finds its columns, `*` shows them. */
  readonly showsColumns: boolean;
  /** Where `_user_id` widens the scope: false in SET and RETURNING of a target. */
  readonly isTarget: boolean;
  /** A function in FROM that yields one scalar column: the alias means that column. */
  readonly isScalarFunction: boolean;
  /** The outer join that puts NULLs for its rows; null = none; never: a named join, whose whole row is made of its columns. */
  readonly nullable: NullableSide | 'never' | null;
  /** A LATERAL item finds it, and must not use it: the left side of a RIGHT or FULL JOIN, the target of UPDATE or DELETE. */
  readonly outOfReach: 'join' | 'target' | null;
  /** Why FOR UPDATE cannot name it; null = it can. */
  readonly unlockable: 'a join' | 'a function' | 'a WITH query' | null;
}

/** A side of an outer join whose rows may be NULLs. `column`: true in each row of the side, added on first use. */
export interface NullableSide {
  readonly join: {left: LogicalNode; right: LogicalNode};
  readonly side: 'left' | 'right';
  column: LogicalColumn | null;
}

/** A WITH query that names can reach. */
export interface CteEntry {
  readonly name: string;
  readonly id: number;
  readonly columns: readonly LogicalColumn[] | null;
  /** Origins of its columns, parallel to `columns`. */
  readonly origins: readonly {readonly tableOid: Oid; readonly attnum: number}[];
  /** Set while the recursive term of this CTE is bound. */
  readonly isWorkTable: boolean;
  readonly isDataModifying: boolean;
  /** Columns at the end, made by SEARCH and CYCLE, that `*` does not show inside the query itself. */
  readonly addedColumns: number;
  references: number;
}

/** Names of WITH in scope, innermost first. */
export interface CteScope {
  readonly entries: readonly CteEntry[];
  readonly parent: CteScope | null;
  /** Names that the same WITH gives later: only for the error text. */
  readonly later?: readonly string[];
}

export interface BoundAggregate {
  readonly column: LogicalColumn;
  readonly call: AggregateCall;
  readonly location: number;
}

export interface BoundGrouping {
  readonly column: LogicalColumn;
  readonly args: readonly BoundExpr[];
  readonly location: number;
}

/** A window with the calls that run over it. */
export interface BoundWindow {
  readonly partitionBy: readonly BoundExpr[];
  readonly orderBy: readonly SortKey[];
  readonly frame: WindowFrame;
  /** Subqueries of the frame's offsets. */
  readonly offsets: readonly SubqueryExpr[];
  readonly calls: {readonly column: LogicalColumn; call: WindowCall}[];
}

/** How a query is bound inside another. */
export interface QueryOptions {
  /** Enclosing level whose columns it may use; null = none. */
  readonly parent: Block | null;
  readonly ctes: CteScope | null;
  /** Whether unknown output columns become text (not for INSERT sources and set operations' branches). */
  readonly resolveUnknown: boolean;
  /** Locks asked for by FOR UPDATE of an enclosing query. */
  readonly lock?: ScanNode['lock'];
  /** Items beside a subquery in FROM that it may not see: only for the error text. */
  readonly unseen?: readonly RangeItem[];
}

/** The mutually recursive parts of binding. */
export interface Binders {
  expr(block: Block, node: Node): BoundExpr;
  query(binding: Binding, statement: SelectStmt, options: QueryOptions): BoundQuery;
  /** INSERT, UPDATE, DELETE inside WITH. */
  dml(binding: Binding, statement: Node, options: QueryOptions): CteDefinition['query'];
}

/** One query level while it is bound. */
export class Block implements QueryLevel {
  readonly binding: Binding;
  readonly binders: Binders;
  readonly parent: Block | null;
  readonly level: number;
  ctes: CteScope | null;
  items: RangeItem[] = [];
  clause: Clause = 'SELECT';
  aggregates: BoundAggregate[] = [];
  groupings: BoundGrouping[] = [];
  windows: BoundWindow[] = [];
  namedWindows = new Map<string, WindowDef>();
  /** Set-returning calls met in the target list, by nesting depth. */
  setCalls: {
    readonly depth: number;
    readonly call: LogicalSetCall /** LANGUAGE sql: its query, joined laterally. */;
    readonly query: BoundQuery | null;
  }[] = [];
  /** Subqueries met since the last node was built. */
  subqueries: SubqueryExpr[] = [];
  /** FOR UPDATE and its kin of this level, which go on into subqueries and views of FROM. */
  locking: readonly Node[] = [];
  /** Items of the enclosing FROM that are out of reach. */
  unseen: readonly RangeItem[] = [];
  /** Subqueries inside aggregate arguments: below the aggregate node. */
  inputSubqueries: SubqueryExpr[] = [];
  /** Names visible only to a stand-alone expression, and VALUE. */
  scalarNames: ReadonlyMap<string, BoundExpr> | null = null;
  scalarRelation = '';
  domainValue: BoundExpr | null = null;
  /** Binding arguments of an aggregate of this level. */
  isInAggregate = false;
  isInWindow = false;
  /** Where a set-returning call would be wrong: 'CASE', 'COALESCE', ... */
  noSetReturning: string | null = null;
  setDepth = 0;
  /** The level that this one stands for: a lateral view of the left FROM items is a part of its query. */
  readonly real: Block;
  /** Stands between a function's body and the query that calls it. */
  isWall = false;

  constructor(
    binding: Binding,
    binders: Binders,
    parent: Block | null,
    ctes: CteScope | null,
    real: Block | null = null,
  ) {
    this.binding = binding;
    this.binders = binders;
    this.parent = parent;
    this.ctes = ctes;
    this.level = parent === null ? 0 : parent.level + 1;
    this.real = real ?? this;
  }

  /** The level around it that names reach; the body of a function sees nothing of the query that calls it. */
  get outer(): Block | null {
    return this.parent?.isWall === true ? null : this.parent;
  }

  expr(node: Node): BoundExpr {
    const bound = this.binders.expr(this, node);
    this.binding.trace?.expr(node, bound);
    return bound;
  }

  /** Binds under another clause name. */
  within<T>(clause: Clause, work: () => T): T {
    const before = this.clause;
    this.clause = clause;
    try {
      return work();
    } finally {
      this.clause = before;
    }
  }

  /** Binds where set-returning functions are not allowed. */
  withoutSets<T>(construct: string, work: () => T): T {
    const before = this.noSetReturning;
    this.noSetReturning = construct;
    try {
      return work();
    } finally {
      this.noSetReturning = before;
    }
  }

  takeSubqueries(): SubqueryExpr[] {
    const taken = this.subqueries;
    this.subqueries = [];
    return taken;
  }

  /** What a LATERAL item of FROM sees: the items to its left, then the enclosing levels. */
  lateralView(items: readonly RangeItem[]): Block {
    const view = new Block(this.binding, this.binders, this.parent, this.ctes, this.real);
    view.items = [...items];
    view.clause = 'FROM';
    return view;
  }

  findCte(name: string): CteEntry | null {
    for (let scope = this.ctes; scope !== null; scope = scope.parent) {
      const found = scope.entries.find(entry => entry.name === name);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** 42712 when two items of FROM have one name. */
  addItem(item: RangeItem, location: number): void {
    if (
      item.isNamed &&
      item.alias !== '' &&
      this.items.some(other => other.isNamed && isSameName(other, item))
    ) {
      throw this.binding.error(
        SqlState.duplicateAlias,
        `table name "${item.alias}" specified more than once`,
        -1,
      );
    }
    void location;
    this.items.push(item);
  }
}

function isSameName(left: RangeItem, right: RangeItem): boolean {
  return (
    left.alias === right.alias &&
    (left.schema === right.schema || left.schema === 0 || right.schema === 0)
  );
}

/** Adds the subqueries that an expression needs to its input. */
export function applySubqueries(
  input: LogicalNode,
  subqueries: readonly SubqueryExpr[],
): LogicalNode {
  return subqueries.reduce<LogicalNode>(
    (node, subquery) => ({kind: 'apply', input: node, subquery}),
    input,
  );
}
