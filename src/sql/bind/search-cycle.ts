import type {CommonTableExpr, Node, RangeVar, SelectStmt} from '@pgsql/types';
import type {PgError} from '../../common/errors.ts';
import {SqlState, type SqlStateCode} from '../../common/sqlstate.ts';
import {namesOf} from './ast.ts';
import type {Binding} from './binding.ts';

/** The terms of a recursive query with the columns that SEARCH and CYCLE add. */
export interface ExtendedTerms {
  readonly larg: SelectStmt;
  readonly rarg: SelectStmt;
}

/** The name of the subqueries that compute the added columns. */
const INNER = '*TLOCRN*';

const column = (...fields: readonly string[]): Node => ({
  ColumnRef: {fields: fields.map((sval): Node => ({String: {sval}}))},
});
const row = (args: readonly Node[]): Node => ({
  RowExpr: {args: [...args], row_format: 'COERCE_EXPLICIT_CALL'},
});
const array = (element: Node): Node => ({A_ArrayExpr: {elements: [element]}});
const operator = (name: string, lexpr: Node, rexpr: Node): Node => ({
  A_Expr: {kind: 'AEXPR_OP', name: [{String: {sval: name}}], lexpr, rexpr},
});
const target = (val: Node, name: string): Node => ({ResTarget: {val, name}});
const text = (sval: string): Node => ({A_Const: {sval: {sval}}});
const cast = (arg: Node, type: string): Node => ({
  TypeCast: {
    arg,
    typeName: {
      names: [{String: {sval: 'pg_catalog'}}, {String: {sval: type}}],
      typemod: -1,
    },
  },
});

/**
 * SEARCH and CYCLE as columns that both terms compute (PostgreSQL rewriteSearchAndCycle): the sequence column holds the rows on the
 * way to a row, or its depth with the row; the path column the rows of the cycle columns. `names` are the query's columns.
 */
export function withSearchAndCycle(
  binding: Binding,
  cte: CommonTableExpr,
  union: SelectStmt,
  names: readonly string[],
): ExtendedTerms {
  const {search_clause: search, cycle_clause: cycle} = cte;
  checkClauses(binding, cte, names);
  const initial: Node[] = [];
  const recursive: Node[] = [];
  const added: string[] = [];
  if (search !== undefined) {
    added.push(search.search_seq_column ?? '');
    const key = rowOf(search.search_col_list);
    const first = sequenceColumn(search, key);
    initial.push(first.initial);
    recursive.push(first.recursive);
  }
  let where: Node | undefined;
  if (cycle !== undefined) {
    const mark = cycle.cycle_mark_column ?? '';
    const path = cycle.cycle_path_column ?? '';
    const key = row(rowOf(cycle.cycle_col_list));
    const yes = cycle.cycle_mark_value!;
    const no = cycle.cycle_mark_default!;
    added.push(mark, path);
    initial.push(target(no, mark), target(array(key), path));
    const isSeen: Node = {
      A_Expr: {
        kind: 'AEXPR_OP_ANY',
        name: [{String: {sval: '='}}],
        lexpr: key,
        rexpr: column(INNER, path),
      },
    };
    const marked: Node = {
      CaseExpr: {args: [{CaseWhen: {expr: isSeen, result: yes}}], defresult: no},
    };
    recursive.push(target(marked, mark), target(operator('||', column(INNER, path), key), path));
    where = operator('<>', column(INNER, mark), yes);
  }
  const reference = topReference(binding, cte, union.rarg!);
  const alias = reference.alias?.aliasname ?? reference.relname ?? '';
  const passed = added.map(name => target(column(alias, name), name));
  const inner = {...union.rarg!, targetList: [...(union.rarg!.targetList ?? []), ...passed]};
  return {
    larg: outer(union.larg!, names, names, initial, undefined),
    rarg: outer(inner, [...names, ...added], names, recursive, where),
  };
}

/** The row of some of the query's columns. */
function rowOf(list: readonly Node[] | undefined): readonly Node[] {
  return namesOf(list as Node[]).map(name => column(INNER, name));
}

/** The column of SEARCH in both terms. */
function sequenceColumn(
  search: NonNullable<CommonTableExpr['search_clause']>,
  fields: readonly Node[],
): {readonly initial: Node; readonly recursive: Node} {
  const name = search.search_seq_column ?? '';
  const before = column(INNER, name);
  if (search.search_breadth_first !== true) {
    return {
      initial: target(array(row(fields)), name),
      recursive: target(operator('||', before, row(fields)), name),
    };
  }
  const depth = cast(operator('->>', call('row_to_json', before), text('f1')), 'int8');
  const zero = cast({A_Const: {ival: {ival: 0}}}, 'int8');
  const one: Node = {A_Const: {ival: {ival: 1}}};
  return {
    initial: target(row([zero, ...fields]), name),
    recursive: target(row([operator('+', depth, one), ...fields]), name),
  };
}

function call(name: string, arg: Node): Node {
  return {
    FuncCall: {
      funcname: [{String: {sval: 'pg_catalog'}}, {String: {sval: name}}],
      args: [arg],
    },
  };
}

/** SELECT names, added FROM (inner) AS "*TLOCRN*" (columns) WHERE where. */
function outer(
  inner: SelectStmt,
  columns: readonly string[],
  names: readonly string[],
  added: readonly Node[],
  where: Node | undefined,
): SelectStmt {
  return {
    op: 'SETOP_NONE',
    targetList: [...names.map(name => target(column(INNER, name), name)), ...added],
    fromClause: [
      {
        RangeSubselect: {
          subquery: {SelectStmt: inner},
          alias: {aliasname: INNER, colnames: columns.map((sval): Node => ({String: {sval}}))},
        },
      },
    ],
    ...(where === undefined ? {} : {whereClause: where}),
  };
}

/** The reference to the query itself, which must stand in FROM of the recursive term. */
function topReference(binding: Binding, cte: CommonTableExpr, term: SelectStmt): RangeVar {
  const find = (node: Node): RangeVar | null => {
    if ('RangeVar' in node)
      return node.RangeVar.schemaname === undefined && node.RangeVar.relname === cte.ctename
        ? node.RangeVar
        : null;
    if (!('JoinExpr' in node)) return null;
    const {larg, rarg} = node.JoinExpr;
    return (larg === undefined ? null : find(larg)) ?? (rarg === undefined ? null : find(rarg));
  };
  const isHidden = (term.withClause?.ctes ?? []).some(
    node => 'CommonTableExpr' in node && node.CommonTableExpr.ctename === cte.ctename,
  );
  for (const node of isHidden ? [] : (term.fromClause ?? [])) {
    const found = find(node);
    if (found !== null) return found;
  }
  throw binding.error(
    SqlState.featureNotSupported,
    `with a SEARCH or CYCLE clause, the recursive reference to WITH query "${cte.ctename}" must be at the top level of its right-hand SELECT`,
    -1,
  );
}

function checkClauses(binding: Binding, cte: CommonTableExpr, names: readonly string[]): void {
  const {search_clause: search, cycle_clause: cycle} = cte;
  const error = (code: SqlStateCode, message: string, at: number | undefined): PgError =>
    binding.error(code, message, at ?? -1);
  const check = (word: string, list: readonly Node[] | undefined, at: number | undefined): void => {
    const seen = new Set<string>();
    for (const name of namesOf(list as Node[])) {
      if (!names.includes(name))
        throw error(
          SqlState.syntaxError,
          `${word} column "${name}" not in WITH query column list`,
          at,
        );
      if (seen.has(name))
        throw error(
          SqlState.duplicateColumn,
          `${word} column "${name}" specified more than once`,
          at,
        );
      seen.add(name);
    }
  };
  const fresh = (what: string, name: string | undefined, at: number | undefined): void => {
    if (names.includes(name ?? ''))
      throw error(
        SqlState.syntaxError,
        `${what} column name "${name}" already used in WITH query column list`,
        at,
      );
  };
  if (search !== undefined) {
    check('search', search.search_col_list, search.location);
    fresh('search sequence', search.search_seq_column, search.location);
  }
  if (cycle === undefined) return;
  const {cycle_mark_column: mark, cycle_path_column: path, location} = cycle;
  check('cycle', cycle.cycle_col_list, location);
  fresh('cycle mark', mark, location);
  fresh('cycle path', path, location);
  if (mark === path)
    throw error(
      SqlState.syntaxError,
      'cycle mark column name and cycle path column name are the same',
      location,
    );
  const sequence = search?.search_seq_column;
  if (sequence !== undefined && (sequence === mark || sequence === path))
    throw error(
      SqlState.syntaxError,
      `search sequence column name and cycle ${sequence === mark ? 'mark' : 'path'} column name are the same`,
      search?.location,
    );
}
