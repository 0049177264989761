import type {Node} from '@pgsql/types';
import {featureNotSupported, internalError, PgError} from '../../common/errors.ts';
import {type Oid, oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from '../bind/binding.ts';
import {baseType} from '../bind/coercion-path.ts';
import type {BoundQuery, CteDefinition, DmlQuery, LogicalNode} from '../bind/logical.ts';
import {inputsOf, isDml} from '../bind/logical-walk.ts';
import {type BoundStatement, bindStatement} from '../bind/statement.ts';
import type {BindContext, LiteralToken, ParsedStatement} from '../contract.ts';
import {Estimator} from './estimate.ts';
import {Folder} from './fold.ts';
import {inlineCtes} from './inline-cte.ts';
import {mapDml, mapNode} from './logical-map.ts';
import {Physical} from './physical.ts';
import {PlanState, type PlannedSlot} from './planner.ts';
import type {Plan, QueryPlan, RequiredPrivilege, ResultColumn} from './plan.ts';
import {PushDown} from './push-down.ts';

/** A plan with the literals of its text that became slots; `plan` reads `run.slots[i]` for `slots[i]`. */
export interface PlannedStatement {
  readonly plan: QueryPlan;
  readonly slots: readonly PlannedSlot[];
  /** It holds the moment of its planning ('now'): it is not kept for later texts. */
  readonly isForOnce?: boolean;
}

/** What planning may be told beside its context. */
export interface PlanOptions {
  /** Names under which $1.. can be referenced (live queries, SQL functions). */
  readonly parameterNames?: readonly string[] | null;
  /** The function whose body the statement is of: its name qualifies parameters. */
  readonly parameterScope?: string | null;
  /**
   * These literals of the text (from scanKey) may become slots, whose values the caller supplies in `run.slots`.
   * Otherwise they are constants.
   */
  readonly literals?: readonly LiteralToken[] | null;
  /** The text came by the simple protocol: a parameter is 42P02. */
  readonly noParameters?: boolean;
  /** The plan shows columns, rights and tables only (CREATE VIEW, WITH NO DATA): constant parts are not computed. */
  readonly isUnrun?: boolean;
}

/** Binds and plans a SELECT, VALUES, INSERT, UPDATE or DELETE. */
export function planStatement(
  statement: Pick<ParsedStatement, 'ast' | 'text'>,
  context: BindContext,
  options: PlanOptions = {},
): PlannedStatement {
  if (statement.ast === null) throw internalError('planStatement without a tree');
  return withinStack(() => bindAndPlan(statement.ast!, statement.text, context, options));
}

/** Too deep an expression is 54001, not a crash. */
function withinStack<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError) || !error.message.includes('call stack')) throw error;
    throw new PgError(SqlState.statementTooComplex, 'stack depth limit exceeded', {
      hint:
        'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the ' +
        "platform's stack depth limit is adequate.",
    });
  }
}

function bindAndPlan(
  ast: Node,
  text: string,
  context: BindContext,
  options: PlanOptions,
): PlannedStatement {
  const bound = bindStatement(ast, text, context, {
    parameterNames: options.parameterNames ?? null,
    parameterScope: options.parameterScope ?? null,
    noParameters: options.noParameters ?? false,
    literals: literalPlaces(text, options.literals ?? []),
  });
  return planBound(bound, options.isUnrun);
}

/** Parameter types and result columns (null when the statement returns no rows) of a statement that is not planned. */
export function describeQuery(
  statement: Pick<ParsedStatement, 'ast' | 'text'>,
  context: BindContext,
  options: PlanOptions = {},
): {
  readonly columns: readonly ResultColumn[] | null;
  readonly parameterTypes: readonly TypeInstance[];
} {
  if (statement.ast === null) throw internalError('describeQuery without a tree');
  const bound = bindStatement(statement.ast, statement.text, context, {
    parameterNames: options.parameterNames ?? null,
    noParameters: options.noParameters ?? false,
    literals: new Set(),
  });
  return {
    columns: returnsRows(bound) ? resultColumns(bound) : null,
    parameterTypes: bound.binding.parameters.finish(),
  };
}

/** Plans a bound statement. */
export function planBound(bound: BoundStatement, isUnrun = false): PlannedStatement {
  const {binding} = bound;
  const parameterTypes = binding.parameters.finish();
  const estimator = new Estimator(binding);
  const folder = new Folder(binding, isUnrun);
  const pushDown = new PushDown(binding, estimator);
  const optimize = (node: LogicalNode): LogicalNode =>
    pushDown.optimize(inlineCtes(foldTree(node, folder)));
  const state = new PlanState(binding, estimator);
  const physical = new Physical(state);
  const root = isDml(bound.query.node)
    ? physical.dml(optimizeDml(bound.query as DmlQuery, optimize, folder), new Map())
    : physical.outputs({node: optimize(bound.query.node), columns: bound.query.columns}, new Map());
  const isWriting = bound.kind !== 'select' || changesData(bound.query.node);
  const plan: QueryPlan = {
    kind: bound.kind,
    root,
    columns: resultColumns(bound),
    returnsRows: returnsRows(bound),
    parameterTypes,
    outerCount: state.outerCount,
    privileges: privileges(binding),
    isReadOnly: !isWriting && !binding.locksRows && !callsSource(root, isWriter),
    dependsOnRole: binding.dependsOnRole,
    tables: [...binding.lockedTables].map(([oid, mode]) => ({oid, mode})),
    sequences: sequencesOf(root),
    hasVolatile: binding.hasVolatile,
    runsFunctions: callsSource(root, isSessionFunction),
  };
  if (plan.runsFunctions) checkFunctionCaller(bound, binding.locksRows);
  return {plan, slots: state.slots, isForOnce: binding.readsClock};
}

/** Byte offsets at which the grammar places literals: their own, or that of a minus sign before them. */
function literalPlaces(text: string, literals: readonly LiteralToken[]): ReadonlySet<number> {
  const places = new Set<number>();
  if (literals.length === 0) return places;
  const bytes = Buffer.from(text);
  for (const {kind, location} of literals) {
    places.add(location);
    if (kind === 'string') continue;
    let at = location - 1;
    while (at >= 0 && (bytes[at] === 32 || bytes[at] === 9 || bytes[at] === 10 || bytes[at] === 13))
      at--;
    if (bytes[at] === 45) places.add(at);
  }
  return places;
}

function foldTree(node: LogicalNode, folder: Folder): LogicalNode {
  return mapNode(node, input => foldTree(input, folder), folder.fold);
}

function optimizeDml(
  query: DmlQuery,
  optimize: (node: LogicalNode) => LogicalNode,
  folder: Folder,
): DmlQuery {
  const ctes = query.ctes.map((cte): CteDefinition => {
    if ('ctes' in cte.query) return {...cte, query: optimizeDml(cte.query, optimize, folder)};
    return {
      ...cte,
      query: {...(cte.query as BoundQuery), node: optimize((cte.query as BoundQuery).node)},
    };
  });
  return {...query, ctes, node: mapDml(query.node, optimize, folder.fold)};
}

function resultColumns(bound: BoundStatement): ResultColumn[] {
  return bound.query.columns.map(({name, type, typmod, tableOid, attnum}) => {
    if (type.kind !== 'd') return {name, type, typmod, tableOid, attnum};
    return {name, type: baseType(type), typmod: domainTypmod(type), tableOid, attnum};
  });
}

/** RowDescription tells a domain's base type with the domain's typmod. */
function domainTypmod(type: TypeInstance): number {
  let domain = type;
  while (domain.base !== null && domain.base.kind === 'd' && domain.baseTypmod === -1)
    domain = domain.base;
  return domain.baseTypmod;
}

function returnsRows(bound: BoundStatement): boolean {
  const {node} = bound.query;
  return isDml(node) ? node.returning !== null : true;
}

function changesData(node: LogicalNode | DmlQuery['node']): boolean {
  if (isDml(node)) return true;
  if (node.kind === 'with' && node.ctes.some(cte => cte.isDataModifying)) return true;
  return inputsOf(node).some(changesData);
}

function privileges(binding: Binding): RequiredPrivilege[] {
  return binding.uses
    .filter(use => !use.needsColumns || use.columns.size > 0)
    .map(use => ({
      relation: use.relation,
      columns: [...use.columns].sort((a, b) => a - b),
      privilege: use.privilege,
      asRole: use.asRole,
    }));
}

const SEQUENCE_WRITERS: ReadonlySet<string> = new Set(['nextval_oid', 'setval_oid', 'setval3_oid']);

const writers: ReadonlySet<string> = new Set([
  ...SEQUENCE_WRITERS,
  'pg_notify',
  'lo_creat',
  'lo_create',
  'be_lo_unlink',
  'txid_current',
  'pg_current_xact_id',
  'sql_function',
]);

/** Whether a plan calls a function that writes (nextval, pg_notify, functions in schema system). */
function isWriter(source: string): boolean {
  return writers.has(source) || source.startsWith('system.');
}

function isSessionFunction(source: string): boolean {
  return source === 'sql_function';
}

/** The statements of a function count as commands: who goes by the number of the command under way cannot call it. */
function checkFunctionCaller({kind, query}: BoundStatement, locksRows: boolean): void {
  const isPlain = kind === 'select' && !changesData(query.node) && !locksRows;
  const isInsert =
    query.node.kind === 'insert' &&
    query.node.onConflict === null &&
    (query as DmlQuery).ctes.length === 0;
  if (isPlain || isInsert) return;
  throw featureNotSupported(
    'calling a SQL function with a body other than one SELECT is only supported in SELECT and plain INSERT',
  );
}

/** Sequences that nextval() and setval() are given as constants. */
function sequencesOf(root: Plan): Oid[] {
  const found = new Set<Oid>();
  callsSource(root, (source, call) => {
    if (!SEQUENCE_WRITERS.has(source)) return false;
    const [sequence] = call['args'] as readonly BoundExpr[];
    if (sequence?.kind === 'constant' && typeof sequence.value === 'number')
      found.add(oid(sequence.value));
    return false;
  });
  return [...found];
}

/** Whether a plan calls a function with such a source. */
function callsSource(
  plan: Plan,
  wanted: (source: string, call: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  let found = false;
  const visit = (value: unknown): void => {
    if (found || value === null || typeof value !== 'object') return;
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    const fields = value as Readonly<Record<string, unknown>>;
    if (typeof fields['source'] === 'string' && wanted(fields['source'], fields)) found = true;
    for (const key in fields)
      if (key !== 'type' && key !== 'columns' && key !== 'value') visit(fields[key]);
  };
  visit(plan);
  return found;
}
