import type {Alias, Node, RangeSubselect, RangeVar, SelectStmt} from '@pgsql/types';
import type {SequenceDescriptor, ViewDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {locationOf, namesOf, nodeKind} from './ast.ts';
import type {Binding} from './binding.ts';
import type {Block, CteEntry, RangeItem, ScopeColumn} from './block.ts';
import {makeCall} from './calls.ts';
import {bindRangeFunction} from './from-function.ts';
import {bindJoin} from './from-join.ts';
import {withLocks} from './locking.ts';
import type {BoundQuery, LogicalNode} from './logical.ts';
import {
  findRelation,
  makeScan,
  notReadable,
  noteUse,
  renameColumns,
  scanItem,
} from './relations.ts';
import {securedScan} from './row-security.ts';
import {bindTableSample} from './table-sample.ts';
import {TypeOid} from './type-oids.ts';
import {withViewQuery} from './view-query.ts';

/** A bound FROM item: its node and the names that it brings. */
export interface FromItem {
  readonly node: LogicalNode;
  readonly items: readonly RangeItem[];
}

/** Binds FROM: items are joined left to right, their names become visible in the block. Null without FROM. */
export function bindFrom(block: Block, nodes: readonly Node[]): LogicalNode | null {
  let joined: LogicalNode | null = null;
  for (const node of nodes) {
    const item = bindFromItem(block, node, block.items);
    for (const name of item.items) block.addItem(name, -1);
    joined = joined === null ? item.node : crossJoin(joined, item.node);
  }
  return joined;
}

function crossJoin(left: LogicalNode, right: LogicalNode): LogicalNode {
  return {kind: 'join', joinType: 'inner', left, right, on: [], isNullAware: false};
}

/** One item of FROM; `left` are the items that LATERAL may see. */
export function bindFromItem(block: Block, node: Node, left: readonly RangeItem[]): FromItem {
  if ('RangeVar' in node) return bindRangeVar(block, node.RangeVar);
  if ('JoinExpr' in node) return bindJoin(block, node.JoinExpr, left, bindFromItem);
  if ('RangeSubselect' in node) return bindSubselect(block, node.RangeSubselect, left);
  if ('RangeFunction' in node) return bindRangeFunction(block, node.RangeFunction, left);
  if ('RangeTableSample' in node) {
    const sample = node.RangeTableSample;
    return bindTableSample(block, sample, bindFromItem(block, sample.relation!, left), left);
  }
  throw featureNotSupported(
    `${nodeKind(node) === 'RangeTableFunc' ? 'XMLTABLE' : 'JSON_TABLE'} is not supported`,
  );
}

function bindRangeVar(block: Block, name: RangeVar): FromItem {
  const binding = block.binding;
  const {alias} = name;
  const shown = alias?.aliasname ?? name.relname ?? '';
  const location = name.location ?? -1;
  if (name.schemaname === undefined) {
    const cte = block.findCte(name.relname ?? '');
    if (cte !== null) return cteItem(block, cte, shown, alias, location);
  }
  const relation = findRelation(binding, name, block.ctes);
  switch (relation.kind) {
    case 'table':
    case 'systemRelation': {
      const scan = makeScan(binding, relation, shown);
      const item = scanItem(block, scan, shown, noteUse(binding, relation.oid, 'r'));
      const node = securedScan(block, scan, 'r');
      return {node, items: [withAlias(binding, item, alias, location)]};
    }
    case 'view':
      return viewItem(block, relation, shown, alias, location);
    case 'sequence':
      return sequenceItem(block, relation, shown, alias, location);
    default:
      throw notReadable(binding, relation, location);
  }
}

function withAlias(
  binding: Binding,
  item: RangeItem,
  alias: Alias | undefined,
  location: number,
): RangeItem {
  const names = namesOf(alias?.colnames);
  if (names.length === 0) return item;
  return {...item, columns: renameColumns(binding, item.alias, item.columns, names, location)};
}

/** A FROM item without a scan: subquery, view, CTE, function. */
export function derivedItem(alias: string, columns: readonly ScopeColumn[]): RangeItem {
  return {
    alias,
    schema: oid(0),
    columns,
    scan: null,
    rowType: null,
    use: null,
    isNamed: true,
    showsColumns: true,
    isTarget: false,
    isScalarFunction: false,
    nullable: null,
    outOfReach: null,
    unlockable: null,
  };
}

function cteItem(
  block: Block,
  cte: CteEntry,
  alias: string,
  aliasNode: Alias | undefined,
  location: number,
): FromItem {
  const binding = block.binding;
  cte.references++;
  if (cte.columns === null) {
    throw binding.error(
      SqlState.invalidRecursion,
      `recursive reference to query "${cte.name}" must not appear within its non-recursive term`,
      location,
    );
  }
  const columns = cte.columns.map(column =>
    binding.newColumn(column.name, column.type, column.typmod),
  );
  const scope = columns.map(
    (column, index): ScopeColumn => ({...column, ...cte.origins[index]!, use: null}),
  );
  cte.columns.forEach((column, index) => {
    const fields = binding.recordFields.get(column.id);
    if (fields !== undefined) binding.recordFields.set(columns[index]!.id, fields);
  });
  for (const column of columns.slice(columns.length - cte.addedColumns))
    binding.unexpanded.add(column.id);
  const derived = {...derivedItem(alias, scope), unlockable: 'a WITH query' as const};
  const item = withAlias(binding, derived, aliasNode, location);
  if (cte.isWorkTable) return {node: {kind: 'workTable', cte: cte.id, columns}, items: [item]};
  return {node: {kind: 'cteScan', cte: cte.id, name: cte.name, columns}, items: [item]};
}

function bindSubselect(block: Block, node: RangeSubselect, left: readonly RangeItem[]): FromItem {
  const binding = block.binding;
  const statement = node.subquery;
  if (statement === undefined || !('SelectStmt' in statement))
    throw featureNotSupported('this kind of subquery in FROM is not supported');
  const alias = node.alias;
  if (alias === undefined) {
    const what = statement.SelectStmt.valuesLists === undefined ? 'subquery' : 'VALUES';
    throw binding.error(
      SqlState.syntaxError,
      `${what} in FROM must have an alias`,
      openingOf(binding, statement.SelectStmt),
      {
        hint: `For example, FROM (${what === 'VALUES' ? 'VALUES' : 'SELECT'} ...) [AS] foo.`,
      },
    );
  }
  const parent = node.lateral === true ? block.lateralView(left) : block.parent;
  const locked = withLocks(block, alias.aliasname ?? '', statement.SelectStmt);
  const query = block.binders.query(binding, locked, {
    parent,
    ctes: block.ctes,
    resolveUnknown: true,
    unseen: node.lateral === true ? [] : left,
  });
  const item = withAlias(
    binding,
    derivedItem(alias.aliasname ?? '', queryColumns(query)),
    alias,
    -1,
  );
  return {node: query.node, items: [item]};
}

/** Byte offset of the parenthesis before a subquery. */
function openingOf(binding: Binding, statement: SelectStmt): number {
  const first = statement.valuesLists?.[0] ?? statement.targetList?.[0];
  const inner = first !== undefined && 'List' in first ? first.List.items?.[0] : first;
  const at = locationOf(inner);
  return at < 0
    ? -1
    : binding.lastByteBefore('(', statement.valuesLists === undefined ? at : at - 1);
}

/** A query's outputs as columns that names can reach. */
export function queryColumns(query: BoundQuery): ScopeColumn[] {
  return query.columns.map(column => ({...column, use: null}));
}

function viewItem(
  block: Block,
  view: ViewDescriptor,
  alias: string,
  aliasNode: Alias | undefined,
  location: number,
): FromItem {
  const binding = block.binding;
  const use = noteUse(binding, view.oid, 'r');
  const query = bindView(block, view, alias);
  const live = view.columns.filter(column => !column.isDropped);
  const columns = query.columns.map(
    (column, index): ScopeColumn => ({
      ...column,
      name: live[index]?.name ?? column.name,
      tableOid: view.oid,
      attnum: live[index]?.attnum ?? index + 1,
      use,
    }),
  );
  const rowType = binding.context.catalog.typeByOid(view.rowType) ?? null;
  const item = {
    ...derivedItem(alias, columns),
    schema: alias === view.name ? view.schema : oid(0),
    rowType,
    use,
  };
  return {node: query.node, items: [withAlias(binding, item, aliasNode, location)]};
}

/** A view's query, bound with the rights of its owner. */
function bindView(block: Block, view: ViewDescriptor, alias: string): BoundQuery {
  return withViewQuery(block.binding, view, statement =>
    block.binders.query(block.binding, withLocks(block, alias, statement), {
      parent: null,
      ctes: null,
      resolveUnknown: true,
    }),
  );
}

/** SELECT * FROM sequence: last_value, log_cnt, is_called. */
function sequenceItem(
  block: Block,
  sequence: SequenceDescriptor,
  alias: string,
  aliasNode: Alias | undefined,
  location: number,
): FromItem {
  const binding = block.binding;
  const int8 = binding.type(TypeOid.int8);
  const row = binding.context.catalog.builtin.functionsByName('pg_sequence_last_value')[0];
  if (row === undefined) throw featureNotSupported('reading a sequence is not supported');
  const last = makeCall(
    binding,
    row,
    [binding.constant(binding.type(TypeOid.oid), sequence.oid)],
    int8,
    location,
  );
  const base = {typmod: -1, location};
  const outputs = [
    {
      column: binding.newColumn('last_value', int8, -1),
      expr: {
        kind: 'coalesce' as const,
        type: int8,
        ...base,
        args: [last, binding.constant(int8, sequence.start)],
      },
    },
    {column: binding.newColumn('log_cnt', int8, -1), expr: binding.constant(int8, 0n)},
    {
      column: binding.newColumn('is_called', binding.boolType, -1),
      expr: {
        kind: 'nullTest' as const,
        type: binding.boolType,
        ...base,
        arg: last,
        negated: true,
        isRow: false,
      },
    },
  ];
  const use = noteUse(binding, sequence.oid, 'r');
  const columns = outputs.map(
    ({column}, index): ScopeColumn => ({
      ...column,
      tableOid: sequence.oid as Oid,
      attnum: index + 1,
      use,
    }),
  );
  const item = withAlias(binding, derivedItem(alias, columns), aliasNode, location);
  return {
    node: {kind: 'compute', input: {kind: 'values', rows: [[]], columns: []}, outputs},
    items: [item],
  };
}
