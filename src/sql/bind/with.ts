import type {CommonTableExpr, SelectStmt, WithClause} from '@pgsql/types';
import {assert, type PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {locationOf, namesOf} from './ast.ts';
import type {Binding} from './binding.ts';
import {type Binders, Block, type CteEntry, type CteScope, type QueryOptions} from './block.ts';
import {errorType} from './display-type.ts';
import {inputsOf} from './logical-walk.ts';
import type {BoundQuery, CteDefinition, LogicalNode, OutputColumn} from './logical.ts';
import {convertColumns} from './set-operation.ts';
import {orderRecursive} from './recursion.ts';
import {withSearchAndCycle} from './search-cycle.ts';

/** The definitions of a WITH clause and the names in scope of its body. */
export interface BoundWith {
  readonly ctes: readonly (CteDefinition & {
    readonly entry: CteEntry;
    readonly materialized: 'default' | 'always' | 'never';
  })[];
  readonly scope: CteScope;
}

/** Binds WITH [RECURSIVE]. Each query sees the ones before it (all of them when recursive). */
export function bindWith(
  binding: Binding,
  binders: Binders,
  clause: WithClause,
  options: QueryOptions,
): BoundWith {
  const entries: CteEntry[] = [];
  const ctes: BoundWith['ctes'][number][] = [];
  const names = new Set<string>();
  const nodes = (clause.ctes ?? []).map(node =>
    'CommonTableExpr' in node ? node.CommonTableExpr : {},
  );
  for (const cte of nodes) {
    if (names.has(cte.ctename ?? '')) {
      throw binding.error(
        SqlState.duplicateAlias,
        `WITH query name "${cte.ctename}" specified more than once`,
        cte.location ?? -1,
      );
    }
    names.add(cte.ctename ?? '');
  }
  const {queries, recursive} =
    clause.recursive === true
      ? orderRecursive(binding, nodes)
      : {queries: nodes, recursive: new Set<CommonTableExpr>()};
  for (const [at, cte] of queries.entries()) {
    const later = queries.slice(at + 1).map(other => other.ctename ?? '');
    const scope: CteScope = {entries: [...entries], parent: options.ctes, later};
    const bound = recursive.has(cte)
      ? bindRecursive(binding, binders, cte, scope, options)
      : bindPlain(binding, binders, cte, scope, options);
    entries.push(bound.entry);
    ctes.push(bound);
  }
  return {ctes, scope: {entries, parent: options.ctes}};
}

function materialization(cte: CommonTableExpr): 'default' | 'always' | 'never' {
  if (cte.ctematerialized === 'CTEMaterializeAlways') return 'always';
  return cte.ctematerialized === 'CTEMaterializeNever' ? 'never' : 'default';
}

function bindPlain(
  binding: Binding,
  binders: Binders,
  cte: CommonTableExpr,
  scope: CteScope,
  options: QueryOptions,
): BoundWith['ctes'][number] {
  const statement = cte.ctequery!;
  if (cte.search_clause !== undefined || cte.cycle_clause !== undefined)
    throw binding.error(SqlState.syntaxError, 'WITH query is not recursive', cte.location ?? -1);
  if ('MergeStmt' in statement)
    throw binding.error(
      SqlState.featureNotSupported,
      'MERGE not supported in WITH query',
      cte.location ?? -1,
    );
  const inner = {parent: options.parent, ctes: scope, resolveUnknown: true};
  const isDataModifying = !('SelectStmt' in statement);
  const query =
    'SelectStmt' in statement
      ? binders.query(binding, statement.SelectStmt, inner)
      : binders.dml(binding, statement, inner);
  const columns = renamed(binding, cte, query.columns);
  const entry = makeEntry(binding, cte, columns, isDataModifying);
  return {
    id: entry.id,
    name: entry.name,
    query: {...query, columns} as BoundQuery,
    isDataModifying,
    entry,
    materialized: materialization(cte),
  };
}

function renamed(
  binding: Binding,
  cte: CommonTableExpr,
  columns: readonly OutputColumn[],
): readonly OutputColumn[] {
  const names = namesOf(cte.aliascolnames);
  if (names.length > columns.length) {
    throw binding.error(
      SqlState.invalidColumnReference,
      `WITH query "${cte.ctename}" has ${columns.length} columns available but ${names.length} columns specified`,
      cte.location ?? -1,
    );
  }
  return columns.map((column, index) =>
    index < names.length ? {...column, name: names[index]!} : column,
  );
}

function makeEntry(
  binding: Binding,
  cte: CommonTableExpr,
  columns: readonly OutputColumn[] | null,
  isDataModifying: boolean,
  id = binding.newCte(),
): CteEntry {
  return {
    name: cte.ctename ?? '',
    id,
    columns,
    origins: (columns ?? []).map(({tableOid, attnum}) => ({tableOid, attnum})),
    isWorkTable: false,
    isDataModifying,
    addedColumns: 0,
    references: 0,
  };
}

/** initial UNION [ALL] recursive: the recursive term reads the rows of the last round. */
function bindRecursive(
  binding: Binding,
  binders: Binders,
  cte: CommonTableExpr,
  scope: CteScope,
  options: QueryOptions,
): BoundWith['ctes'][number] {
  const location = cte.location ?? -1;
  const name = cte.ctename ?? '';
  const statement = cte.ctequery!;
  assert('SelectStmt' in statement, 'a recursive query has the form that was checked');
  let union: SelectStmt = statement.SelectStmt;
  const own =
    union.withClause === undefined
      ? {ctes: [], scope}
      : bindWith(binding, binders, union.withClause, {...options, ctes: scope});
  const blocked = makeEntry(binding, cte, null, false);
  const bindInitial = (): BoundQuery =>
    binders.query(binding, union.larg!, {
      parent: options.parent,
      ctes: {entries: [blocked], parent: own.scope},
      resolveUnknown: true,
    });
  let initial = bindInitial();
  const ownCount = initial.columns.length;
  if (cte.search_clause !== undefined || cte.cycle_clause !== undefined) {
    const names = renamed(binding, cte, initial.columns).map(column => column.name);
    union = {...union, ...withSearchAndCycle(binding, cte, union, names)};
    initial = bindInitial();
  }
  const columns = renamed(binding, cte, initial.columns).map(column => ({
    ...binding.newColumn(column.name, column.type, column.typmod),
    tableOid: oid(0),
    attnum: 0,
  }));
  const working: CteEntry = {
    ...makeEntry(binding, cte, columns, false, blocked.id),
    isWorkTable: true,
    addedColumns: columns.length - ownCount,
  };
  const bindTerm = (term: SelectStmt): BoundQuery =>
    binders.query(binding, term, {
      parent: options.parent,
      ctes: {entries: [working], parent: own.scope},
      resolveUnknown: false,
    });
  const {rarg} = statement.SelectStmt;
  if (union !== statement.SelectStmt && bindTerm(rarg!).columns.length !== ownCount)
    throw columnCount(binding, locationOf(rarg?.targetList?.[0]));
  const right = bindTerm(union.rarg!);
  if (aggregatesWorkTable(right.node, working.id)) {
    throw binding.error(
      SqlState.invalidRecursion,
      "aggregate functions are not allowed in a recursive query's recursive term",
      locationOf(union.rarg?.targetList?.[0]),
    );
  }
  if (right.columns.length !== initial.columns.length) throw columnCount(binding, location);
  binding.trace?.columns(union.larg!, columns);
  binding.trace?.level(union.larg!, new Block(binding, binders, options.parent, own.scope), []);
  const recursive = matchTypes(binding, name, right, columns, location);
  const node: BoundQuery = {
    node: {
      kind: 'recursive',
      cte: working.id,
      initial,
      recursive,
      isDistinct: union.all !== true,
      columns,
    },
    columns,
  };
  const entry = makeEntry(binding, cte, columns, false);
  const query: BoundQuery =
    own.ctes.length === 0 ? node : {node: {kind: 'with', ctes: own.ctes, body: node.node}, columns};
  return {id: entry.id, name, query, isDataModifying: false, entry, materialized: 'always'};
}

function columnCount(binding: Binding, location: number): PgError {
  return binding.error(
    SqlState.syntaxError,
    'each UNION query must have the same number of columns',
    location,
  );
}

/** Whether an aggregate stands directly over the recursive reference. */
function aggregatesWorkTable(node: LogicalNode, id: number): boolean {
  if (node.kind === 'workTable') return false;
  if (node.kind === 'aggregate') return readsWorkTable(node.input, id);
  return inputsOf(node).some(input => aggregatesWorkTable(input, id));
}

function readsWorkTable(node: LogicalNode, id: number): boolean {
  return (
    (node.kind === 'workTable' && node.cte === id) ||
    inputsOf(node).some(input => readsWorkTable(input, id))
  );
}

function matchTypes(
  binding: Binding,
  name: string,
  right: BoundQuery,
  columns: readonly OutputColumn[],
  location: number,
): BoundQuery {
  right.columns.forEach((column, index) => {
    const wanted = columns[index]!;
    if (column.type.name === 'unknown' || column.type.oid === wanted.type.oid) return;
    throw binding.error(
      SqlState.datatypeMismatch,
      `recursive query "${name}" column ${index + 1} has type ${errorType(wanted.type)} in non-recursive term ` +
        `but type ${errorType(column.type)} overall`,
      location,
      {hint: 'Cast the output of the non-recursive term to the correct type.'},
    );
  });
  return convertColumns(
    binding,
    right,
    columns.map(column => column.type),
  );
}
