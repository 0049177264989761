import type {Node} from '@pgsql/types';
import {featureNotSupported, internalError} from '../../common/errors.ts';
import type {TableDescriptor, ViewDescriptor} from '../../catalog/descriptors.ts';
import type {BindContext} from '../contract.ts';
import {Binding, type BinderHooks} from './binding.ts';
import {Block, type Binders, type QueryOptions} from './block.ts';
import {bindExpr} from './expr.ts';
import {bindInsert} from './insert.ts';
import {intoClause} from './into.ts';
import type {BoundQuery, DmlQuery} from './logical.ts';
import {bindMerge} from './merge.ts';
import {bindDelete, bindUpdate} from './modify.ts';
import {bindQuery} from './query.ts';
import {withReturning} from './returning.ts';
import {bindPolicyDefinition, rejectOwnScans} from './row-security.ts';
import {bindScalar} from './scalar-block.ts';
import {changesThrough, type ViewChanges} from './updatable-columns.ts';

/** Whether a statement is planned and executed by operators; every other statement is a utility. */
export function isPlannable(ast: Node): boolean {
  if ('SelectStmt' in ast) return intoClause(ast.SelectStmt) === null;
  return 'InsertStmt' in ast || 'UpdateStmt' in ast || 'DeleteStmt' in ast || 'MergeStmt' in ast;
}

/** A statement whose names and types are resolved. */
export interface BoundStatement {
  readonly kind: 'select' | 'insert' | 'update' | 'delete' | 'merge';
  readonly query: BoundQuery | DmlQuery;
  readonly binding: Binding;
}

const binders: Binders = {
  expr: bindExpr,
  query: (binding, statement, options) => bindQuery(binding, binders, statement, options),
  dml: bindDml,
};

const hooks: BinderHooks = {
  scalar: (binding, ast, scope) => bindScalar(binding, binders, ast, scope),
};

function bindDml(binding: Binding, statement: Node, options: QueryOptions): DmlQuery | BoundQuery {
  return withReturning(binding, bindChange(binding, statement, options));
}

function bindChange(binding: Binding, statement: Node, options: QueryOptions): DmlQuery {
  if ('InsertStmt' in statement) return bindInsert(binding, binders, statement.InsertStmt, options);
  if ('UpdateStmt' in statement) return bindUpdate(binding, binders, statement.UpdateStmt, options);
  if ('DeleteStmt' in statement) return bindDelete(binding, binders, statement.DeleteStmt, options);
  if ('MergeStmt' in statement) return bindMerge(binding, binders, statement.MergeStmt, options);
  throw internalError('not a statement that changes rows');
}

/** A fresh state for binding one statement text. */
export function newBinding(
  context: BindContext,
  text: string,
  parameterNames: readonly string[] | null = null,
): Binding {
  return new Binding(context, text, hooks, parameterNames);
}

/** What can be changed through a view. */
export function viewChanges(context: BindContext, view: ViewDescriptor): ViewChanges {
  return changesThrough(newBinding(context, ''), binders, view);
}

/** How a statement came. */
export interface BindOptions {
  /** Names of $1.. (live queries). */
  readonly parameterNames: readonly string[] | null;
  /** The function whose body this is. */
  readonly parameterScope?: string | null;
  /** Simple protocol: parameters are 42P02. */
  readonly noParameters: boolean;
  /** Byte offsets of literals that may become slots. */
  readonly literals: ReadonlySet<number>;
}

const defaults: BindOptions = {parameterNames: null, noParameters: false, literals: new Set()};

/** Binds a SELECT with a state made before. */
export function bindStatementWith(binding: Binding, ast: Node): BoundQuery {
  if (!('SelectStmt' in ast)) throw featureNotSupported('only a SELECT can be bound so');
  return bindQuery(binding, binders, ast.SelectStmt, {
    parent: null,
    ctes: null,
    resolveUnknown: true,
  });
}

/** Binds a SELECT, INSERT, UPDATE, DELETE or MERGE; raises PostgreSQL's errors with positions in `text`. */
export function bindStatement(
  ast: Node,
  text: string,
  context: BindContext,
  given: BindOptions = defaults,
): BoundStatement {
  const binding = newBinding(context, text, given.parameterNames);
  binding.parameterScope = given.parameterScope ?? null;
  binding.parameters.isForbidden = given.noParameters;
  binding.literals.places = given.literals;
  const options: QueryOptions = {parent: null, ctes: null, resolveUnknown: true};
  const bound: BoundStatement =
    'SelectStmt' in ast
      ? {kind: 'select', query: bindQuery(binding, binders, ast.SelectStmt, options), binding}
      : {kind: kindOf(ast), query: bindDml(binding, ast, options), binding};
  rejectOwnScans(binding);
  return bound;
}

function kindOf(ast: Node): BoundStatement['kind'] {
  if ('InsertStmt' in ast) return 'insert';
  if ('UpdateStmt' in ast) return 'update';
  return 'DeleteStmt' in ast ? 'delete' : 'merge';
}

/** Binds a stand-alone expression tree. */
export function bindScalarWith(
  binding: Binding,
  ast: Node,
  scope: Parameters<BinderHooks['scalar']>[2],
): BoundExpr {
  return hooks.scalar(binding, ast, scope);
}

/** Binds the expression of a policy over a row of its table, which it knows under `rowName`; what it reads is in `binding.uses`. */
export function bindPolicyWith(
  binding: Binding,
  ast: Node,
  table: TableDescriptor,
  rowName: string,
): BoundExpr {
  return bindPolicyDefinition(new Block(binding, binders, null, null), table, rowName, ast);
}

type BoundExpr = ReturnType<BinderHooks['scalar']>;
