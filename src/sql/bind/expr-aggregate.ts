import type {FuncCall, GroupingFunc} from '@pgsql/types';
import type {FunctionRow} from '../../catalog/contract.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {lacksEquality} from '../../types/orderless.ts';
import {childrenOf} from '../../expr/children.ts';
import type {AggregateCall, SortKey} from '../plan/plan.ts';
import {namesOf} from './ast.ts';
import type {Binding} from './binding.ts';
import type {Block} from './block.ts';
import {requireCode} from './calls.ts';
import {coerceBoolean} from './coerce.ts';
import {coerceAll, commonType} from './common-type.ts';
import {errorType} from './display-type.ts';
import {matchFunction, resolveCall, signature, undefinedFunction} from './call-resolution.ts';
import {sameExpr} from './expr-equal.ts';
import {freeColumnsOfQuery} from './logical-walk.ts';
import type {SubqueryExpr} from './logical.ts';
import {bindSortKeys} from './sort-keys.ts';
import {TypeOid} from './type-oids.ts';
import {aggregateFacts, bindUserAggregate} from './user-aggregate.ts';

/**
 * Binds a call as an aggregate of the level that its arguments belong to; null when it is a window call
 * (PostgreSQL transformAggregateCall).
 */
export function bindAggregate(
  block: Block,
  node: FuncCall,
  bindArgs: () => BoundExpr[],
  subqueriesBefore: number,
): BoundExpr | null {
  if (node.over !== undefined) return null;
  const binding = block.binding;
  const location = node.location ?? -1;
  const wasInAggregate = block.isInAggregate;
  const wasClause = block.clause;
  block.isInAggregate = true;
  const isOrderedSet = node.agg_within_group === true;
  const args = bindArgs();
  const order = bindSortKeys(block, node.agg_order ?? []);
  const filter =
    node.agg_filter === undefined
      ? null
      : block.within('FILTER', () =>
          coerceBoolean(binding, block.expr(node.agg_filter!), 'FILTER'),
        );
  block.isInAggregate = wasInAggregate;
  const all = isOrderedSet ? [...args, ...order.map(key => key.expr)] : args;
  const match = matchFunction(
    binding,
    {
      ...node,
      args: isOrderedSet ? [...(node.args ?? []), ...(node.agg_order ?? [])] : (node.args ?? []),
    },
    all,
  );
  if (match === null || match === 'ambiguous')
    throw undefinedFunction(binding, node, all, match === 'ambiguous');
  const {row} = match;
  if (isOrderedSet && args.length !== order.length && isHypothetical(binding, row))
    throw binding.error(
      SqlState.undefinedFunction,
      `function ${signature(namesOf(node.funcname).join('.'), all)} does not exist`,
      location,
      {
        hint: `To use the hypothetical-set aggregate ${row.name}, the number of hypothetical direct arguments (here ${args.length}) must match the number of ordering columns (here ${order.length}).`,
      },
    );
  const name = namesOf(node.funcname).join('.');
  if (row.kind === 'w')
    throw binding.error(
      SqlState.wrongObjectType,
      `window function ${name} requires an OVER clause`,
      location,
    );
  if (row.kind !== 'a') {
    const what = node.agg_star
      ? `${name}(*) specified, but ${name}`
      : node.agg_distinct
        ? `DISTINCT specified, but ${name}`
        : node.agg_filter
          ? `FILTER specified, but ${name}`
          : `ORDER BY specified, but ${name}`;
    throw binding.error(SqlState.wrongObjectType, `${what} is not an aggregate function`, location);
  }
  if (node.agg_star !== true && all.length === 0) {
    throw binding.error(
      SqlState.wrongObjectType,
      `${name}(*) must be used to call a parameterless aggregate function`,
      location,
    );
  }
  const facts = aggregateFacts(binding, row.oid);
  if (facts === null) requireCode(binding, {...row, source: row.name}, 'aggregate', location);
  const info = binding.context.catalog.builtin.aggregate(row.oid);
  const kind = info?.kind ?? 'n';
  const given = kind === 'h' && isOrderedSet ? unified(binding, all, args.length) : all;
  const resolved = resolveCall(binding, match, given, location, node.func_variadic === true);
  if (kind !== 'n' && !isOrderedSet) {
    throw binding.error(
      SqlState.wrongObjectType,
      `WITHIN GROUP is required for ordered-set aggregate ${name}`,
      location,
    );
  }
  if (kind === 'n' && isOrderedSet) {
    throw binding.error(
      SqlState.wrongObjectType,
      `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`,
      location,
    );
  }
  const orderBy: SortKey[] =
    kind === 'n'
      ? order.map(key => asArgument(binding, key, all, resolved.args))
      : order.map((key, index) => ({...key, expr: resolved.args[args.length + index]!}));
  const call: AggregateCall = {
    function: row.oid,
    source: facts === null ? row.name : '',
    name: row.name,
    type: resolved.type,
    args: resolved.args,
    isDistinct: node.agg_distinct === true,
    filter,
    orderBy,
    kind,
    directArgCount: kind === 'n' ? 0 : args.length,
    ...(facts === null ? {} : {user: bindUserAggregate(binding, row, facts, resolved.args)}),
  };
  if (call.isDistinct) checkDistinct(binding, call, location);
  return registerAggregate(block, call, wasInAggregate, wasClause, subqueriesBefore, location);
}

/** A sort key that is an argument before its implicit conversion sorts as the converted argument. */
function asArgument(
  binding: Binding,
  key: SortKey,
  given: readonly BoundExpr[],
  args: readonly BoundExpr[],
): SortKey {
  const pin = (constant: Parameters<Binding['literals']['pin']>[0]): void =>
    binding.literals.pin(constant);
  const at = given.findIndex((arg, index) => arg !== args[index] && sameExpr(arg, key.expr, pin));
  return at === -1 || args[at] === undefined ? key : {...key, expr: args[at]!};
}

function isHypothetical(binding: Binding, row: FunctionRow): boolean {
  return row.kind === 'a' && binding.context.catalog.builtin.aggregate(row.oid)?.kind === 'h';
}

/** A hypothetical-set aggregate's direct arguments and the sort keys that they stand for, as one type each. */
function unified(binding: Binding, all: readonly BoundExpr[], direct: number): BoundExpr[] {
  const exprs = [...all];
  if (all.length !== direct * 2) return exprs;
  for (let index = 0; index < direct; index++) {
    const pair = [all[direct + index]!, all[index]!];
    const type = commonType(binding, pair, 'WITHIN GROUP');
    const [key, arg] = coerceAll(binding, pair, type, 'WITHIN GROUP');
    exprs[index] = arg!;
    exprs[direct + index] = key!;
  }
  return exprs;
}

function checkDistinct(binding: Binding, call: AggregateCall, location: number): void {
  if (call.args.length === 0)
    throw binding.error(
      SqlState.wrongObjectType,
      'DISTINCT specified, but there are no arguments',
      location,
    );
  for (const key of call.orderBy) {
    if (call.args.some(arg => sameExpr(arg, key.expr, constant => binding.literals.pin(constant))))
      continue;
    throw binding.error(
      SqlState.invalidColumnReference,
      'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
      key.expr.location,
    );
  }
  for (const arg of call.args) {
    if (lacksEquality(arg.type)) {
      throw binding.error(
        SqlState.undefinedFunction,
        `could not identify an equality operator for type ${errorType(arg.type)}`,
        arg.location,
      );
    }
  }
}

function registerAggregate(
  block: Block,
  call: AggregateCall,
  wasInAggregate: boolean,
  clause: Block['clause'],
  subqueriesBefore: number,
  location: number,
): BoundExpr {
  const binding = block.binding;
  const pending = block.subqueries.slice(subqueriesBefore);
  const level = aggregateLevel(block, call, pending);
  const inner = level.aggregates.find(known => readsColumn(call, known.column.id));
  if (inner !== undefined) throw nested(binding, inner.location);
  if (level === block) {
    if (wasInAggregate && clause !== 'FILTER') throw nested(binding, location);
    rejectClause(binding, clause, 'aggregate functions', SqlState.groupingError, location);
    block.inputSubqueries.push(...block.subqueries.splice(subqueriesBefore));
  } else {
    if (level.isInAggregate) throw nested(binding, location);
    level.inputSubqueries.push(...block.subqueries.splice(subqueriesBefore));
    const inFrom = isInFromOf(level, block) ? 'FROM' : level.clause;
    const where = block.real === level ? 'functions in FROM' : inFrom;
    rejectClause(binding, where, 'aggregate functions', SqlState.groupingError, location);
  }
  for (const known of level.aggregates) {
    if (sameCall(known.call, call, binding)) return binding.columnExpr(known.column, location);
  }
  const column = binding.newColumn(call.name, call.type, -1);
  level.aggregates.push({column, call, location});
  binding.owners.set(column.id, level);
  return binding.columnExpr(column, location);
}

function nested(binding: Binding, location: number): Error {
  return binding.error(
    SqlState.groupingError,
    'aggregate function calls cannot be nested',
    location,
  );
}

function readsColumn(call: AggregateCall, id: number): boolean {
  const reads = (expr: BoundExpr): boolean =>
    (expr.kind === 'column' && expr.index === id) || childrenOf(expr).some(reads);
  return (
    call.args.some(reads) ||
    call.orderBy.some(key => reads(key.expr)) ||
    (call.filter !== null && reads(call.filter))
  );
}

/** Whether a block lies in a LATERAL item of a level. */
function isInFromOf(level: Block, block: Block): boolean {
  for (let inner: Block | null = block; inner !== null && inner !== level; inner = inner.parent)
    if (inner.real === level) return true;
  return false;
}

function sameCall(left: AggregateCall, right: AggregateCall, binding: Binding): boolean {
  if (
    left.function !== right.function ||
    left.isDistinct !== right.isDistinct ||
    left.args.length !== right.args.length
  )
    return false;
  const pin = (constant: Parameters<Binding['literals']['pin']>[0]): void =>
    binding.literals.pin(constant);
  if (!left.args.every((arg, index) => sameExpr(arg, right.args[index]!, pin))) return false;
  if ((left.filter === null) !== (right.filter === null)) return false;
  if (left.filter !== null && !sameExpr(left.filter, right.filter!, pin)) return false;
  return (
    left.orderBy.length === right.orderBy.length &&
    left.orderBy.every((key, index) => {
      const other = right.orderBy[index]!;
      return (
        key.descending === other.descending &&
        key.nullsFirst === other.nullsFirst &&
        sameExpr(key.expr, other.expr, pin)
      );
    })
  );
}

function aggregateLevel(
  block: Block,
  call: AggregateCall,
  pending: readonly SubqueryExpr[],
): Block {
  const filter = call.filter === null ? [] : [call.filter];
  return innermostLevel(
    block,
    [...call.args, ...call.orderBy.map(key => key.expr), ...filter],
    pending,
  );
}

/** The level of the innermost column in the arguments; this level when there is none. */
function innermostLevel(
  block: Block,
  exprs: readonly BoundExpr[],
  pending: readonly SubqueryExpr[],
): Block {
  const binding = block.binding;
  let found: Block | null = null;
  const visitColumn = (id: number): void => {
    const subquery = pending.find(item => item.column.id === id);
    if (subquery !== undefined) {
      for (const free of freeColumnsOfQuery(subquery.query)) visitColumn(free);
      return;
    }
    const owner = binding.owners.get(id) as Block | undefined;
    if (owner !== undefined && (found === null || owner.level > found.level)) found = owner;
    else if (owner === undefined) found = block.real;
  };
  const visit = (expr: BoundExpr): void => {
    if (expr.kind === 'column') visitColumn(expr.index);
    for (const child of childrenOf(expr)) visit(child);
  };
  for (const expr of exprs) visit(expr);
  const level = found as Block | null;
  return level === null || level.level >= block.real.level ? block.real : level;
}

/** Raises PostgreSQL's error when a clause must not hold aggregates or window functions. */
export function rejectClause(
  binding: Binding,
  clause: Block['clause'],
  what: string,
  code: typeof SqlState.groupingError | typeof SqlState.windowingError,
  location: number,
): void {
  const isAggregate = what !== 'window functions';
  if (clause === 'SELECT' || clause === 'ORDER BY' || clause === 'DISTINCT ON') return;
  if (isAggregate && (clause === 'HAVING' || clause === 'window definitions')) return;
  if (clause === 'FROM') {
    throw binding.error(
      code,
      `${what} are not allowed in FROM clause of their own query level`,
      location,
    );
  }
  throw binding.error(code, `${what} are not allowed in ${clause}`, location);
}

/** GROUPING(a, b). */
export function bindGrouping(block: Block, node: GroupingFunc): BoundExpr {
  const binding = block.binding;
  const location = node.location ?? -1;
  const args = (node.args ?? []).map(arg => block.expr(arg));
  const level = innermostLevel(block, args, block.subqueries);
  const clause = level !== block && isInFromOf(level, block) ? 'FROM' : level.clause;
  rejectClause(binding, clause, 'grouping operations', SqlState.groupingError, location);
  const column = binding.newColumn('grouping', binding.type(TypeOid.int4), -1);
  level.groupings.push({column, args, location});
  binding.owners.set(column.id, level);
  return binding.columnExpr(column, location);
}
