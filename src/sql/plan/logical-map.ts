import {assertNever} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {
  BoundQuery,
  CteDefinition,
  DmlCheck,
  DmlNode,
  LogicalNode,
  LogicalSetCall,
  RowRequery,
} from '../bind/logical.ts';
import {isDml} from '../bind/logical-walk.ts';
import type {AggregateCall, SortKey} from './plan.ts';

type MapNode = (node: LogicalNode) => LogicalNode;
type MapExpr = (expr: BoundExpr) => BoundExpr;

/** A copy of a node with its inputs and expressions replaced. */
export function mapNode(node: LogicalNode, input: MapNode, expr: MapExpr): LogicalNode {
  const query = (of: BoundQuery): BoundQuery => ({...of, node: input(of.node)});
  const keys = (list: readonly SortKey[]): SortKey[] =>
    list.map(key => ({...key, expr: expr(key.expr)}));
  const optional = (of: BoundExpr | null): BoundExpr | null => (of === null ? null : expr(of));
  switch (node.kind) {
    case 'scan':
    case 'cteScan':
    case 'workTable':
      return node;
    case 'values':
      return {...node, rows: node.rows.map(row => row.map(expr))};
    case 'functionScan':
      return {...node, functions: node.functions.map(call => mapSetCall(call, expr))};
    case 'join':
      return {...node, left: input(node.left), right: input(node.right), on: node.on.map(expr)};
    case 'apply':
      return {
        ...node,
        input: input(node.input),
        subquery: {
          ...node.subquery,
          query: query(node.subquery.query),
          test: optional(node.subquery.test),
          guard: optional(node.subquery.guard),
        },
      };
    case 'append':
      return {...node, inputs: node.inputs.map(query)};
    case 'setOp':
      return {...node, left: query(node.left), right: query(node.right)};
    case 'recursive':
      return {...node, initial: query(node.initial), recursive: query(node.recursive)};
    case 'with':
      return {
        ...node,
        ctes: node.ctes.map(cte => mapCte(cte, input, expr)),
        body: input(node.body),
      };
    case 'filter':
      return {...node, input: input(node.input), conditions: node.conditions.map(expr)};
    case 'compute':
      return {
        ...node,
        input: input(node.input),
        outputs: node.outputs.map(output => ({column: output.column, expr: expr(output.expr)})),
      };
    case 'aggregate':
      return {
        ...node,
        input: input(node.input),
        keys: node.keys.map(key => ({column: key.column, expr: expr(key.expr)})),
        aggregates: node.aggregates.map(({column, call}) => ({
          column,
          call: mapAggregate(call, expr),
        })),
      };
    case 'window':
      return {
        ...node,
        input: input(node.input),
        partitionBy: node.partitionBy.map(expr),
        orderBy: keys(node.orderBy),
        frame: {
          ...node.frame,
          start: {...node.frame.start, offset: optional(node.frame.start.offset)},
          end: {...node.frame.end, offset: optional(node.frame.end.offset)},
        },
        calls: node.calls.map(({column, call}) => ({
          column,
          call: {...call, args: call.args.map(expr), filter: optional(call.filter)},
        })),
      };
    case 'sort':
      return {...node, input: input(node.input), keys: keys(node.keys)};
    case 'limit':
      return {
        ...node,
        input: input(node.input),
        limit: optional(node.limit),
        offset: optional(node.offset),
        tieKeys: node.tieKeys === null ? null : keys(node.tieKeys),
      };
    case 'distinct':
      return {...node, input: input(node.input), on: node.on === null ? null : node.on.map(expr)};
    case 'projectSet':
      return {
        ...node,
        input: input(node.input),
        functions: node.functions.map(call => mapSetCall(call, expr)),
      };
    case 'lock':
      return {...node, input: input(node.input), requery: mapRequery(node.requery, input)};
    default:
      return assertNever(node);
  }
}

function mapRequery(requery: RowRequery | null, input: MapNode): RowRequery | null {
  return requery === null ? null : {...requery, node: input(requery.node)};
}

function mapSetCall(item: LogicalSetCall, expr: MapExpr): LogicalSetCall {
  const {call} = item;
  return {
    columns: item.columns,
    call: {...call, args: call.args.map(expr), expr: call.expr === null ? null : expr(call.expr)},
  };
}

/** An aggregate call with its expressions replaced. */
export function mapAggregate(call: AggregateCall, expr: MapExpr): AggregateCall {
  return {
    ...call,
    args: call.args.map(expr),
    filter: call.filter === null ? null : expr(call.filter),
    orderBy: call.orderBy.map(key => ({...key, expr: expr(key.expr)})),
  };
}

function mapCte(cte: CteDefinition, input: MapNode, expr: MapExpr): CteDefinition {
  const {node} = cte.query;
  if (isDml(node)) {
    const own = 'ctes' in cte.query ? cte.query.ctes : [];
    const ctes = own.map(inner => mapCte(inner, input, expr));
    return {...cte, query: {columns: cte.query.columns, ctes, node: mapDml(node, input, expr)}};
  }
  return {...cte, query: {...cte.query, node: input(node)} as BoundQuery};
}

/** Checks of a row with their queries and conditions replaced; where there is a query the condition is left alone. */
function mapChecks(
  checks: readonly DmlCheck[],
  input: MapNode,
  expr: MapExpr,
): readonly DmlCheck[] {
  return checks.map(check => {
    const query = check.query ?? null;
    if (query === null) return {...check, condition: expr(check.condition)};
    return {...check, query: {...query, node: input(query.node)}};
  });
}

/** A copy of INSERT, UPDATE, DELETE or MERGE with its inputs and expressions replaced. */
export function mapDml(node: DmlNode, input: MapNode, expr: MapExpr): DmlNode {
  const positions = (list: readonly {readonly position: number; readonly expr: BoundExpr}[]) =>
    list.map(item => ({position: item.position, expr: expr(item.expr)}));
  const checks = mapChecks(node.checks, input, expr);
  const generated = positions(node.generated);
  if (node.kind === 'merge') {
    return {
      ...node,
      input: input(node.input),
      recheck: node.recheck.map(expr),
      requery: mapRequery(node.requery, input),
      actions: node.actions.map(action => ({
        ...action,
        condition: action.condition === null ? null : expr(action.condition),
        setGuard: action.setGuard === null ? null : expr(action.setGuard),
        set: positions(action.set),
        owner: action.owner === null ? null : expr(action.owner),
        existingChecks: mapChecks(action.existingChecks, input, expr),
        writtenChecks: mapChecks(action.writtenChecks, input, expr),
      })),
      generated,
      checks,
    };
  }
  const returning = node.returning === null ? null : node.returning.map(expr);
  if (node.kind === 'modify') {
    return {
      ...node,
      input: input(node.input),
      recheck: node.recheck.map(expr),
      requery: mapRequery(node.requery, input),
      set: positions(node.set),
      generated,
      checks,
      returning,
    };
  }
  const conflict = node.onConflict;
  return {
    ...node,
    source: {...node.source, node: input(node.source.node)},
    defaults: node.defaults.map(item => (item === null ? null : expr(item))),
    generated,
    checks,
    returning,
    onConflict:
      conflict === null
        ? null
        : {
            ...conflict,
            set: positions(conflict.set),
            where: conflict.where === null ? null : expr(conflict.where),
            query:
              conflict.query === null
                ? null
                : {...conflict.query, node: input(conflict.query.node)},
            existingChecks: mapChecks(conflict.existingChecks, input, expr),
            updateChecks: mapChecks(conflict.updateChecks, input, expr),
          },
  };
}
