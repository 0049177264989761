import type {SelectStmt} from '@pgsql/types';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {SortKey} from '../plan/plan.ts';
import {locationOf} from './ast.ts';
import type {Binding} from './binding.ts';
import {Block, type Binders, type QueryOptions} from './block.ts';
import {coerce} from './coerce.ts';
import {canCoerce} from './coercion-path.ts';
import {commonTypeOf} from './common-type.ts';
import {errorType} from './display-type.ts';
import {limitNode} from './limit.ts';
import {lockModes} from './locking.ts';
import type {BoundQuery, LogicalColumn, LogicalNode, OutputColumn} from './logical.ts';
import {bindOrderBy} from './order-by.ts';
import {typeOperator} from './resolve-operator.ts';
import type {Target} from './targets.ts';
import {TypeOid} from './type-oids.ts';

/** UNION, INTERSECT, EXCEPT with ORDER BY and LIMIT over the result. */
export function bindSetOperation(
  binding: Binding,
  binders: Binders,
  statement: SelectStmt,
  options: QueryOptions,
): BoundQuery {
  const query = bindTree(binding, binders, statement, {...options, resolveUnknown: false});
  const block = new Block(binding, binders, options.parent, options.ctes);
  const targets = query.columns.map(
    (column): Target => ({
      name: column.name,
      expr: binding.columnExpr(column),
      tableOid: oid(0),
      attnum: 0,
    }),
  );
  binding.trace?.columns(statement.larg!, query.columns);
  binding.trace?.level(statement.larg!, block, targets);
  const keys = bindOrder(block, statement, targets);
  let node: LogicalNode = keys.length === 0 ? query.node : {kind: 'sort', input: query.node, keys};
  node = limitNode(block, statement, node, keys);
  const [lock] = statement.lockingClause ?? [];
  if (lock !== undefined && 'LockingClause' in lock) {
    const {text} = lockModes[lock.LockingClause.strength ?? '']!;
    throw binding.error(
      SqlState.featureNotSupported,
      `${text} is not allowed with UNION/INTERSECT/EXCEPT`,
      -1,
    );
  }
  return {node, columns: query.columns};
}

function bindOrder(block: Block, statement: SelectStmt, targets: readonly Target[]): SortKey[] {
  const nodes = statement.sortClause ?? [];
  for (const node of nodes) {
    const inner = 'SortBy' in node ? node.SortBy.node! : node;
    const isName = 'ColumnRef' in inner && inner.ColumnRef.fields?.length === 1;
    if (!('A_Const' in inner) && !isName) {
      throw block.binding.error(
        SqlState.featureNotSupported,
        'invalid UNION/INTERSECT/EXCEPT ORDER BY clause',
        locationOf(inner),
        {
          detail: 'Only result column names can be used, not expressions or functions.',
          hint: 'Add the expression/function to every SELECT, or move the UNION into a FROM clause.',
        },
      );
    }
  }
  return bindOrderBy(block, nodes, targets).map(item => item.key);
}

function bindTree(
  binding: Binding,
  binders: Binders,
  statement: SelectStmt,
  options: QueryOptions,
): BoundQuery {
  const branch = (side: SelectStmt): BoundQuery => {
    const isPlainSetOperation =
      (side.op ?? 'SETOP_NONE') !== 'SETOP_NONE' &&
      side.sortClause === undefined &&
      side.limitCount === undefined &&
      side.limitOffset === undefined &&
      side.withClause === undefined;
    if (side.intoClause !== undefined)
      throw binding.error(
        SqlState.syntaxError,
        'INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT',
        side.intoClause.rel?.location,
      );
    return isPlainSetOperation
      ? bindTree(binding, binders, side, options)
      : binders.query(binding, side, options);
  };
  const left = branch(statement.larg!);
  const right = branch(statement.rarg!);
  const op =
    statement.op === 'SETOP_UNION'
      ? 'UNION'
      : statement.op === 'SETOP_INTERSECT'
        ? 'INTERSECT'
        : 'EXCEPT';
  if (left.columns.length !== right.columns.length) {
    throw binding.error(
      SqlState.syntaxError,
      `each ${op} query must have the same number of columns`,
      firstLocation(statement.rarg),
    );
  }
  return combine(binding, op, statement.all === true, left, right, statement);
}

function firstLocation(statement: SelectStmt | undefined): number {
  return locationOf(statement?.targetList?.[0]);
}

/** left op right with columns converted to common types. */
export function combine(
  binding: Binding,
  op: 'UNION' | 'INTERSECT' | 'EXCEPT',
  all: boolean,
  left: BoundQuery,
  right: BoundQuery,
  statement: SelectStmt | null = null,
): BoundQuery {
  const types = left.columns.map((column, index) => {
    const other = right.columns[index]!;
    return commonTypeOf(binding, [column.type, other.type], (a, b) => {
      throw binding.error(
        SqlState.datatypeMismatch,
        `${op} types ${errorType(a)} and ${errorType(b)} cannot be matched`,
        locationOf(statement?.rarg?.targetList?.[index]),
      );
    })!;
  });
  const converted = [
    convertColumns(binding, left, types),
    convertColumns(binding, right, types),
  ] as const;
  const columns = types.map((type, index): OutputColumn => {
    const a = converted[0].columns[index]!;
    const typmod = a.typmod === converted[1].columns[index]!.typmod ? a.typmod : -1;
    return {
      ...binding.newColumn(left.columns[index]!.name, type, typmod),
      tableOid: oid(0),
      attnum: 0,
    };
  });
  if (!all || op !== 'UNION') {
    types.forEach((type, at) =>
      typeOperator(binding, '=', type, locationOf(statement?.larg?.targetList?.[at])),
    );
  }
  if (op !== 'UNION') {
    return {
      node: {
        kind: 'setOp',
        op: op === 'INTERSECT' ? 'intersect' : 'except',
        all,
        left: converted[0],
        right: converted[1],
        columns,
      },
      columns,
    };
  }
  const append: LogicalNode = {kind: 'append', inputs: converted, columns};
  return {node: all ? append : {kind: 'distinct', input: append, columns, on: null}, columns};
}

/** The query with its columns converted; an unknown literal is read as the wanted type. */
export function convertColumns(
  binding: Binding,
  query: BoundQuery,
  types: readonly TypeInstance[],
  context: 'implicit' | 'assignment' = 'implicit',
): BoundQuery {
  if (query.columns.every((column, index) => column.type.oid === types[index]!.oid)) return query;
  const outputs: {column: LogicalColumn; expr: BoundExpr}[] = [];
  const columns = query.columns.map((column, index): OutputColumn => {
    const type = types[index]!;
    if (column.type.oid === type.oid) return column;
    const source =
      column.type.oid === TypeOid.unknown
        ? (literalOf(query.node, column.id) ?? binding.columnExpr(column))
        : binding.columnExpr(column);
    if (
      column.type.oid !== TypeOid.unknown &&
      !canCoerce(binding, [column.type], [type.oid], context)
    ) {
      throw binding.error(
        SqlState.cannotCoerce,
        `could not convert type ${errorType(column.type)} to ${errorType(type)}`,
        -1,
      );
    }
    const made = binding.newColumn(column.name, type, -1);
    const expr = coerce(binding, source, type, {context});
    outputs.push({column: made, expr});
    return {...made, typmod: expr.typmod, tableOid: oid(0), attnum: 0};
  });
  return {node: {kind: 'compute', input: query.node, outputs}, columns};
}

/** The literal (or parameter) that a query computes for a column of type unknown. */
function literalOf(node: LogicalNode, id: number): BoundExpr | null {
  switch (node.kind) {
    case 'compute': {
      const found = node.outputs.find(output => output.column.id === id)?.expr;
      return found === undefined
        ? literalOf(node.input, id)
        : found.kind === 'constant' || found.kind === 'param'
          ? found
          : null;
    }
    case 'filter':
    case 'sort':
    case 'limit':
      return literalOf(node.input, id);
    default:
      return null;
  }
}
