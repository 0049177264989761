import type {DeleteStmt, Node, RangeVar, UpdateStmt} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {keyColumnsOf} from './unique-keys.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {applySubqueries, Block, type Binders, type QueryOptions} from './block.ts';
import {asTableReader, type DmlTarget, makeRow, targetAlias, targetTable} from './dml-target.ts';
import {bindFromItem} from './from.ts';
import type {
  DmlCheck,
  DmlQuery,
  LogicalNode,
  ModifyNode,
  PositionExpr,
  ScanNode,
} from './logical.ts';
import {makeScan, noteUse, scanItem} from './relations.ts';
import {requeryOf} from './row-requery.ts';
import {addUsing, policyChecks, securedScan} from './row-security.ts';
import {bindReturning} from './returning.ts';
import {bindWhere} from './select.ts';
import {bindSetClause} from './set-clause.ts';
import {checkScopes, pseudoColumn} from './system-columns.ts';
import {generatedColumns, liveColumns, tableChecks} from './table-exprs.ts';
import {
  noteWrites,
  renameTargets,
  rowThroughViews,
  throughView,
  type TargetVerb,
  viewChecks,
  viewInput,
  type ViewRow,
} from './updatable-view.ts';
import {bindWith} from './with.ts';
import {viewDefaults} from './view-defaults.ts';

interface Target {
  readonly block: Block;
  readonly table: TableDescriptor;
  readonly scan: ScanNode;
  readonly alias: string;
  readonly found: DmlTarget;
  /** The target's row as a view shows it. */
  readonly seen: ViewRow | null;
  node: LogicalNode;
  recheck: readonly BoundExpr[];
}

/** Binds UPDATE. */
export function bindUpdate(
  binding: Binding,
  binders: Binders,
  statement: UpdateStmt,
  options: QueryOptions,
): DmlQuery {
  const own =
    statement.withClause === undefined
      ? null
      : bindWith(binding, binders, statement.withClause, options);
  const inner = own === null ? options : {...options, ctes: own.scope};
  const found = targetTable(binding, statement.relation!, 'update');
  const {table, views} = found;
  const target = bindTarget(binding, binders, statement.relation!, found, inner, 'update');
  addFrom(target, statement.fromClause ?? []);
  addWhere(target, statement.whereClause);
  const {block} = target;
  const nodes = statement.targetList ?? [];
  const named = views === null ? nodes : renameTargets(block, views, target.seen!, nodes, 'update');
  const defaults = views === null ? null : viewDefaults(views, target.seen!);
  const set = block
    .within('UPDATE', () => bindSetClause(block, named, table, defaults))
    .map(item => ({position: item.position, expr: throughView(target.seen, item.expr)}));
  target.node = applySubqueries(target.node, block.takeSubqueries());
  const live = liveColumns(table);
  if (views === null) {
    const write = noteUse(binding, table.oid, 'w');
    for (const item of set) write.columns.add(live[item.position]!.attnum);
  }
  const newRow = makeRow(block, table);
  const policies = targetPolicies(target, 'w', newRow);
  const generated = generatedColumns(binding, table, newRow);
  const changesKey = changesUniqueKey(binding, table, [...set, ...generated]);
  const made = finish(target, own?.ctes ?? [], newRow, statement.returningClause?.exprs ?? [], {
    kind: 'modify',
    action: 'update',
    table,
    target: target.scan,
    input: target.node,
    recheck: target.recheck,
    requery: null,
    set,
    generated,
    checks: [...policies, ...tableChecks(binding, table, newRow)],
    newRow,
    returning: null,
    changesKey,
  });
  return withRequery(target, underReadPolicies(target, made));
}

/** Whether assignments may change a key of a unique index. */
export function changesUniqueKey(
  binding: Binding,
  table: TableDescriptor,
  set: readonly PositionExpr[],
): boolean {
  const live = liveColumns(table);
  const keys = keyColumnsOf(binding.context.catalog, table.oid);
  return set.some(item => keys.includes(live[item.position]!.attnum));
}

/** Binds DELETE. */
export function bindDelete(
  binding: Binding,
  binders: Binders,
  statement: DeleteStmt,
  options: QueryOptions,
): DmlQuery {
  const own =
    statement.withClause === undefined
      ? null
      : bindWith(binding, binders, statement.withClause, options);
  const inner = own === null ? options : {...options, ctes: own.scope};
  const found = targetTable(binding, statement.relation!, 'delete from');
  const {table, views} = found;
  const target = bindTarget(binding, binders, statement.relation!, found, inner, 'delete from');
  if (views === null) noteUse(binding, table.oid, 'd');
  else noteWrites(binding, views, 'd');
  addFrom(target, statement.usingClause ?? []);
  addWhere(target, statement.whereClause);
  const newRow = makeRow(target.block, table);
  const made = finish(target, own?.ctes ?? [], newRow, statement.returningClause?.exprs ?? [], {
    kind: 'modify',
    action: 'delete',
    table,
    target: target.scan,
    input: target.node,
    recheck: target.recheck,
    requery: null,
    set: [],
    generated: [],
    checks: [],
    newRow,
    returning: null,
    changesKey: false,
  });
  return withRequery(target, underReadPolicies(target, made));
}

function bindTarget(
  binding: Binding,
  binders: Binders,
  name: RangeVar,
  found: DmlTarget,
  options: QueryOptions,
  verb: TargetVerb,
): Target {
  const {table, views} = found;
  const command = verb === 'update' ? 'w' : 'd';
  const block = new Block(binding, binders, options.parent, options.ctes);
  const alias = targetAlias(name);
  const scan = makeScan(binding, table, alias);
  binding.lockTable(table.oid, 'rowExclusive');
  for (const source of ['rid', 'seq', 'owner', 'location'] as const)
    pseudoColumn(block, scan, source, `_${source}`);
  if (views === null) {
    block.addItem(
      scanItem(block, scan, alias, noteUse(binding, table.oid, 'r', true), true),
      name.location ?? -1,
    );
    const node = securedScan(block, scan, command);
    return {block, table, scan, alias, found, seen: null, node, recheck: conditionsOf(node)};
  }
  const seen = rowThroughViews(block, views, scan, alias, verb);
  block.addItem(seen.item, name.location ?? -1);
  const secured = asTableReader(binding, found, () => securedScan(block, scan, command));
  const recheck = [...conditionsOf(secured), ...seen.conditions.map(each => each.condition)];
  return {block, table, scan, alias, found, seen, node: viewInput(secured, seen), recheck};
}

function conditionsOf(node: LogicalNode): readonly BoundExpr[] {
  return node.kind === 'filter' ? node.conditions : [];
}

/** Policies of a command as checks of the target's new row. */
function targetPolicies(target: Target, command: 'r' | 'w', newRow: ScanNode): DmlCheck[] {
  const {block, found, table} = target;
  return asTableReader(block.binding, found, () =>
    policyChecks(block, table, newRow, command, command === 'r'),
  );
}

/** Where columns of the target are read, its SELECT policies bind both the row that is there and the new one. */
function underReadPolicies(target: Target, made: DmlQuery): DmlQuery {
  const {node} = made;
  const {block, scan, found} = target;
  if (node.kind !== 'modify' || !block.binding.secured.has(scan)) return made;
  const uses = [target.seen?.item.use ?? null, block.items[0]!.use];
  if (!uses.some(use => use !== null && use.columns.size > 0)) return made;
  const conditions = asTableReader(block.binding, found, () => addUsing(block, scan, 'r'));
  const checks = node.action === 'update' ? targetPolicies(target, 'r', node.newRow) : [];
  return {
    ...made,
    node: {
      ...node,
      recheck: [...node.recheck, ...conditions],
      checks: [...checks, ...node.checks],
    },
  };
}

/** The last thing: all columns are known, and all conditions are in the input. */
function withRequery({block}: Target, made: DmlQuery): DmlQuery {
  const {node} = made;
  if (node.kind !== 'modify') return made;
  return {...made, node: {...node, requery: requeryOf(block.binding, node.input)}};
}

function addFrom(target: Target, nodes: readonly Node[]): void {
  for (const node of nodes) {
    const [own, ...left] = target.block.items;
    const item = bindFromItem(target.block, node, [{...own!, outOfReach: 'target'}, ...left]);
    for (const name of item.items) target.block.addItem(name, -1);
    target.node = {
      kind: 'join',
      joinType: 'inner',
      left: target.node,
      right: item.node,
      on: [],
      isNullAware: false,
    };
  }
}

function addWhere(target: Target, where: Node | undefined): void {
  if (where === undefined) return;
  if ('CurrentOfExpr' in where) {
    throw target.block.binding.error(
      SqlState.featureNotSupported,
      'WHERE CURRENT OF is not supported',
      -1,
    );
  }
  target.node = bindWhere(target.block, target.node, where);
  if (target.node.kind !== 'filter') return;
  const conditions = target.node.conditions.map(each => throughView(target.seen, each));
  target.recheck = [...target.recheck, ...conditions];
}

/** RETURNING sees the new row (update) or old row (delete) under the target's name, beside the FROM items. */
function finish(
  target: Target,
  ctes: DmlQuery['ctes'],
  newRow: ScanNode,
  returningNodes: readonly Node[],
  node: ModifyNode,
): DmlQuery {
  const {block, alias, found} = target;
  checkScopes(block);
  const rest = block.items.slice(1);
  const verb = node.action === 'update' ? 'update' : 'delete from';
  const seen =
    found.views === null ? null : rowThroughViews(block, found.views, newRow, alias, verb);
  const first = seen?.item ?? scanItem(block, newRow, alias, block.items[0]!.use, true);
  block.items = [first, ...rest];
  const returning = bindReturning(block, returningNodes, seen);
  const checks = seen === null || node.action === 'delete' ? [] : viewChecks(found.views!, seen);
  return {
    ctes,
    columns: returning?.columns ?? [],
    above: returning?.above ?? null,
    node: {...node, checks: [...node.checks, ...checks], returning: returning?.exprs ?? null},
  };
}
