import type {Node, SubLink} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {namesOf} from './ast.ts';
import type {Block} from './block.ts';
import {errorType} from './display-type.ts';
import {rowComparison} from './row-comparison.ts';
import type {BoundQuery, SubqueryExpr} from './logical.ts';
import {binaryOperator} from './operators.ts';
import {TypeOid} from './type-oids.ts';

const noSubqueries: Readonly<Record<string, string>> = {
  'DEFAULT expressions': 'DEFAULT expression',
  'check constraints': 'check constraint',
  'index expressions': 'index expression',
  'index predicates': 'index predicate',
  'column generation expressions': 'column generation expression',
  'EXECUTE parameters': 'EXECUTE parameter',
  'COPY FROM WHERE conditions': 'COPY FROM WHERE condition',
};

/** Binds a subquery in an expression: its value is a column that an Apply node adds. */
export function bindSubLink(block: Block, node: SubLink): BoundExpr {
  const binding = block.binding;
  const location = node.location ?? -1;
  const forbidden = noSubqueries[block.clause];
  if (forbidden !== undefined)
    throw binding.error(
      SqlState.featureNotSupported,
      `cannot use subquery in ${forbidden}`,
      location,
    );
  switch (node.subLinkType ?? 'EXISTS_SUBLINK') {
    case 'EXISTS_SUBLINK':
      return add(
        block,
        {query: withoutOutputs(bindQuery(block, node)), mode: 'exists', test: null},
        binding.boolType,
        -1,
        'exists',
        location,
      );
    case 'EXPR_SUBLINK': {
      const query = oneColumn(block, node, location);
      const column = query.columns[0]!;
      return add(
        block,
        {query, mode: 'scalar', test: null},
        column.type,
        column.typmod,
        column.name,
        location,
      );
    }
    case 'ARRAY_SUBLINK': {
      const query = oneColumn(block, node, location);
      const element = query.columns[0]!.type;
      const isNested = element.category === 'A' && element.element !== null;
      if (!isNested && element.arrayOid === 0) {
        throw binding.error(
          SqlState.undefinedObject,
          `could not find array type for data type ${errorType(element)}`,
          location,
        );
      }
      return add(
        block,
        {query, mode: 'array', test: null},
        isNested ? element : binding.type(element.arrayOid),
        -1,
        'array',
        location,
      );
    }
    case 'ANY_SUBLINK':
    case 'ALL_SUBLINK':
      return bindAnyAll(block, node, location);
    default:
      throw binding.error(
        SqlState.featureNotSupported,
        'this kind of subquery is not supported',
        location,
      );
  }
}

function bindQuery(block: Block, node: SubLink): BoundQuery {
  const statement = node.subselect;
  if (statement === undefined || !('SelectStmt' in statement)) {
    throw block.binding.error(
      SqlState.syntaxError,
      'subquery must be a SELECT',
      node.location ?? -1,
    );
  }
  return block.binders.query(block.binding, statement.SelectStmt, {
    parent: block,
    ctes: block.ctes,
    resolveUnknown: true,
  });
}

/** EXISTS evaluates no output. */
function withoutOutputs(query: BoundQuery): BoundQuery {
  const {node} = query;
  return {node: node.kind === 'compute' ? node.input : node, columns: []};
}

function oneColumn(block: Block, node: SubLink, location: number): BoundQuery {
  const query = bindQuery(block, node);
  if (query.columns.length !== 1)
    throw block.binding.error(
      SqlState.syntaxError,
      'subquery must return only one column',
      location,
    );
  return query;
}

function add(
  block: Block,
  subquery: Pick<SubqueryExpr, 'query' | 'mode' | 'test'>,
  type: BoundExpr['type'],
  typmod: number,
  name: string,
  location: number,
): BoundExpr {
  const column = block.binding.newColumn(name, type, typmod);
  block.binding.trace?.subquery(column.id, subquery.test);
  block.subqueries.push({column, ...subquery, guard: null});
  return block.binding.columnExpr(column, location);
}

function bindAnyAll(block: Block, node: SubLink, location: number): BoundExpr {
  const binding = block.binding;
  const isAll = node.subLinkType === 'ALL_SUBLINK';
  const name = node.operName === undefined ? '=' : (namesOf(node.operName).at(-1) ?? '=');
  const left = testFields(block, node.testexpr!);
  const query = bindQuery(block, node);
  if (left.length < query.columns.length)
    throw binding.error(SqlState.syntaxError, 'subquery has too many columns', location);
  if (left.length > query.columns.length)
    throw binding.error(SqlState.syntaxError, 'subquery has too few columns', location);
  const right = query.columns.map(column => binding.columnExpr(column));
  const test =
    left.length === 1
      ? binaryOperator(binding, name, left[0]!, right[0]!, location)
      : rowComparison(binding, name, left, right, location);
  if (test.type.oid !== TypeOid.bool)
    throw binding.error(SqlState.wrongObjectType, 'operator must return boolean', location);
  return add(
    block,
    {query, mode: isAll ? 'all' : 'any', test},
    binding.boolType,
    -1,
    '?column?',
    location,
  );
}

function testFields(block: Block, node: Node): BoundExpr[] {
  return 'RowExpr' in node
    ? (node.RowExpr.args ?? []).map(arg => block.expr(arg))
    : [block.expr(node)];
}

/** (a, b) op (SELECT c, d ...): the subquery yields one row whose fields are compared. */
export function bindRowSubquery(
  block: Block,
  leftNode: Node,
  node: SubLink,
  name: string,
  location: number,
): BoundExpr {
  const binding = block.binding;
  const left = testFields(block, leftNode);
  const query = bindQuery(block, node);
  if (left.length !== query.columns.length) {
    throw binding.error(
      SqlState.syntaxError,
      left.length < query.columns.length
        ? 'subquery has too many columns'
        : 'subquery has too few columns',
      location,
    );
  }
  const row = add(
    block,
    {query, mode: 'row', test: null},
    binding.type(TypeOid.record),
    -1,
    'row',
    location,
  );
  const fields = query.columns.map(
    (column, index): BoundExpr => ({
      kind: 'field',
      type: column.type,
      typmod: column.typmod,
      location,
      arg: row,
      index,
    }),
  );
  return rowComparison(binding, name, left, fields, location);
}
