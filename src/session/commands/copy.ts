import type {CopyStmt, DefElem} from '@pgsql/types';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {makeCopyOptions, type CopyOption, type CopyOptions} from '../../copy/copy-options.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {isQueryRelation, relationWord} from '../../catalog/stored-queries.ts';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {policiesBind} from '../../catalog/row-security.ts';
import {intoClause} from '../../sql/bind/into.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import {shapeOf} from '../result-shape.ts';
import type {SessionContext} from '../session-context.ts';
import {loadLocked} from '../table-loading.ts';
import {constantText, defElems, stringList} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {copyIn} from './copy-in.ts';
import {copyOut} from './copy-out.ts';
import {findRelation} from './find-relation.ts';

/** COPY table | (query) FROM STDIN | TO STDOUT (PostgreSQL's COPY). */
export function copyCommand({session, node, statement}: CommandInput<CopyStmt>): Execution {
  return new CommandExecution(() => perform(session, node, statement));
}

async function perform(
  session: SessionContext,
  node: CopyStmt,
  statement: ParsedStatement,
): Promise<string> {
  if (node.is_program === true) throw featureNotSupported('COPY with PROGRAM is not supported');
  if (node.filename !== undefined) {
    throw featureNotSupported('COPY from or to a file of the server is not supported', {
      hint: "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.",
    });
  }
  return node.is_from === true ? from(session, node, statement) : to(session, node, statement);
}

async function to(
  session: SessionContext,
  node: CopyStmt,
  statement: ParsedStatement,
): Promise<string> {
  const source =
    node.query === undefined
      ? tableQuery(session, node)
      : {...statement, ast: node.query, custom: null};
  if (source.ast !== null && 'MergeStmt' in source.ast)
    throw featureNotSupported('MERGE not supported in COPY');
  if (
    source.ast !== null &&
    'SelectStmt' in source.ast &&
    intoClause(source.ast.SelectStmt) !== null
  )
    throw featureNotSupported('COPY (SELECT INTO) is not supported');
  if (!session.planner.isPlannable(source))
    throw featureNotSupported('COPY of this statement is not supported');
  const {entry, slots} = session.planner.plan(source, []);
  if (!entry.plan.returnsRows) throw featureNotSupported('COPY query must have a RETURNING clause');
  const shape = shapeOf(entry.plan.columns);
  const columns = shape.fields.map(field => field.name);
  const options = makeCopyOptions(copyOptions(node), 'to', columns);
  const execution = session.executePlan(entry, [], slots);
  return copyOut(session, execution, shape, options);
}

/** COPY t (a, b) TO as SELECT a, b FROM t: a listed `_user_id` addresses all owners as it does there. */
function tableQuery(session: SessionContext, node: CopyStmt): ParsedStatement {
  const {table, columns} = target(session, node);
  const schema = session.transaction.catalog.schemaByOid(table.schema)!.name;
  const list = columns.map(quoteIdentifier).join(', ');
  const text = `SELECT ${list} FROM ${quoteIdentifier(schema)}.${quoteIdentifier(table.name)}`;
  return session.engine.parser.parse(text)[0]!;
}

async function from(
  session: SessionContext,
  node: CopyStmt,
  statement: ParsedStatement,
): Promise<string> {
  const found = target(session, node);
  session.assertWritable('COPY FROM');
  // Who holds the table may change it: looked up again after the wait.
  const waiting = session.transaction.tx.lockTable(found.table.oid, 'rowExclusive', 'wait');
  if (waiting instanceof Promise) await session.wait(waiting);
  await loadLocked(session, found.table.oid);
  const {table, columns} = waiting instanceof Promise ? target(session, node) : found;
  const {catalog, role, rowSecurity} = session.planner.context([]);
  if (policiesBind(catalog, table, role, rowSecurity === 'off' ? 'off' : 'on')) {
    throw featureNotSupported('COPY FROM not supported with row-level security', {
      hint: 'Use INSERT statements instead.',
    });
  }
  const options: CopyOptions = makeCopyOptions(copyOptions(node), 'from', columns);
  return copyIn(session, table, columns, {
    options,
    where: node.whereClause ?? null,
    text: statement.text,
  });
}

function target(
  session: SessionContext,
  node: CopyStmt,
): {table: TableDescriptor; columns: string[]} {
  const relation = findRelation(session, node.relation!);
  if (isQueryRelation(relation)) {
    throw new PgError(
      SqlState.wrongObjectType,
      `cannot copy ${node.is_from === true ? 'to' : 'from'} ${relationWord(relation)} "${relation.name}"`,
      {
        hint: node.is_from === true ? undefined : 'Try the COPY (SELECT ...) TO variant.',
      },
    );
  }
  if (relation.kind !== 'table') {
    throw new PgError(
      SqlState.wrongObjectType,
      `cannot copy ${node.is_from === true ? 'to' : 'from'} relation "${relation.name}"`,
    );
  }
  const live = relation.columns.filter(column => !column.isDropped);
  const names = stringList(node.attlist);
  if (names.length === 0)
    return {
      table: relation,
      columns: live.filter(column => column.generated === '').map(column => column.name),
    };
  for (const [index, name] of names.entries()) {
    const column = live.find(each => each.name === name);
    const isHidden = name === '_user_id' && relation.tableKind !== 'shared';
    if (column === undefined && !isHidden) {
      throw new PgError(
        SqlState.undefinedColumn,
        `column "${name}" of relation "${relation.name}" does not exist`,
      );
    }
    if (names.indexOf(name) !== index)
      throw new PgError(SqlState.duplicateColumn, `column "${name}" specified more than once`);
    if (column?.generated === 's') {
      throw new PgError(SqlState.invalidColumnReference, `column "${name}" is a generated column`, {
        detail: 'Generated columns cannot be used in COPY.',
      });
    }
  }
  return {table: relation, columns: names};
}

/** The options of COPY as the grammar gives them. */
export function copyOptions(node: CopyStmt): CopyOption[] {
  return defElems(node.options).map(option => ({
    name: option.defname ?? '',
    value: optionValue(option),
  }));
}

function optionValue(option: DefElem): CopyOption['value'] {
  const {arg} = option;
  if (arg === undefined) return null;
  if ('List' in arg) return stringList(arg.List.items);
  if ('A_Star' in arg) return '*';
  return constantText(arg);
}
