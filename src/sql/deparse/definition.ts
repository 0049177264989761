import type {Node} from '@pgsql/types';
import type {NameScope} from '../../catalog/names.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {BindTrace} from '../bind/binding.ts';
import {coerceBoolean, tryCoerce} from '../bind/coerce.ts';
import {expressionAst} from '../bind/parsed-text.ts';
import {newBinding} from '../bind/statement.ts';
import type {BindContext, TypeRef} from '../contract.ts';
import {deparseExpression} from './expression.ts';

/** Where an expression of a definition stands. */
export interface DefinitionOptions {
  readonly scope: NameScope;
  /** Columns that it may read. */
  readonly columns: readonly {
    readonly name: string;
    readonly type: TypeInstance;
    readonly typmod: number;
  }[];
  /** Type that its value is converted to by assignment (DEFAULT, generated columns). */
  readonly target?: TypeRef | null;
  /** A condition: must be boolean (CHECK, index predicates). */
  readonly isCondition?: boolean;
  /** What VALUE means in a domain's CHECK. */
  readonly domainValue?: TypeInstance | null;
  readonly relationName?: string;
  /** As error texts name the place: `DEFAULT expressions`, `check constraints` ... */
  readonly clause?: string;
}

/**
 * The text that is kept of a DEFAULT, CHECK, index or generation expression: as pg_get_expr prints it. Raises
 * the errors of binding without positions.
 */
export function definitionText(
  source: Node | string,
  context: BindContext,
  options: DefinitionOptions,
): string {
  const binding = newBinding(context, '');
  binding.trace = silentTrace;
  const ast = typeof source === 'string' ? expressionAst(binding, source) : source;
  const columns = options.columns.map((column, index) => ({
    name: column.name,
    expr: {kind: 'column' as const, type: column.type, typmod: column.typmod, location: -1, index},
  }));
  const value = options.domainValue ?? null;
  const domainValue: BoundExpr | null =
    value === null ? null : {kind: 'letRef', id: 0, type: value, typmod: -1, location: -1};
  const expr = binding.withoutPositions(() => {
    const bound = binding.hooks.scalar(binding, ast, {
      columns,
      domainValue,
      clause: options.clause ?? 'check constraints',
      relationName: options.relationName ?? '',
    });
    if (options.isCondition === true) return coerceBoolean(binding, bound, 'CHECK');
    const target = options.target ?? null;
    return target === null
      ? bound
      : (tryCoerce(binding, bound, target.type, {context: 'assignment', typmod: target.typmod}) ??
          bound);
  });
  return deparseExpression(expr, {
    scope: options.scope,
    format: context.format,
    columnName: index => quoteIdentifier(options.columns[index]?.name ?? '???'),
  });
}

/** Listens only so that LANGUAGE sql functions stay calls. */
const silentTrace: BindTrace = {
  expr: () => {},
  level: () => {},
  columns: () => {},
  values: () => {},
  functions: () => {},
  usingNames: () => {},
  subquery: () => {},
  column: () => {},
};
