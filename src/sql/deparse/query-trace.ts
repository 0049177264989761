import type {FuncCall, GroupingFunc, Node, SubLink} from '@pgsql/types';
import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {Oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {BindTrace, QueryLevel} from '../bind/binding.ts';
import {Block, type BoundWindow, type RangeItem} from '../bind/block.ts';
import type {ColumnId, LogicalColumn} from '../bind/logical.ts';
import type {SetFunctionCall} from '../plan/plan.ts';

/** An entry of a target list with its stars expanded. */
export interface TracedTarget {
  readonly name: string;
  readonly expr: BoundExpr;
}

/** What a column stands for that no FROM item has. */
export type ColumnOrigin =
  | {readonly kind: 'call'; readonly node: FuncCall}
  | {readonly kind: 'grouping'; readonly node: GroupingFunc}
  | {readonly kind: 'sublink'; readonly node: SubLink; readonly test: BoundExpr | null};

/** A query level with its target list. */
export interface TracedLevel {
  readonly block: Block;
  readonly targets: readonly TracedTarget[];
}

/** Keeps what binding made of the parts of a query, for printing it. */
export class QueryTrace implements BindTrace {
  readonly #exprs = new Map<Node, BoundExpr>();
  readonly #levels = new Map<object, TracedLevel>();
  readonly #columns = new Map<object, readonly LogicalColumn[]>();
  readonly #values = new Map<object, readonly (readonly BoundExpr[])[]>();
  readonly #functions = new Map<object, readonly SetFunctionCall[]>();
  readonly #using = new Map<object, readonly string[]>();
  readonly #origins = new Map<ColumnId, ColumnOrigin>();
  readonly #tests = new Map<ColumnId, BoundExpr | null>();
  readonly #names = new Map<ColumnId, {readonly alias: string; readonly name: string}>();

  expr(node: Node, bound: BoundExpr): void {
    this.#exprs.set(node, bound);
    if (bound.kind !== 'column' || this.#origins.has(bound.index)) return;
    if ('FuncCall' in node) this.#origins.set(bound.index, {kind: 'call', node: node.FuncCall});
    else if ('GroupingFunc' in node)
      this.#origins.set(bound.index, {kind: 'grouping', node: node.GroupingFunc});
    else if ('SubLink' in node) this.#sublink(bound.index, node.SubLink);
    else if (
      'A_Expr' in node &&
      node.A_Expr.rexpr !== undefined &&
      'SubLink' in node.A_Expr.rexpr &&
      this.#tests.has(bound.index)
    ) {
      const names = node.A_Expr.name === undefined ? {} : {operName: node.A_Expr.name};
      this.#sublink(bound.index, {
        ...node.A_Expr.rexpr.SubLink,
        ...names,
        subLinkType: 'ROWCOMPARE_SUBLINK',
      });
    }
  }

  #sublink(column: ColumnId, node: SubLink): void {
    if (this.#tests.has(column))
      this.#origins.set(column, {kind: 'sublink', node, test: this.#tests.get(column) ?? null});
  }

  level(key: object, level: QueryLevel, targets: readonly TracedTarget[]): void {
    if (level instanceof Block) this.#levels.set(key, {block: level, targets});
  }

  columns(key: object, columns: readonly LogicalColumn[]): void {
    this.#columns.set(key, columns);
  }

  values(key: object, rows: readonly (readonly BoundExpr[])[]): void {
    this.#values.set(key, rows);
  }

  functions(key: object, calls: readonly SetFunctionCall[]): void {
    this.#functions.set(key, calls);
  }

  usingNames(key: object, names: readonly string[]): void {
    this.#using.set(key, names);
  }

  subquery(column: ColumnId, test: BoundExpr | null): void {
    this.#tests.set(column, test);
  }

  column(level: QueryLevel, column: ColumnId): void {
    if (!(level instanceof Block) || this.#names.has(column)) return;
    const found = nameIn(level, column, item => item.alias);
    if (found !== null) this.#names.set(column, found);
  }

  /** The bound form of a part of the tree. */
  boundOf(node: Node | undefined): BoundExpr | undefined {
    return node === undefined ? undefined : this.#exprs.get(node);
  }

  levelOf(key: object): TracedLevel | undefined {
    return this.#levels.get(key);
  }

  columnsOf(key: object): readonly LogicalColumn[] {
    return this.#columns.get(key) ?? [];
  }

  valuesOf(key: object): readonly (readonly BoundExpr[])[] {
    return this.#values.get(key) ?? [];
  }

  functionsOf(key: object): readonly SetFunctionCall[] {
    return this.#functions.get(key) ?? [];
  }

  usingOf(key: object): readonly string[] {
    return this.#using.get(key) ?? [];
  }

  /** The target list of a level. */
  targetsOf(block: Block): readonly TracedTarget[] {
    for (const level of this.#levels.values()) if (level.block === block) return level.targets;
    return [];
  }

  /** The window that calls of a level use by this name. */
  windowNamed(block: Block, name: string): BoundWindow | null {
    for (const window of block.windows) {
      for (const {column} of window.calls) {
        const origin = this.#origins.get(column.id);
        if (origin?.kind === 'call' && origin.node.over?.name === name) return window;
      }
    }
    return null;
  }

  originOf(column: ColumnId): ColumnOrigin | undefined {
    return this.#origins.get(column);
  }

  /** How a column is named where `block` is the innermost level. */
  nameOf(
    block: Block,
    column: ColumnId,
    aliasOf: (level: Block, item: RangeItem) => string,
  ): NamedColumn | null {
    for (let level: Block | null = block; level !== null; level = level.parent) {
      const at = level;
      const found = nameIn(level, column, item => aliasOf(at, item));
      if (found !== null) return found;
    }
    const known = this.#origins.has(column) ? undefined : this.#names.get(column);
    return known === undefined ? null : {...known, origin: null};
  }
}

/** A column as a query knows it, with the table's column that it is, if it is one. */
export interface NamedColumn {
  readonly alias: string;
  readonly name: string;
  readonly origin: {readonly tableOid: Oid; readonly attnum: number} | null;
}

/** A column's name in the catalog where names must be found again: it may have had another one in that where the query was bound. */
export function nameToday(
  {name, origin}: NamedColumn,
  bound: CatalogSnapshot,
  today: CatalogSnapshot,
): string {
  if (origin === null || bound === today) return name;
  const columnIn = (catalog: CatalogSnapshot): string | undefined => {
    const relation = catalog.relationByOid(origin.tableOid);
    if (relation === undefined || !('columns' in relation)) return undefined;
    return relation.columns.find(column => column.attnum === origin.attnum)?.name;
  };
  return columnIn(bound) === name ? (columnIn(today) ?? name) : name;
}

/**
 * The alias of an item of FROM: a relation without one goes by the name that it has today. `t_1` is what a relation t is called
 * beside another one.
 */
export function aliasToday(
  item: RangeItem,
  bound: CatalogSnapshot,
  today: CatalogSnapshot,
): string {
  const relation = item.scan?.relation.oid ?? item.columns[0]?.tableOid;
  if (bound === today || item.rowType === null || relation === undefined) return item.alias;
  const before = bound.relationByOid(relation)?.name ?? '';
  const after = today.relationByOid(relation)?.name ?? before;
  const isOwn =
    item.alias === before
      ? item.schema !== 0
      : item.alias.startsWith(`${before}_`) && /^\d+$/.test(item.alias.slice(before.length + 1));
  return isOwn ? after : item.alias;
}

function nameIn(
  level: Block,
  column: ColumnId,
  aliasOf: (item: RangeItem) => string,
): NamedColumn | null {
  let unnamed: string | null = null;
  for (const item of level.items) {
    const shown = item.columns.find(each => each.id === column);
    const found = shown ?? item.scan?.columns.find(each => each.id === column);
    if (found === undefined) continue;
    // Names of subqueries' and CTEs' columns are their own, whatever they are made of.
    const origin = item.rowType === null ? null : (shown ?? null);
    if (item.isNamed) return {alias: aliasOf(item), name: found.name, origin};
    unnamed = found.name;
  }
  return unnamed === null ? null : {alias: '', name: unnamed, origin: null};
}
