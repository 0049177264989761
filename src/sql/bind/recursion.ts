import type {CommonTableExpr, JoinExpr, Node, SelectStmt, WithClause} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import {locationOf} from './ast.ts';
import type {Binding} from './binding.ts';

/** The queries of WITH RECURSIVE in an order in which each stands after those that it reads. */
export interface OrderedQueries {
  readonly queries: readonly CommonTableExpr[];
  /** Those that read themselves, in a form that can be evaluated. */
  readonly recursive: ReadonlySet<CommonTableExpr>;
}

/** Orders the queries of WITH RECURSIVE and checks where they read themselves (PostgreSQL parse_cte.c). */
export function orderRecursive(
  binding: Binding,
  queries: readonly CommonTableExpr[],
): OrderedQueries {
  const reads = queries.map(cte => {
    const found = new Set<string>();
    new Walk({relation: name => void found.add(name)}).visit(cte.ctequery);
    return queries.filter(other => found.has(other.ctename ?? ''));
  });
  const readsOf = new Map(queries.map((cte, at) => [cte, reads[at]!]));
  const sorted: CommonTableExpr[] = [];
  let rest = [...queries];
  while (rest.length > 0) {
    const next = rest.find(cte =>
      readsOf.get(cte)!.every(other => other === cte || sorted.includes(other)),
    );
    if (next === undefined) {
      throw binding.error(
        SqlState.featureNotSupported,
        'mutual recursion between WITH items is not implemented',
        rest[0]!.location ?? -1,
      );
    }
    sorted.push(next);
    rest = rest.filter(cte => cte !== next);
  }
  const recursive = new Set(sorted.filter(cte => readsOf.get(cte)!.includes(cte)));
  for (const cte of recursive) checkForm(binding, cte);
  return {queries: sorted, recursive};
}

function checkForm(binding: Binding, cte: CommonTableExpr): void {
  const name = cte.ctename ?? '';
  const statement = cte.ctequery!;
  const invalid = (message: string): Error =>
    binding.error(
      SqlState.invalidRecursion,
      `recursive query "${name}" ${message}`,
      cte.location ?? -1,
    );
  if (!('SelectStmt' in statement)) throw invalid('must not contain data-modifying statements');
  const union = statement.SelectStmt;
  if (union.op !== 'SETOP_UNION')
    throw invalid('does not have the form non-recursive-term UNION [ALL] recursive-term');
  const references = new References(binding, name);
  if (union.withClause !== undefined) references.check('a subquery', union.withClause.ctes);
  checkDecoration(binding, union);
  references.check('its non-recursive term', {SelectStmt: union.larg});
  references.check(null, {SelectStmt: union.rarg});
}

function checkDecoration(binding: Binding, union: SelectStmt): void {
  const refuse = (what: string, node: Node | undefined): Error =>
    binding.error(
      SqlState.featureNotSupported,
      `${what} in a recursive query is not implemented`,
      locationOf(node !== undefined && 'SortBy' in node ? node.SortBy.node : node),
    );
  if (union.sortClause !== undefined) throw refuse('ORDER BY', union.sortClause[0]);
  if (union.limitOffset !== undefined) throw refuse('OFFSET', union.limitOffset);
  if (union.limitCount !== undefined) throw refuse('LIMIT', union.limitCount);
  if (union.lockingClause !== undefined) throw refuse('FOR UPDATE/SHARE', undefined);
}

/** Where a query must not read itself; null = anywhere, once. */
type Place =
  | 'its non-recursive term'
  | 'a subquery'
  | 'an outer join'
  | 'INTERSECT'
  | 'EXCEPT'
  | null;

/** References of a recursive query to itself. */
class References {
  readonly #binding: Binding;
  readonly #name: string;
  #place: Place = null;
  #count = 0;

  constructor(binding: Binding, name: string) {
    this.#binding = binding;
    this.#name = name;
  }

  check(place: Place, value: unknown): void {
    this.#place = place;
    this.#count = 0;
    const walk: Walk = new Walk({
      relation: (name, location) => this.#relation(name, location),
      join: join => this.#join(walk, join),
      subquery: subselect => this.#at('a subquery', () => walk.visit(subselect)),
      select: statement => this.#select(walk, statement),
    });
    walk.visit(value);
  }

  #at(place: Place, work: () => void): void {
    const before = this.#place;
    this.#place = place;
    work();
    this.#place = before;
  }

  #relation(name: string, location: number): void {
    if (name !== this.#name) return;
    const where = this.#place;
    if (where === null && ++this.#count === 1) return;
    throw this.#binding.error(
      SqlState.invalidRecursion,
      `recursive reference to query "${name}" must not appear ${where === null ? 'more than once' : `within ${where}`}`,
      location,
    );
  }

  #join(walk: Walk, join: JoinExpr): void {
    const outer = this.#place ?? 'an outer join';
    const type = join.jointype ?? 'JOIN_INNER';
    const isLeftOuter = type === 'JOIN_RIGHT' || type === 'JOIN_FULL';
    const isRightOuter = type === 'JOIN_LEFT' || type === 'JOIN_FULL';
    this.#at(isLeftOuter ? outer : this.#place, () => walk.visit(join.larg));
    this.#at(isRightOuter ? outer : this.#place, () => walk.visit(join.rarg));
    walk.visit(join.quals);
  }

  /** Whether the walk of the statement is done. */
  #select(walk: Walk, statement: SelectStmt): boolean {
    if (this.#place !== null) return false;
    const {op, larg, rarg, all} = statement;
    if (op !== 'SETOP_INTERSECT' && op !== 'SETOP_EXCEPT') return false;
    const name = op === 'SETOP_EXCEPT' ? 'EXCEPT' : 'INTERSECT';
    this.#at(all === true ? name : null, () => walk.visit({SelectStmt: larg}));
    this.#at(all === true || name === 'EXCEPT' ? name : null, () => walk.visit({SelectStmt: rarg}));
    walk.visit([statement.sortClause, statement.limitOffset, statement.limitCount]);
    return true;
  }
}

interface Visitor {
  relation(name: string, location: number): void;
  join?(join: JoinExpr): void;
  subquery?(subselect: Node | undefined): void;
  /** True = the statement, but its WITH, was visited. */
  select?(statement: SelectStmt): boolean;
}

const selectParts = [
  ...(['distinctClause', 'targetList', 'fromClause', 'whereClause', 'groupClause'] as const),
  ...(['havingClause', 'windowClause', 'valuesLists', 'sortClause', 'limitOffset'] as const),
  ...(['limitCount', 'lockingClause'] as const),
];

/** Goes through a parsed query and tells of relations without schema that no WITH inside of it names. */
class Walk {
  readonly #visitor: Visitor;
  #inner: readonly string[] = [];

  constructor(visitor: Visitor) {
    this.#visitor = visitor;
  }

  visit(value: unknown): void {
    if (value === null || typeof value !== 'object') return;
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item);
      return;
    }
    for (const [key, part] of Object.entries(value)) this.#part(key, part);
  }

  #part(key: string, value: unknown): void {
    const {join, subquery} = this.#visitor;
    if (key === 'RangeVar') this.#relation(value as {relname?: string});
    else if (key === 'SelectStmt') this.#select(value as SelectStmt);
    else if (key === 'JoinExpr' && join !== undefined) join.call(this.#visitor, value as JoinExpr);
    else if (key === 'SubLink' && subquery !== undefined) {
      const {subselect, testexpr} = value as {subselect?: Node; testexpr?: Node};
      subquery.call(this.#visitor, subselect);
      this.visit(testexpr);
    } else if (key === 'withClause') this.#with(value as WithClause, () => undefined);
    else this.visit(value);
  }

  #relation(range: {relname?: string; schemaname?: string; location?: number}): void {
    const name = range.relname ?? '';
    if (range.schemaname !== undefined || this.#inner.includes(name)) return;
    this.#visitor.relation(name, range.location ?? -1);
  }

  #select(statement: SelectStmt | undefined): void {
    if (statement === undefined) return;
    const body = (): void => {
      if (this.#visitor.select?.(statement) === true) return;
      for (const part of selectParts) this.visit(statement[part]);
      this.#select(statement.larg);
      this.#select(statement.rarg);
    };
    if (statement.withClause === undefined) body();
    else this.#with(statement.withClause, body);
  }

  #with(clause: WithClause, body: () => void): void {
    const before = this.#inner;
    const ctes = (clause.ctes ?? []).map(node =>
      'CommonTableExpr' in node ? node.CommonTableExpr : {},
    );
    const names = ctes.map(cte => cte.ctename ?? '');
    if (clause.recursive === true) this.#inner = [...before, ...names];
    for (const [at, cte] of ctes.entries()) {
      this.visit(cte.ctequery);
      this.#inner = [...this.#inner, names[at]!];
    }
    body();
    this.#inner = before;
  }
}
