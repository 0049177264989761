import type {SelectStmt} from '@pgsql/types';
import type {RangeItem} from '../bind/block.ts';

/** A key of an item of FROM within its level. */
export function aliasKey(item: RangeItem): string {
  return `${item.schema} ${item.alias}`;
}

/** The object that a statement's level is traced by. */
export function keyOf(statement: SelectStmt): object {
  return statement.valuesLists ?? statement.targetList ?? statement.fromClause ?? statement;
}

/** Whether a statement is UNION, INTERSECT or EXCEPT. */
export function isSetOperation(statement: SelectStmt): boolean {
  return (statement.op ?? 'SETOP_NONE') !== 'SETOP_NONE';
}

/** Whether a statement has clauses that a branch of a set operation needs parentheses for. */
export function hasTail(statement: SelectStmt): boolean {
  return (
    statement.withClause !== undefined ||
    statement.sortClause !== undefined ||
    statement.limitCount !== undefined ||
    statement.limitOffset !== undefined ||
    statement.lockingClause !== undefined
  );
}

/** Whether a branch is a set operation printed in place. */
export function isNestedOperation(statement: SelectStmt): boolean {
  return isSetOperation(statement) && !hasTail(statement);
}
