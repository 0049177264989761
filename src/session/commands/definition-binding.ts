import type {Node, TypeName} from '@pgsql/types';
import type {ColumnDescriptor} from '../../catalog/descriptors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from '../../sql/bind/binding.ts';
import {coerceBoolean, tryCoerce} from '../../sql/bind/coerce.ts';
import {errorType} from '../../sql/bind/display-type.ts';
import {newBinding} from '../../sql/bind/statement.ts';
import {resolveTypeName} from '../../sql/bind/type-name.ts';
import type {TypeRef} from '../../sql/contract.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {WadiSession} from '../wadi-session.ts';
import {expressionText} from './expression-text.ts';
import {nameScope} from './object-text.ts';

/** The type that a definition names; errors have a position in `text`. */
export function typeRef(session: WadiSession, name: TypeName, text: string): TypeRef {
  return resolveTypeName(name, newBinding(session.planner.context([]), text));
}

/** An expression of a definition: bound, and as the text that is stored. */
export interface StoredExpression {
  readonly expr: BoundExpr;
  readonly text: string;
  /** attnums of the columns it reads. */
  readonly columns: readonly number[];
}

/** Where an expression of a definition stands. */
export interface ExpressionPlace {
  readonly session: WadiSession;
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

/** Binds an expression of a definition. */
export function bindDefinition(place: ExpressionPlace, node: Node): StoredExpression & {readonly binding: Binding} {
  const {session, text, clause, relationName} = place;
  const binding = newBinding(session.planner.context([]), text);
  const attnumOf = new Map<number, number>();
  const columns = place.columns.filter(column => !column.isDropped).map(column => {
    const id = binding.newId();
    attnumOf.set(id, column.attnum);
    return {name: column.name, expr: binding.columnExpr({id, name: column.name, type: binding.type(column.typeOid), typmod: column.typmod})};
  });
  const domainValue: BoundExpr | null =
    place.domainValue === null ? null : {kind: 'letRef', id: 0, type: place.domainValue, typmod: -1, location: -1};
  const expr = binding.hooks.scalar(binding, node, {columns, domainValue, clause, relationName});
  return {expr, text: storedText(session, node), columns: readColumns(expr, attnumOf), binding};
}

/** The text kept in the catalog. */
function storedText(session: WadiSession, node: Node): string {
  return expressionText({scope: nameScope(session), typeRef: name => typeRef(session, name, '')}, node);
}

/** attnums of the columns in an expression, ascending. */
function readColumns(expr: BoundExpr, attnumOf: ReadonlyMap<number, number>): number[] {
  const found = new Set<number>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(each);
    else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
      const node = value as {readonly kind?: string; readonly index?: number};
      if (node.kind === 'column' && attnumOf.has(node.index!)) found.add(attnumOf.get(node.index!)!);
      for (const [key, each] of Object.entries(value)) if (key !== 'type') visit(each);
    }
  };
  visit(expr);
  return [...found].sort((a, b) => a - b);
}

/** A condition (CHECK, index predicate): must be boolean. */
export function bindCondition(place: ExpressionPlace, node: Node, construct: string): StoredExpression {
  const bound = bindDefinition(place, node);
  return {...bound, expr: coerceBoolean(bound.binding, bound.expr, construct)};
}

/** A DEFAULT or generation expression of a column: must be assignable to its type. */
export function bindColumnValue(place: ExpressionPlace, node: Node, column: {readonly name: string; readonly type: TypeInstance; readonly typmod: number}): StoredExpression {
  const bound = bindDefinition(place, node);
  const {binding, expr} = bound;
  const converted = tryCoerce(binding, expr, column.type, {context: 'assignment', typmod: column.typmod});
  if (converted !== null) return {...bound, expr: converted};
  const what = place.clause === 'DEFAULT expressions' ? 'default expression' : 'generation expression';
  const message =
    what === 'default expression'
      ? `column "${column.name}" is of type ${errorType(column.type)} but default expression is of type ${errorType(expr.type)}`
      : `column "${column.name}" is of type ${errorType(column.type)} but ${what} is of type ${errorType(expr.type)}`;
  throw binding.error(SqlState.datatypeMismatch, message, -1, {hint: 'You will need to rewrite or cast the expression.'});
}
