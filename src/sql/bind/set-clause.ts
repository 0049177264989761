import type {MultiAssignRef, Node, ResTarget} from '@pgsql/types';
import type {ColumnDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {assignPart} from './assign-part.ts';
import type {Block} from './block.ts';
import type {BoundQuery, PositionExpr} from './logical.ts';
import {oid} from '../../common/ids.ts';
import {expressionAst} from './parsed-text.ts';
import {assignTo, columnDefault, liveColumns} from './table-exprs.ts';
import {TypeOid} from './type-oids.ts';

/** SET a = x, (b, c) = (y, z), (d, e) = (SELECT ...), f = DEFAULT. */
export function bindSetClause(
  block: Block,
  nodes: readonly Node[],
  table: TableDescriptor,
  viewDefaults: ReadonlyMap<number, string> | null = null,
): PositionExpr[] {
  const {binding} = block;
  const live = liveColumns(table);
  const given =
    viewDefaults === null
      ? nodes
      : nodes.map(node => withViewDefault(block, node, live, viewDefaults));
  const set: PositionExpr[] = [];
  const rows = new Map<Node, readonly BoundExpr[]>();
  let pending: {readonly columns: number; readonly fields: readonly BoundExpr[]} | null = null;
  let shared: Node | null = null;
  for (const node of given) {
    const target: ResTarget = 'ResTarget' in node ? node.ResTarget : {};
    const position = targetPosition(block, target, table, live);
    const steps = target.indirection ?? [];
    if (steps.length > 0) {
      assignStep(block, set, {
        position,
        column: live[position]!,
        steps,
        value: target.val!,
        location: target.location ?? -1,
      });
      continue;
    }
    if (set.some(item => item.position === position)) {
      throw binding.error(
        SqlState.syntaxError,
        `multiple assignments to same column "${target.name}"`,
        -1,
      );
    }
    const column = live[position]!;
    const {val} = target;
    if (val !== undefined && 'MultiAssignRef' in val) {
      const reference = val.MultiAssignRef;
      if (reference.source !== undefined && (reference.colno ?? 1) === 1) {
        shared = reference.source;
        pending = null;
        rows.delete(shared);
      }
      const item = multiAssigned(block, reference, shared!, pending, column);
      pending = item.pending;
      set.push({position, expr: checked(block, column, item.expr)});
    } else
      set.push({
        position,
        expr: checked(block, column, assignedValue(block, column, val!)),
      });
  }
  return set;
}

/** SET column = DEFAULT through a view: the view's default, NULL where it has none. */
function withViewDefault(
  block: Block,
  node: Node,
  live: readonly ColumnDescriptor[],
  defaults: ReadonlyMap<number, string>,
): Node {
  if (!('ResTarget' in node) || node.ResTarget.val === undefined) return node;
  const {name, val} = node.ResTarget;
  if (!('SetToDefault' in val)) return node;
  const text = defaults.get(live.find(column => column.name === name)?.attnum ?? 0);
  const made: Node =
    text === undefined ? {A_Const: {isnull: true}} : expressionAst(block.binding, text);
  return {ResTarget: {...node.ResTarget, val: made}};
}

function targetPosition(
  block: Block,
  target: ResTarget,
  table: TableDescriptor,
  live: readonly ColumnDescriptor[],
): number {
  const position = live.findIndex(column => column.name === target.name);
  if (position !== -1) return position;
  if (target.name === '_user_id' || target.name === '_seq')
    throw featureNotSupported(`column "${target.name}" cannot be assigned`);
  throw block.binding.error(
    SqlState.undefinedColumn,
    `column "${target.name}" of relation "${table.name}" does not exist`,
    target.location ?? -1,
  );
}

/** SET column[i] = v, SET column.field = v: several of one column follow each other. */
function assignStep(
  block: Block,
  set: PositionExpr[],
  part: {
    readonly position: number;
    readonly column: ColumnDescriptor;
    readonly steps: readonly Node[];
    readonly value: Node;
    readonly location: number;
  },
): void {
  const {position, column, steps, value, location} = part;
  if ('MultiAssignRef' in value)
    throw featureNotSupported('assignment to parts of columns from a row is not supported');
  const before = set.findIndex(item => item.position === position);
  const stored = block.items[0]?.scan?.columns.find(each => each.source === column.attnum);
  if (stored === undefined)
    throw featureNotSupported('assignment to a part of a column of a view is not supported');
  const current = before === -1 ? block.binding.columnExpr(stored) : set[before]!.expr;
  const expr = checked(
    block,
    column,
    assignPart(block, column.name, current, steps, value, location),
  );
  if (before === -1) set.push({position, expr});
  else set[before] = {position, expr};
}

/** A value, or null for DEFAULT. */
function assignedValue(block: Block, column: ColumnDescriptor, node: Node): BoundExpr | null {
  if ('SetToDefault' in node) return null;
  return assignTo(block.binding, column, block.expr(node));
}

function checked(block: Block, column: ColumnDescriptor, expr: BoundExpr | null): BoundExpr {
  const {binding} = block;
  if (expr !== null && (column.generated !== '' || column.identity === 'a')) {
    const detail =
      column.generated === ''
        ? `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`
        : `Column "${column.name}" is a generated column.`;
    throw binding.error(
      SqlState.generatedAlways,
      `column "${column.name}" can only be updated to DEFAULT`,
      -1,
      {detail},
    );
  }
  return (
    expr ?? columnDefault(binding, column) ?? binding.constant(binding.type(column.typeOid), null)
  );
}

interface Pending {
  readonly columns: number;
  readonly fields: readonly BoundExpr[];
}

function multiAssigned(
  block: Block,
  reference: MultiAssignRef,
  source: Node,
  pending: Pending | null,
  column: ColumnDescriptor,
): {readonly expr: BoundExpr | null; readonly pending: Pending | null} {
  const {binding} = block;
  const count = reference.ncolumns ?? 1;
  const index = (reference.colno ?? 1) - 1;
  if ('RowExpr' in source) {
    const items = source.RowExpr.args ?? [];
    if (items.length !== count)
      throw binding.error(
        SqlState.syntaxError,
        'number of columns does not match number of values',
        source.RowExpr.location ?? -1,
      );
    return {expr: assignedValue(block, column, items[index]!), pending};
  }
  const fields = pending?.fields ?? subqueryFields(block, source, count);
  return {expr: assignTo(binding, column, fields[index]!), pending: {columns: count, fields}};
}

/** (a, b) = (SELECT x, y): the subquery yields ROW(x, y), of which each column takes a field. */
function subqueryFields(block: Block, source: Node, count: number): BoundExpr[] {
  const {binding} = block;
  if (
    !('SubLink' in source) ||
    source.SubLink.subselect === undefined ||
    !('SelectStmt' in source.SubLink.subselect)
  ) {
    throw featureNotSupported(
      'source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression',
    );
  }
  const query = block.binders.query(binding, source.SubLink.subselect.SelectStmt, {
    parent: block,
    ctes: block.ctes,
    resolveUnknown: true,
  });
  if (query.columns.length !== count) {
    throw binding.error(
      SqlState.syntaxError,
      'number of columns does not match number of values',
      source.SubLink.location ?? -1,
    );
  }
  const record = binding.type(TypeOid.record);
  const row: BoundExpr = {
    kind: 'row',
    type: record,
    typmod: -1,
    location: -1,
    fields: query.columns.map(column => binding.columnExpr(column)),
  };
  const made = binding.newColumn('row', record, -1);
  const wrapped: BoundQuery = {
    node: {kind: 'compute', input: query.node, outputs: [{column: made, expr: row}]},
    columns: [{...made, tableOid: oid(0), attnum: 0}],
  };
  const value = binding.newColumn('row', record, -1);
  block.subqueries.push({column: value, query: wrapped, mode: 'scalar', test: null, guard: null});
  const arg = binding.columnExpr(value);
  return query.columns.map((column, index) => ({
    kind: 'field',
    type: column.type,
    typmod: column.typmod,
    location: -1,
    arg,
    index,
  }));
}
