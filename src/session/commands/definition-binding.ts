import type {Node, TypeName} from '@pgsql/types';
import type {ColumnDescriptor} from '../../catalog/descriptors.ts';
import {qualifiedScope} from '../../catalog/names.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {PgError} from '../../common/errors.ts';
import {FIRST_NORMAL_OID} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from '../../sql/bind/binding.ts';
import {coerceBoolean, tryCoerce} from '../../sql/bind/coerce.ts';
import {errorType} from '../../sql/bind/display-type.ts';
import {deparseExpression} from '../../sql/deparse/expression.ts';
import {deparseQuery} from '../../sql/deparse/query.ts';
import {QueryTrace} from '../../sql/deparse/query-trace.ts';
import {expressionAst} from '../../sql/bind/parsed-text.ts';
import {newBinding} from '../../sql/bind/statement.ts';
import {resolveTypeName} from '../../sql/bind/type-name.ts';
import type {TypeRef} from '../../sql/contract.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';

/** The type that a definition names; errors have a position in `text`. */
export function typeRef(session: SessionContext, name: TypeName, text: string): TypeRef {
  return resolveTypeName(name, newBinding(session.planner.context([]), text));
}

/** An expression of a definition: bound, and as the text that is stored. */
export interface StoredExpression {
  /** To be executed: SQL functions are bound in place. */
  readonly expr: BoundExpr;
  /** As it is written, calls of SQL functions included: what the text was printed from. */
  readonly tree: BoundExpr;
  readonly text: string;
  /** attnums of the columns it reads. */
  readonly columns: readonly number[];
}

/** Where an expression of a definition stands. */
export interface ExpressionPlace {
  readonly session: SessionContext;
  /** Text of the statement, for positions. */
  readonly text: string;
  /** As error texts name it: `DEFAULT expressions`, `check constraints` ... */
  readonly clause: string;
  /** Columns that it may read, with the name of their relation. */
  readonly columns: readonly ColumnDescriptor[];
  readonly relationName: string;
  /** What VALUE means in a domain's CHECK. */
  readonly domainValue: TypeInstance | null;
}

interface Bound {
  readonly binding: Binding;
  readonly expr: BoundExpr;
  readonly columnOf: ReadonlyMap<number, ColumnDescriptor>;
}

function bind(place: ExpressionPlace, node: Node, isTraced: boolean): Bound {
  const {session, text, clause, relationName} = place;
  const binding = newBinding(session.planner.context([]), text);
  // A trace keeps calls of SQL functions as calls.
  if (isTraced) binding.trace = new QueryTrace();
  const columnOf = new Map<number, ColumnDescriptor>();
  // Columns are positions in the stored row, so that the expression can be compiled over it.
  const columns = place.columns
    .filter(column => !column.isDropped)
    .map((column, id) => {
      columnOf.set(id, column);
      return {
        name: column.name,
        expr: binding.columnExpr({
          id,
          name: column.name,
          type: binding.type(column.typeOid),
          typmod: column.typmod,
        }),
      };
    });
  const domainValue: BoundExpr | null =
    place.domainValue === null
      ? null
      : {kind: 'letRef', id: 0, type: place.domainValue, typmod: -1, location: -1};
  const work = (): BoundExpr =>
    binding.hooks.scalar(binding, node, {columns, domainValue, clause, relationName});
  return {binding, expr: text === '' ? binding.withoutPositions(work) : work(), columnOf};
}

/** Finishes a bound expression; errors have positions only when there is a text. */
function at(
  place: ExpressionPlace,
  {binding, expr}: Bound,
  finish: (binding: Binding, expr: BoundExpr) => BoundExpr,
): BoundExpr {
  return place.text === ''
    ? binding.withoutPositions(() => finish(binding, expr))
    : finish(binding, expr);
}

/**
 * An expression finished (converted to its type) in both forms. The text names everything outside pg_catalog with its
 * schema, for any search path.
 */
function stored(
  place: ExpressionPlace,
  node: Node,
  finish: (binding: Binding, expr: BoundExpr) => BoundExpr,
): StoredExpression {
  const written = bind(place, node, true);
  const tree = at(place, written, finish);
  const text = deparseExpression(tree, {
    scope: qualifiedScope(place.session.transaction.catalog),
    columnName: index => quoteIdentifier(written.columnOf.get(index)?.name ?? ''),
  });
  const inlined = bind(place, node, false);
  const expr = at(place, inlined, finish);
  return {
    expr,
    tree,
    text: withRelationOids(place.session, text),
    columns: readColumns(tree, written.columnOf),
  };
}

/** The text of a view's query as it is kept: every name outside pg_catalog with its schema, relations in constants by OID. */
export function storedQuery(
  session: SessionContext,
  node: Node,
  text: string,
  columnNames: readonly string[],
): string {
  const scope = qualifiedScope(session.transaction.catalog);
  return withRelationOids(
    session,
    deparseQuery(node, text, session.planner.context([]), {scope, columnNames}),
  );
}

/** regclass constants by OID, so that a relation can be renamed. */
export function withRelationOids(session: SessionContext, text: string): string {
  return text.replaceAll(/'((?:[^']|'')+)'::regclass/g, (whole, name: string) => {
    const found = session.evalContext.catalog.regIn('regclass', name.replaceAll("''", "'"));
    return found < FIRST_NORMAL_OID ? whole : `'${found}'::regclass`;
  });
}

/** Binds an expression of a definition (an index key). */
export function bindDefinition(place: ExpressionPlace, node: Node): StoredExpression {
  return stored(place, node, (_binding, expr) => expr);
}

/** attnums of the columns in an expression, ascending. */
function readColumns(expr: BoundExpr, columnOf: ReadonlyMap<number, ColumnDescriptor>): number[] {
  const found = new Set<number>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(each);
    else if (
      typeof value === 'object' &&
      value !== null &&
      Object.getPrototypeOf(value) === Object.prototype
    ) {
      const node = value as {readonly kind?: string; readonly index?: number};
      if (node.kind === 'column' && columnOf.has(node.index!))
        found.add(columnOf.get(node.index!)!.attnum);
      for (const [key, each] of Object.entries(value)) if (key !== 'type') visit(each);
    }
  };
  visit(expr);
  return [...found].sort((a, b) => a - b);
}

/** A condition (CHECK, index predicate): must be boolean. */
export function bindCondition(
  place: ExpressionPlace,
  node: Node,
  construct: string,
): StoredExpression {
  return stored(place, node, (binding, expr) => coerceBoolean(binding, expr, construct));
}

/** A DEFAULT or generation expression of a column: must be assignable to its type. */
export function bindColumnValue(
  place: ExpressionPlace,
  node: Node,
  column: {readonly name: string; readonly type: TypeInstance; readonly typmod: number},
): StoredExpression {
  return stored(place, node, (binding, expr) => {
    const converted = tryCoerce(binding, expr, column.type, {
      context: 'assignment',
      typmod: column.typmod,
    });
    if (converted !== null) return converted;
    const what =
      place.clause === 'DEFAULT expressions' ? 'default expression' : 'generation expression';
    throw binding.error(
      SqlState.datatypeMismatch,
      `column "${column.name}" is of type ${errorType(column.type)} but ${what} is of type ${errorType(expr.type)}`,
      -1,
      {hint: 'You will need to rewrite or cast the expression.'},
    );
  });
}

/** A stored expression over a table's columns, bound so that it can be compiled over stored rows. */
export function boundText(
  session: SessionContext,
  table: {readonly name: string; readonly columns: readonly ColumnDescriptor[]},
  text: string,
  clause: string,
): BoundExpr {
  const binding = newBinding(session.planner.context([]), '');
  const columns = table.columns
    .filter(column => !column.isDropped)
    .map((column, id) => ({
      name: column.name,
      expr: binding.columnExpr({
        id,
        name: column.name,
        type: binding.type(column.typeOid),
        typmod: column.typmod,
      }),
    }));
  return binding.withoutPositions(() =>
    binding.hooks.scalar(binding, expressionAst(binding, text), {
      columns,
      domainValue: null,
      clause,
      relationName: table.name,
    }),
  );
}

/** A stored DEFAULT or generation expression for a column of another type; null when it cannot be converted. */
export function reboundValue(
  session: SessionContext,
  table: {readonly name: string; readonly columns: readonly ColumnDescriptor[]},
  text: string,
  column: TypeRef & {readonly name: string; readonly isGenerated: boolean},
): string | null {
  const clause = column.isGenerated ? 'column generation expressions' : 'DEFAULT expressions';
  const place: ExpressionPlace = {
    session,
    text: '',
    clause,
    columns: column.isGenerated ? table.columns : [],
    relationName: table.name,
    domainValue: null,
  };
  const node = expressionAst(newBinding(session.planner.context([]), ''), text);
  try {
    return bindColumnValue(place, node, column).text;
  } catch (error) {
    if (error instanceof PgError && error.code === SqlState.datatypeMismatch) return null;
    throw error;
  }
}
