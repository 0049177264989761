import type {SelectStmt} from '@pgsql/types';

/** Error of INTO in a query that is part of a statement. */
export const INTO_NOT_ALLOWED = 'SELECT ... INTO is not allowed here';

/** INTO of SELECT ... INTO t (the leftmost SELECT of a set operation), or null. */
export function intoClause(statement: SelectStmt): NonNullable<SelectStmt['intoClause']> | null {
  let first = statement;
  while (first.larg !== undefined) first = first.larg;
  return first.intoClause ?? null;
}

/** A query without its INTO. */
export function withoutInto(statement: SelectStmt): SelectStmt {
  const {intoClause: _, ...query} = statement;
  return query.larg === undefined ? query : {...query, larg: withoutInto(query.larg)};
}
