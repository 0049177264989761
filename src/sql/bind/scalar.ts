import type {Node} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {BindContext, TypeRef} from '../contract.ts';
import {coerceBoolean, tryCoerce} from './coerce.ts';
import {errorType} from './display-type.ts';
import {expressionAst} from './parsed-text.ts';
import {newBinding} from './statement.ts';

/** What a stand-alone expression may name and what it must become. */
export interface ScalarOptions {
  /** Names of columns; `column.index` of the result is the position here. */
  readonly columns: readonly {
    readonly name: string;
    readonly type: TypeInstance;
    readonly typmod: number;
  }[];
  /** Type to convert to by assignment; null keeps the expression's own. */
  readonly target?: TypeRef | null;
  /** As error texts name the place: 'DEFAULT expressions', 'check constraints', 'EXECUTE parameters' ... */
  readonly clause?: string;
  readonly relationName?: string;
  /** Statement text for error positions, when `source` is a tree of it. */
  readonly text?: string;
}

/** Binds a stand-alone expression, a tree or a text. Only for DEFAULT, CHECK, index keys, SET values: no subqueries. */
export function bindScalarExpression(
  source: Node | string,
  context: BindContext,
  options: ScalarOptions,
): BoundExpr {
  const binding = newBinding(context, options.text ?? '');
  const ast = typeof source === 'string' ? expressionAst(binding, source) : source;
  const columns = options.columns.map((column, index) => ({
    name: column.name,
    expr: {kind: 'column' as const, type: column.type, typmod: column.typmod, location: -1, index},
  }));
  const bind = (): BoundExpr =>
    binding.hooks.scalar(binding, ast, {
      columns,
      domainValue: null,
      clause: options.clause ?? 'EXECUTE parameters',
      relationName: options.relationName ?? '',
    });
  const expr = options.text === undefined ? binding.withoutPositions(bind) : bind();
  const target = options.target ?? null;
  if (target === null) return expr;
  const converted = tryCoerce(binding, expr, target.type, {
    context: 'assignment',
    typmod: target.typmod,
  });
  if (converted !== null) return converted;
  throw binding.error(
    SqlState.datatypeMismatch,
    `expression of type ${errorType(expr.type)} cannot be converted to type ${errorType(target.type)}`,
    expr.location,
    {hint: 'You will need to rewrite or cast the expression.'},
  );
}

/** Binds a condition over a table's columns: CHECK, index predicate, policy. */
export function bindCondition(
  source: Node | string,
  context: BindContext,
  options: ScalarOptions & {readonly construct?: string},
): BoundExpr {
  const expr = bindScalarExpression(source, context, {...options, target: null});
  return coerceBoolean(newBinding(context, options.text ?? ''), expr, options.construct ?? 'CHECK');
}
