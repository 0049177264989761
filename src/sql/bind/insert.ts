import type {InsertStmt, Node, ResTarget, SelectStmt} from '@pgsql/types';
import type {ColumnDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {locationOf} from './ast.ts';
import {assignPart} from './assign-part.ts';
import type {Binding} from './binding.ts';
import {applySubqueries, Block, type Binders, type QueryOptions} from './block.ts';
import {coerce} from './coerce.ts';
import {asTableReader, makeRow, targetAlias, targetTable} from './dml-target.ts';
import {projectSets} from './grouped-sets.ts';
import type {
  BoundQuery,
  DmlQuery,
  InsertNode,
  LogicalColumn,
  LogicalNode,
  OutputColumn,
} from './logical.ts';
import {bindOnConflict} from './on-conflict.ts';
import {noteUse, scanItem} from './relations.ts';
import {bindReturning} from './returning.ts';
import {conflictPolicies, insertPolicies} from './row-security.ts';
import {
  assignTo,
  columnDefault,
  generatedColumns,
  liveColumns,
  tableChecks,
} from './table-exprs.ts';
import {TypeOid} from './type-oids.ts';
import {renameTargets, rowThroughViews, viewChecks, type ViewRow} from './updatable-view.ts';
import {defaultsThrough, givenTargets} from './view-defaults.ts';
import {bindWith} from './with.ts';

/** A column of the INSERT's column list: a table column, or the hidden `_user_id`. */
export interface InsertTarget {
  /** Position among live columns, -1 for `_user_id`. */
  readonly position: number;
  readonly column: ColumnDescriptor | null;
  readonly location: number;
  /** Subscripts and fields, where only a part of the column is given. */
  readonly steps: readonly Node[];
}

/** What binding the values of an INSERT needs. */
export interface InsertContext {
  readonly binding: Binding;
  readonly block: Block;
  readonly table: TableDescriptor;
  readonly live: readonly ColumnDescriptor[];
  readonly overriding: 'none' | 'user' | 'system';
}

/** Binds INSERT (PostgreSQL transformInsertStmt). */
export function bindInsert(
  binding: Binding,
  binders: Binders,
  statement: InsertStmt,
  options: QueryOptions,
): DmlQuery {
  const own =
    statement.withClause === undefined
      ? null
      : bindWith(binding, binders, statement.withClause, options);
  const inner = own === null ? options : {...options, ctes: own.scope};
  const {table, views} = targetTable(binding, statement.relation!, 'insert into');
  const block = new Block(binding, binders, inner.parent, inner.ctes);
  const overriding = overridingOf(statement.override);
  const context: InsertContext = {binding, block, table, live: liveColumns(table), overriding};
  binding.lockTable(table.oid, 'rowExclusive');
  const newRow = makeRow(block, table);
  const alias = targetAlias(statement.relation!);
  const seen = views === null ? null : rowThroughViews(block, views, newRow, alias, 'insert into');
  const cols = statement.cols ?? [];
  const named =
    views === null
      ? cols
      : renameTargets(
          block,
          views,
          seen!,
          cols.length > 0 ? cols : givenTargets(seen!, statement),
          'insert into',
        );
  const targets = insertTargets(context, named);
  const bound = bindSource(context, statement, targets, inner);
  if (views === null) {
    const use = noteUse(binding, table.oid, 'a');
    for (const target of bound.targets)
      if (target.column !== null) use.columns.add(target.column.attnum);
  }
  const firstUse = binding.uses.length;
  const onConflict =
    statement.onConflictClause === undefined
      ? null
      : bindOnConflict(block, statement.onConflictClause, {table, views, alias});
  const item =
    seen?.item ??
    scanItem(
      block,
      newRow,
      alias,
      statement.returningClause === undefined ? null : noteUse(binding, table.oid, 'r', true),
    );
  block.items = [item];
  const returning = bindReturning(block, statement.returningClause?.exprs ?? [], seen);
  const viewConditions = seen === null ? [] : viewChecks(views!, seen);
  const reads = binding.uses.slice(firstUse).some(isReadOf([item.use?.relation, table.oid]));
  const policies = asTableReader(binding, {table, views}, () => ({
    checks: insertPolicies(block, table, newRow, reads),
    conflict: onConflict?.action === 'update' && conflictPolicies(block, table, newRow, reads),
  }));
  const ownerColumn = bound.targets.findIndex(target => target.position === -1);
  return {
    ctes: own?.ctes ?? [],
    columns: returning?.columns ?? [],
    above: returning?.above ?? null,
    node: {
      kind: 'insert',
      table,
      source: withoutOwner(bound.source),
      targets: bound.targets
        .filter(target => target.position !== -1)
        .map(target => target.position),
      defaults:
        seen === null
          ? context.live.map(column => columnDefault(binding, column))
          : defaultsThrough(binding, views!, seen, context.live),
      generated: generatedColumns(binding, table, newRow),
      ownerColumn: ownerColumn === -1 ? null : ownerColumn,
      checks: [...policies.checks, ...tableChecks(binding, table, newRow), ...viewConditions],
      onConflict:
        onConflict === null
          ? null
          : withVisibility({...onConflict, ...policies.conflict}, seen?.conditions ?? []),
      newRow,
      returning: returning?.exprs ?? null,
    },
  };
}

/** A row that DO UPDATE meets through views must be one that they show. */
function withVisibility(
  conflict: NonNullable<InsertNode['onConflict']>,
  conditions: ViewRow['conditions'],
): InsertNode['onConflict'] {
  if (conflict.action !== 'update' || conditions.length === 0) return conflict;
  const visible = conditions.map(({view, condition}) => ({
    ...{name: view.name, condition, isView: true, isPolicy: true},
  }));
  return {...conflict, existingChecks: [...visible, ...conflict.existingChecks]};
}

/** OVERRIDING of INSERT. */
export function overridingOf(kind: InsertStmt['override']): InsertContext['overriding'] {
  if (kind === 'OVERRIDING_USER_VALUE') return 'user';
  return kind === 'OVERRIDING_SYSTEM_VALUE' ? 'system' : 'none';
}

/** Whether a use reads columns of one of the relations. */
function isReadOf(
  relations: readonly (Oid | undefined)[],
): (use: InsertContext['binding']['uses'][number]) => boolean {
  return ({relation, privilege, columns}) =>
    privilege === 'r' && columns.size > 0 && relations.includes(relation);
}

function withoutOwner(source: BoundQuery): BoundQuery {
  return source;
}

/** The column list of an INSERT; without one all columns. */
export function insertTargets(context: InsertContext, nodes: readonly Node[]): InsertTarget[] {
  const {binding, table, live} = context;
  if (nodes.length === 0) {
    return live.map((column, position) => ({position, column, location: -1, steps: []}));
  }
  const seen = new Set<number>();
  const parts = new Set<number>();
  return nodes.map(node => {
    const target: ResTarget = 'ResTarget' in node ? node.ResTarget : {};
    const location = target.location ?? -1;
    const steps = target.indirection ?? [];
    const position = live.findIndex(column => column.name === target.name);
    if (position === -1 && target.name === '_user_id' && table.tableKind !== 'shared')
      return {position: -1, column: null, location, steps: []};
    if (position === -1) {
      throw binding.error(
        SqlState.undefinedColumn,
        `column "${target.name}" of relation "${table.name}" does not exist`,
        location,
      );
    }
    if (seen.has(position) && !(steps.length > 0 && parts.has(position)))
      throw binding.error(
        SqlState.duplicateColumn,
        `column "${target.name}" specified more than once`,
        location,
      );
    seen.add(position);
    if (steps.length > 0) parts.add(position);
    return {position, column: live[position]!, location, steps};
  });
}

interface BoundSource {
  readonly source: BoundQuery;
  readonly targets: readonly InsertTarget[];
}

function bindSource(
  context: InsertContext,
  statement: InsertStmt,
  targets: readonly InsertTarget[],
  options: QueryOptions,
): BoundSource {
  const select = statement.selectStmt;
  if (select === undefined)
    return {source: {node: {kind: 'values', rows: [[]], columns: []}, columns: []}, targets: []};
  if (!('SelectStmt' in select))
    throw featureNotSupported('this source of INSERT is not supported');
  const isPlainValues =
    select.SelectStmt.valuesLists !== undefined &&
    select.SelectStmt.sortClause === undefined &&
    select.SelectStmt.limitCount === undefined &&
    select.SelectStmt.limitOffset === undefined &&
    select.SelectStmt.withClause === undefined;
  const isNamed = (statement.cols ?? []).length > 0;
  const hasParts = targets.some(target => target.steps.length > 0);
  if (isPlainValues && !hasParts)
    return bindInsertValues(context, select.SelectStmt, isNamed, targets);
  const query = context.block.binders.query(context.binding, select.SelectStmt, {
    ...options,
    resolveUnknown: false,
  });
  const given = takeTargets(context, targets, query.columns.length, isNamed, []);
  if (hasParts) return assignParts(context, query, given);
  return assignQuery(context, query, given, select.SelectStmt.targetList ?? []);
}

/** INSERT INTO t (a[1], b.x, b.y): what is given for parts of one column makes one value, from NULL on. */
function assignParts(
  context: InsertContext,
  query: BoundQuery,
  targets: readonly InsertTarget[],
): BoundSource {
  const {binding, block} = context;
  const made = new Map<InsertTarget, BoundExpr>();
  targets.forEach((target, index) => {
    if (isIgnored(context, target)) return;
    checkGenerated(context, target);
    const value = binding.columnExpr(query.columns[index]!, target.location);
    const {column, steps, location} = target;
    if (column === null || steps.length === 0) {
      made.set(target, assign(context, target, value));
      return;
    }
    const first = targets.find(other => other.position === target.position)!;
    const current = made.get(first) ?? binding.constant(binding.type(column.typeOid), null);
    made.set(first, assignPart(block, column.name, current, steps, {bound: value}, location));
  });
  const kept = [...made.keys()];
  const outputs = kept.map(target => {
    const given = made.get(target)!;
    const expr = target.steps.length > 0 ? assign(context, target, given) : given;
    const name = target.column?.name ?? '_user_id';
    return {column: binding.newColumn(name, expr.type, expr.typmod), expr};
  });
  const columns = outputs.map(
    ({column}): OutputColumn => ({...column, tableOid: oid(0), attnum: 0}),
  );
  return {source: {node: {kind: 'compute', input: query.node, outputs}, columns}, targets: kept};
}

/** The targets that `count` expressions fill; too many or too few are errors. */
export function takeTargets(
  context: InsertContext,
  targets: readonly InsertTarget[],
  count: number,
  isNamed: boolean,
  items: readonly Node[],
): readonly InsertTarget[] {
  const {binding} = context;
  if (count > targets.length) {
    throw binding.error(
      SqlState.syntaxError,
      'INSERT has more expressions than target columns',
      locationOf(items[targets.length]),
    );
  }
  if (count < targets.length && isNamed) {
    throw binding.error(
      SqlState.syntaxError,
      'INSERT has more target columns than expressions',
      targets[count]!.location,
    );
  }
  return targets.slice(0, count);
}

function assignQuery(
  context: InsertContext,
  query: BoundQuery,
  targets: readonly InsertTarget[],
  items: readonly Node[],
): BoundSource {
  const {binding} = context;
  const kept: InsertTarget[] = [];
  const outputs: {column: LogicalColumn; expr: BoundExpr}[] = [];
  const columns: OutputColumn[] = [];
  targets.forEach((target, index) => {
    if (isIgnored(context, target)) return;
    checkGenerated(context, target);
    kept.push(target);
    const column = query.columns[index]!;
    const literal =
      column.type.oid === TypeOid.unknown ? computedLiteral(query.node, column.id) : null;
    const item = items.length === query.columns.length ? items[index] : undefined;
    const location =
      item !== undefined && 'ResTarget' in item ? locationOf(item.ResTarget.val) : -1;
    const expr = assign(context, target, literal ?? binding.columnExpr(column, location));
    if (expr.kind === 'column') columns.push(column);
    else {
      const made = binding.newColumn(column.name, expr.type, expr.typmod);
      outputs.push({column: made, expr});
      columns.push({...made, tableOid: oid(0), attnum: 0});
    }
  });
  const node: LogicalNode =
    outputs.length === 0 ? query.node : {kind: 'compute', input: query.node, outputs};
  return {source: {node, columns}, targets: kept};
}

function computedLiteral(node: LogicalNode, id: number): BoundExpr | null {
  if (node.kind !== 'compute') return null;
  const expr = node.outputs.find(output => output.column.id === id)?.expr;
  return expr !== undefined && (expr.kind === 'constant' || expr.kind === 'param') ? expr : null;
}

function assign(context: InsertContext, target: InsertTarget, expr: BoundExpr): BoundExpr {
  const {binding} = context;
  if (target.column === null)
    return coerce(binding, expr, binding.type(TypeOid.text), {context: 'assignment'});
  return assignTo(binding, target.column, expr);
}

/** OVERRIDING USER VALUE: values given for identity columns are not used. */
export function isIgnored(context: InsertContext, target: InsertTarget): boolean {
  return context.overriding === 'user' && target.column !== null && target.column.identity !== '';
}

function checkGenerated(context: InsertContext, target: InsertTarget): void {
  const {column} = target;
  if (column === null) return;
  const message = `cannot insert a non-DEFAULT value into column "${column.name}"`;
  if (column.generated !== '') {
    throw context.binding.error(SqlState.generatedAlways, message, -1, {
      detail: `Column "${column.name}" is a generated column.`,
    });
  }
  if (column.identity === 'a' && context.overriding !== 'system') {
    throw context.binding.error(SqlState.generatedAlways, message, -1, {
      detail: `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`,
      hint: 'Use OVERRIDING SYSTEM VALUE to override.',
    });
  }
}

function bindInsertValues(
  context: InsertContext,
  select: SelectStmt,
  isNamed: boolean,
  targets: readonly InsertTarget[],
): BoundSource {
  const {binding, block} = context;
  const lists = (select.valuesLists ?? []).map(list =>
    'List' in list ? (list.List.items ?? []) : [],
  );
  const given = takeTargets(context, targets, lists[0]!.length, isNamed, lists[0]!);
  const kept = given
    .map((target, index) => ({target, index}))
    .filter(({target, index}) => {
      const isAlwaysDefault = lists.every(items => isDefault(items[index]));
      return !isAlwaysDefault && !isIgnored(context, target);
    });
  block.clause = 'VALUES';
  const rows = lists.map(items => {
    if (items.length !== given.length) {
      throw binding.error(
        SqlState.syntaxError,
        'VALUES lists must all be the same length',
        locationOf(items[0]),
      );
    }
    const exprs: BoundExpr[] = [];
    for (const {target, index} of kept)
      exprs.push(rowValue(context, target, items[index]!, lists.length > 1));
    return {exprs, subqueries: block.takeSubqueries()};
  });
  const columns = kept.map(({target}, index) => {
    const expr = rows[0]!.exprs[index]!;
    return binding.newColumn(target.column?.name ?? '_user_id', expr.type, expr.typmod);
  });
  const outputs = columns.map((column): OutputColumn => ({...column, tableOid: oid(0), attnum: 0}));
  const keptTargets = kept.map(({target}) => target);
  if (block.setCalls.length > 0 && rows.length === 1) {
    const [row] = rows;
    const empty: LogicalNode = {kind: 'values', rows: [[]], columns: []};
    const input = projectSets(block, applySubqueries(empty, row!.subqueries), block.setCalls);
    const made = columns.map((column, index) => ({column, expr: row!.exprs[index]!}));
    return {
      source: {node: {kind: 'compute', input, outputs: made}, columns: outputs},
      targets: keptTargets,
    };
  }
  if (rows.every(row => row.subqueries.length === 0)) {
    return {
      source: {node: {kind: 'values', rows: rows.map(row => row.exprs), columns}, columns: outputs},
      targets: keptTargets,
    };
  }
  const inputs = rows.map((row): BoundQuery => {
    const made = columns.map(column => binding.newColumn(column.name, column.type, column.typmod));
    const input = applySubqueries({kind: 'values', rows: [[]], columns: []}, row.subqueries);
    return {
      node: {
        kind: 'compute',
        input,
        outputs: made.map((column, index) => ({column, expr: row.exprs[index]!})),
      },
      columns: made.map(column => ({...column, tableOid: oid(0), attnum: 0})),
    };
  });
  return {
    source: {node: {kind: 'append', inputs, columns}, columns: outputs},
    targets: keptTargets,
  };
}

function isDefault(node: Node | undefined): boolean {
  return node !== undefined && 'SetToDefault' in node;
}

/** One value of a VALUES row for its target; DEFAULT is the column's. */
export function rowValue(
  context: InsertContext,
  target: InsertTarget,
  node: Node,
  isMultiRow: boolean,
): BoundExpr {
  const {binding, block} = context;
  if (isDefault(node)) {
    const column = target.column;
    const value = column === null ? null : columnDefault(binding, column);
    if (value !== null) return value;
    return binding.constant(
      column === null ? binding.type(TypeOid.text) : binding.type(column.typeOid),
      null,
    );
  }
  checkGenerated(context, target);
  const expr = isMultiRow ? block.expr(node) : block.within('INSERT', () => block.expr(node));
  return assign(context, target, expr);
}
