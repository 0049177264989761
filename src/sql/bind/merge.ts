import type {MergeStmt, MergeWhenClause, RangeVar} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import type {PgError} from '../../common/errors.ts';
import {isMaterialized, relationWords} from '../../catalog/stored-queries.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {applySubqueries, Block, type Binders, type QueryOptions, type RangeItem} from './block.ts';
import {coerceBoolean} from './coerce.ts';
import {splitAnd} from './conjuncts.ts';
import {makeRow, targetAlias} from './dml-target.ts';
import {bindFromItem} from './from.ts';
import {joinWithSubqueries} from './from-join.ts';
import {
  type InsertContext,
  insertTargets,
  isIgnored,
  overridingOf,
  rowValue,
  takeTargets,
} from './insert.ts';
import type {DmlQuery, LogicalNode, MergeAction, PositionExpr, ScanNode} from './logical.ts';
import {changesUniqueKey} from './modify.ts';
import {findRelation, makeScan, noteUse, scanItem} from './relations.ts';
import {requeryOf} from './row-requery.ts';
import {mergePolicies, mergeSetGuard, policyChecks, securedScan} from './row-security.ts';
import {bindSetClause} from './set-clause.ts';
import {checkScopes, pseudoColumn} from './system-columns.ts';
import {columnDefault, generatedColumns, liveColumns, tableChecks} from './table-exprs.ts';
import {bindWith} from './with.ts';

/** The table that MERGE changes, as its clauses see it. */
interface MergeTarget {
  readonly block: Block;
  readonly table: TableDescriptor;
  readonly scan: ScanNode;
  readonly item: RangeItem;
  /** The scan under the SELECT policies of its table, and their conditions. */
  readonly node: LogicalNode;
  readonly policies: readonly BoundExpr[];
}

/** Binds MERGE (PostgreSQL transformMergeStmt). */
export function bindMerge(
  binding: Binding,
  binders: Binders,
  statement: MergeStmt,
  options: QueryOptions,
): DmlQuery {
  const {withClause} = statement;
  if (withClause?.recursive === true)
    throw binding.error(
      SqlState.syntaxError,
      'WITH RECURSIVE is not supported for MERGE statement',
      -1,
    );
  const own = withClause === undefined ? null : bindWith(binding, binders, withClause, options);
  const clauses = (statement.mergeWhenClauses ?? []).map(node =>
    'MergeWhenClause' in node ? node.MergeWhenClause : {},
  );
  rejectUnreachable(binding, clauses);
  const inner = own === null ? options : {...options, ctes: own.scope};
  const target = bindMergeTarget(binding, binders, statement.relation!, inner);
  const source = bindSource(target, statement);
  const joined = bindCondition(target, source, statement, clauses.some(isInsert));
  const newRow = makeRow(target.block, target.table);
  const actions = clauses.map(clause => bindAction(target, source.items, newRow, clause));
  target.block.items = [target.item, ...source.items];
  checkScopes(target.block);
  const subqueries = target.block.takeSubqueries();
  const input = applySubqueries(joined.node, subqueries);
  return {
    ctes: own?.ctes ?? [],
    columns: [],
    node: {
      kind: 'merge',
      table: target.table,
      target: target.scan,
      alias: targetAlias(statement.relation!),
      input,
      recheck: [...target.policies, ...joined.conditions],
      requery: requeryOf(target.block.binding, input),
      actions,
      generated: generatedColumns(binding, target.table, newRow),
      checks: tableChecks(binding, target.table, newRow),
      newRow,
      returning: null,
    },
  };
}

function isMatchedClause(clause: MergeWhenClause): boolean {
  return clause.matchKind === 'MERGE_WHEN_MATCHED';
}

function isInsert(clause: MergeWhenClause): boolean {
  return clause.commandType === 'CMD_INSERT';
}

function rejectUnreachable(binding: Binding, clauses: readonly MergeWhenClause[]): void {
  const isTerminated = {matched: false, notMatched: false};
  for (const clause of clauses) {
    const kind = isMatchedClause(clause) ? 'matched' : 'notMatched';
    if (isTerminated[kind])
      throw binding.error(
        SqlState.syntaxError,
        'unreachable WHEN clause specified after unconditional WHEN clause',
        -1,
      );
    isTerminated[kind] = clause.condition === undefined;
  }
}

/** Opens the target of MERGE: the one place where its relation is found, locked and scanned. */
function bindMergeTarget(
  binding: Binding,
  binders: Binders,
  name: RangeVar,
  options: QueryOptions,
): MergeTarget {
  const table = targetOf(binding, name);
  const block = new Block(binding, binders, options.parent, options.ctes);
  const alias = targetAlias(name);
  const scan = makeScan(binding, table, alias);
  binding.lockTable(table.oid, 'rowExclusive');
  for (const source of ['rid', 'seq', 'owner', 'location'] as const)
    pseudoColumn(block, scan, source, `_${source}`);
  const item = scanItem(block, scan, alias, noteUse(binding, table.oid, 'r', true), true);
  const node = securedScan(block, scan, 'r');
  const policies = node.kind === 'filter' ? node.conditions : [];
  return {block, table, scan, item, node, policies};
}

function targetOf(binding: Binding, name: RangeVar): TableDescriptor {
  const relation = findRelation(binding, name);
  if (relation.kind === 'table' && !isMaterialized(relation)) return relation;
  if (relation.kind === 'systemRelation')
    throw binding.error(
      SqlState.insufficientPrivilege,
      `permission denied: "${relation.name}" is a system catalog`,
      -1,
    );
  if (relation.kind === 'index')
    throw binding.error(
      SqlState.wrongObjectType,
      `"${relation.name}" is an index`,
      name.location ?? -1,
    );
  return refuse(binding, relation.name, relationWords(relation));
}

function refuse(binding: Binding, name: string, kinds: string): never {
  throw binding.error(
    SqlState.featureNotSupported,
    `cannot execute MERGE on relation "${name}"`,
    -1,
    {detail: `This operation is not supported for ${kinds}.`},
  );
}

interface Source {
  readonly node: LogicalNode;
  readonly items: readonly RangeItem[];
}

function bindSource({block, item}: MergeTarget, statement: MergeStmt): Source {
  const node = statement.sourceRelation!;
  const isLateral = 'RangeSubselect' in node && node.RangeSubselect.lateral === true;
  const source = bindFromItem(block, node, isLateral ? [] : [item]);
  if (source.items.length === 1 && source.items[0]!.alias === item.alias) {
    throw block.binding.error(
      SqlState.duplicateAlias,
      `name "${item.alias}" specified more than once`,
      -1,
      {detail: 'The name is used both as MERGE target table and data source.'},
    );
  }
  return source;
}

/** The source joined with the target; with an INSERT every source row comes out, the target's columns NULL where nothing matches. */
function bindCondition(
  {block, node: target, item}: MergeTarget,
  source: Source,
  statement: MergeStmt,
  isOuter: boolean,
) {
  block.items = [item, ...source.items];
  const condition = block.within('JOIN conditions', () =>
    coerceBoolean(block.binding, block.expr(statement.joinCondition!), 'JOIN/ON'),
  );
  const conditions = splitAnd(condition);
  const subqueries = block.takeSubqueries();
  const joinType = isOuter ? 'left' : 'inner';
  const node = joinWithSubqueries(joinType, source.node, target, conditions, subqueries);
  return {node, conditions, subqueries};
}

/** WHEN ... THEN ...: NOT MATCHED does not see the target. */
function bindAction(
  target: MergeTarget,
  source: readonly RangeItem[],
  newRow: ScanNode,
  clause: MergeWhenClause,
): MergeAction {
  const {block, item, table} = target;
  const {binding} = block;
  const isMatched = isMatchedClause(clause);
  block.items = isMatched ? [item, ...source] : [...source];
  block.unseen = isMatched ? [] : [item];
  const condition =
    clause.condition === undefined
      ? null
      : block.within('MERGE WHEN conditions', () =>
          coerceBoolean(binding, block.expr(clause.condition!), 'WHEN'),
        );
  const checks = {existingChecks: [], writtenChecks: []};
  const none = {set: [], setGuard: null, owner: null, changesKey: false};
  const base = {isMatched, condition, ...none, ...checks};
  switch (clause.commandType) {
    case 'CMD_UPDATE': {
      const before = block.takeSubqueries();
      const set = block.within('UPDATE', () =>
        bindSetClause(block, clause.targetList ?? [], table),
      );
      const setGuard = mergeSetGuard(block, table, target.scan);
      block.subqueries.unshift(...before);
      const write = noteUse(binding, table.oid, 'w');
      const live = liveColumns(table);
      for (const each of set) write.columns.add(live[each.position]!.attnum);
      const changesKey = changesUniqueKey(binding, table, set);
      const {existingChecks, updateChecks} = mergePolicies(block, table, newRow);
      return {
        ...base,
        kind: 'update',
        set,
        setGuard,
        changesKey,
        existingChecks,
        writtenChecks: updateChecks,
      };
    }
    case 'CMD_DELETE':
      noteUse(binding, table.oid, 'd');
      return {
        ...base,
        kind: 'delete',
        existingChecks: policyChecks(block, table, newRow, 'd', true),
      };
    case 'CMD_INSERT':
      return {
        ...base,
        kind: 'insert',
        ...bindInsertion(target, clause),
        writtenChecks: policyChecks(block, table, newRow, 'a'),
      };
    default:
      // DO NOTHING asks for the right to read some column, as count(*) does.
      noteUse(binding, table.oid, 'r');
      return {...base, kind: 'nothing'};
  }
}

/** INSERT of MERGE: a value for each stored column, its default where none is given. */
function bindInsertion(
  {block, table}: MergeTarget,
  clause: MergeWhenClause,
): {readonly set: PositionExpr[]; readonly owner: BoundExpr | null} {
  const {binding} = block;
  const live = liveColumns(table);
  const overriding = overridingOf(clause.override);
  const context: InsertContext = {binding, block, table, live, overriding};
  const named = clause.targetList ?? [];
  const targets = insertTargets(context, named);
  const values = clause.values ?? [];
  const given =
    clause.values === undefined
      ? []
      : takeTargets(context, targets, values.length, named.length > 0, values);
  const use = noteUse(binding, table.oid, 'a');
  for (const {column} of given) if (column !== null) use.columns.add(column.attnum);
  const exprs = new Map<number, BoundExpr>();
  given.forEach((target, index) => {
    if (isIgnored(context, target)) return;
    const expr = block.within('VALUES', () => rowValue(context, target, values[index]!, true));
    exprs.set(target.position, expr);
  });
  rejectSets(block);
  const set = live.flatMap((column, position): PositionExpr[] => {
    if (column.generated !== '') return [];
    const expr =
      exprs.get(position) ??
      columnDefault(binding, column) ??
      binding.constant(binding.type(column.typeOid), null);
    return [{position, expr}];
  });
  return {set, owner: exprs.get(-1) ?? null};
}

function rejectSets(block: Block): void {
  if (block.setCalls.length > 0) throw setInValues(block.binding);
}

function setInValues(binding: Binding): PgError {
  return binding.error(
    SqlState.featureNotSupported,
    'set-valued function called in context that cannot accept a set',
    -1,
  );
}
